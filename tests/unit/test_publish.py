"""The last act of a run: nothing that was written on the way may look better than the verdict."""

from __future__ import annotations

from pathlib import Path

import pytest

from stagehold.gate import publish as module
from stagehold.gate.publish import publish
from stagehold.model import Decision, RunInfo
from stagehold.runs import read_verdict, write_durably, write_verdict
from stagehold.verdict import unfinished
from tests.unit.reporting.samples import go, no_go, with_evidence

RUN = RunInfo(run_id="r1", environment="e1")


def test_a_run_killed_before_its_verdict_leaves_no_green_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Until everything is written, neither page nor junit.xml says GO: a kill in between must not leave one."""
    verdict = with_evidence(go(), tmp_path)
    write_verdict(tmp_path, unfinished(RUN))

    def killed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "manifest", killed)
    with pytest.raises(KeyboardInterrupt):
        publish(tmp_path, verdict, allure=False)

    assert read_verdict(tmp_path).decision is Decision.INCONCLUSIVE
    assert not [name for name in ("decision.html", "decision.md", "junit.xml") if (tmp_path / name).exists()]


def test_a_later_block_takes_the_green_allure_report_away(tmp_path: Path) -> None:
    """An interrupt after Allure was written for a GO leaves no report of that GO beside the blocking verdict."""
    for name in ("allure-report", "allure-results"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "index.html").write_text("e1: GO", encoding="utf-8")

    publish(tmp_path, unfinished(RUN, "the run was interrupted"), allure=False)

    assert not (tmp_path / "allure-report").exists()
    assert not (tmp_path / "allure-results").exists()
    assert "interrupted" in (tmp_path / "junit.xml").read_text(encoding="utf-8")


@pytest.mark.parametrize("room", [40_000, 3_000])
def test_on_a_full_disk_the_verdict_says_what_was_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, room: int
) -> None:
    """What can be made again makes room; where the whole verdict does not fit, a shorter one with its reasons does."""
    verdict = with_evidence(no_go(), tmp_path)
    write_verdict(tmp_path, unfinished(RUN))
    write = write_durably

    def full(path: Path, data: bytes) -> None:
        taken = sum(file.stat().st_size for file in (tmp_path / "allure-results").rglob("*"))
        if taken + len(data) > room:
            raise OSError(28, "No space left on device")
        write(path, data)

    def refuse(folder: Path, *_: object, **__: object) -> None:
        (folder / "allure-results").mkdir()
        (folder / "allure-results" / f"{'0' * 32}-result.json").write_bytes(b"x" * room)
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(module, "write_durably", full)
    monkeypatch.setattr(module, "_write_reports", refuse)

    published = publish(tmp_path, verdict)

    assert published.decision is Decision.NO_GO
    kept = read_verdict(tmp_path)
    assert kept.decision is Decision.NO_GO
    assert any("No space left" in reason for reason in kept.reasons)
    assert set(verdict.reasons) <= set(kept.reasons)
