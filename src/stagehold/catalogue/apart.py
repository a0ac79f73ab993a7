"""The catalogue where a company's own files are part of it: read in a process of its own.

Importing a file may do anything, such as end the process with exit code 0, which would open the gate. The
process that decides therefore imports only what travels with stagehold.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from stagehold.catalogue.read import read_catalogue, shipped_suites
from stagehold.catalogue.shipped_list import require_checks
from stagehold.errors import ConfigError, RunError
from stagehold.gate.processes import how_it_ended
from stagehold.model import CheckSpec
from stagehold.surroundings import scrubbed_environment

_DEADLINE = 60.0


def catalogue_of(suites: Mapping[str, Path]) -> list[CheckSpec]:
    """Every check of the suites, sorted by suite and id (`read_catalogue`).

    Raises:
        ConfigError: as `read_catalogue`; also when a file ends the process that reads it, or takes too long, or
            when the shipped suites do not hold the checks that they were built with.
        RunError: something else killed that process.
    """
    ours = shipped_suites()
    specs = _specs(suites, ours)
    if ours.items() <= suites.items():
        require_checks(specs, ours)
    return specs


def _specs(suites: Mapping[str, Path], ours: Mapping[str, Path]) -> list[CheckSpec]:
    if all(ours.get(name) == folder for name, folder in suites.items()):
        return read_catalogue(suites)
    with tempfile.TemporaryDirectory(prefix="stagehold-catalogue-") as folder:
        answer = Path(folder) / "catalogue.json"
        command = [sys.executable, "-I", "-m", __name__, str(answer)]
        question = json.dumps({name: str(path) for name, path in suites.items()})
        try:
            done = subprocess.run(
                command,
                input=question,
                env=scrubbed_environment(),
                capture_output=True,
                text=True,
                errors="replace",
                timeout=_DEADLINE,
                check=False,
                start_new_session=True,
            )
            document = json.loads(answer.read_text(encoding="utf-8"))
            if "error" in document:
                raise ConfigError(document["error"], remedy=document["remedy"])
            return [CheckSpec.model_validate(entry) for entry in document["checks"]]
        except subprocess.TimeoutExpired as error:
            raise ConfigError(f"the checks could not be imported within {_DEADLINE:.0f} s") from error
        except (OSError, ValueError) as error:
            if done.returncode < 0:
                raise RunError(
                    f"the process that reads the checks {how_it_ended(done.returncode)}",
                    remedy="Was the machine short of memory? Run again.",
                ) from error
            last = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
            raise ConfigError(
                f"a file of `suites` ended the process that imported it (exit {done.returncode}): {last}",
                remedy="Files of checks must do nothing but define them when they are imported.",
            ) from error


def _main() -> None:
    suites = {name: Path(path) for name, path in json.load(sys.stdin).items()}
    document: dict[str, object]
    try:
        document = {"checks": [spec.model_dump(mode="json") for spec in read_catalogue(suites)]}
    except ConfigError as error:
        document = {"error": str(error), "remedy": error.remedy}
    Path(sys.argv[1]).write_text(json.dumps(document), encoding="utf-8")


if __name__ == "__main__":
    _main()
