"""How the session cookie is sent, and who can read it."""

from stagehold import check

COLUMNS = ("cookie", "sent by", "Set-Cookie without the value")


@check(
    "AUT-028",
    severity="critical",
    proves=["session-integrity", "encrypted-transport"],
    why="One request in plain HTTP gives the session to everybody on the way.",
    remedy="Set Secure on the session cookie, best under a name that begins with `__Host-`.",
    requires=["AUT-001"],
    needs=["accounts", "flows"],
    defects=["session-cookie-without-secure"],
)
def test_session_cookies_are_secure(session_cookies, evidence):
    """Session cookies carry Secure.

    In every Set-Cookie line from the login page to the first private page, read as it was sent. Session cookies
    are those without which `whoami` shows nobody, unless `sessions.cookies` names them. Not applicable to flows
    that need none. Sources: ASVS 3.3.1, RFC 6265bis, WSTG-SESS-02, CWE-614.
    """
    insecure = session_cookies.lacking(lambda line: "secure" in line.attributes)
    evidence.table("session cookies", COLUMNS, session_cookies.table())
    evidence.compare(
        expected="Secure in every line", observed="; ".join(line.masked() for line in session_cookies.issued)
    )
    evidence.reproduce(session_cookies.reproduction("AUT-028", insecure))

    assert not insecure, f"without Secure: {insecure[0].masked()} from {insecure[0].url}"


@check(
    "AUT-029",
    severity="critical",
    proves=["session-integrity"],
    why="A script that gets into one page takes the session along.",
    remedy="Set HttpOnly on the session cookie, and write its value into no page and no storage.",
    requires=["AUT-001"],
    needs=["accounts", "flows"],
    defects=["session-cookie-readable"],
)
def test_scripts_cannot_read_the_session(session_cookies, script_reach, evidence):
    """Session cookies carry HttpOnly, and scripts find their value nowhere.

    In every Set-Cookie line from the login page to the first private page; then in Chromium, on the page after
    login: `document.cookie`, web storage, `window.name` and the page itself. Not applicable to flows without session
    cookies. Sources: ASVS 3.3.4 and 14.3.3, CWE-1004.
    """
    readable = session_cookies.lacking(lambda line: "httponly" in line.attributes)
    evidence.table("session cookies", COLUMNS, session_cookies.table())
    evidence.compare(
        expected="HttpOnly in every line", observed="; ".join(line.masked() for line in session_cookies.issued)
    )
    evidence.reproduce(session_cookies.reproduction("AUT-029", readable))
    assert not readable, f"without HttpOnly: {readable[0].masked()} from {readable[0].url}"

    reach = script_reach(session_cookies)
    evidence.table("what scripts can read", ("place", "characters", "session found"), reach.table())
    found = "; ".join(f"{name} in {place}" for place, name in reach.hits) or f"nothing of it on {reach.path}"
    evidence.compare(expected="HttpOnly, and the value in no place that scripts read", observed=found)
    assert not reach.hits, f"a script on {reach.path} reads {found}"


@check(
    "AUT-030",
    severity="normal",
    proves=["session-integrity"],
    why="Other sites can make people's browsers send requests with their session.",
    remedy="Set SameSite=Lax or SameSite=Strict on the session cookie; browsers differ in what they do without.",
    requires=["AUT-001"],
    needs=["accounts", "flows"],
    defects=["session-cookie-without-samesite"],
)
def test_session_cookies_stay_with_their_site(session_cookies, evidence):
    """Session cookies say SameSite=Lax or SameSite=Strict.

    In every Set-Cookie line from the login page to the first private page; saying nothing is not enough, because
    browsers differ in their default. Not applicable to flows without session cookies. Sources: ASVS 3.3.2,
    RFC 6265bis, CWE-1275.
    """
    loose = session_cookies.lacking(lambda line: line.attributes.get("samesite", "").lower() in {"lax", "strict"})
    evidence.table("session cookies", COLUMNS, session_cookies.table())
    evidence.compare(
        expected="SameSite=Lax or Strict in every line",
        observed="; ".join(line.masked() for line in session_cookies.issued),
    )
    evidence.reproduce(session_cookies.reproduction("AUT-030", loose))

    assert not loose, f"without SameSite=Lax or Strict: {loose[0].masked()} from {loose[0].url}"
