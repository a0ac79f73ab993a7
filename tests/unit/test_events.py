"""The event log under torn lines, concurrent writers and foreign bytes."""

from __future__ import annotations

import multiprocessing
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stagehold.events import FILE_NAME, EventLog, read_events
from stagehold.model import CaseResult, Outcome


def passed(case: str) -> CaseResult:
    return CaseResult(check="TLS-001", case=case, outcome=Outcome.PASSED)


def write_many(folder: str, writer: int) -> None:
    log = EventLog(Path(folder))
    for number in range(40):
        log.case(passed(f"{writer}-{number}"))


def test_what_is_written_is_read(tmp_path: Path) -> None:
    """Cases come back as they were recorded."""
    log = EventLog(tmp_path)
    log.case(passed("a"))
    log.write("note", text="snowman ☃")

    recorded = read_events(tmp_path)

    assert recorded.cases == (passed("a"),)
    assert [event["text"] for event in recorded.of("note")] == ["snowman ☃"]
    assert recorded.unreadable == ()
    assert recorded.expected is None


def test_writers_side_by_side_keep_lines_whole(tmp_path: Path) -> None:
    """Four processes lose and mix nothing."""
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=write_many, args=(str(tmp_path), n)) for n in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(60)

    recorded = read_events(tmp_path)

    assert len({case.case for case in recorded.cases}) == 160
    assert recorded.unreadable == ()


def test_torn_line_is_counted_and_does_not_swallow_the_next(tmp_path: Path) -> None:
    """What a killed writer left half-written is reported; the next event starts on a line of its own."""
    log = EventLog(tmp_path)
    log.case(passed("a"))
    with (tmp_path / FILE_NAME).open("ab") as stream:
        stream.write(b'{"event": "case", "resu')
    log.case(passed("b"))

    recorded = read_events(tmp_path)

    assert [case.case for case in recorded.cases] == ["a", "b"]
    assert recorded.unreadable == (f"{FILE_NAME}:2",)


@pytest.mark.parametrize(
    "line",
    [b"null", b"[]", b"{}", b'"x"', b"\xff\xfe", b'{"event": "case"}', b'{"event": "case", "result": {"check": "x"}}',
     b'{"event": "expected", "checks": 7}', b'{"event": "expected", "checks": [{}]}'],
)  # fmt: skip
def test_foreign_lines_are_counted(tmp_path: Path, line: bytes) -> None:
    """Whatever is no event of ours is unreadable, never ignored."""
    (tmp_path / FILE_NAME).write_bytes(line + b"\n")

    assert len(read_events(tmp_path).unreadable) == 1


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=200))
def test_no_bytes_break_the_reader(tmp_path: Path, data: bytes) -> None:
    """Any content is either events or unreadable lines."""
    (tmp_path / FILE_NAME).write_bytes(data)

    recorded = read_events(tmp_path)

    assert len(recorded.events) + len(recorded.unreadable) == len([line for line in data.split(b"\n") if line])
