"""Assertions that judge nothing as they are written, found in the source alone.

Read from the source and not from what an import warns of: a compiled file that lies beside it would hide the warning.
"""

from __future__ import annotations

import ast
import builtins
import functools
import re
from collections.abc import Iterator
from dataclasses import dataclass

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_SCOPES = (*_FUNCTIONS, ast.Lambda, ast.ClassDef)
_MATCHER = re.compile(r"assert(_|[A-Z])|(not_)?to_(be|contain|equal|have|match|pass)")
_LAZY = frozenset({"filter", "map", "zip"})
_BUILTIN_FUNCTIONS = frozenset(name for name in dir(builtins) if callable(getattr(builtins, name)))


@dataclass(frozen=True)
class Finding:
    """One place, and what is wrong there."""

    file: str
    line: int
    what: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.what}"


def find_lost_assertions(tree: ast.Module, file: str) -> list[Finding]:
    """What looks like an assertion in a file and can never fail, by line."""
    lazy = _lazy_functions(tree)
    found = [
        *_constant_assertions(tree, lazy),
        *_idle_statements(tree, lazy),
        *_functions_nobody_calls(tree),
        *_after_the_end(tree),
    ]
    return sorted((Finding(file, line, what) for line, what in set(found)), key=lambda one: (one.line, one.what))


@functools.lru_cache(maxsize=1)
def _nodes(tree: ast.Module) -> list[ast.AST]:
    """Every node of the file, walked once for all that look for something."""
    return list(ast.walk(tree))


def _constant_assertions(tree: ast.Module, lazy: dict[str, str]) -> Iterator[tuple[int, str]]:
    for node in _nodes(tree):
        if isinstance(node, ast.Assert) and (why := _always_true(node.test, lazy)):
            yield node.lineno, f"this assertion is always true: {why}"
        elif isinstance(node, ast.Assert) and isinstance(node.msg, ast.Compare):
            yield node.lineno, "what stands after the comma is the message and judges nothing; write `and`"
        elif isinstance(node, ast.Assert) and isinstance(node.test, ast.Compare) and _same_on_both_sides(node.test):
            yield node.lineno, "this assertion is always true: both sides are the same expression"


def _always_true(test: ast.expr, lazy: dict[str, str]) -> str:  # noqa: C901, PLR0911, PLR0912 - a table of expressions
    """Why an expression is true whatever was observed; nothing where it depends on something."""
    match test:
        case ast.Tuple(elts=elements) if _holds_something(elements):
            return "a tuple that is not empty; write the message after a comma, without parentheses"
        case ast.List(elts=elements) | ast.Set(elts=elements) if _holds_something(elements):
            return "a list or set that is not empty"
        case ast.Dict(keys=[_, *_] as keys) if any(key is not None for key in keys):
            return "a mapping that is not empty"
        case ast.Constant(value=value) if value:
            return f"the constant {value!r}"
        case ast.JoinedStr(values=values) if any(isinstance(one, ast.Constant) and one.value for one in values):
            return "a text that is not empty"
        case ast.Lambda():
            return "a function that is not called"
        case ast.GeneratorExp():
            return "a generator expression; put `all(…)` or `any(…)` around it"
        case ast.Name(id=name) if name in _BUILTIN_FUNCTIONS:
            return f"the function {name} is not called"
        case ast.Name(id=name) if name in lazy:
            return f"the function {name} is not called"
        case ast.Call(func=ast.Name(id=name)) if name in _LAZY:
            return f"{name}(…) is an object, whatever it would yield; put `all(…)` around it"
        case ast.Call(func=ast.Name(id=name)) if lazy.get(name):
            return f"{name}(…) is {lazy[name]}, whatever it would say"
        case ast.UnaryOp(op=ast.Not(), operand=operand) if _always_false(operand):
            return "`not` of something empty"
        case ast.BoolOp(op=ast.Or(), values=values):
            return next((why for value in values if (why := _always_true(value, lazy))), "")
        case ast.BoolOp(op=ast.And(), values=values):
            # A part that says nothing, beside one that does, was meant to say something.
            return next((why for value in values if (why := _always_true(value, lazy))), "")
        case ast.Compare(left=ast.Call(func=ast.Name(id="len")), ops=[ast.GtE()], comparators=[ast.Constant(value=0)]):
            return "a length is never less than 0"
        case ast.NamedExpr(value=value) | ast.Await(value=ast.Constant() as value):
            return _always_true(value, lazy)
        case ast.IfExp(body=body, orelse=otherwise):
            return _always_true(body, lazy) and _always_true(otherwise, lazy)
    return ""


