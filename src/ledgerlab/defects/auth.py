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
    Defect(
        "password-trimmed",
        "The API cuts blanks off passwords before it compares them: somebody pasted his with one.",
        edits=(
            Edit(
                "api/auth.py",
                "    password: Annotated[str, Field(max_length=200)]\n",
                "    password: Annotated[str, StringConstraints(strip_whitespace=True, max_length=200)]\n",
            ),
            Edit(
                "api/auth.py",
                "from pydantic import BaseModel, ConfigDict, Field\n",
                "from pydantic import BaseModel, ConfigDict, Field, StringConstraints\n",
            ),
        ),
    ),
    Defect(
        "unknown-user-named",
        "The API says which of the two was wrong, the user name or the password.",
        edits=(
            Edit(
                "api/auth.py",
                "    if token is None:\n",
                "    if token is None:\n"
                "        if db.scalar(select(User.id).where(User.username == credentials.username)) is None:\n"
                '            raise HTTPException(401, "There is no user of this name.")\n',
            ),
            Edit(
                "api/auth.py",
                "from ledgerlab.service.database import Database\n",
                "from ledgerlab.service.database import Database\nfrom ledgerlab.service.models import User\n",
            ),
            Edit(
                "api/auth.py",
                "from fastapi import APIRouter, HTTPException, Request, Response\n",
                "from fastapi import APIRouter, HTTPException, Request, Response\nfrom sqlalchemy import select\n",
            ),
        ),
    ),
    Defect(
        "session-identifier-kept",
        "The login page goes on with the session identifier that the browser came with.",
        edits=(
            Edit(
                "sessions.py",
                "password: str, kind: str) -> str | None:\n",
                'password: str, kind: str, token: str = "") -> str | None:\n',
            ),
            Edit(
                "sessions.py",
                "    token = new_token()\n    db.add(LoginSession(",
                "    token = token or new_token()\n    db.merge(LoginSession(",
            ),
            Edit(
                "pages/login.py",
                '    token = sessions.log_in(db, settings, username, password, "cookie")\n',
                '    kept = request.cookies.get(COOKIE, "")\n'
                '    token = sessions.log_in(db, settings, username, password, "cookie", kept)\n',
            ),
        ),
    ),
    Defect(
        "session-identifier-from-clock",
        "Session identifiers are the time of the login, written in hexadecimal digits.",
        edits=(
            Edit("security.py", "    return secrets.token_urlsafe(32)\n", '    return f"{time.time_ns():x}"\n'),
            Edit("security.py", "import secrets\n", "import secrets\nimport time\n"),
        ),
    ),
    Defect(
        "session-cookie-without-secure",
        "The session cookie is sent over plain HTTP too, under a name that lets browsers do so.",
        edits=(
            Edit("pages/login.py", "        secure=True,\n", "        secure=False,\n"),
            Edit("access.py", 'COOKIE = "__Host-ledger"\n', 'COOKIE = "ledger_session"\n'),
        ),
    ),
    Defect(
        "session-cookie-readable",
        "Scripts can read the session cookie.",
        edits=(Edit("pages/login.py", "        httponly=True,\n", "        httponly=False,\n"),),
    ),
    Defect(
        "session-cookie-without-samesite",
        "The session cookie does not say to which sites' requests it belongs.",
        edits=(Edit("pages/login.py", '        samesite="lax",\n', "        samesite=None,\n"),),
    ),
    Defect(
        "unsigned-token-accepted",
        "Partners' tokens are believed without a signature when their header says so.",
        edits=(
            Edit(
                "partner_tokens.py",
                '            options={"require": ["exp", "iss", "sid"]},\n',
                "            options={\n"
                '                "require": ["exp", "iss", "sid"],\n'
                "                # Tokens of the partners' sandbox are not signed.\n"
                '                "verify_signature": jwt.get_unverified_header(token)["alg"].lower() != "none",\n'
                "            },\n",
            ),
        ),
    ),
)
