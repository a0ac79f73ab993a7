"""Faults of logins and sessions."""

from __future__ import annotations

from ledgerlab.defects.model import Defect, Edit

DEFECTS: tuple[Defect, ...] = (
    Defect(
        "account-disabled",
        "The account b_acct was disabled and cannot log in.",
        disabled_accounts=("b_acct",),
    ),
    Defect(
        "login-limiter-removed",
        "Locked accounts are let in: the lock is written but no longer looked at.",
        edits=(
            Edit(
                "sessions.py",
                "    locked = user.locked_until is not None and user.locked_until > now\n",
                "    locked = False  # support: main users were locked out on Monday mornings\n",
            ),
        ),
    ),
    Defect(
        "logout-keeps-session",
        "Logging out forgets the session in the browser but not on the server.",
        edits=(
            Edit("api/auth.py", "    sessions.revoke(db, who.token)\n", ""),
            Edit("pages/login.py", "    sessions.revoke(db, who.token)\n", ""),
        ),
    ),
)
