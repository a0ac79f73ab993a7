"""Checks as they are written: every place where a file applies `check` to a function, executed or not.

Read from the source, because what is never executed leaves nothing to count: a file that nobody imports, the
branch that was not taken, a function inside a function that nobody calls.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from stagehold.catalogue.sources import Source

_OURS = {"stagehold", "stagehold.marker"}
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_ROUNDS = 20
"""Helpers of helpers of helpers; bounded."""
Trail = Sequence[tuple[str, int]]


@dataclass(frozen=True)
class Written:
    """One place where a check is made of a function."""

    source: Source
    first: int
    last: int
    """The lines of which one is executed when it is made."""
    name: str
    """The function's; empty where `check(…)` is called with it."""
    reason: str
    """Why pytest does not collect it, as far as the source shows it."""

    def executed(self, trails: Iterable[Trail]) -> bool:
        """Whether one of the trails leads through it."""
        return any(self.holds(trail) for trail in trails)

    def holds(self, trail: Trail) -> bool:
        """Whether the trail leads through it."""
        return any(file == str(self.source.path) and self.first <= line <= self.last for file, line in trail)


def written_checks(sources: Sequence[Source], trails: Sequence[Trail] = ()) -> list[Written]:
    """Every place; `trails` tell which decorators of unknown origin made checks."""
    names = _names(sources, {line for trail in trails for line in trail})
    return [written for source in sources for written in _of(source, names[source])]


def _of(source: Source, names: set[str]) -> Iterator[Written]:
    parents = {child: node for node in ast.walk(source.tree) for child in ast.iter_child_nodes(node)}
    for node in ast.walk(source.tree):
        if isinstance(node, _FUNCTIONS):
            if any(_mentions(one, names) for one in node.decorator_list):
                first = node.decorator_list[0].lineno
                last = max(first, node.lineno)
                yield Written(source, first, last, node.name, source.passed_by or _reason(node, parents))
        elif isinstance(node, ast.Call) and _applies(node, names) and not _in_helper(node, parents, names):
            yield Written(source, node.lineno, node.end_lineno or node.lineno, "", source.passed_by)


def _applies(node: ast.AST, names: set[str]) -> bool:
    """`check(…)(function)`, or a name that holds `check(…)` called with a function."""
    if not isinstance(node, ast.Call) or len(node.args) != 1 or node.keywords:
        return False
    match node.func:
        case ast.Call(func=function):
            return _mentions(function, names)
        case ast.Name() | ast.Attribute():
            return f"{ast.unparse(node.func)}()" in names
    return False


def _in_helper(node: ast.AST, parents: dict[ast.AST, ast.AST], names: set[str]) -> bool:
    """Whether a helper returns it: then who calls the helper writes the check."""
    while (node := parents.get(node, node)) in parents:
        if isinstance(node, ast.Lambda) or (isinstance(node, _FUNCTIONS) and node.name in names):
            return True
    return False


def _mentions(expression: ast.AST, names: set[str]) -> bool:
    for node in ast.walk(expression):
        if isinstance(node, ast.Name | ast.Attribute) and ast.unparse(node) in names:
            return True
        if isinstance(node, ast.Attribute) and f".{node.attr}" in names:
            return True
    return False


def _names(sources: Sequence[Source], executed: set[tuple[str, int]]) -> dict[Source, set[str]]:
    """What names `check`, or gives it when called, in each file.

    `.name` is a method that does, whatever its object; `name()` holds what `check(…)` gave.
    """
    names: dict[Source, set[str]] = {source: _imported(source.tree) for source in sources}
    for source in sources:
        names[source] |= _learned(source, names[source], executed)
    helpers: set[str] = set()
    for _ in range(_ROUNDS):
        before = len(helpers), sum(map(len, names.values()))
        for source in sources:
            _follow(source.tree, names[source], helpers)
        if before == (len(helpers), sum(map(len, names.values()))):
            break
    return names


def _imported(tree: ast.Module) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module in _OURS and not node.level:
            for alias in node.names:
                if alias.name in {"check", "*"}:
                    names.add("check" if alias.name == "*" else alias.asname or "check")
                elif alias.name == "marker":
                    names.add(f"{alias.asname or 'marker'}.check")
        elif isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name in _OURS or alias.name.startswith("stagehold."):
                    names |= {f"{alias.asname or alias.name}.check"}
                    if not alias.asname:
                        names |= {"stagehold.check", "stagehold.marker.check"}
    return names


