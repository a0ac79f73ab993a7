"""Imports the files of checks so that every assertion in them is written down (`assertion_book`) when it is executed.

pytest has a hook for assertions that hold, which describes each of them with the `repr` of all it names, and none for
those that fail and are caught. Here each costs a call. It covers all files that are not installed: checks, fixtures,
and the helpers of a company beside or below them. pytest's own rewriting is applied afterwards, so that failures
read as they always do, and nothing compiled that lies beside a file is used.
"""

from __future__ import annotations

import ast
import functools
import importlib.abc
import importlib.machinery
import importlib.util
import re
import site
import sys
import sysconfig
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType

import pytest
from _pytest.assertion.rewrite import rewrite_asserts

from stagehold.catalogue.lost_assertions import find_lost_assertions
from stagehold.plugin.assertion_book import BOOK, short
from stagehold.plugin.assertion_catchers import find_catchers
from stagehold.shipped import PACKAGE, repository

_BOOK = "@stagehold"
"""No identifier of Python, so that it meets no name of the file."""
_JUDGING = re.compile(r"assert(_|$|(?!Raises|Warns|Logs|NoLogs)[A-Z])|(not_)?to_(be|contain|equal|have|match|pass)")
_EXPECTING = re.compile(r"raises|warns|deprecated_call|assert(Raises|Warns|Logs|NoLogs)\w*")
_DECIDING = (ast.If, ast.Try, ast.For, ast.AsyncFor, ast.While, ast.Match)


class SuiteFinder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds and loads the modules of checks."""

    def __init__(self, config: pytest.Config, suites: Sequence[Path]) -> None:
        self._config = config
        self._suites = suites
        self._ours = functools.lru_cache(maxsize=None)(self._holds_checks)

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, _target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """A module in a folder of checks or of helpers; None for everything that is installed."""
        places = [place for place in (sys.path if path is None else path) if self._ours(place)]
        found = importlib.machinery.PathFinder.find_spec(fullname, places) if places else None
        if found is None or found.origin is None or not isinstance(found.loader, importlib.machinery.SourceFileLoader):
            return None
        return importlib.util.spec_from_file_location(
            fullname, found.origin, loader=self, submodule_search_locations=found.submodule_search_locations
        )

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:  # noqa: ARG002 - of the interface
        """As Python does."""
        return None

    def exec_module(self, module: ModuleType) -> None:
        """Run the file with its assertions written down.

        Raises:
            pytest.UsageError: an assertion in it can never fail.
        """
        file = str(module.__spec__.origin) if module.__spec__ else ""
        source = Path(file).read_bytes()
        tree = ast.parse(source, filename=file)
        if found := find_lost_assertions(tree, short(file)):
            raise pytest.UsageError("\n".join(map(str, found)))
        BOOK.catchers[file] = find_catchers(tree)
        rewrite_asserts(write_down(tree, file), source, file, self._config)
        exec(compile(tree, file, "exec", dont_inherit=True), module.__dict__)  # noqa: S102 - this is an import

    def _holds_checks(self, place: str) -> bool:
        try:
            folder = Path(place).resolve()
        except OSError:
            return False
        if any(folder.is_relative_to(suite) for suite in self._suites):
            return True
        return not any(folder.is_relative_to(installed) for installed in _installed())


def install(config: pytest.Config, suites: Sequence[Path]) -> None:
    """Have the files of checks loaded by this from now on; once for each pytest run."""
    if any(isinstance(finder, SuiteFinder) and finder._config is config for finder in sys.meta_path):  # noqa: SLF001
        return
    finder = SuiteFinder(config, suites)
    sys.meta_path.insert(0, finder)
    config.add_cleanup(lambda: sys.meta_path.remove(finder))


@functools.cache
def _installed() -> tuple[Path, ...]:
    """Where installed packages and stagehold itself are."""
    kinds = ("stdlib", "platstdlib", "purelib", "platlib")
    folders = [sysconfig.get_path(kind) for kind in kinds]
    folders += [f"{sys.base_prefix}/lib/python{sys.version_info[0]}.{sys.version_info[1]}", *site.getsitepackages()]
    folders += [site.getusersitepackages(), str(PACKAGE), *([str(PACKAGE.parent)] if repository() else [])]
    return tuple(Path(folder).resolve() for folder in folders)


def write_down(tree: ast.Module, file: str) -> ast.Module:
    """Tell the book of every assertion in the file."""
    _Writer(file).visit(tree)
    for position, statement in enumerate(tree.body):
        docstring = position == 0 and isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
        if not docstring and not (isinstance(statement, ast.ImportFrom) and statement.module == "__future__"):
            book = ast.Import([ast.alias("stagehold.plugin.assertion_book", _BOOK)])
            tree.body.insert(position, ast.copy_location(book, statement))
            break
    return ast.fix_missing_locations(tree)


class _Writer(ast.NodeTransformer):
    """Puts calls of the book around what judges."""

    def __init__(self, file: str) -> None:
        self._file = file
        self._deciding: int | None = None
        """The line of the statement that decides whether the failure below it is reached."""

    def visit_Assert(self, node: ast.Assert) -> ast.AST:
        """`assert`."""
        match node.test:
            case ast.Name():
                told = self._call("of_value", node, ast.Name(node.test.id, ast.Load()))
            case ast.Attribute(value=value, attr=name) if _plain(value):
                told = self._call("of_value", node, value, ast.Constant(name))
            case _:
                told = self._call("held", node)
        self.generic_visit(node)
        return self._around(node, [node], told)

    def visit_Raise(self, node: ast.Raise) -> ast.AST:
        """`raise AssertionError(…)`, whose condition is what is asserted."""
        raised = node.exc.func if isinstance(node.exc, ast.Call) else node.exc
        if isinstance(raised, ast.Name) and raised.id == "AssertionError":
            return self._around(node, [node], None, self._deciding)
        return node

    def visit_Expr(self, node: ast.Expr) -> ast.AST:
        """`pytest.fail(…)`, whose condition is what is asserted."""
        self.generic_visit(node)
        return self._around(node, [node], None, self._deciding) if _fails(node) else node

    def visit_Call(self, node: ast.Call) -> ast.AST:
        """What a library judges by: `assert_that(…)`, `expect(…).to_have_text(…)`."""
        self.generic_visit(node)
        name = _name(node.func)
        fluent = name in {"to", "not_to", "to_not"} and _root(node.func) == "expect"
        called = name in {"raises", "warns"} and len(node.args) > 1
        if fluent or called or _JUDGING.match(name):
            judge = self._book("counted", node, node.func, ast.Constant(self._file), ast.Constant(node.lineno))
            return ast.copy_location(ast.Call(judge, node.args, node.keywords), node)
        return node

    def visit_With(self, node: ast.With) -> ast.AST:
        """`with pytest.raises(…)`, `pytest.warns(…)` and unittest's."""
        return self._with(node)

    def visit_AsyncWith(self, node: ast.AsyncWith) -> ast.AST:
        """The same."""
        return self._with(node)

    def _with(self, node: ast.With | ast.AsyncWith) -> ast.AST:
        calls = [item.context_expr for item in node.items if isinstance(item.context_expr, ast.Call)]
        expects = any(_EXPECTING.fullmatch(_name(call.func)) for call in calls)
        self.generic_visit(node)
        return self._around(node, [node], self._call("held", node)) if expects else node

    def generic_visit(self, node: ast.AST) -> ast.AST:
        """Statements that decide whether a failure is reached are assertions when they do."""
        outer = self._deciding
        if isinstance(node, _DECIDING) and _decides(node):
            self._deciding = node.lineno
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            self._deciding = None
        super().generic_visit(node)
        self._deciding = outer
        return node

    def visit(self, node: ast.AST) -> ast.AST | list[ast.AST]:
        """A deciding statement is preceded by its note."""
        decides = isinstance(node, _DECIDING) and _decides(node)
        visited: ast.AST | list[ast.AST] = super().visit(node)
        if decides and isinstance(node, _DECIDING) and isinstance(visited, ast.AST):
            return [self._call("held", node), visited]
        return visited

    def _around(self, node: ast.stmt, body: list[ast.stmt], told: ast.stmt | None, line: int | None = None) -> ast.Try:
        fell = self._call("fell", node, line=line)
        handler = ast.ExceptHandler(None, None, [fell, ast.copy_location(ast.Raise(None, None), node)])
        new = ast.Try(body, [ast.copy_location(handler, node)], [told] if told else [], [])
        return ast.copy_location(new, node)

    def _call(self, what: str, node: ast.stmt, *more: ast.expr, line: int | None = None) -> ast.Expr:
        arguments = (ast.Constant(self._file), ast.Constant(line or node.lineno), *more)
        return ast.copy_location(ast.Expr(self._book(what, node, *arguments)), node)

    def _book(self, what: str, node: ast.AST, *arguments: ast.expr) -> ast.Call:
        book = ast.Attribute(ast.Name(_BOOK, ast.Load()), "BOOK", ast.Load())
        call = ast.copy_location(ast.Call(ast.Attribute(book, what, ast.Load()), list(arguments), []), node)
        return ast.fix_missing_locations(call)


