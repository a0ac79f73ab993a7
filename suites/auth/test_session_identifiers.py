"""What identifies a session: where it comes from, and whether it can be guessed or forged."""

from stagehold import check


@check(
    "AUT-023",
    severity="blocker",
    proves=["session-integrity"],
    why="Who sets a cookie in somebody's browser beforehand is logged in as that person afterwards.",
    remedy="Issue a new session identifier at login, and never take one over that the client brings.",
    requires=["AUT-001"],
    needs=["accounts", "flows"],
    defects=["session-identifier-kept"],
)
def test_login_issues_a_new_identifier(fixation, evidence):
    """A session identifier from before the login is worth nothing after it.

    Two are planted in a clean client before it logs in: what the service hands to strangers, and one of the
    client's own choice. Another client with the planted cookie alone must be nobody to `whoami`, while the cookies
    that the login gave do work in another client. Not applicable to flows without session cookies. Sources: ASVS
    7.2.4, WSTG-SESS-03, CWE-384.
    """
    columns = ("identifier", "victim logged in", "victim goes on with it", "opens whoami elsewhere")
    evidence.table("planted identifiers", columns, fixation.table())
    evidence.compare(expected="a planted identifier opens nothing", observed=fixation.summary())
    evidence.reproduce(fixation.reproduction)

    assert not fixation.fixed, fixation.summary()


@check(
    "AUT-027",
    severity="critical",
    proves=["session-integrity"],
    why="Who can work out other people's session identifiers is logged in as them.",
    remedy="Make identifiers of at least 128 bits with the system's random generator, and put nothing else into them.",
    requires=["AUT-001"],
    needs=["accounts[sacrificial]", "flows"],
    defects=["session-identifier-from-clock"],
)
def test_identifiers_cannot_be_guessed(identifier_report, evidence):
    """Session identifiers are unique, do not rise, have at least 128 bits and hold no readable personal data.

    Of `policy.session_samples` logins (200 unless declared otherwise) of a sacrificial account; of slow ones as many
    as 20 s hold, and at least 60, which the evidence says. Bits are length times alphabet, of the places that
    change; this finds counters, clocks and repetitions and cannot prove
    randomness. A signed token (JWT, a signed cookie) is protected by its signature: that is at least 128 bits long,
    and the token may name its account, but no e-mail address. A random UUID counts as 128 bits. A login that a rate
    limit refuses makes it inconclusive. Sources: ASVS 7.2.3, WSTG-SESS-01, CWE-331.
    """
    evidence.table("identifiers", ("credential", "logins", "kind", "bits", "faults"), identifier_report.table())
    evidence.compare(expected="nothing that helps guessing", observed=identifier_report.summary())
    evidence.reproduce("stagehold check ENVIRONMENT AUT-027  # or log in some times and compare what you are given")

    assert not identifier_report.faults, identifier_report.summary()


@check(
    "AUT-037",
    severity="blocker",
    proves=["session-integrity"],
    why="Anybody can write himself a token and be whoever it names.",
    remedy="Verify every token with the algorithm and keys you configured; heed neither `alg` nor keys it brings.",
    requires=["AUT-001"],
    needs=["accounts", "flows"],
    defects=["unsigned-token-accepted"],
)
def test_forged_tokens_are_refused(token_trust, evidence):
    """Signed tokens are believed only with a genuine signature.

    Forged from a genuine JWT with its own claims: `alg` none in any case, without or with a changed signature, a
    claim added, a foreign or empty key, keys brought along (jwk, jku, x5u, x5c), tricks with `kid`, and the
    published public key used as a secret. `whoami` must show nobody for each, and the person for the genuine one
    before and afterwards. Not applicable to opaque credentials. Sources: ASVS 9.1.1 to 9.1.3, WSTG-SESS-10,
    RFC 8725, CWE-347.
    """
    evidence.table("forged tokens", ("forgery", "result", "answer"), token_trust.table())
    evidence.compare(expected="every forged token is refused", observed=token_trust.summary())
    evidence.reproduce(token_trust.reproduction)

    assert not token_trust.accepted, token_trust.summary()
