"""What must stay as it was while a run goes on: files and the clock."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from stagehold.environment.reader import read_environment
from stagehold.gate.changes import Clock, Inputs

DESCRIPTION = """
environment: {id: shop}
statement: promises.yaml
targets: [{name: web, base_url: "https://shop.test", addresses: [127.0.0.1]}]
tls: {trust: {kind: private, ca_file: ca.pem}}
release: {expected_digest: "file:digest"}
"""
PROMISES = "commitments: [{id: P1, text: We encrypt., owner: us, safeguards: [encrypted-transport]}]\n"


def inputs(folder: Path) -> Inputs:
    (folder / "environment.yaml").write_text(DESCRIPTION, encoding="utf-8")
    (folder / "promises.yaml").write_text(PROMISES, encoding="utf-8")
    (folder / "ca.pem").write_text("a certificate", encoding="utf-8")
    (folder / "digest").write_text("sha256:" + "a" * 64, encoding="utf-8")
    (folder / "pins.json").write_text("{}", encoding="utf-8")
    return Inputs.of(read_environment(folder / "environment.yaml"), [folder / "pins.json"])


def test_what_stays_is_no_problem(tmp_path: Path) -> None:
    """A run whose files nobody touched says nothing; that there are no waivers is fine."""
    assert inputs(tmp_path).problems() == []


@pytest.mark.parametrize("name", ["environment.yaml", "promises.yaml", "ca.pem", "digest", "pins.json", "waivers.yaml"])
@pytest.mark.parametrize("change", [lambda path: path.write_text("other"), lambda path: path.unlink(missing_ok=True)])
def test_a_file_that_is_another_one_now_blocks(tmp_path: Path, name: str, change: Callable[[Path], object]) -> None:
    """Changed, removed or new: the file is named."""
    before = inputs(tmp_path)
    existed = (tmp_path / name).exists()
    change(tmp_path / name)

    problems = before.problems()

    if existed or (tmp_path / name).exists():
        assert [problem.what for problem in problems] == [f"{name} changed while the run was going on"]
    else:
        assert problems == []


@pytest.mark.parametrize(
    ("jump", "words"), [(0, ""), (30, ""), (-30, ""), (3600, "forward by 3600 s"), (-7200, "back by 7200 s")]
)
def test_a_clock_that_jumps_blocks_and_revives_nothing(monkeypatch: pytest.MonkeyPatch, jump: int, words: str) -> None:
    """A correction of seconds is ordinary; turned back by hours, the clock still cannot make an old waiver young."""
    clock = Clock()
    begin = datetime.now(UTC)
    real = time.time
    monkeypatch.setattr("stagehold.gate.changes.time.time", lambda: real() + jump)

    problem = clock.problem()

    assert (words in problem.what) if problem else not words
    assert clock.latest() >= begin - timedelta(seconds=1)
