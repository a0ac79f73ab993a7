"""Who can log in, and as whom."""

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
