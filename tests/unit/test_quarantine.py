"""A secret in a run's folder: nothing of it stays outside `quarantine/`, wherever and however it is published."""

from __future__ import annotations

import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from stagehold.gate import publish as module
from stagehold.gate.publish import publish
from stagehold.gate.quarantine import LeakFound, problems_of, require_clean, set_apart
from stagehold.model import Decision, Problem, RunInfo, Verdict
from stagehold.redaction.registry import SecretRegistry
from stagehold.redaction.scan import Leak, scan_tree
from stagehold.run_files import LISTING, QUARANTINE
from stagehold.runs import create_run_folder, empty_run_folder, read_verdict, write_verdict
from stagehold.verdict import unfinished
from tests.unit.reporting.samples import go, with_evidence

SECRET = "Tr0ub4dor&3 horse"
NAME = "accounts.anna.password"
RUN = RunInfo(run_id="r1", environment="e1")
OUTSIDE = {
    "verdict.json", "decision.html", "decision.md", "junit.xml", "github-annotations.txt", "manifest.json", QUARANTINE,
}  # fmt: skip


@pytest.fixture
def secrets() -> SecretRegistry:
    registry = SecretRegistry()
    registry.add(NAME, SECRET)
    return registry


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A run's folder with the blocking verdict in it."""
    out = tmp_path / "out"
    out.mkdir()
    write_verdict(out, unfinished(RUN))
    return out


def outside(folder: Path) -> str:
    """Everything that would be uploaded."""
    return "\n".join(path.read_text(encoding="utf-8") for path in folder.iterdir() if path.is_file())


def test_what_a_run_wrote_is_set_apart(folder: Path, secrets: SecretRegistry) -> None:
    """NO_GO with its own reason; pages that say so outside, everything else inside, for its owner only."""
    verdict = with_evidence(go(), folder)
    (folder / "evidence" / "leak.txt").write_text(SECRET)

    final = publish(folder, verdict, allure=False, secrets=secrets)

    assert final.decision is read_verdict(folder).decision is Decision.NO_GO
    assert final.reasons == (f"A secret was found in the report: {NAME} in evidence/leak.txt at byte 0",)
    assert {path.name for path in folder.iterdir()} == OUTSIDE
    assert (folder / QUARANTINE / "evidence" / "leak.txt").read_text() == SECRET
    assert stat.S_IMODE((folder / QUARANTINE).stat().st_mode) == 0o700
    assert SECRET not in outside(folder)
    require_clean(folder, secrets)


FIELDS: dict[str, Callable[[Verdict], Verdict]] = {
    "reason": lambda v: v.model_copy(update={"reasons": (f"it said {SECRET}",)}),
    "headline": lambda v: v.model_copy(update={"headline": f"it said {SECRET}"}),
    "problem": lambda v: v.model_copy(update={"problems": (Problem(what="x", remedy=f"change {SECRET}"),)}),
    "tool": lambda v: v.model_copy(update={"run": v.run.model_copy(update={"tools": {"nmap": SECRET}})}),
    "target": lambda v: v.model_copy(update={"run": v.run.model_copy(update={"targets": (f"https://{SECRET}@x/",)})}),
}


@pytest.mark.parametrize("tell", FIELDS.values(), ids=FIELDS)
def test_a_secret_that_only_the_verdict_holds_is_found_in_the_pages(
    folder: Path, secrets: SecretRegistry, tell: Callable[[Verdict], Verdict]
) -> None:
    """The second search reads what was rendered: pages, JUnit, annotations and the verdict itself."""
    final = publish(folder, tell(with_evidence(go(), folder)), allure=False, secrets=secrets)

    assert final.decision is read_verdict(folder).decision is Decision.NO_GO
    assert {path.name for path in folder.iterdir()} == OUTSIDE
    assert SECRET not in outside(folder)
    assert SECRET not in final.model_dump_json()
    assert [leak.secret for leak in scan_tree(folder / QUARANTINE, secrets).leaks]


