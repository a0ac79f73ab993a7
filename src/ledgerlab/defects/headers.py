"""Faults of what single responses say."""

from __future__ import annotations

from ledgerlab.defects.model import Defect, Edit, NewFile

DEFECTS: tuple[Defect, ...] = (
    Defect(
        "hsts-missing-on-errors",
        "Strict-Transport-Security is sent with successful answers and redirects only.",
        edits=(
            Edit(
                "middleware.py",
                '                headers["Strict-Transport-Security"] = HSTS\n',
                '                if status < 400:\n                    headers["Strict-Transport-Security"] = HSTS\n',
            ),
        ),
    ),
    Defect(
        "csp-allows-inline-scripts",
        "The Content-Security-Policy allows inline scripts, so that an old widget works.",
        edits=(Edit("middleware.py", "script-src 'self'; ", "script-src 'self' 'unsafe-inline'; "),),
    ),
    Defect(
        "nosniff-missing",
        "X-Content-Type-Options was lost when the protective headers were put into a table.",
        edits=(Edit("middleware.py", '    "X-Content-Type-Options": "nosniff",\n', ""),),
    ),
    Defect(
        "server-version-told",
        "Every answer tells in its Server header which Python it was made with.",
        edits=(
            Edit(
                "middleware.py",
                '                headers["X-Request-Id"] = request_id\n',
                '                headers["X-Request-Id"] = request_id\n'
                '                headers["Server"] = f"Ledger Python/{platform.python_version()}"  # for the upgrade\n',
            ),
            Edit("middleware.py", "import logging\nimport time\n", "import logging\nimport platform\nimport time\n"),
        ),
    ),
    Defect(
        "error-tells-exception",
        "What the database refused to store is answered with its own words, SQL included.",
        edits=(
            Edit(
                "app.py",
                "def _unstorable(request: Request, _error: Exception) -> Response:\n",
                "def _unstorable(request: Request, error: Exception) -> Response:\n",
            ),
            Edit(
                "app.py",
                '    return _answer(request, 422, "Something of this cannot be stored.")\n',
                "    return _answer(request, 422, str(error))  # support wants to see it\n",
            ),
        ),
    ),
    Defect(
        "metrics-public",
        "The metrics are served to everybody, below the public name.",
        edits=(
            Edit(
                "listeners.py",
                "    protection = Protection(Turnstile(app, settings.database_pool))\n",
                "    protection = Protection(Turnstile(app, settings.database_pool))\n"
                "    books, metrics = protection.app, operations_app(protection)\n\n"
                "    # For the dashboard in the office.\n"
                "    async def with_metrics(scope: Scope, receive: Receive, send: Send) -> None:\n"
                '        served = metrics if scope.get("path") == "/metrics" else books\n'
                "        await served(scope, receive, send)\n\n"
                "    protection.app = with_metrics\n",
            ),
        ),
    ),
    Defect(
        "repository-published",
        "The web root was checked out with git, and its metadata are served with it.",
        files=(NewFile("public/.git/HEAD", "ref: refs/heads/main\n"),),
    ),
)
