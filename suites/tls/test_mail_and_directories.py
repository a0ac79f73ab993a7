"""Services that speak something else than HTTP over TLS: mail, directories, databases."""

from stagehold import check


@check(
    "TLS-019",
    severity="normal",
    proves=["encrypted-transport"],
    why="A password that is sent before TLS begins can be read by anybody on the way, and so can all that follows.",
    remedy="Postfix: `smtpd_tls_auth_only = yes`; Dovecot: `ssl = required`; OpenLDAP: `security simple_bind=128`; "
    "PostgreSQL: `hostssl` instead of `host` in pg_hba.conf.",
    defects=["mail-login-without-tls"],
)
def test_services_take_no_login_before_tls(service_logins, evidence):
    """Declared mail, directory and database services offer TLS 1.2 or newer, and refuse logins before TLS.

    Endpoints with `starttls` or `protocol`, at every address. TLS 1.2 or TLS 1.3 must be accepted (as TLS-001 and
    TLS-002 measure it). Then somebody logs in without TLS whose name and password are made up for that moment; nothing
    of an account is sent. What decides is whether the server has looked at the credentials:
    SMTP: `AUTH PLAIN` and `AUTH LOGIN`. 334 (asks for them), 235, 535 and 432 fail; 530, 538, 523, 534 and 500, 502,
    503, 504 are refusals. AUTH announced before TLS fails as well: clients then send passwords, refused or not.
    IMAP: `LOGIN` and `AUTHENTICATE PLAIN`. OK, `+` and the codes AUTHENTICATIONFAILED, AUTHORIZATIONFAILED, EXPIRED and
    CONTACTADMIN fail; PRIVACYREQUIRED and BAD are refusals. LOGINDISABLED must be announced, and no AUTH=.
    LDAP: a simple bind below the first of its `namingContexts`. invalidCredentials, success and other results that
    need a look at the name fail; confidentialityRequired, strongerAuthRequired and authMethodNotSupported are refusals.
    A server that tells nobody what it holds may call any name wrong before it thinks of TLS (OpenLDAP does): then
    invalidCredentials counts as in doubt. SASL is not tried.
    PostgreSQL: a startup. A request for authentication fails, and so does an error from behind the rules; an error of
    pg_hba.conf itself, or PgBouncer's `SSL required`, is a refusal if the same startup is let in as far as
    authentication inside TLS. Where rules tell roles apart, name one with `user` and `database`; it gets no password.
    Any other refusal may be for want of TLS or for wrong credentials: then the same login is made inside TLS, where
    only the credentials are wrong. Another answer there makes it a refusal; the same one is inconclusive, and so are
    temporary errors, hang-ups, silence, and what is not the protocol. An upgrade that is not offered fails.
    With `protocol` (TLS from the first byte on), an alert or two hang-ups count as refused; who answers is asked as
    above. One endpoint is at most six connections and four logins for each address, which a lock-out of addresses may
    notice. Port 25 between mail servers is another contract: declare submission. The catalogue's "AUTH before STARTTLS
    must be refused" is not enough by itself: a server that announces it has the password by then.
    Sources: ASVS 12.3.1, RFC 8314 section 3, RFC 3207 section 4, RFC 4954 sections 4 and 6, RFC 9051 section 11.1,
    RFC 4513 section 6.3, CWE-319.
    """
    for one in service_logins.seen:
        evidence.text(f"before TLS at {one.address}", "\n".join(one.transcript) or "nothing was said")
    rows = [(one.address, "; ".join(one.wrong), "; ".join(one.refusals), one.problem) for one in service_logins.seen]
    evidence.table("before TLS", ("address", "wrong", "refused", "not known because"), rows)
    evidence.table("suites", ("address", "version", "answer", "suite"), service_logins.scan.accepted_suites())
    evidence.reproduce(service_logins.command)
    problems = service_logins.problems()
    evidence.compare(
        expected="TLS 1.2 or newer is offered, and logins before TLS are refused",
        observed="; ".join(problems)
        or "; ".join(f"{one.address}: {', '.join(one.refusals)}" for one in service_logins.seen),
    )

    assert not problems, f"{service_logins.scan}: {'; '.join(problems)}"
