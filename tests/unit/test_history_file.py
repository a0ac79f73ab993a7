"""The history's file: many writers, a bounded size, and nothing lost when a run is killed."""

from __future__ import annotations

import fcntl
import json
import multiprocessing
import os
from pathlib import Path

import pytest

from stagehold import history as module
from stagehold import shared_file
from stagehold.errors import ConfigError
from stagehold.history import History, HistoryEntry, entry_of, open_history
from stagehold.model import Decision, Outcome, RunInfo
from stagehold.verdict import unfinished
from tests.unit.reporting.pages import go_with_waiver


def run(name: str, decision: Decision = Decision.GO, environment: str = "demo") -> HistoryEntry:
    checks = {f"TLS-{number:03d}": Outcome.PASSED for number in range(30)}
    return HistoryEntry(run_id=name, environment=environment, decision=decision, checks=checks)


def names(path: Path) -> list[str]:
    return [entry.run_id for entry in open_history(path).entries]


def append_many(path: str, writer: int) -> None:
    module.LARGEST = 40_000
    for number in range(25):
        History(Path(path)).append(run(f"{writer}-{number}"))


def test_a_new_file_is_begun_and_an_empty_one_is_no_run(tmp_path: Path) -> None:
    """The first run of a pipeline names a file that is not there; it has nothing to compare with, and no row begins."""
    history = open_history(tmp_path / "history.jsonl")

    changes = history.changes(run("now"))

    assert history.entries == ()
    assert (tmp_path / "history.jsonl").is_file()
    assert (changes.run_id, changes.newly_failing, changes.added, changes.note) == ("", (), (), "")


def test_the_first_failure_fails_since_now(tmp_path: Path) -> None:
    """Without an earlier run it is this one that began it."""
    now = run("now", Decision.NO_GO).model_copy(
        update={"started": "2026-11-23T02:00:00Z", "checks": {"TLS-001": Outcome.FAILED}}
    )

    assert open_history(tmp_path / "h").changes(now).failing_since == {"TLS-001": "2026-11-23T02:00:00Z"}


def test_a_waived_failure_is_remembered_as_one(tmp_path: Path) -> None:
    """GO with a waiver: the check failed, and the line says that it was waived."""
    made = entry_of(go_with_waiver(), tmp_path)

    assert made.decision is Decision.GO
    assert made.checks["TLS-008"] is Outcome.FAILED
    assert made.waived == ("TLS-008",)


def test_a_run_without_results_is_a_line_as_well(tmp_path: Path) -> None:
    """An interrupted run, or one whose results were set apart, does not look like one in which checks vanished."""
    path = tmp_path / "h"
    open_history(path).append(run("go"))
    open_history(path).append(entry_of(unfinished(RunInfo(run_id="torn", environment="demo")), tmp_path))

    changes = open_history(path).changes(run("now"))

    assert names(path) == ["go", "torn"]
    assert (changes.run_id, changes.added, changes.removed) == ("go", (), ())


def test_damaged_lines_are_named_and_left_alone(tmp_path: Path) -> None:
    """Half a line, another schema, bytes that are no text: said with the lines' numbers, and the rest counts."""
    path = tmp_path / "h"
    good = run("a").model_dump_json(by_alias=True)
    other = json.dumps({**json.loads(good), "schema": "stagehold/history/v9"})
    path.write_bytes(f'{good}\n{{"schema": \n{other}\n\n'.encode() + b"\xff\xfe\n" + f"{good}\n".encode())

    history = open_history(path)

    assert len(history.entries) == 2
    assert history.damaged == (2, 3, 5)
    assert history.changes(run("now")).note == "h: 3 lines could not be read and were left out (line 2, 3, 5)"


def test_writers_side_by_side_lose_nothing_they_need(tmp_path: Path) -> None:
    """Four pipelines append while the file is shortened again and again: no line is torn, the newest are there."""
    path = tmp_path / "h"
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=append_many, args=(str(path), number)) for number in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(60)

    assert [writer.exitcode for writer in writers] == [0, 0, 0, 0]
    history = open_history(path)
    assert history.damaged == ()
    assert path.stat().st_size <= 40_000
    last = [entry.run_id for entry in history.entries]
    assert len(last) == len(set(last)) >= 20
    assert any(name.endswith("-24") for name in last)


def test_the_file_stays_bounded_and_keeps_what_comparisons_need(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Thousands of runs later: the newest half, and the last GO of each environment however old it is."""
    monkeypatch.setattr(module, "LARGEST", 20_000)
    path = tmp_path / "h"
    path.touch(mode=0o640)
    path.chmod(0o640)
    history = open_history(path)
    history.append(run("old-go", environment="other"))
    history.append(run("older-go"))
    history.append(run("the-go"))
    for number in range(120):
        history.append(run(f"no-{number}", Decision.NO_GO))
        assert path.stat().st_size <= 20_000 + 4_000

    kept = names(path)

    assert kept[:2] == ["old-go", "the-go"]
    assert "older-go" not in kept
    assert kept[-1] == "no-119"
    assert kept[2:] == [f"no-{number}" for number in range(120 - len(kept) + 2, 120)]
    assert open_history(path).changes(run("now")).run_id == "the-go"
    assert path.stat().st_mode & 0o777 == 0o640
    assert [entry.name for entry in tmp_path.iterdir()] == ["h"]


def test_a_run_killed_while_it_shortens_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The new file is complete before it takes the old one's place."""
    path = tmp_path / "h"
    open_history(path).append(run("a"))
    before = path.read_bytes()
    monkeypatch.setattr(module, "LARGEST", 10)

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "replace", killed)
    with pytest.raises(KeyboardInterrupt):
        open_history(path).append(run("b"))

    assert path.read_bytes() == before


def test_a_writer_that_waited_writes_to_the_file_that_stands_there_now(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its line must not go into the file that was replaced meanwhile."""
    path = tmp_path / "h"
    open_history(path).append(run("a"))
    real = fcntl.flock
    turns: list[int] = []

    def replaced_once(descriptor: int, operation: int) -> None:
        real(descriptor, operation)
        if not turns:
            turns.append(1)
            shared_file.replace(path, path.read_bytes())

    monkeypatch.setattr(fcntl, "flock", replaced_once)

    open_history(path).append(run("b"))

    assert names(path) == ["a", "b"]


def test_a_link_stays_a_link(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file may live in a cache that is linked into the workspace."""
    monkeypatch.setattr(module, "LARGEST", 10)
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "h").write_text("")
    (tmp_path / "h").symlink_to("cache/h")

    open_history(tmp_path / "h").append(run("a"))

    assert (tmp_path / "h").is_symlink()
    assert names(tmp_path / "cache" / "h") == ["a"]


def test_a_file_that_is_far_too_large_is_refused(tmp_path: Path) -> None:
    """Four times what stagehold lets it grow to: it is not its file."""
    path = tmp_path / "h"
    with path.open("wb") as stream:
        os.truncate(stream.fileno(), module.MOST_BYTES + 1)

    with pytest.raises(ConfigError, match="larger than 64 MiB"):
        open_history(path)


def test_allures_history_is_replaced_in_one_step(tmp_path: Path) -> None:
    """It stands beside the file; a run without a report leaves it as it was."""
    history = open_history(tmp_path / "h.jsonl")
    written = tmp_path / "history.jsonl"
    written.write_text("one\n")

    history.keep_allure(written)
    history.keep_allure(tmp_path / "absent")

    assert history.allure == tmp_path / "h.jsonl.allure.jsonl"
    assert history.allure.read_text() == "one\n"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["h.jsonl", "h.jsonl.allure.jsonl", "history.jsonl"]
