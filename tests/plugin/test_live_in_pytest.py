"""`pytest -p stagehold.plugin --env NAME`, for people who live in pytest, in a folder that is no checkout of ours."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from stagehold.shipped import shipped

DESCRIPTION = """
environment: {id: lived-in}
targets: [{name: web, base_url: "http://127.0.0.1:9", addresses: [127.0.0.1]}]
consent: {classes: [evidence]}
"""
ENV = ("-p", "stagehold.plugin", "--env", "env.yaml")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Somebody's project, with a test and a conftest.py of its own."""
    (tmp_path / "env.yaml").write_text(DESCRIPTION, encoding="utf-8")
    (tmp_path / "without_cache.ini").write_text("[pytest]\naddopts = -p no:cacheprovider\n", encoding="utf-8")
    (tmp_path / "test_theirs.py").write_text("def test_theirs(mine):\n    assert mine\n", encoding="utf-8")
    (tmp_path / "conftest.py").write_text(
        "import pytest\n\n\n@pytest.fixture\ndef mine():\n    return 1\n", encoding="utf-8"
    )
    return tmp_path


def run(folder: Path, *arguments: object) -> tuple[int, str]:
    """Pytest in that folder: its exit code and what it printed."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", *map(str, arguments)],
        cwd=folder, env=os.environ | {"COLUMNS": "200"}, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("loaded", [(), ("-p", "stagehold.plugin")])
def test_other_tests_are_left_alone(folder: Path, loaded: tuple[str, ...]) -> None:
    """Whether the plug-in is loaded or not, a project's own tests run as ever."""
    code, output = run(folder, *loaded)

    assert code == 0, output
    assert "1 passed" in output


def test_check_ids_and_suites_are_keywords(folder: Path) -> None:
    """`-k HDR-001` runs that check of all suites, from wherever one stands."""
    _, output = run(folder, *ENV, "-k", "HDR-001 or NET-003")

    assert "1 skipped" in output
    assert "1 error" in output
    assert "claim           HDR-001" in output


def test_a_suite_is_chosen_by_its_name_and_last_failures_run_alone(folder: Path) -> None:
    """`--suite headers`, and `--lf` afterwards."""
    _, everything = run(folder, *ENV, "--suite", "headers")
    _, again = run(folder, *ENV, "--suite", "headers", "--lf")

    assert "6 skipped, 1 error" in everything
    assert "6 deselected, 1 error" in again


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((*ENV, "--suite", "heders"), "there is no suite 'heders'; there are: access, auth"),
        (("-p", "stagehold.plugin", shipped("suites") / "headers"), "are checks, which need an environment"),
        ((*ENV, "--lf", "-c", "without_cache.ini"), "--lf needs pytest's cache"),
        (("-p", "stagehold.plugin", "--env", "nowhere"), "there is no environment 'nowhere'"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(folder: Path, arguments: tuple[object, ...], words: str) -> None:
    """No traceback, no list of tests, exit code 4."""
    code, output = run(folder, *arguments)

    assert code == 4, output
    assert words in output
    assert "Traceback" not in output
    assert len([line for line in output.splitlines() if line.strip()]) <= 3
