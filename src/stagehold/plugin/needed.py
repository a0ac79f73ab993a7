"""Which modules of fixtures a lane needs: a lane of ports loads no browser, and one check starts in a moment.

Told by the names in the source of its checks and of the fixtures these lead to, without importing anything.
"""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterable
from pathlib import Path

from stagehold.catalogue.read import shipped_suites
from stagehold.plugin.state import SIGNING_IN

_FOLDER = Path(__file__).parent
MODULES = (
    "core", "pace", "http", "auth", "access", "headers", "browser", "people", "functional", "tls", "ports", "ssh",
    "dns", "load",
)  # fmt: skip
"""Every module that holds fixtures."""


def modules_for(folders: Iterable[Path]) -> list[str]:
    """The modules whose fixtures the checks of these folders may ask for.

    A company's own files may ask for any, in ways that their source does not show.
    """
    chosen = list(folders)
    ours = set(shipped_suites().values())
    if not all(folder in ours for folder in chosen):
        return list(MODULES)
    wanted = _reached(set().union(*(_words(path) for folder in chosen for path in folder.rglob("*.py"))))
    return ["core", *(name for name in MODULES[1:] if wanted & set(fixtures_of(name)))]


def signs_in(folder: Path) -> bool:
    """Whether a check of this folder names a fixture, of ours or of its own, that leads to the secrets."""
    return bool(SIGNING_IN & _reached(set().union(*map(_words, folder.rglob("*.py")))))


def _reached(names: set[str]) -> set[str]:
    """These names, and those that fixtures called so ask for in turn."""
    known = {fixture: asked for name in MODULES for fixture, asked in fixtures_of(name).items()}
    reached, waiting = set(names), list(names)
    while waiting:
        new = known.get(waiting.pop(), frozenset()) - reached
        reached |= new
        waiting += new
    return reached


@functools.cache
def fixtures_of(module: str) -> dict[str, frozenset[str]]:
    """The fixtures of a module, each with the names that it asks for."""
    tree = ast.parse((_FOLDER / f"{module}.py").read_text(encoding="utf-8"))
    found = {}
    for node in tree.body:
        if not isinstance(node, ast.FunctionDef):
            continue
        for decorator in node.decorator_list:
            called = decorator.func if isinstance(decorator, ast.Call) else decorator
            if ast.unparse(called) == "pytest.fixture":
                named = [key.value for key in getattr(decorator, "keywords", []) if key.arg == "name"]
                name = named[0].value if named and isinstance(named[0], ast.Constant) else node.name
                found[str(name)] = frozenset(_asked(node))
    return found


def _asked(function: ast.FunctionDef) -> set[str]:
    # With the texts in it, as in `request.getfixturevalue("…")`.
    arguments = {argument.arg for argument in (*function.args.args, *function.args.kwonlyargs)}
    return arguments | _texts(function)


def _words(path: Path) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {node.arg for node in ast.walk(tree) if isinstance(node, ast.arg)} | _texts(tree)


def _texts(tree: ast.AST) -> set[str]:
    return {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)}
