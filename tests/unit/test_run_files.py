"""Whose file is whose: a run removes what runs wrote, and nothing else, wherever somebody put it."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from stagehold.errors import ConfigError
from stagehold.gate.publish import publish
from stagehold.gate.rebuild import rebuild
from stagehold.model import Decision, RunInfo
from stagehold.redaction.registry import SecretRegistry
from stagehold.run_files import LISTING, MANIFEST, QUARANTINE, VERDICT, survey
from stagehold.runs import create_run_folder, empty_run_folder, left_alone, read_verdict, write_verdict
from stagehold.verdict import unfinished
from tests.unit.reporting.samples import go, with_evidence

RUN = RunInfo(run_id="r1", environment="e1")
SECRET = "Tr0ub4dor&3 horse"


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """The folder of a run that is over: GO, pages, evidence and a manifest."""
    folder = tmp_path / "out"
    folder.mkdir()
    assert publish(folder, with_evidence(go(), folder), allure=False).decision is Decision.GO
    return folder


@pytest.fixture
def killed(tmp_path: Path) -> Path:
    """The folder of a run that was killed: the blocking verdict, and no manifest."""
    folder = tmp_path / "killed"
    folder.mkdir()
    write_verdict(folder, unfinished(RUN))
    for name in (
        "events.jsonl",
        "lanes/tls.log",
        "evidence/tls/TLS-001/01-a.txt",
        ".decision.html",
        ".verdict.json.77",
    ):
        put(folder, name)
    return folder


def put(folder: Path, name: str, text: str = "years of work") -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def tree(folder: Path) -> dict[str, bytes | str]:
    """Everything below, links as what they say."""
    found: dict[str, bytes | str] = {}
    for path in folder.rglob("*"):
        name = path.relative_to(folder).as_posix()
        if path.is_symlink():
            found[name] = str(path.readlink())
        elif path.is_file():
            found[name] = path.read_bytes()
    return found


def again(folder: Path) -> list[str]:
    """Another run with the same `--out`; returns what it says is not its own."""
    return empty_run_folder(create_run_folder(RUN, folder))


FOREIGN: dict[str, dict[str, str]] = {
    "another tool's verdict": {VERDICT: '{"decision": "GO", "tool": "sonar"}', "thesis.txt": "years of work"},
    "another tool's schema": {VERDICT: '{"schema": "sonar/verdict/v1"}', "evidence/tls/TLS-001/a.txt": "x"},
    "a verdict that is no JSON": {VERDICT: "GO", "thesis.txt": "x"},
    "half a verdict": {VERDICT: '{"schema": "stagehold/verdict/v1", "decision": "GO"', "thesis.txt": "x"},
    "a verdict that is a list": {VERDICT: '["stagehold/verdict/v1"]', "a": "x"},
    "only a manifest": {MANIFEST: '{"schema": "stagehold/manifest/v1", "files": {"a": {}}}', "a": "x"},
    "a git checkout": {VERDICT: '{"schema": "stagehold/verdict/v1"}', ".git/HEAD": "ref", "a.py": "x"},
    "a project": {VERDICT: '{"schema": "stagehold/verdict/v1"}', "pyproject.toml": "", "a.py": "x"},
}


@pytest.mark.parametrize("files", FOREIGN.values(), ids=FOREIGN)
def test_a_folder_that_no_run_wrote_loses_nothing(tmp_path: Path, files: dict[str, str]) -> None:
    """It is refused before anything in it changes, its verdict included."""
    for name, text in files.items():
        put(tmp_path, name, text)
    before = tree(tmp_path)

    with pytest.raises(ConfigError, match="nothing in it was changed"):
        create_run_folder(RUN, tmp_path)

    assert tree(tmp_path) == before


def test_a_verdict_that_is_a_link_is_not_ours(tmp_path: Path, out: Path) -> None:
    """A link to a verdict of ours does not make a folder ours."""
    other = tmp_path / "other"
    put(other, "thesis.txt")
    (other / VERDICT).symlink_to(out / VERDICT)

    with pytest.raises(ConfigError, match="not empty"):
        create_run_folder(RUN, other)

    assert read_verdict(out).decision is Decision.GO


def test_nothing_goes_before_the_environment_was_read(out: Path) -> None:
    """The verdict blocks at once; evidence and pages stay until `empty_run_folder`."""
    before = tree(out)

    create_run_folder(RUN, out)

    assert read_verdict(out).decision is Decision.INCONCLUSIVE
    assert tree(out).keys() == before.keys()


@pytest.mark.parametrize("name", ["out", "killed"])
def test_what_a_run_wrote_goes_completely(name: str, request: pytest.FixtureRequest) -> None:
    """Finished or killed: only the new verdict is left, and no empty folder."""
    folder: Path = request.getfixturevalue(name)

    assert again(folder) == []

    assert [path.name for path in folder.rglob("*")] == [VERDICT]


def test_a_run_killed_in_its_first_write_leaves_a_folder_of_ours(tmp_path: Path) -> None:
    """A half-written verdict under its temporary name stops no later run."""
    put(tmp_path, ".verdict.json.4711", "{")

    assert again(tmp_path) == []
    assert [path.name for path in tmp_path.iterdir()] == [VERDICT]


def test_a_verdict_of_another_version_is_ours(tmp_path: Path) -> None:
    """What a newer stagehold wrote is cleared away like any earlier run."""
    put(tmp_path, VERDICT, '{"schema": "stagehold/verdict/v9", "decision": "GO"}')
    put(tmp_path, "decision.html")

    assert again(tmp_path) == []
    assert [path.name for path in tmp_path.iterdir()] == [VERDICT]


@pytest.mark.parametrize("name", ["thesis.txt", "photos/2026/01/a.jpg", "a\nb.txt", ".hidden", "Evidence/a.txt"])
@pytest.mark.parametrize("state", ["out", "killed"])
def test_what_somebody_put_beside_a_run_stays(state: str, name: str, request: pytest.FixtureRequest) -> None:
    """It is named on one line, and no report, search or quarantine of the new run takes it for its own."""
    folder: Path = request.getfixturevalue(state)
    kept = put(folder, name, SECRET)
    secrets = SecretRegistry()
    secrets.add("accounts.anna.password", SECRET)

    told = again(folder)
    verdict = publish(folder, with_evidence(go(), folder), allure=False, secrets=secrets)

    assert kept.read_text(encoding="utf-8") == SECRET
    assert len(told) == 1
    assert "\n" not in told[0]
    assert verdict.decision is Decision.GO
    listing = json.loads((folder / MANIFEST).read_bytes())
    assert name not in listing["files"]
    assert listing["left_alone"] == [name.partition("/")[0]]


@pytest.mark.parametrize(
    "name",
    [
        "evidence/thesis.txt",
        "evidence/tls/TLS-001/mine.txt",
        "lanes/a/b.log",
        "allure-report/x.html",
        "quarantine/a.txt",
    ],
)
def test_what_lies_where_a_run_writes_is_refused(out: Path, name: str) -> None:
    """It could be taken for evidence: the verdict blocks, the file is named, nothing is removed."""
    put(out, name)
    before = tree(out)

    with pytest.raises(ConfigError, match=name):
        again(out)

    after = tree(out)
    assert after.pop(VERDICT) != before.pop(VERDICT)
    assert after == before


def test_a_refused_run_shows_its_block_in_every_page(out: Path) -> None:
    """No page of the earlier GO stays beside the blocking verdict, and the next manifest still knows whose is whose."""
    put(out, "evidence/thesis.txt")
    folder = create_run_folder(RUN, out)
    with pytest.raises(ConfigError):
        empty_run_folder(folder)

    publish(folder, unfinished(RUN, "somebody's file"), allure=False)

    assert "somebody&#x27;s file" in (out / "decision.html").read_text("utf-8").replace("&#39;", "&#x27;")
    listing = json.loads((out / MANIFEST).read_bytes())
    assert "evidence/thesis.txt" not in listing["files"] | listing["earlier"]
    assert listing["earlier"]
    (out / "evidence/thesis.txt").unlink()
    assert again(out) == []
    assert [path.name for path in out.rglob("*")] == [VERDICT]


EDITS: dict[str, Callable[[Path], object]] = {
    "truncated": lambda path: path.write_bytes(path.read_bytes()[:100]),
    "no JSON": lambda path: path.write_text("files: []"),
    "another tool's": lambda path: path.write_text('{"name": "My app", "icons": []}'),
    "a link": lambda path: path.rename(path.with_name("m")).parent.joinpath(MANIFEST).symlink_to("m"),
    "empty": lambda path: path.write_bytes(b""),
    "a list of files": lambda path: path.write_text('{"schema": "stagehold/manifest/v1", "files": ["a"]}'),
}


@pytest.mark.parametrize("edit", EDITS.values(), ids=EDITS)
def test_a_manifest_that_is_not_ours_is_not_followed(out: Path, edit: Callable[[Path], object]) -> None:
    """The run is refused with a blocking verdict, and nothing is removed."""
    edit(out / MANIFEST)
    before = tree(out)

    with pytest.raises(ConfigError, match=r"manifest\.json"):
        again(out)

    assert read_verdict(out).decision is Decision.INCONCLUSIVE
    assert tree(out).keys() == before.keys()


def test_an_edited_manifest_deletes_nobodys_file(tmp_path: Path, out: Path) -> None:
    """Paths that lead out, links, and files with another content than stated stay, whatever the list says."""
    outside, beside = put(tmp_path, "outside/thesis.txt"), put(out, "thesis.txt")
    (out / "link").symlink_to(tmp_path / "outside")
    listing = json.loads((out / MANIFEST).read_bytes())
    entry = next(iter(listing["files"].values()))
    for name in ("../outside/thesis.txt", str(outside), "link/thesis.txt", "link", "thesis.txt", "", ".", "/", "a\0b"):
        listing["files"][name] = entry
    (out / MANIFEST).write_text(json.dumps(listing), encoding="utf-8")

    told = again(out)

    assert outside.is_file()
    assert beside.is_file()
    assert (out / "link").is_symlink()
    assert told == ["link", "thesis.txt"]


def test_a_link_in_the_place_of_evidence_is_not_followed(tmp_path: Path, killed: Path) -> None:
    """Neither a folder that is a link, nor a link among the files."""
    outside = put(tmp_path, "outside/tls/TLS-001/01-a.txt")
    (killed / "evidence/tls/TLS-001/02-link").symlink_to(outside)
    assert again(killed) == []
    (killed / "evidence").symlink_to(tmp_path / "outside")

    with pytest.raises(ConfigError, match="evidence"):
        again(killed)

    assert outside.is_file()


def test_an_own_suites_file_goes_by_its_digest(out: Path) -> None:
    """What a company's check left at a place of its own goes while it is what the manifest says, and stays after."""
    put(out, "own/a.txt", "one")
    put(out, "own/b.txt", "two")
    publish(out, with_evidence(go(), out), allure=False)
    put(out, "own/b.txt", "somebody's")

    assert again(out) == ["own/b.txt"]
    assert not (out / "own/a.txt").exists()


