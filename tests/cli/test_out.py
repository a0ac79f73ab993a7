"""`--out DIR` from the command line: a misspelt name costs nobody a file, and no older GO survives it."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from stagehold.model import Decision
from tests.cli.conftest import Service
from tests.unit.reporting.samples import go, with_evidence

WORK = "years of work"


def stagehold(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "stagehold", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=cwd,
    )


@pytest.fixture
def earlier(tmp_path: Path) -> Path:
    """The folder of a GO."""
    from stagehold.gate.publish import publish  # noqa: PLC0415 - the gate belongs to processes of its own here

    folder = tmp_path / "gate-out"
    folder.mkdir()
    assert publish(folder, with_evidence(go(), folder), allure=False).decision is Decision.GO
    return folder


COMMANDS = {
    "run": ("run", "stagging"),
    "demo": ("demo", "--defect", "no-such-defect"),
}


@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
def test_somebodys_folder_and_a_misspelt_name(tmp_path: Path, command: tuple[str, ...]) -> None:
    """Another tool's verdict does not make a folder ours: refused with exit 2, and every byte stays."""
    theirs = tmp_path / "theirs"
    (theirs / "evidence").mkdir(parents=True)
    files = {"verdict.json": '{"decision": "GO"}', "thesis.txt": WORK, "evidence/a.txt": WORK}
    for name, text in files.items():
        (theirs / name).write_text(text, encoding="utf-8")

    done = stagehold(*command, "--out", str(theirs), cwd=tmp_path)

    assert done.returncode == 2
    assert "nothing in it was changed" in done.stderr
    assert {p.relative_to(theirs).as_posix(): p.read_text("utf-8") for p in theirs.rglob("*.*")} == files


@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
def test_an_older_go_and_a_misspelt_name(earlier: Path, tmp_path: Path, command: tuple[str, ...]) -> None:
    """The verdict blocks, evidence and a stranger's file stay."""
    (earlier / "thesis.txt").write_text(WORK, encoding="utf-8")
    evidence = sorted((earlier / "evidence").rglob("*"))

    done = stagehold(*command, "--out", str(earlier), cwd=tmp_path)

    assert done.returncode == 2
    assert json.loads((earlier / "verdict.json").read_bytes())["decision"] == "INCONCLUSIVE"
    assert sorted((earlier / "evidence").rglob("*")) == evidence
    assert (earlier / "thesis.txt").read_text("utf-8") == WORK


def test_the_same_out_again_and_again(earlier: Path, tmp_path: Path) -> None:
    """A misspelt name, once more, then a description that is read: the earlier run's files go, the stranger's stays."""
    (earlier / "thesis.txt").write_text(WORK, encoding="utf-8")
    for _ in range(2):
        assert stagehold("run", "stagging", "--out", str(earlier), cwd=tmp_path).returncode == 2
    description = tmp_path / "environment.yaml"
    description.write_text(
        "environment: {id: away}\n"
        "targets: [{name: web, base_url: 'https://a.invalid', addresses: ['127.0.0.1']}]\n"
        "release: {expected_digest: 'file:nowhere'}\n",
        encoding="utf-8",
    )

    done = stagehold("run", str(description), "--out", str(earlier), cwd=tmp_path)

    assert done.returncode == 2, done.stderr
    assert "left alone, because no run of stagehold wrote it: thesis.txt" in done.stdout
    assert not (earlier / "evidence").exists()
    assert (earlier / "thesis.txt").read_text("utf-8") == WORK
    listing = json.loads((earlier / "manifest.json").read_bytes())
    assert listing["left_alone"] == ["thesis.txt"]
    assert "earlier" not in listing


@pytest.mark.parametrize("out", [".", "..", "~", "/"])
def test_places_that_are_never_a_runs(tmp_path: Path, out: str) -> None:
    """The folder one works in, the one above, home and the root are refused for what they hold."""
    home = tmp_path / "home" / "work"
    home.mkdir(parents=True)
    (home / "thesis.txt").write_text(WORK, encoding="utf-8")

    done = stagehold("run", "stagging", "--out", str(tmp_path / "home") if out == "~" else out, cwd=home)

    assert done.returncode == 2
    assert "not empty" in done.stderr
    assert (home / "thesis.txt").read_text("utf-8") == WORK


def test_a_killed_run_does_not_stop_the_next_one(serve: Callable[..., Service], tmp_path: Path) -> None:
    """The same `--out` after a kill -9 in mid-run: GO, nobody cleans by hand, and nothing of the killed run is left."""
    description, out = serve().describe(), tmp_path / "gate-out"
    arguments = ("run", str(description), "--out", str(out))
    first = subprocess.Popen(
        [sys.executable, "-m", "stagehold", *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        cwd=tmp_path, start_new_session=True,
    )  # fmt: skip
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and not list(out.glob("evidence/*/*/*")):
        time.sleep(0.02)
    first.kill()
    first.wait()
    killed = json.loads((out / "verdict.json").read_bytes())["run"]["run_id"]

    for _ in range(100):
        done = stagehold(*arguments, cwd=tmp_path)
        if "another run is writing" not in done.stderr:
            break
        time.sleep(0.1)  # its lanes notice within a moment that it is gone

    assert done.returncode == 0, done.stdout + done.stderr
    assert killed not in (out / "events.jsonl").read_text("utf-8")
    assert "left alone" not in done.stdout