def _holds_something(elements: list[ast.expr]) -> bool:
    return any(not isinstance(element, ast.Starred) for element in elements)


def _always_false(value: ast.expr) -> bool:
    match value:
        case ast.Constant(value=constant):
            return not constant
        case ast.List(elts=[]) | ast.Tuple(elts=[]) | ast.Dict(keys=[]):
            return True
        case ast.Call(func=ast.Name(id="set" | "dict" | "list" | "tuple"), args=[], keywords=[]):
            return True
    return False


def _same_on_both_sides(test: ast.Compare) -> bool:
    if len(test.ops) != 1 or not isinstance(test.ops[0], ast.Eq | ast.Is | ast.LtE | ast.GtE):
        return False
    if any(isinstance(node, ast.Call | ast.Await | ast.NamedExpr | ast.Yield) for node in ast.walk(test)):
        return False  # two calls may answer differently
    return ast.dump(test.left) == ast.dump(test.comparators[0])


def _lazy_functions(tree: ast.Module) -> dict[str, str]:
    """Every function of the file that is defined under one name only: what calling it gives without judging yet."""
    found: dict[str, str] = {}
    bound: dict[str, int] = {}
    for node in _nodes(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            bound[node.id] = bound.get(node.id, 0) + 1
        elif isinstance(node, ast.arg):
            bound[node.arg] = bound.get(node.arg, 0) + 1
        elif isinstance(node, ast.Import | ast.ImportFrom):
            for alias in node.names:
                name = (alias.asname or alias.name).split(".")[0]
                bound[name] = bound.get(name, 0) + 1
        elif isinstance(node, _FUNCTIONS):
            bound[node.name] = bound.get(node.name, 0) + 1
            # A decorator may make anything of it: a fixture, a context manager, a coroutine that is run.
            found[node.name] = "" if node.decorator_list else _laziness(node)
            if node.decorator_list:
                bound[node.name] += 1
    return {name: kind for name, kind in found.items() if bound[name] == 1}


def _laziness(function: ast.FunctionDef | ast.AsyncFunctionDef) -> str:
    yields = any(isinstance(node, ast.Yield | ast.YieldFrom) for node in _own_nodes(function))
    if isinstance(function, ast.AsyncFunctionDef):
        return "an asynchronous generator" if yields else "a coroutine that nobody awaits"
    return "a generator" if yields else ""


def _own_nodes(function: ast.AST) -> Iterator[ast.AST]:
    """The nodes of a function without those of functions in it."""
    waiting = list(ast.iter_child_nodes(function))
    while waiting:
        node = waiting.pop()
        yield node
        if not isinstance(node, _SCOPES):
            waiting += ast.iter_child_nodes(node)


def _idle_statements(tree: ast.Module, lazy: dict[str, str]) -> Iterator[tuple[int, str]]:  # noqa: C901 - a table
    playwright = _imported(tree, "expect", "playwright.")
    for node in _nodes(tree):
        if not isinstance(node, ast.Expr):
            continue
        match node.value:
            case ast.Compare() | ast.UnaryOp(op=ast.Not()):
                yield node.lineno, "this compares and does nothing with the answer; `assert` is missing before it"
            case ast.BoolOp(values=[*_, ast.Compare()]):
                yield node.lineno, "this compares and does nothing with the answer; `assert` is missing before it"
            case ast.GeneratorExp():
                yield node.lineno, "nothing consumes this generator expression, so nothing in it is executed"
            case ast.Call(func=ast.Name(id=name)) if name in _LAZY:
                yield node.lineno, f"nothing consumes {name}(…), so nothing in it is executed"
            case ast.Call(func=ast.Name(id=name)) if lazy.get(name):
                yield node.lineno, f"{name}(…) is {lazy[name]}: nothing in it is executed"
            case ast.Attribute(attr=name) if _MATCHER.match(name):
                yield node.lineno, f"{name} is not called"
            case ast.Call(func=ast.Name(id=name)) if name in playwright:
                yield node.lineno, "expect(…) alone judges nothing; say what is expected, such as `.to_be_visible()`"
            case ast.Call(func=ast.Attribute(attr="raises" | "warns", value=ast.Name(id="pytest")), args=[_]):
                yield node.lineno, "this expects nothing; write `with` before it"
            case ast.Call(func=ast.Name(id=name)) | ast.Name(id=name) if _is_error(name):
                yield node.lineno, f"{name} is made and thrown away; `raise` is missing before it"
            case ast.Name(id=name) if name in lazy and _asserts(tree, name):
                yield node.lineno, f"the function {name} is not called"


def _imported(tree: ast.Module, name: str, module: str = "") -> set[str]:
    """What the file calls something that it imports, from a module or as one."""
    found = set()
    for node in _nodes(tree):
        fits = isinstance(node, ast.Import) and not module
        if isinstance(node, ast.ImportFrom):
            fits = bool(module) and (node.module or "").startswith(module)
        if fits and isinstance(node, ast.Import | ast.ImportFrom):
            found |= {alias.asname or alias.name for alias in node.names if alias.name == name}
    return found


def _is_error(name: str) -> bool:
    kind = getattr(builtins, name, None)
    return isinstance(kind, type) and issubclass(kind, BaseException)


def _asserts(tree: ast.Module, name: str) -> bool:
    return any(
        isinstance(node, ast.Assert)
        for function in _nodes(tree)
        if isinstance(function, _FUNCTIONS) and function.name == name
        for node in ast.walk(function)
    )


def _functions_nobody_calls(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Functions with assertions inside another function that never mentions them."""
    for outer in _nodes(tree):
        if not isinstance(outer, _FUNCTIONS) or not any(isinstance(inner, _FUNCTIONS) for inner in _own_nodes(outer)):
            continue
        used = {n.id for n in ast.walk(outer) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)}
        hands_on = any(isinstance(n, ast.Name) and n.id in {"locals", "eval", "exec"} for n in ast.walk(outer))
        for inner in _own_nodes(outer):
            if not isinstance(inner, _FUNCTIONS) or inner.decorator_list or inner.name in used or hands_on:
                continue
            shared = any(isinstance(n, ast.Global | ast.Nonlocal) and inner.name in n.names for n in ast.walk(outer))
            if not shared and any(isinstance(node, ast.Assert) for node in ast.walk(inner)):
                yield inner.lineno, f"{inner.name} holds assertions and is never called"


def _after_the_end(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Assertions that would run when the process ends, where no check hears of them."""
    registers = _imported(tree, "register", "atexit") | {f"{name}.register" for name in _imported(tree, "atexit")}
    names: dict[str, int] = {}
    for node in _nodes(tree) if registers else ():
        if isinstance(node, ast.Call) and ast.unparse(node.func) in registers and node.args:
            for name in ast.walk(node.args[0]):
                if isinstance(name, ast.Name):
                    names[name.id] = node.lineno
        elif isinstance(node, _FUNCTIONS):
            for decorator in node.decorator_list:
                if ast.unparse(decorator) in registers:
                    names[node.name] = node.lineno
    for registered, line in names.items():
        if _asserts(tree, registered):
            yield line, f"the assertions of {registered} would run when the process ends, where no check hears of them"