@pytest.mark.parametrize("what", ["link", "7z", "crash"])
def test_what_cannot_be_searched_blocks(
    folder: Path, secrets: SecretRegistry, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody knows what it holds: GO becomes INCONCLUSIVE, on disk, too, and the file is named."""
    verdict = with_evidence(go(), folder)
    odd = folder / "evidence" / "odd"
    if what == "link":
        odd.symlink_to("/etc/hostname")
    else:
        odd.write_bytes(b"7z\xbc\xaf\x27\x1c")
    if what == "crash":
        monkeypatch.setattr("stagehold.redaction.scan.embedded", lambda *_, **__: 1 // 0)

    final = publish(folder, verdict, allure=False, secrets=secrets)

    assert final.decision is read_verdict(folder).decision is Decision.INCONCLUSIVE
    assert "not everything could be searched for secrets" in final.reasons[-1]
    if what != "crash":
        assert "evidence/odd is " in final.reasons[-1]


def test_reports_that_fail_do_not_skip_the_search(
    folder: Path, secrets: SecretRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A leak that is written on the way to a failure is found all the same."""

    def leak_and_fail(target: Path, *_: object, **__: object) -> None:
        (target / "half.txt").write_text(SECRET)
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(module, "_write_reports", leak_and_fail)

    final = publish(folder, with_evidence(go(), folder), allure=False, secrets=secrets)

    assert final.decision is read_verdict(folder).decision is Decision.NO_GO
    assert (folder / QUARANTINE / "half.txt").is_file()
    assert SECRET not in outside(folder)


def test_files_that_cannot_be_set_apart_leave_the_block(
    folder: Path, secrets: SecretRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The verdict came first; the message says not to publish, and repeats no name of a file."""
    (folder / f"{SECRET}.txt").write_text(SECRET)

    def refuse(path: Path, _target: Path) -> Path:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "rename", refuse)

    final = publish(folder, with_evidence(go(), folder), allure=False, secrets=secrets)

    assert final.decision is read_verdict(folder).decision is Decision.NO_GO
    assert final.problems[-1].what == "the files could not all be set apart: Permission denied"
    assert final.problems[-1].remedy == "Do not publish this folder."
    assert SECRET not in final.model_dump_json()


def test_a_second_leak_does_not_overwrite_the_first(folder: Path) -> None:
    """What was set apart before is evidence, too."""
    for text in ("one", "two", "three"):
        (folder / "a.txt").write_text(text)
        set_apart(folder)

    apart = set((folder / QUARANTINE).iterdir()) - {folder / LISTING}
    assert sorted(path.read_text() for path in apart) == ["one", "three", "two"]


def test_the_next_run_begins_with_an_empty_folder(folder: Path, secrets: SecretRegistry) -> None:
    """`--out` of a run that leaked can be used again: the quarantine goes, and the blocking verdict stands first."""
    (folder / "a.txt").write_text(SECRET)
    publish(folder, with_evidence(go(), folder), allure=False, secrets=secrets)

    empty_run_folder(create_run_folder(RUN, folder))

    assert [path.name for path in folder.iterdir()] == ["verdict.json"]
    assert read_verdict(folder).decision is Decision.INCONCLUSIVE


def test_the_link_to_the_latest_run_leads_to_clean_pages(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, secrets: SecretRegistry
) -> None:
    """Without `--out` the link stays where it is: at the folder whose files are set apart."""
    monkeypatch.chdir(tmp_path)
    run = create_run_folder(RUN, None)
    (run / "a.txt").write_text(SECRET)

    publish(run, with_evidence(go(), run), allure=False, secrets=secrets)

    latest = tmp_path / "reports" / "latest"
    assert {path.name for path in latest.iterdir()} == OUTSIDE
    assert "secret" in (latest / "decision.md").read_text(encoding="utf-8")
    assert SECRET not in outside(latest)


def test_many_places_are_counted() -> None:
    """Twenty are named; the verdict stays a page and not a list of a thousand."""
    problems = problems_of(tuple(Leak(f"{number}.txt", 0, NAME) for number in range(25)))

    assert len(problems) == 21
    assert problems[-1].what.endswith("5 more places")
    assert all(problem.leak for problem in problems)


def test_a_leak_is_told_apart_from_what_cannot_be_read(folder: Path, secrets: SecretRegistry) -> None:
    """Where both happen the leak counts: NO_GO is the harder block."""
    (folder / "odd").symlink_to("/etc/hostname")
    (folder / "a.txt").write_text(SECRET)

    with pytest.raises(LeakFound, match="1 files"):
        require_clean(folder, secrets)
