"""A lane starts with what its checks need, and no more; a person waits for one collection."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from stagehold.catalogue.read import shipped_suites
from stagehold.context import save_context
from stagehold.environment.reader import read_environment
from stagehold.gate.collecting import collect
from stagehold.network.door import Network
from stagehold.plugin.needed import MODULES, fixtures_of, modules_for
from stagehold.surroundings import scrubbed_environment
from tests.plugin.conftest import ENVIRONMENT

Prepare = Callable[..., tuple[Path, dict[str, Path]]]
HEAVY = {"ports": {"playwright"}, "tls": {"playwright", "asyncssh"}, "headers": {"playwright", "asyncssh", "nassl"}}


@pytest.mark.parametrize("suite", list(shipped_suites()))
def test_every_fixture_of_a_suite_is_loaded(tmp_path: Path, suite: str) -> None:
    """Each shipped suite alone is collected with all the fixtures that its checks ask for."""
    description = tmp_path / "environment.yaml"
    description.write_text(ENVIRONMENT, encoding="utf-8")
    run = tmp_path / "run"
    run.mkdir()
    loaded = read_environment(description)
    suites = {suite: shipped_suites()[suite]}
    save_context(
        run, loaded=loaded, network=Network.build(loaded.environment), run_id="r", profile="release", suites=suites
    )

    assert {check.spec.suite for check in collect(run, suites, scrubbed_environment())} == {suite}


@pytest.mark.parametrize("suite", list(HEAVY))
def test_a_lane_imports_no_tool_of_another(suite: str) -> None:
    """The modules of a suite's fixtures load no browser, SSH or TLS library that its checks do not use."""
    names = [f"stagehold.plugin.{name}" for name in modules_for([shipped_suites()[suite]])]
    code = f"import importlib, json, sys\n[importlib.import_module(name) for name in {names!r}]\n"
    code += "print(json.dumps(sorted({name.split('.')[0] for name in sys.modules})))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)

    assert HEAVY[suite] & set(json.loads(done.stdout)) == set()


def test_own_suites_get_every_fixture(tmp_path: Path) -> None:
    """What a company's files ask for cannot be told from them alone."""
    assert modules_for([tmp_path]) == list(MODULES)
    assert modules_for([tmp_path, *shipped_suites().values()]) == list(MODULES)


def test_every_module_of_fixtures_is_known() -> None:
    """A new module beside the others is in the list, or its fixtures would never be there."""
    folder = Path(__file__).parents[2] / "src" / "stagehold" / "plugin"
    holding = {path.stem for path in folder.glob("*.py") if path.stem != "__init__" and fixtures_of(path.stem)}

    assert holding == {name for name in MODULES if fixtures_of(name)}


def test_a_person_waits_for_one_collection(tmp_path: Path) -> None:
    """`stagehold check` starts one process for a suite, which says what it collected and runs it."""
    description = tmp_path / "environment.yaml"
    description.write_text(ENVIRONMENT, encoding="utf-8")
    command = [sys.executable, "-m", "stagehold", "check", str(description), "HDR-001"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)

    (run,) = (tmp_path / "reports" / "checks").iterdir()
    assert done.returncode == 3, done.stdout + done.stderr
    assert "HDR-001" in done.stdout
    assert [path.name for path in (run / "lanes").iterdir()] == ["headers.log"]


def test_a_suite_that_cannot_be_collected_is_told(tmp_path: Path) -> None:
    """A person reads why nothing of it ran, and what another suite measured is kept."""
    own = tmp_path / "own"
    own.mkdir()
    source = (
        "from stagehold import check\n\n"
        '@check("OWN-001", severity="normal", proves=["declared-exposure"], remedy="Mend it.")\n'
        'def test_it(nowhere):\n    """Claims."""\n    assert nowhere\n'
    )
    (own / "test_own.py").write_text(source, encoding="utf-8")
    description = tmp_path / "environment.yaml"
    description.write_text(f"{ENVIRONMENT}suites: [own]\n", encoding="utf-8")
    command = [sys.executable, "-m", "stagehold", "check", str(description)]
    alone = subprocess.run(
        [*command, "OWN-001"], cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False
    )
    beside = subprocess.run(
        [*command, "OWN-001", "HDR-001"], cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False
    )

    assert (alone.returncode, beside.returncode) == (3, 3)
    assert "could not be collected" in alone.stderr
    assert "there is no fixture nowhere" in alone.stderr
    assert "there is no fixture nowhere" in beside.stdout
    assert "? HDR-001 inconclusive" in " ".join(beside.stdout.split())
