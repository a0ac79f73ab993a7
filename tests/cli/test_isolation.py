"""What surrounds the command `stagehold` can neither stand in for its code nor change its exit code."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

COMMAND = Path(sys.executable).parent / "stagehold"
ENDS_WITH_0 = "import os\nos._exit(0)\n"


def run(command: list[str], folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """`stagehold plan nowhere`, which must end with 2, in this folder."""
    return subprocess.run(
        [*command, "plan", "nowhere"],
        env=os.environ | variables,
        cwd=folder,
        input="",
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def on_the_path(name: str) -> Callable[[Path], dict[str, str]]:
    def plant(folder: Path) -> dict[str, str]:
        (folder / f"{name}.py").write_text(ENDS_WITH_0, encoding="utf-8")
        return {"PYTHONPATH": str(folder)}

    return plant


def in_the_user_site(folder: Path) -> dict[str, str]:
    site = folder / "lib" / f"python{sys.version_info.major}.{sys.version_info.minor}" / "site-packages"
    site.mkdir(parents=True)
    (site / "usercustomize.py").write_text(ENDS_WITH_0, encoding="utf-8")
    (site / "evil.pth").write_text("import os; os._exit(0)\n", encoding="utf-8")
    return {"PYTHONUSERBASE": str(folder)}


def at_start_up(folder: Path) -> dict[str, str]:
    (folder / "start.py").write_text(ENDS_WITH_0, encoding="utf-8")
    return {"PYTHONSTARTUP": str(folder / "start.py"), "PYTHONINSPECT": "1"}


SURROUNDINGS: dict[str, Callable[[Path], dict[str, str]]] = {
    "nothing": lambda _folder: {},
    **{name: on_the_path(name) for name in ("sitecustomize", "usercustomize", "stagehold", "argparse", "yaml", "rich")},
    "user site": in_the_user_site,
    "inspect": lambda _folder: {"PYTHONINSPECT": "1"},
    "start-up": at_start_up,
    "optimize": lambda _folder: {"PYTHONOPTIMIZE": "2"},
    "warnings": lambda _folder: {"PYTHONWARNINGS": "error"},
    "home": lambda folder: {"PYTHONHOME": str(folder)},
    "breakpoint": lambda _folder: {"PYTHONBREAKPOINT": "os._exit"},
    "shell": lambda folder: {"ENV": str(folder / "start.sh"), "BASH_ENV": str(folder / "start.sh")},
}


@pytest.mark.parametrize("name", SURROUNDINGS)
def test_the_command_does_not_listen_to_its_surroundings(tmp_path: Path, name: str) -> None:
    """Whatever is planted, a misspelt environment is exit 2 with its own words."""
    (tmp_path / "start.sh").write_text("exit 0\n", encoding="utf-8")

    done = run([str(COMMAND)], tmp_path, **SURROUNDINGS[name](tmp_path))

    assert done.returncode == 2, done.stderr
    assert "nowhere" in done.stderr


@pytest.mark.parametrize("name", ["stagehold", "yaml", "argparse", "sitecustomize"])
def test_modules_of_the_working_directory_are_not_ours(tmp_path: Path, name: str) -> None:
    """A folder that holds a file with the name of one of our modules changes nothing."""
    (tmp_path / f"{name}.py").write_text(ENDS_WITH_0, encoding="utf-8")

    assert run([str(COMMAND)], tmp_path).returncode == 2


def test_a_link_to_the_command_finds_its_python(tmp_path: Path) -> None:
    """As pipx and uv install it: the command is a link in a folder of the PATH."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "stagehold").symlink_to(COMMAND)

    done = run(["stagehold"], tmp_path, PATH=f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")

    assert done.returncode == 2
    assert "nowhere" in done.stderr


@pytest.mark.parametrize(
    ("variables", "planted"), [({"PYTHONINSPECT": "1"}, ""), ({"PYTHONPATH": "."}, "yaml"), ({}, "rich")]
)
def test_python_m_starts_itself_again_isolated(tmp_path: Path, variables: dict[str, str], planted: str) -> None:
    """`python -m stagehold` keeps as much out as can be kept out once Python runs."""
    if planted:
        (tmp_path / f"{planted}.py").write_text(ENDS_WITH_0, encoding="utf-8")

    done = run([sys.executable, "-m", "stagehold"], tmp_path, **variables)

    assert done.returncode == 2, done.stderr
    assert "nowhere" in done.stderr


@pytest.mark.parametrize("option", ["-O", "-OO"])
def test_python_without_assertions_is_refused(tmp_path: Path, option: str) -> None:
    """Exit 2, in words, for the command and for pytest alike."""
    done = run([sys.executable, option, "-m", "stagehold"], tmp_path)

    assert done.returncode == 2
    assert "takes assertions out of programs" in done.stderr

    pytest_run = subprocess.run(
        [sys.executable, option, "-m", "pytest", "-p", "stagehold.plugin", "--env", "demo", str(tmp_path)],
        capture_output=True, text=True, cwd=tmp_path, timeout=60, check=False,
    )  # fmt: skip

    assert pytest_run.returncode == 4
    assert "takes assertions out of programs" in pytest_run.stderr
