"""Whether passwords can be guessed."""

from stagehold import check


@check(
    "AUT-007",
    severity="blocker",
    proves=["brute-force-resistance"],
    why="Passwords can be tried until one fits.",
    remedy="Count failures per account and refuse, delay or challenge further attempts, the correct one included.",
    needs=["policy.lockout", "accounts[sacrificial]", "flows"],
    defects=["login-limiter-removed"],
    traffic="intrusive",
)
def test_guessing_is_stopped(lockout_report, evidence):
    """After the declared number of wrong passwords the correct one is refused, challenged or delayed.

    For each login flow in use, on one of its sacrificial accounts, never on another; a flow without any is
    uncovered. The correct password works, then `policy.lockout.max_failures` wrong ones (never more than 100),
    then the correct one again, which alone is judged. Delayed means at least 5 s and five times the usual. An
    account that is locked to begin with proves nothing; up to five are tried. Sources: ASVS 6.3.1, NIST SP
    800-63B-4 section 3.2.2, PCI DSS 8.3.4, WSTG-ATHN-03, CWE-307.
    """
    evidence.table("attempts", ("number", "password", "status", "seconds", "result"), lockout_report.table())
    evidence.compare(expected=lockout_report.expected(), observed=lockout_report.summary())

    assert lockout_report.stopped, lockout_report.summary()
