"""An installation that is not whole does not begin a run; a working copy may be worked on."""

from __future__ import annotations

import base64
import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import get_args

import pytest

from stagehold.catalogue.apart import catalogue_of
from stagehold.catalogue.read import all_suites, read_catalogue, shipped_suites
from stagehold.catalogue.shipped_list import NAME, read_list, require_checks, require_files, shipped_files, write_list
from stagehold.errors import ConfigError
from stagehold.model import CheckSpec
from stagehold.shipped import PACKAGE, Part, repository, shipped

Change = Callable[[Path], object]
PARTS: tuple[Part, ...] = get_args(Part)


@pytest.fixture(scope="module")
def specs() -> list[CheckSpec]:
    """The shipped checks."""
    return read_catalogue(shipped_suites())


def lay_out(package: Path, root: Path) -> Path:
    """A package with everything that belongs to it."""
    for part in PARTS:
        shutil.copytree(shipped(part), root / part, ignore=shutil.ignore_patterns("__pycache__"))
    (package / NAME).parent.mkdir(parents=True)
    shutil.copy(PACKAGE / NAME, package / NAME)
    return package


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """An installed package."""
    return lay_out(tmp_path / "site-packages" / "stagehold", tmp_path / "site-packages" / "stagehold" / "_shipped")


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A package of a working copy."""
    (tmp_path / "pyproject.toml").touch()
    return lay_out(tmp_path / "src" / "stagehold", tmp_path)


def only_headers(shipped_: Path) -> None:
    """The finding: of all suites one is left."""
    for folder in (shipped_ / "suites").iterdir():
        if folder.name != "headers":
            shutil.rmtree(folder)


def write(name: str, text: str = "\n") -> Change:
    """Writes a file."""

    def change(shipped_: Path) -> None:
        (shipped_ / name).parent.mkdir(parents=True, exist_ok=True)
        (shipped_ / name).write_text(text, encoding="utf-8")

    return change


def remove(name: str) -> Change:
    """Removes a file or a folder."""

    def change(shipped_: Path) -> None:
        path = shipped_ / name
        shutil.rmtree(path) if path.is_dir() else path.unlink()

    return change


def empty(name: str) -> Change:
    """Empties a folder."""

    def change(shipped_: Path) -> None:
        shutil.rmtree(shipped_ / name)
        (shipped_ / name).mkdir()

    return change


TAMPERED: dict[str, tuple[Change, str]] = {
    "only one suite is left": (only_headers, "ACC-001"),
    "a suite is missing": (remove("suites/tls"), "TLS-001"),
    "a suite is empty": (empty("suites/tls"), "TLS-001"),
    "all suites are missing": (remove("suites"), "ACC-001"),
    "a file of a suite is missing": (remove("suites/tls/test_protocols.py"), "suites/tls/test_protocols.py"),
    "a file of a suite is empty": (write("suites/tls/test_protocols.py", ""), "changed: suites/tls/test_protocols.py"),
    "another file in a suite": (write("suites/tls/test_more.py"), "added: suites/tls/test_more.py"),
    "a conftest.py": (write("suites/conftest.py"), "added: suites/conftest.py"),
    "a hidden file": (write("suites/tls/.x"), "added: suites/tls/.x"),
    "another suite": (write("suites/mine/test_mine.py"), "added: suites/mine/test_mine.py"),
    "a link": (lambda root: (root / "suites" / "mine").symlink_to(root), "added: suites/mine"),
    "no load engine": (remove("load"), "load/locustfile.py"),
    "another load engine": (write("load/locustfile.py"), "changed: load/locustfile.py"),
    "a module beside the load engine": (write("load/requests.py"), "added: load/requests.py"),
    "no statement": (remove("environments/statement.yaml"), "environments/statement.yaml"),
    "another statement": (write("environments/statement.yaml"), "changed: environments/statement.yaml"),
    "another TLS profile": (write("environments/tls-profiles/modern.yaml"), "tls-profiles/modern.yaml"),
    "no template": (remove("reports/templates/decision/banner.j2"), "reports/templates/decision/banner.j2"),
    "another template": (write("reports/templates/decision.html.j2"), "reports/templates/decision.html.j2"),
    "no list": (remove(f"../{NAME}"), "missing or damaged"),
    "half a list": (
        lambda root: (root.parent / NAME).write_text((root.parent / NAME).read_text("utf-8")[:900], "utf-8"),
        "missing or damaged",
    ),
    "an empty list": (write(f"../{NAME}", '{"checks": {}, "files": {}}'), "empty"),
    "a list of another kind": (write(f"../{NAME}", "[]"), "damaged"),
    "a list of numbers": (write(f"../{NAME}", '{"checks": {"A": 1}, "files": {"a": 1}}'), "damaged"),
}


def test_what_was_built_is_accepted(installed: Path) -> None:
    """The list holds for a whole installation, compiled files in it or not."""
    require_files(installed)

    write("suites/tls/__pycache__/test_protocols.cpython-312.pyc")(installed / "_shipped")
    write("load/__pycache__/plan.cpython-312.pyc")(installed / "_shipped")
    require_files(installed)


@pytest.mark.parametrize(("change", "words"), TAMPERED.values(), ids=list(TAMPERED))
def test_an_installation_that_is_not_what_was_built_is_refused(installed: Path, change: Change, words: str) -> None:
    """Whatever is missing, changed or added is named before anything is sent, with what to do."""
    change(installed / "_shipped")

    with pytest.raises(ConfigError) as caught:
        require_files(installed)

    assert words in str(caught.value)
    assert caught.value.remedy == "Install stagehold again."


@pytest.mark.parametrize("content", ["x = 2\n", "", None], ids=["changed", "emptied", "removed"])
def test_a_library_that_is_not_what_was_installed_is_refused(installed: Path, content: str | None) -> None:
    """What the installer recorded of each file holds."""
    module = installed / "verdict.py"
    module.write_text("x = 1\n", encoding="utf-8")
    folder = installed.parent / "stagehold-0.1.0.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: stagehold\nVersion: 0.1.0\n", encoding="utf-8")
    told = base64.urlsafe_b64encode(hashlib.sha256(module.read_bytes()).digest()).decode().rstrip("=")
    (folder / "RECORD").write_text(f"stagehold/verdict.py,sha256={told},6\n", encoding="utf-8")
    require_files(installed)

    module.unlink() if content is None else module.write_text(content, encoding="utf-8")
    with pytest.raises(ConfigError, match=r"changed: verdict\.py"):
        require_files(installed)


def test_long_lists_are_shortened(installed: Path) -> None:
    """What is missing is readable, and says how much of it there is."""
    only_headers(installed / "_shipped")

    with pytest.raises(ConfigError, match=r"checks that are missing with them: ACC-001, .* and \d+ more"):
        require_files(installed)


@pytest.mark.parametrize(
    "change",
    [write("suites/tls/test_more.py"), write("suites/tls/test_protocols.py"), write("load/plan.py"),
     write("load/more.py"), write("reports/templates/decision.css"), remove("suites/tls/test_protocols.py")],
)  # fmt: skip
def test_a_working_copy_may_be_worked_on(copy: Path, change: Change) -> None:
    """Who edits, moves or adds a file of checks is not stopped by its digest; which checks there are is compared."""
    change(copy.parents[1])

    require_files(copy)


@pytest.mark.parametrize("name", ["load", "load/plan.py", "environments/statement.yaml", f"src/stagehold/{NAME}"])
def test_a_working_copy_without_its_parts_is_refused(copy: Path, name: str) -> None:
    """What a run cannot do without must be there."""
    remove(name)(copy.parents[1])

    with pytest.raises(ConfigError):
        require_files(copy)


def test_the_checks_are_those_of_the_list(specs: list[CheckSpec]) -> None:
    """A check that is missing, added or renamed is named, in a working copy, too."""
    suites = shipped_suites()
    require_checks(specs, suites)
    require_checks([*specs, specs[0].model_copy(update={"id": "OWN-001", "suite": "own"})], suites)

    with pytest.raises(ConfigError, match=f"missing checks: {specs[0].id}$"):
        require_checks(specs[1:], suites)
    with pytest.raises(ConfigError, match=r"missing checks: .* and \d+ more"):
        require_checks([spec for spec in specs if spec.suite == "headers"], {"headers"})
    with pytest.raises(ConfigError, match="added checks: TLS-999") as caught:
        require_checks([*specs, specs[-1].model_copy(update={"id": "TLS-999"})], suites)
    assert ("make docs" in caught.value.remedy) is (repository() is not None)


def test_every_run_compares(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What `run`, `check` and `plan` read the suites with looks at the list; own suites alone are read without it."""

    def refuse(*_: object) -> None:
        raise ConfigError("compared")

    suites = all_suites(tmp_path, [])
    monkeypatch.setattr("stagehold.catalogue.read.require_files", refuse)
    monkeypatch.setattr("stagehold.catalogue.apart.require_checks", refuse)
    with pytest.raises(ConfigError, match="compared"):
        all_suites(tmp_path, [])
    with pytest.raises(ConfigError, match="compared"):
        catalogue_of(suites)
    assert catalogue_of({"headers": suites["headers"]})


def test_the_list_is_current(specs: list[CheckSpec]) -> None:
    """The list is what `make docs` writes."""
    assert (PACKAGE / NAME).read_text(encoding="utf-8") == write_list(specs)
    assert read_list().files == shipped_files()
