"""What is left of a session after logout."""

from stagehold import check


@check(
    "AUT-024",
    severity="blocker",
    proves=["session-integrity"],
    why="A stolen cookie or token works on after the person has logged out.",
    remedy="End the session on the server at logout; deleting the cookie in the browser leaves it usable.",
    requires=["AUT-001"],
    needs=["accounts", "flows"],
    defects=["logout-keeps-session"],
)
def test_captured_credentials_end_with_the_session(revocation, evidence):
    """After logout every captured credential is refused.

    Cookies and tokens are captured, shown to work in a clean client, and replayed after the logout,
    together and one by one; tokens in a header get `policy.token_revocation_grace`. A login afterwards
    shows that `whoami` still works. Not applicable to HTTP Basic. Sources: ASVS 7.4.1, WSTG-SESS-06,
    CWE-613.
    """
    evidence.table("replays", ("credential", "before logout", "after logout", "seconds waited"), revocation.table())
    evidence.compare(expected=f"no credential of {revocation.alias} works after logout", observed=revocation.summary())
    evidence.reproduce(revocation.reproduction)

    assert not revocation.survivors, revocation.summary()
