"""Takes secrets out of pytest's own reports, before a terminal or another plug-in shows them."""

from __future__ import annotations

import pytest

from stagehold.redaction.redactor import Redactor


def conceal(report: pytest.TestReport | pytest.CollectReport, redactor: Redactor) -> None:
    """Redact the traceback, and what was captured of stdout, stderr and logging."""
    longrepr = report.longrepr
    if isinstance(longrepr, tuple):
        path, line, reason = longrepr
        report.longrepr = (path, line, redactor.text(reason))
    elif longrepr is not None:
        shown = str(longrepr)
        if (hidden := redactor.text(shown)) != shown:
            report.longrepr = hidden
    report.sections[:] = [(redactor.text(name), redactor.text(content)) for name, content in report.sections]


def require_silent(item: pytest.Item, redactor: Redactor) -> None:
    """Refuse a case whose id holds a secret: it would stand in every name, file and history of this case.

    Raises:
        pytest.UsageError: naming the function, not the id.
    """
    if redactor.text(item.nodeid) != item.nodeid:
        file, line, _ = item.location
        raise pytest.UsageError(
            f"{file}:{(line or 0) + 1}: the id of a case holds a secret; give the parameter an id of its own"
        )
