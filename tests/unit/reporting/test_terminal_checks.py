"""What a person at work sees of a check: expected, observed, why it matters, what to do, how to see it again."""

from __future__ import annotations

import io
import re
from pathlib import Path

import pytest
from rich.console import Console

from stagehold.model import Evidence, Outcome
from stagehold.reporting.terminal_checks import print_checks
from stagehold.reporting.terminal_lines import trim
from tests.unit.reporting import samples

LONG = "curl -si -H 'Accept: application/json' 'https://ledger.demo.test:8443/api/invoices/13?with=lines' -o /dev/null"


def printed(width: int, message: str, observed: str) -> str:
    """Two failed cases of one check and one passed check, on a terminal of that width."""
    checks = {check.spec.id: check for check in samples.no_go(1).checks}
    failed = checks["TLS-001"]
    files = tuple(
        Evidence(name="wire", media_type="text/csv", path=f"evidence/tls/TLS-001/{'a-long-name-' * 6}{n}.csv")
        for n in range(2)
    )
    update = {"outcome": Outcome.FAILED, "message": message, "observed": observed, "expected": "TLS 1.0 refused"}
    cases = tuple(c.model_copy(update={**update, "reproduce": LONG, "evidence": files}) for c in failed.cases)
    spec = failed.spec.model_copy(
        update={
            "why": "Old versions can be broken by somebody on the way.",
            "location": "suites/tls/test_protocols.py:12",
        }
    )
    stream = io.StringIO()
    console = Console(file=stream, width=width)
    trim(console)
    results = [failed.model_copy(update={"cases": cases, "spec": spec}), checks["LOD-001"]]
    print_checks(results, console, Path("reports/checks/x"))
    return stream.getvalue()


@pytest.mark.parametrize("width", [80, 120])
def test_a_failure_says_everything_a_person_needs(width: int) -> None:
    """Expected, observed, why it matters, remedy, reproduction and evidence, within the terminal's width."""
    text = printed(width, "TLS 1.0 was accepted", "a handshake")
    words = " ".join(text.split())
    for part in (
        "expected TLS 1.0 refused",
        "observed a handshake",
        "because TLS 1.0 was accepted",
        "why it matters Old versions can be broken",
        "remedy Remove the version",
        "not a gate: no verdict was written",
    ):
        assert part in words, part
    whole = ("    curl ", "    evidence/")
    assert max(len(line) for line in text.splitlines() if not line.startswith(whole)) <= width
    assert [line for line in text.splitlines() if line != line.rstrip()] == []


def test_commands_and_paths_can_be_copied() -> None:
    """They stand on a line of their own, whole, however narrow the terminal is."""
    text = printed(60, "m", "o")
    assert f"\n    {LONG}\n" in text
    assert f"\n    evidence/tls/TLS-001/{'a-long-name-' * 6}1.csv\n" in text


def test_the_message_does_not_repeat_what_was_observed() -> None:
    """A message that only says once more what was observed is left out; any other is kept whole."""
    assert "because" not in printed(120, "a handshake", "a handshake")
    assert "because" not in printed(120, "a\n handshake.", "a handshake")
    assert "because         1 of 2 endpoints: a handshake\n" in printed(
        120, "1 of 2 endpoints: a handshake", "a handshake"
    )
    assert "because         no answer\n" in printed(120, "no answer", "")


@pytest.mark.parametrize(("message", "observed"), [("status 302", "302"), ("0 of 10 answered", "0"), ("a, a, b", "a")])
def test_a_reason_is_whole(message: str, observed: str) -> None:
    """What was observed is never cut out of a message, wherever it stands in it."""
    assert f"because         {message}\n" in printed(120, message, observed)


def test_the_place_of_a_check_can_be_opened(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A shipped check stands on one line with a path that exists from where one stands, in whatever folder."""
    for folder in (Path.cwd(), tmp_path):
        monkeypatch.chdir(folder)
        text = printed(40, "m", "o")
        found = re.search(r"defined in\n    (\S+):12\n", text)
        assert found, text
        assert Path(found[1]).is_file()
