"""What a run must have results for: every check with every case, collected before any deselection."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from stagehold.catalogue.read import shipped_suites
from stagehold.errors import ConfigError, RunError
from stagehold.gate.processes import how_it_ended
from stagehold.model import CheckSpec, ExpectedCheck
from stagehold.redaction.redactor import REDACTOR

_COLLECT_DEADLINE = 60.0
_NOTHING_COLLECTED = 5
"""pytest's exit code; the empty list is then judged as such."""
_REFUSED = frozenset({2, 4})
"""pytest's exit codes for files that cannot be collected, and for what the plug-in refuses in them."""


def pytest_command(folders: Sequence[Path], run_folder: Path) -> list[str]:
    """The command of a lane: isolated Python, our configuration only, our plug-in only."""
    configuration = Path(__file__).parent.parent / "plugin" / "lane.ini"
    one = len(folders) == 1
    root = folders[0].parent if one else Path(os.path.commonpath(folders))
    # No conftest.py of the surroundings: what lies around a company's folder is not part of its checks.
    top = folders[0] if one else root
    return [
        sys.executable, "-I", "-m", "stagehold.plugin",
        "-c", str(configuration), f"--rootdir={root}", f"--confcutdir={top}", "--import-mode=importlib",
        "-p", "no:cacheprovider", "--stagehold-run", str(run_folder),
        "--tb=short", "-q", "--color=no", *map(str, folders),
    ]  # fmt: skip


def collect(
    run_folder: Path, suites: dict[str, Path], environment: dict[str, str], *, seconds: float = _COLLECT_DEADLINE
) -> list[ExpectedCheck]:
    """Every check with every case, as pytest collects them before any deselection.

    Raises:
        ConfigError: a suite cannot be collected, or collects nothing.
        RunError: pytest did not come to its end, or wrote no list; or the id of a case holds a secret.
    """
    ours = shipped_suites()
    shipped = {name: folder for name, folder in suites.items() if ours.get(name) == folder}
    # A company's conftest.py sees its own checks only, as it does in their lane.
    groups = [shipped, *({name: folder} for name, folder in suites.items() if name not in shipped)]
    expected = [check for group in groups if group for check in _collect(run_folder, group, environment, seconds)]
    silent = sorted(set(suites) - {check.spec.suite for check in expected})
    if silent:
        raise ConfigError(f"the suite {', '.join(silent)} collects nothing: nothing would be proven")
    # The process that collects knows no secrets, so it cannot see that one stands in an id.
    for check in expected:
        if any(REDACTOR.text(case) != case for case in check.cases):
            raise RunError(
                f"{check.spec.location}: the id of a case of {check.spec.id} holds a secret",
                remedy="It would stand in every name, file and history. Give the parameter an id of its own.",
            )
    return expected


def same_as_catalogue(expected: Sequence[ExpectedCheck], catalogue: Sequence[CheckSpec]) -> None:
    """Both ways of reading the checks must agree, so that nothing can hide one.

    Raises:
        ConfigError: naming the difference.
    """
    collected, known = {check.spec.id: check.spec for check in expected}, {spec.id: spec for spec in catalogue}
    if collected != known:
        ids = sorted(collected | known)
        difference = [name for name in ids if collected.get(name) != known.get(name)]
        places = ", ".join(f"{name} ({(known.get(name) or collected[name]).location})" for name in difference)
        raise ConfigError(
            f"pytest and the catalogue disagree about {places}",
            remedy="A conftest.py hides, adds or changes checks, or a file reads differently each time.",
        )


def _collect(
    run_folder: Path, suites: dict[str, Path], environment: dict[str, str], seconds: float
) -> list[ExpectedCheck]:
    seconds = min(_COLLECT_DEADLINE, max(1.0, seconds))
    destination = run_folder / "expected.json"
    destination.unlink(missing_ok=True)
    command = pytest_command(list(suites.values()), run_folder)
    command += ["--collect-only", "--stagehold-collect", str(destination)]
    try:
        done = subprocess.run(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=seconds,
            check=False,
            # A group of its own: when the gate is gone, it ends its group, which must not be the caller's.
            start_new_session=True,
        )
    except subprocess.TimeoutExpired as error:
        raise RunError(f"the suites could not be collected within {seconds:.0f} s") from error
    output = REDACTOR.text((done.stdout + done.stderr).strip())
    (run_folder / "lanes").mkdir(exist_ok=True)
    with (run_folder / "lanes" / "collect.log").open("a", encoding="utf-8") as log:
        log.write(f"{output}\n")
    if done.returncode not in {0, _NOTHING_COLLECTED} or not destination.is_file():
        tail = "\n".join(output.splitlines()[-15:])
        how = how_it_ended(done.returncode)
        kind = ConfigError if done.returncode in _REFUSED else RunError
        raise kind(f"the suites could not be collected: pytest {how} (see lanes/collect.log)\n{tail}".rstrip())
    try:
        return [ExpectedCheck.model_validate(entry) for entry in json.loads(destination.read_text("utf-8"))]
    except ValueError as error:
        raise RunError(f"the list of expected checks is unreadable: {error}") from error
    finally:
        destination.unlink()  # the record holds them from now on
