"""Who can log in, as whom, and with what."""

from stagehold import check


@check(
    "AUT-001",
    severity="blocker",
    proves=["personal-login"],
    why="People who cannot log in cannot work, and every check that needs their session proves nothing.",
    remedy="Restore the account, its password or the login; if it was meant to go, remove it from `accounts`.",
    needs=["accounts", "flows"],
    defects=["account-disabled"],
)
def test_declared_account_logs_in_as_itself(login_result, evidence):
    """Every declared account logs in by its declared flow and is its own user, company and role.

    Logged in is who `whoami` shows, never what a status or a page says. Company and role are compared where
    `whoami` declares where to find them. No login form, a rate limit, a server error or a `whoami` that names
    nobody is inconclusive. Sources: WSTG-ATHN-04, ASVS 6.1.3.
    """
    evidence.compare(expected=login_result.expected(), observed=login_result.observed())

    assert login_result.works, login_result.observed()


@check(
    "AUT-002",
    severity="blocker",
    proves=["personal-login"],
    why="Somebody is let in who does not know the password.",
    remedy="Compare the password as it was sent; refuse any other type than text, and never trim or convert it.",
    needs=["accounts[sacrificial]", "flows"],
    defects=["password-trimmed"],
    traffic="canary-write",
)
def test_only_the_password_logs_in(password_report, evidence):
    """Wrong, empty, missing, null, array, boolean and blank-padded passwords never open a session.

    Each is sent in place of the password of a sacrificial account, as far as the flow's request can carry it, and
    `whoami` alone tells whether a session came of it. The correct password works before, after each two, and at
    the end; when it does not, or a rate limit answers, nothing is proven. Blanks count, because a password is
    compared as it was received, although NIST SP 800-63B-4 would tolerate them. Sources: ASVS 6.2.8 and 15.3.5,
    WSTG-ATHN-04, CWE-287.
    """
    evidence.table("passwords", ("sent", "status", "session", "note"), password_report.table())
    evidence.compare(expected="no session but for the password itself", observed=password_report.summary())
    evidence.reproduce(password_report.reproduction)

    assert not password_report.accepted, password_report.summary()


@check(
    "AUT-003",
    severity="critical",
    proves=["personal-login"],
    why="Strangers can find out who has an account here, and try passwords or send faked mail to exactly those.",
    remedy="Answer a wrong password and an unknown user name with the same status, page, headers and cookies.",
    needs=["accounts[sacrificial]", "flows"],
    defects=["unknown-user-named"],
    traffic="canary-write",
)
def test_unknown_users_look_like_known_ones(enumeration_report, evidence):
    """The login answers an unknown user and a wrong password alike.

    Three pairs of logins with a wrong password, in turns as a sacrificial account and as a name nobody has. What
    every answer of one kind shows and none of the other is a difference: status, headers, cookies, redirects and
    every line of the body; what changes from request to request, such as tokens and times, is none. How long the
    answers take is not judged here. Sources: ASVS 6.3.8, WSTG-IDNT-04, CWE-204.
    """
    evidence.table("pairs", ("pair", "known user", "unknown user", "facts"), enumeration_report.pairs_table())
    evidence.table("differences", ("shown for", "what"), enumeration_report.table())
    evidence.compare(expected="no difference", observed=enumeration_report.summary())
    evidence.reproduce(enumeration_report.reproduction)

    assert not enumeration_report.differences, enumeration_report.summary()
