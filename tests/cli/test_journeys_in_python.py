"""A company's own journeys, as the documentation shows them, on a service that is really there."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from stagehold.demo.up import Demo, demo

ROOT = Path(__file__).parents[2]
SHIPPED = ROOT / "environments" / "staging.example" / "journeys" / "test_vouchers.py"


@pytest.fixture(scope="module")
def service() -> Iterator[Demo]:
    """The demo service stands for the company's."""
    with demo() as up:
        description = up.environment_file.read_text(encoding="utf-8")
        up.environment_file.write_text(f"{description}\nsuites: [journeys]\n", encoding="utf-8")
        (up.folder / "journeys").mkdir()
        yield up


def check(service: Demo, source: str, tmp_path: Path, *more: str) -> tuple[int, str, Path]:
    """`stagehold check … JRN-001` as a person runs it, in a folder of its own; exit code, output, evidence folder."""
    # In the demo the two bookkeepers are called otherwise.
    source = source.replace('page_as("a_main")', 'page_as("a_acct_web")').replace(
        'api_as("a_acct")', 'api_as("a_main_api")'
    )
    (service.folder / "journeys" / "test_vouchers.py").write_text(source, encoding="utf-8")
    command = [sys.executable, "-m", "stagehold", "check", str(service.environment_file), "JRN-001", *more]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=180, check=False)
    folders = list((tmp_path / "reports" / "checks").iterdir())
    assert len(folders) == 1, done.stdout + done.stderr
    return done.returncode, done.stdout + done.stderr, folders[0] / "evidence" / "journeys" / "JRN-001"


@pytest.mark.slow
def test_the_documented_journey_works(service: Demo, tmp_path: Path) -> None:
    """The example that ships passes, and with --trace a Playwright trace without the password is kept."""
    code, output, evidence = check(service, SHIPPED.read_text(encoding="utf-8"), tmp_path, "--trace")

    assert code == 0, output
    assert [path.suffix for path in evidence.iterdir()] == [".zip"]


@pytest.mark.slow
def test_a_journey_without_its_result_fails_and_says_all(service: Demo, tmp_path: Path) -> None:
    """What is expected and observed, why it matters, the remedy, the reproduction and a screenshot are there."""
    source = SHIPPED.read_text(encoding="utf-8").replace('assert found == ["posted"]', 'assert found == ["approved"]')
    code, output, evidence = check(service, source, tmp_path)

    assert code == 1, output
    for words in (
        "expected",
        "observed",
        "why it matters",
        "remedy",
        "reproduce",
        "JRN-001 --trace",
        "money nobody accounts for",
    ):
        assert words in " ".join(output.split())
    pictures = list(evidence.glob("*.png"))
    assert len(pictures) == 1
    assert pictures[0].read_bytes().startswith(b"\x89PNG")


@pytest.mark.slow
def test_a_click_that_finds_nothing_is_inconclusive(service: Demo, tmp_path: Path) -> None:
    """A button that is not there could be the page or the network: it blocks, with a screenshot."""
    source = SHIPPED.read_text(encoding="utf-8").replace('name="Post voucher"', 'name="Post the voucher twice"')
    code, output, evidence = check(service, source, tmp_path)

    assert code == 3, output
    assert "Timeout" in output
    assert list(evidence.glob("*.png"))


def test_headed_without_a_display_is_refused(tmp_path: Path) -> None:
    """A browser that nobody could see is an error that says what to do instead, before anything is sent."""
    command = [sys.executable, "-m", "stagehold", "check", "demo", "FUN-002", "--headed"]
    variables = {name: value for name, value in os.environ.items() if not name.endswith("DISPLAY")}
    done = subprocess.run(command, cwd=tmp_path, env=variables, capture_output=True, text=True, timeout=60, check=False)

    assert done.returncode == 2
    assert "no display" in done.stderr
    assert "--trace" in done.stderr


@pytest.mark.slow
def test_pytest_shows_the_same_words(service: Demo, tmp_path: Path) -> None:
    """Who lives in pytest sees expected, observed, remedy and reproduction beside the traceback."""
    source = SHIPPED.read_text(encoding="utf-8").replace('assert found == ["posted"]', 'assert found == ["approved"]')
    check(service, source, tmp_path)
    command = [sys.executable, "-m", "pytest", "-p", "stagehold.plugin", str(service.folder / "journeys")]
    command += ["--env", str(service.environment_file), "--rootdir", str(service.folder), "-c", "/dev/null"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=180, check=False)

    assert done.returncode == 1, done.stdout + done.stderr
    for words in ("what this means", "why it matters", "reproduce", "the colleague's list holds the voucher 1 times"):
        assert words in done.stdout


def test_the_example_is_the_one_that_is_documented() -> None:
    """The page quotes the file that ships."""
    page = (ROOT / "docs" / "writing-a-journey.md").read_text(encoding="utf-8")
    shipped = SHIPPED.read_text(encoding="utf-8")
    quoted = page.split("```python\n")[1].split("```")[0]

    lines = [line.strip().removesuffix('"""') for line in quoted.splitlines()]
    assert [line for line in lines if line not in shipped and line != "..."] == []
    assert json.dumps("JRN-001") in shipped
