"""Networks of one's own for the port tests: where the system forbids them, the tests say so and are skipped.

`.ci/run` sets STAGEHOLD_REQUIRE_ALL, which turns that into a failure.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from tests.ports.stage import ROOT, as_ourselves, as_root_of_our_own

_PATH = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"


def require_network(command: list[str], programs: tuple[str, ...]) -> None:
    """Skip where this system gives no network of one's own, or fail where that is asked for."""
    missing = [name for name in programs if shutil.which(name, path=_PATH) is None]
    problem = f"missing: {', '.join(missing)} (.ci/setup-tests installs them)" if missing else ""
    if not problem:
        trial = [*command, "sh", "-c", "ip link add name one type veth peer name two && nft add table inet trial"]
        done = subprocess.run(
            trial, env={**os.environ, "PATH": _PATH}, capture_output=True, text=True, timeout=30, check=False
        )
        problem = done.stderr.strip() if done.returncode else ""
    if problem:
        reason = f"this system gives no network of one's own: {problem}"
        if os.environ.get("STAGEHOLD_REQUIRE_ALL"):
            pytest.fail(reason)
        pytest.skip(reason)


def play_alone(command: list[str], module: str, arguments: tuple[str, ...], seconds: float) -> Any:
    """What a module prints as JSON, run by the command that makes the network."""
    done = subprocess.run(
        [*command, sys.executable, "-P", "-m", module, *arguments],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PATH": _PATH},
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout)


@pytest.fixture(scope="session")
def scene() -> Callable[..., Any]:
    """What the probe finds in a scene of a module below `tests.ports`, staged in a network of its own."""
    require_network(as_root_of_our_own(), ("unshare", "ip", "nft", "nmap"))

    def play(module: str, *arguments: str, seconds: float = 240) -> Any:
        return play_alone(as_root_of_our_own(), f"tests.ports.{module}", arguments, seconds)

    return play


@pytest.fixture(scope="session")
def scene_with_sshd() -> Callable[..., Any]:
    """The same for scenes with an sshd, which insists on being a user that the system knows."""
    require_network(as_ourselves(), ("unshare", "ip", "nft", "nmap", "ssh", "sshd", "ssh-keygen"))

    def play(module: str, *arguments: str, seconds: float = 240) -> Any:
        return play_alone(as_ourselves(), f"tests.ports.{module}", arguments, seconds)

    return play
