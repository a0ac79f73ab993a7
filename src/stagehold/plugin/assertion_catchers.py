"""What in a file may catch a failed assertion before a check hears of it, and whether that is polling.

A caught failure is fine where the code tries again until the same assertion holds. That is told by the shape of the
code: the loop around it is left as soon as the assertion holds. A loop that goes on to the next item is no polling.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
_LOOPS = (ast.For, ast.AsyncFor, ast.While)
_EVERYTHING = frozenset({"Exception", "BaseException"})
_EXPECTING = frozenset({"raises", "assertRaises", "assertRaisesRegex"})


class Fate(Enum):
    """What becomes of an assertion that fails in a place."""

    LOST = "lost"
    RETRIED = "retried"
    """Fine when the same assertion holds later."""
    JUDGED = "judged"
    """Another assertion says what else would be right."""


@dataclass(frozen=True)
class Catcher:
    """A statement that catches what is raised between two lines of one function."""

    function: int
    """The first line of the function it stands in, its decorators included."""
    first: int
    last: int
    names: frozenset[str]
    """What it catches; empty: everything."""
    fate: Fate

    def holds(self, function: int, line: int, kinds: frozenset[str]) -> bool:
        """Whether it catches one of these kinds of error that was raised there."""
        inside = self.function == function and self.first <= line <= self.last
        return inside and (not self.names or bool(self.names & kinds))


def find_catchers(tree: ast.Module) -> list[Catcher]:
    """All of a file, the innermost of nested ones first."""
    found = list(_below(tree, 0, ()))
    return sorted(found, key=lambda one: (-one.first, one.last))


def _below(node: ast.AST, function: int, around: tuple[ast.AST, ...]) -> Iterator[Catcher]:
    if isinstance(node, _FUNCTIONS):
        decorators = getattr(node, "decorator_list", [])
        function, around = min([node.lineno, *(one.lineno for one in decorators)]), ()
    match node:
        case ast.Try() | ast.TryStar():
            yield from _of_try(node, function, around)
        case ast.With() | ast.AsyncWith():
            yield from _of_with(node, function, around)
    for child in ast.iter_child_nodes(node):
        yield from _below(child, function, (*around, node))


def _of_try(node: ast.Try | ast.TryStar, function: int, around: tuple[ast.AST, ...]) -> Iterator[Catcher]:
    first, last = node.body[0].lineno, node.body[-1].end_lineno or node.body[-1].lineno
    for handler in node.handlers:
        if isinstance(handler.body[-1], ast.Raise):
            continue  # something else goes on to the check
        if any(isinstance(statement, ast.Assert) for statement in handler.body):
            fate = Fate.JUDGED
        elif _polls(node, [*node.body, *node.orelse], around, handler):
            fate = Fate.RETRIED
        else:
            fate = Fate.LOST
        yield Catcher(function, first, last, _names(handler.type), fate)
    if any(_leaves(statement) for statement in node.finalbody):
        yield Catcher(function, first, last, frozenset(), Fate.LOST)


def _of_with(node: ast.With | ast.AsyncWith, function: int, around: tuple[ast.AST, ...]) -> Iterator[Catcher]:
    first, last = node.body[0].lineno, node.body[-1].end_lineno or node.body[-1].lineno
    loop = _loop(around)
    for item in node.items:
        match item.context_expr:
            case ast.Call(func=func, args=arguments) if _last_name(func) == "suppress":
                fate = Fate.RETRIED if _polls(node, node.body, around, None) else Fate.LOST
                names = frozenset().union(*(_names(argument) for argument in arguments))
                yield Catcher(function, first, last, names, fate)
            case ast.Call(func=func, args=[expected, *_]) if _last_name(func) in _EXPECTING:
                # That something is raised is what was asserted, unless it is the failure of an assertion.
                names = _names(expected)
                failure = not names or names & {"AssertionError", *_EVERYTHING}
                yield Catcher(function, first, last, names, Fate.LOST if failure else Fate.JUDGED)
            case ast.Name(id=name) if isinstance(loop, ast.For) and name in _stored([loop.target]):
                # `for attempt in …: with attempt: …`, as retrying libraries have it
                yield Catcher(function, first, last, frozenset(), Fate.RETRIED)


def _polls(
    node: ast.AST, success: Sequence[ast.stmt], around: tuple[ast.AST, ...], handler: ast.ExceptHandler | None
) -> bool:
    loop = _loop(around)
    if loop is None:
        return False
    if any(_leaves(statement) for statement in success):
        return True
    if isinstance(loop, ast.While):
        asked = {name.id for name in ast.walk(loop.test) if isinstance(name, ast.Name)}
        if asked & _stored(success):
            return True
    again = handler is not None and any(isinstance(one, ast.Continue) for one in ast.walk(handler))
    if again and node in loop.body:
        return any(_leaves(statement) for statement in loop.body[loop.body.index(node) + 1 :])
    return False


def _loop(around: tuple[ast.AST, ...]) -> ast.For | ast.AsyncFor | ast.While | None:
    return next((one for one in reversed(around) if isinstance(one, _LOOPS)), None)


def _leaves(statement: ast.stmt) -> bool:
    """Whether the statement may end the loop around it, or the function."""
    waiting: list[tuple[ast.AST, bool]] = [(statement, True)]
    while waiting:
        node, ours = waiting.pop()
        if isinstance(node, ast.Return) or (isinstance(node, ast.Break) and ours):
            return True
        if not isinstance(node, (*_FUNCTIONS, ast.ClassDef)):
            waiting += [(child, ours and not isinstance(node, _LOOPS)) for child in ast.iter_child_nodes(node)]
    return False


def _stored(nodes: Sequence[ast.AST]) -> set[str]:
    return {
        name.id
        for node in nodes
        for name in ast.walk(node)
        if isinstance(name, ast.Name) and isinstance(name.ctx, ast.Store)
    }


def _names(caught: ast.expr | None) -> frozenset[str]:
    """The last parts of the names of what is caught; nothing: it could be anything."""
    if caught is None:
        return frozenset()
    parts = caught.elts if isinstance(caught, ast.Tuple) else [caught]
    names = [_last_name(part) for part in parts]
    return frozenset(names) if all(names) else frozenset()


def _last_name(node: ast.expr) -> str:
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            # `pytest.fail.Exception` is called Failed
            return {"Exception": "Failed"}.get(name, name) if isinstance(node, ast.Attribute) else name
    return ""