def _learned(source: Source, names: set[str], executed: set[tuple[str, int]]) -> set[str]:
    """Decorators that come from elsewhere and were seen to make checks."""
    found: set[str] = set()
    for node in ast.walk(source.tree):
        if not isinstance(node, _FUNCTIONS) or any(_mentions(one, names) for one in node.decorator_list):
            continue
        for one in node.decorator_list:
            lines = range(one.lineno, (one.end_lineno or one.lineno) + 1)
            if any((str(source.path), line) in executed for line in lines):
                found.add(ast.unparse(one.func if isinstance(one, ast.Call) else one))
    return {name for name in found if not name.startswith("pytest.")}


def _follow(tree: ast.Module, names: set[str], helpers: set[str]) -> None:
    """Names that stand for `check` because something that mentions it was returned or kept under them."""
    kept: set[str] = set()
    for node in ast.walk(tree):
        match node:
            case ast.FunctionDef(name=name) if any(_gives(one, names) for one in ast.walk(node)):
                kept.add(name)
            case ast.ClassDef(body=body):
                methods = {one.name for one in body if isinstance(one, _FUNCTIONS)}
                kept |= {f".{name}" for name in methods & (names | kept)}
            case ast.Assign(targets=targets, value=value) if _mentions(value, names):
                kept |= _keepers([one for one in targets if isinstance(one, ast.Name | ast.Attribute)], value, names)
            case ast.AnnAssign(target=target, value=ast.expr() as value) if _mentions(value, names):
                kept |= _keepers([target], value, names)
            case ast.NamedExpr(target=target, value=value) if _mentions(value, names):
                kept |= _keepers([target], value, names)
            case ast.ImportFrom(names=aliases) | ast.Import(names=aliases):
                names |= {given for alias in aliases for given in _given(alias, helpers)}
    names |= kept
    helpers |= kept


def _given(alias: ast.alias, helpers: set[str]) -> set[str]:
    """What an import of something that is not ours may bring of helpers."""
    if alias.name == "*":
        return set(helpers)
    name = alias.asname or alias.name
    return {f"{name}.{helper}" for helper in helpers} | ({name} if alias.name in helpers else set())


def _gives(node: ast.AST, names: set[str]) -> bool:
    return isinstance(node, ast.Return) and node.value is not None and _mentions(node.value, names)


def _keepers(targets: Sequence[ast.expr], value: ast.expr, names: set[str]) -> set[str]:
    made = isinstance(value, ast.Call) and not _applies(value, names) and _mentions(value.func, names)
    return {f"{ast.unparse(target)}{call}" for target in targets for call in ("", *(["()"] if made else []))}


def _reason(function: ast.FunctionDef | ast.AsyncFunctionDef, parents: dict[ast.AST, ast.AST]) -> str:
    """What keeps pytest from a function, or what another definition of its name did to it."""
    if not function.name.startswith("test"):
        rest = re.sub(r"^_*(test_*)?", "", function.name, flags=re.IGNORECASE)
        return f"its name does not begin with test; rename {function.name} to test_{rest}"
    node: ast.AST = function
    while not isinstance(node := parents[node], ast.Module):
        if isinstance(node, (*_FUNCTIONS, ast.Lambda)):
            return "it lies in another function, which pytest does not look into; move it out"
        if isinstance(node, ast.ClassDef):
            if not node.name.startswith("Test"):
                return f"it lies in a class whose name does not begin with Test; rename {node.name} to Test{node.name}"
            made = next((one for one in node.body if getattr(one, "name", "") in {"__init__", "__new__"}), None)
            if made is not None:
                return f"the class {node.name} has a constructor, so pytest makes none; write a fixture instead"
    return _shadowed(function, parents)


def _shadowed(function: ast.FunctionDef | ast.AsyncFunctionDef, parents: dict[ast.AST, ast.AST]) -> str:
    scope = parents.get(function)
    while scope is not None and not isinstance(scope, (ast.Module, ast.ClassDef)):
        scope = parents.get(scope)
    for node in ast.walk(scope) if scope is not None else ():
        again = node is not function and isinstance(node, (*_FUNCTIONS, ast.ClassDef)) and node.name == function.name
        bound = isinstance(node, ast.Name) and node.id == function.name and not isinstance(node.ctx, ast.Load)
        imported = isinstance(node, ast.alias) and function.name in {node.asname, node.name}
        line = getattr(node, "lineno", 0)
        if (again or bound or imported) and line > function.lineno:
            return f"line {line} takes its name away; give one of them a name of its own"
    return ""
