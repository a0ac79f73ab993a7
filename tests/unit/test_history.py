"""The history of runs: what changed since the last GO is told truly, and the file outlives every kind of run."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest

from stagehold.errors import ConfigError
from stagehold.history import HistoryEntry, entry_of, open_history
from stagehold.model import Decision, Evidence, Outcome
from tests.unit.reporting import samples

TABLE = "request,count,p95 ms\nlist invoices,347,{}\nwho am I,231,92.4\n"


def entry(day: int, decision: Decision, failed: Iterable[str] = (), **fields: object) -> HistoryEntry:
    """One run of a day in November, of three checks."""
    checks = dict.fromkeys(("TLS-001", "NET-001", "ACC-001"), Outcome.PASSED)
    made = HistoryEntry(
        run_id=f"run-{day}",
        environment="demo",
        started=f"2026-11-{day:02d}T02:00:00Z",
        finished=f"2026-11-{day:02d}T02:10:00Z",
        decision=decision,
        checks={**checks, **dict.fromkeys(failed, Outcome.FAILED)},
    )
    return made.model_copy(update=fields)


def kept(folder: Path, *entries: HistoryEntry) -> Path:
    """A file that holds these runs."""
    path = folder / "history.jsonl"
    for item in entries:
        open_history(path).append(item)
    return path


@pytest.mark.parametrize("p95", ["118.0", "inf", "nan"])
def test_what_a_run_appends_the_next_one_reads(tmp_path: Path, p95: str) -> None:
    """Also a run in which so much failed that a percentile is infinite: JSON has no number for that."""
    verdict = samples.go()
    (tmp_path / "requests.csv").write_text(TABLE.format(p95))
    load = next(check for check in verdict.checks if check.spec.id == "LOD-001")
    table = Evidence(name="requests", media_type="text/csv", path="requests.csv")
    case = load.cases[0].model_copy(update={"evidence": (table,)})
    verdict = verdict.model_copy(update={"checks": (load.model_copy(update={"cases": (case,)}),)})
    made = entry_of(verdict, tmp_path)
    assert made.p95_ms == ({"list invoices": 118.0} if p95 == "118.0" else {}) | {"who am I": 92.4}
    history = open_history(kept(tmp_path, made))
    assert history.entries == (made,)
    assert history.damaged == ()


def test_changes_are_counted_from_the_last_go(tmp_path: Path) -> None:
    """Newly failing, repaired, added and removed are told against the last GO and what came after it."""
    path = kept(
        tmp_path,
        entry(1, Decision.NO_GO, ["ACC-001"]),
        entry(2, Decision.GO, p95_ms={"list": 100.0}),
        entry(3, Decision.NO_GO, ["TLS-001", "NET-001"]),
    )
    now = entry(4, Decision.NO_GO, ["TLS-001"], p95_ms={"list": 130.0})
    now = now.model_copy(update={"checks": {**now.checks, "HDR-001": Outcome.PASSED}})
    changes = open_history(path).changes(now)
    assert (changes.run_id, changes.newly_failing, changes.fixed) == ("run-2", ("TLS-001",), ("NET-001",))
    assert (changes.added, changes.removed) == (("HDR-001",), ())
    assert changes.failing_since == {"TLS-001": "2026-11-03T02:00:00Z"}
    assert changes.p95_ms == {"list": (100.0, 130.0)}


def test_latencies_of_another_load_are_not_compared(tmp_path: Path) -> None:
    """A slower answer at ten times the load is no change of the service."""
    path = kept(tmp_path, entry(2, Decision.GO, p95_ms={"list": 100.0}, profile="smoke"))
    now = entry(4, Decision.GO, p95_ms={"list": 130.0}, profile="release")
    assert open_history(path).changes(now).p95_ms == {}


def test_a_run_that_could_not_check_does_not_end_a_row_of_failures(tmp_path: Path) -> None:
    """Since when something fails is counted across runs that did not find out; a pass ends it."""
    quiet = entry(2, Decision.INCONCLUSIVE)
    quiet = quiet.model_copy(update={"checks": {**quiet.checks, "TLS-001": Outcome.INCONCLUSIVE}})
    failing = entry(1, Decision.NO_GO, ["TLS-001"])
    now = entry(3, Decision.NO_GO, ["TLS-001"])
    assert open_history(kept(tmp_path, failing, quiet)).changes(now).failing_since == {"TLS-001": failing.started}
    passed = entry(2, Decision.GO)
    (tmp_path / "history.jsonl").unlink()
    assert open_history(kept(tmp_path, failing, passed)).changes(now).failing_since == {"TLS-001": now.started}


def test_runs_of_another_environment_are_left_out(tmp_path: Path) -> None:
    """A GO of the neighbour is no GO of ours."""
    path = kept(tmp_path, entry(2, Decision.GO, environment="other"))
    assert open_history(path).changes(entry(4, Decision.NO_GO, ["TLS-001"])).run_id == ""


def test_a_torn_line_costs_itself_only(tmp_path: Path) -> None:
    """A run that was killed while it wrote leaves half a line: it is named, and the next run stands on its own."""
    path = kept(tmp_path, entry(1, Decision.GO))
    with path.open("a", encoding="utf-8") as stream:
        stream.write('{"schema": "stagehold/hist')
    open_history(path).append(entry(3, Decision.GO))
    history = open_history(path)
    assert [item.run_id for item in history.entries] == ["run-1", "run-3"]
    assert history.damaged == (2,)
    assert "line 2" in history.changes(entry(4, Decision.GO)).note


def test_another_file_is_refused_before_any_traffic(tmp_path: Path) -> None:
    """A file of something else is not written into; neither is a folder."""
    (tmp_path / "notes.txt").write_text("one\ntwo\n")
    for name in ("notes.txt", ".", "absent/history.jsonl"):
        with pytest.raises(ConfigError):
            open_history(tmp_path / name)
