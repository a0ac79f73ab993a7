"""What happens to those who come without TLS."""

from stagehold import check


@check(
    "TLS-017",
    severity="blocker",
    proves=["encrypted-transport"],
    why="What is typed or sent there, passwords and sessions included, can be read and changed by anybody on the way.",
    remedy="Let the plain-HTTP port redirect every path with 308 to https on the same host, or close it.",
    defects=["login-over-plain-http"],
)
def test_plain_http_only_redirects(plain_http, evidence):
    """The plain-HTTP port is closed, or does nothing but redirect permanently to https on the same host.

    Asked are the start page, login pages, private and unknown paths, and empty POSTs, at every address of a browser
    target, and of an interface that declares `http_port` or is on port 443; each must be answered 301 or 308 without
    content and without a cookie. (Redirects of interfaces where no browser comes are TLS-018's, whatever their kind.) A
    temporary redirect fails: browsers come back over plain HTTP each time. A port that answers every path with one and
    the same client error, or hangs up on every request, counts as closed; it or silence do only while https works at
    the same address. Limits (429) and faults (5xx) are inconclusive. ACME's challenges are not asked for. Without
    `http_port`, port 80.
    Sources: ASVS 12.2.1, MDN HTTP Observatory, RFC 9110 section 15.4, CWE-319.
    """
    evidence.table(
        "answers over plain HTTP",
        ("address", "what", "method", "url", "status", "location", "bytes", "cookies", "complaint"),
        [
            (a.address, a.what, a.method, a.url, a.status, a.location, a.size, " ".join(a.cookies), a.complaint)
            for a in plain_http.answers
        ],
    )
    wrong = plain_http.wrong
    shown = "; ".join(f"{a.method} {a.url} at {a.address} {a.complaint}" for a in wrong)
    evidence.compare(
        expected="closed, or 301 or 308 to https on the same host, without content and cookies",
        observed=shown or plain_http.summary,
    )
    evidence.reproduce(plain_http.reproduction)

    assert not wrong, f"{plain_http.target.name}: {shown}"
    plain_http.require_complete()


@check(
    "TLS-018",
    severity="normal",
    proves=["encrypted-transport"],
    why="Programs that follow the redirect go on sending their tokens in the clear, and nobody notices.",
    remedy="Close the plain-HTTP port of the interface, or let it refuse everything with a 4xx; revoke tokens it saw.",
    defects=["api-redirects-plain-http"],
)
def test_interfaces_do_not_redirect(plain_api, evidence):
    """Interfaces for programs do not send who comes without TLS on to https: they refuse, or the port is closed.

    Asked are the same paths as for TLS-017 with a made-up bearer token, at every address of a target of `kind: api`; a
    redirect (3xx with `Location`) fails, wherever it leads. A 4xx passes, and so does a port that is closed, hangs up
    on every request, or is silent while https works at the same address. An interface that serves over plain HTTP is
    TLS-017's finding. Limits (429), faults (5xx) and broken answers are inconclusive. Not applicable where
    browsers come to the same name and port, who need the redirect; not configured without `http_port` where the
    interface is not on port 443. Sources: ASVS 4.1.2, CWE-319.
    """
    evidence.table(
        "answers to programs over plain HTTP",
        ("address", "method", "url", "status", "location"),
        [(one.address, one.method, one.url, one.status or "hung up", one.location) for one in plain_api.replies],
    )
    shown = "; ".join(map(str, plain_api.redirects))
    evidence.compare(expected="closed, or refused with a 4xx", observed=shown or plain_api.summary)
    evidence.reproduce(plain_api.reproduction)

    assert not plain_api.redirects, f"{plain_api.target.name}: {shown}"
    plain_api.require_complete()