def test_what_was_set_apart_goes_and_what_was_added_there_stays(out: Path) -> None:
    """The quarantine remembers what was moved into it, even where the names are not a run's."""
    secrets = SecretRegistry()
    secrets.add("accounts.anna.password", SECRET)
    put(out, "own/leak.txt", SECRET)
    assert publish(out, with_evidence(go(), out), allure=False, secrets=secrets).decision is Decision.NO_GO
    assert (out / LISTING).is_file()
    notes = put(out / QUARANTINE, "notes.txt")

    with pytest.raises(ConfigError, match=r"quarantine/notes\.txt"):
        again(out)
    notes.rename(out / "notes.txt")

    assert again(out) == ["notes.txt"]
    assert sorted(path.name for path in out.rglob("*")) == ["notes.txt", VERDICT]


def test_a_kill_while_files_are_set_apart_stops_no_later_run(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files that were already moved and those that were not are both known to be a run's."""
    secrets = SecretRegistry()
    secrets.add("accounts.anna.password", SECRET)
    put(out, "evidence/tls/TLS-001/leak.txt", SECRET)
    moved: list[Path] = []
    rename = Path.rename

    def dies(path: Path, target: Path) -> Path:
        if len(moved) == 3:
            raise KeyboardInterrupt
        moved.append(path)
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", dies)
    with pytest.raises(KeyboardInterrupt):
        publish(out, with_evidence(go(), out), allure=False, secrets=secrets)
    monkeypatch.undo()

    assert again(out) == []
    assert [path.name for path in out.rglob("*")] == [VERDICT]


def test_a_leak_moves_only_what_the_run_wrote(out: Path) -> None:
    """Somebody's file stays where it is when the run's own are set apart."""
    secrets = SecretRegistry()
    secrets.add("accounts.anna.password", SECRET)
    kept = put(out, "thesis.txt", SECRET)
    again(out)
    put(out, "evidence/tls/TLS-001/leak.txt", SECRET)

    verdict = publish(out, with_evidence(go(), out), allure=False, secrets=secrets)

    assert verdict.decision is Decision.NO_GO
    assert kept.is_file()
    assert not (out / "evidence").exists()


def test_reports_again_keep_what_no_run_wrote(out: Path) -> None:
    """`stagehold report` names no stranger's file as evidence, and replaces none."""
    put(out, "thesis.txt")
    rebuild(out)
    assert "thesis.txt" not in json.loads((out / MANIFEST).read_bytes())["files"]
    mine = put(out, "allure-report/mine.html")
    before = tree(out)

    with pytest.raises(ConfigError, match=r"allure-report/mine\.html"):
        rebuild(out)

    assert mine.is_file()
    assert tree(out) == before


def test_reports_latest_that_is_somebodys_is_not_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A real folder or file of that name is refused in words and kept."""
    monkeypatch.chdir(tmp_path)
    latest = put(tmp_path, "reports/latest")

    with pytest.raises(ConfigError, match="is no link"):
        create_run_folder(RUN, None)

    assert latest.read_text("utf-8") == "years of work"
    assert not (tmp_path / "reports" / "runs").exists()


def test_the_environment_and_suites_are_never_below_out(tmp_path: Path) -> None:
    """A run's folder above what it judges is refused, and nothing is removed."""
    out = tmp_path / "out"
    create_run_folder(RUN, out)
    put(out, "junit.xml")
    suite = put(out, "staging/suites/test_a.py").parent

    with pytest.raises(ConfigError, match="holds the environment or a suite"):
        empty_run_folder(create_run_folder(RUN, out), apart_from=[suite])

    assert (out / "junit.xml").is_file()


def test_a_file_in_the_place_of_out_is_said_in_words(tmp_path: Path) -> None:
    """It is no folder, and stays."""
    path = put(tmp_path, "out")

    with pytest.raises(ConfigError, match="is no folder"):
        create_run_folder(RUN, path)

    assert path.is_file()


def test_a_link_to_a_folder_is_judged_by_where_it_leads(tmp_path: Path, out: Path) -> None:
    """To a run's: used. To somebody's: refused."""
    (tmp_path / "ours").symlink_to(out)
    (tmp_path / "theirs").symlink_to(put(tmp_path, "home/thesis.txt").parent)

    assert again(tmp_path / "ours") == []
    with pytest.raises(ConfigError, match="not empty"):
        again(tmp_path / "theirs")


def test_names_that_are_no_text_survive(out: Path) -> None:
    """A name of raw bytes is kept, listed and told."""
    name = os.fsdecode(b"a\xff\x1b[31m")
    put(out, name)

    assert again(out) == ["a\\xff\\x1b[31m"]
    publish(out, with_evidence(go(), out), allure=False)

    assert (out / name).is_file()
    assert left_alone(out) == {name}
    assert survey(out).foreign == {name}