def _decides(node: ast.stmt) -> bool:
    """Whether the statement itself, and none inside it, leads to a failure."""
    match node:
        case ast.If() | ast.Match():
            inner: list[ast.AST] = list(ast.iter_child_nodes(node))
        case ast.Try():
            inner = [*node.handlers, *node.orelse]
        case ast.For() | ast.AsyncFor() | ast.While():
            inner = list(node.orelse)
        case _:
            return False
    while inner:
        one = inner.pop()
        if isinstance(one, ast.Raise):
            raised = one.exc.func if isinstance(one.exc, ast.Call) else one.exc
            if isinstance(raised, ast.Name) and raised.id == "AssertionError":
                return True
        elif isinstance(one, ast.Expr) and _fails(one):
            return True
        if not isinstance(one, (*_DECIDING, ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)):
            inner += ast.iter_child_nodes(one)
    return False


def _fails(node: ast.Expr) -> bool:
    call = node.value
    return isinstance(call, ast.Call) and ast.unparse(call.func) in {"pytest.fail", "fail", "self.fail"}


def _plain(node: ast.expr) -> bool:
    """Whether reading it again does nothing."""
    return isinstance(node, ast.Name)


def _name(function: ast.expr) -> str:
    match function:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
    return ""


def _root(function: ast.expr) -> str:
    """The name that a chain of calls and attributes begins with."""
    node = function
    while isinstance(node, ast.Attribute | ast.Call):
        if isinstance(node, ast.Call) and _name(node.func) == "expect":
            return "expect"
        node = node.func if isinstance(node, ast.Call) else node.value
    return _name(node)
