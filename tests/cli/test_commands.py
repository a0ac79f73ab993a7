"""The command line as a newcomer meets it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Service, Stagehold

COMMANDS = ["run", "check", "plan", "list", "demo", "selftest", "doctor", "report"]


def test_no_command_shows_the_help_and_is_no_success(stagehold: Stagehold) -> None:
    """A pipeline that lost its arguments must not go on."""
    done = stagehold()

    assert done.code == 2
    assert all(command in done.output for command in COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself_with_examples(stagehold: Stagehold, command: str) -> None:
    """`--help` of each command ends with examples."""
    done = stagehold(command, "--help")

    assert done.code == 0
    assert f"stagehold {command}" in done.output.partition("examples:")[2]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nonsense"], "invalid choice"),
        (["run"], "ENV"),
        (["list", "TLS-01"], "Did you mean TLS-0"),
        (["list", "XYZ-999"], "no check"),
        (["demo", "--defect", "no-such-defect"], "no-such-defect"),
        (["selftest", "TLS-999"], "TLS-999"),
        (["plan", "no-such-environment"], "no-such-environment"),
        (["report", "no-such-run"], "no-such-run"),
    ],
)
def test_wrong_arguments_are_usage_errors(stagehold: Stagehold, arguments: list[str], words: str) -> None:
    """A typo is exit 2 with a sentence that names it; never a traceback."""
    done = stagehold(*arguments)

    assert done.code == 2, done.output
    assert words in done.output
    assert "Traceback" not in done.output


def test_catalogue_lists_every_check_once(stagehold: Stagehold) -> None:
    """`stagehold list` has one line per check; one check in full shows its remedy and its defect."""
    listing = stagehold("list")
    one = stagehold("list", "TLS-001")

    assert listing.output.count("TLS-001") >= 1
    assert one.code == 0
    for words in ("remedy", "tls-1.1-accepted", "blocker"):
        assert words in one.output


def test_defects_are_one_per_line_name_first(stagehold: Stagehold) -> None:
    """`stagehold list --defects` can be read by a script."""
    done = stagehold("list", "--defects")

    names = [line.split()[0] for line in done.output.splitlines()]
    assert done.code == 0
    assert len(names) == len(set(names)) > 10
    assert "database-exposed" in names


def test_plan_sends_nothing_and_names_what_stays_open(serve: object, stagehold: Stagehold) -> None:
    """The plan shows addresses, classes and uncovered promises."""
    service = serve()  # type: ignore[operator]
    assert isinstance(service, Service)

    done = stagehold("plan", service.describe(statement=False))

    assert done.code == 0, done.output
    for words in ("127.0.0.1", "S15", "S05", "hosts"):
        assert words in done.output


def test_check_runs_one_check_and_is_not_a_gate(serve: object, stagehold: Stagehold) -> None:
    """A person may run one check; it says that it is no gate and writes no verdict."""
    service = serve()  # type: ignore[operator]
    assert isinstance(service, Service)

    done = stagehold("check", service.describe(), "tls-001")

    assert done.code == 0, done.output
    assert "not a gate" in done.output
    assert not list((service.folder / "work").rglob("verdict.json"))


def test_doctor_is_complete_here(stagehold: Stagehold) -> None:
    """On a machine that was set up, every tool is there with its version."""
    done = stagehold("doctor")

    assert done.code == 0, done.output
    for tool in ("nmap", "chromium", "allure", "sslyze", "locust"):
        assert tool in done.output


def test_doctor_says_what_is_missing(stagehold: Stagehold, tmp_path: object) -> None:
    """Without nmap and Chromium it ends with 1 and the command that brings them."""
    done = stagehold("doctor", env={"PATH": str(tmp_path)})

    assert done.code == 1
    assert "nmap" in done.output
    assert "incomplete" in done.output


def test_an_output_without_our_signs_is_no_crash(stagehold: Stagehold) -> None:
    """A terminal that knows ASCII only gets replacements, not a traceback and its exit code."""
    done = stagehold("list", env={"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"})

    assert done.code == 0, done.output
    assert "TLS-001" in done.output
    assert "Traceback" not in done.output


def test_an_output_that_is_full_is_no_decision() -> None:
    """What cannot be told is exit 3, never the 1 of a refusal or the 0 of a GO."""
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [sys.executable, "-u", "-m", "stagehold", "list"], stdout=full, stderr=subprocess.PIPE, text=True,
            timeout=60, check=False,
        )  # fmt: skip

    assert done.returncode == 3, done.stderr
    assert "Traceback" not in done.stderr
