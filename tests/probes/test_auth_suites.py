"""The auth and access suites as lanes: checks, fixtures and outcomes together, against the small service."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from stagehold.context import save_context
from stagehold.environment.reader import read_environment
from stagehold.events import read_events
from stagehold.network.door import Network
from tests.probes.company_service import USERS, CompanyService, description

ROOT = Path(__file__).parents[2]
IDS = ("AUT-001", "AUT-007", "AUT-024", "ACC-001", "ACC-008", "ACC-010")
"""Those that the small service has faults for; the others are shown on twins."""


def outcomes(serve_pages: Callable[..., Any], folder: Path, *flags: str, **keys: Any) -> dict[str, set[str]]:
    """Outcomes of both suites by check id."""
    served = serve_pages(CompanyService(set(flags)).page)
    file = folder / "environment.yaml"
    described = description(f"http://127.0.0.1:{served.port}", **keys)
    # JSON is YAML; keys without a value are left out.
    file.write_text(json.dumps({key: value for key, value in described.items() if value}))
    for user, (password, *_) in USERS.items():
        (folder / user).write_text(password)
    loaded = read_environment(file)
    suites = {name: ROOT / "suites" / name for name in ("auth", "access")}
    save_context(
        folder,
        loaded=loaded,
        network=Network.build(loaded.environment),
        run_id="20261123T160000Z-3fa9",
        profile="smoke",
        suites=suites,
    )
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--stagehold-run", str(folder)]
    command += ["--stagehold-only", ",".join(IDS)]
    subprocess.run([*command, *map(str, suites.values())], cwd=ROOT, timeout=60, capture_output=True, check=False)
    found: dict[str, set[str]] = {}
    for case in read_events(folder).cases:
        found.setdefault(case.check, set()).add(case.outcome.value)
    return found


def test_clean_service_passes_every_check(serve_pages: Callable[..., Any], tmp_path: Path) -> None:
    """All six checks run and pass on a service without faults; a flow without sacrificial accounts is uncovered."""
    expected = {check: {"passed"} for check in IDS}

    assert outcomes(serve_pages, tmp_path) == expected | {"AUT-007": {"passed", "uncovered"}}


def test_faults_fail_their_checks_and_no_other(serve_pages: Callable[..., Any], tmp_path: Path) -> None:
    """A service with every fault fails every check about one; the login, which has none, passes."""
    faults = ("no-limiter", "logout-keeps", "open-operation", "leak-read", "leak-write")
    found = outcomes(serve_pages, tmp_path, *faults)

    expected = {check: {"passed" if check == "AUT-001" else "failed"} for check in IDS}

    assert found == expected | {"AUT-007": {"failed", "uncovered"}}


def test_missing_inputs_are_uncovered_and_never_passed(serve_pages: Callable[..., Any], tmp_path: Path) -> None:
    """Without inventory, lockout policy, objects and consent the checks say so."""
    found = outcomes(serve_pages, tmp_path, consent=("ordinary",), inventory=None, fixtures=[], policy=None)

    assert {check for check, seen in found.items() if seen == {"uncovered"}} == {
        "AUT-007", "ACC-001", "ACC-008", "ACC-010",
    }  # fmt: skip
