"""Puts a note of the book (`assertion_book`) beside everything in a file that judges."""

from __future__ import annotations

import ast
import re

_BOOK = "@stagehold"
"""No identifier of Python, so that it meets no name of the file."""
_JUDGING = re.compile(
    r"assert(_(?!type|never)|$|(?!Raises|Warns|Logs|NoLogs)[A-Z])|(not_)?to_(be|contain|equal|have|match|pass)"
)
_EXPECTING = re.compile(r"raises|warns|deprecated_call|assert(Raises|Warns|Logs|NoLogs)\w*")
_DECIDING = (ast.If, ast.Try, ast.For, ast.AsyncFor, ast.While, ast.Match)


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
        told: list[ast.stmt] = [self._call("held", node)]
        for root, *names in _named(node.test):
            told.append(self._call("named", node, ast.Name(root, ast.Load()), *(ast.Constant(name) for name in names)))
        self.generic_visit(node)
        return self._around(node, [node], told)

    def visit_Raise(self, node: ast.Raise) -> ast.AST:
        """`raise AssertionError(…)`, whose condition is what is asserted."""
        raised = node.exc.func if isinstance(node.exc, ast.Call) else node.exc
        if isinstance(raised, ast.Name) and raised.id == "AssertionError":
            return self._around(node, [node], [], self._deciding)
        return node

    def visit_Expr(self, node: ast.Expr) -> ast.AST:
        """`pytest.fail(…)`, whose condition is what is asserted."""
        self.generic_visit(node)
        return self._around(node, [node], [], self._deciding) if _fails(node) else node

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
        return self._around(node, [node], [self._call("held", node)]) if expects else node

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

    def _around(self, node: ast.stmt, body: list[ast.stmt], told: list[ast.stmt], line: int | None = None) -> ast.Try:
        fell = self._call("fell", node, line=line)
        handler = ast.ExceptHandler(None, None, [fell, ast.copy_location(ast.Raise(None, None), node)])
        new = ast.Try(body, [ast.copy_location(handler, node)], told, [])
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


def _named(test: ast.expr) -> list[list[str]]:
    """The dotted names that an assertion takes for true, or compares with None only: they may be uncalled functions.

    Only names that were surely read when the assertion held; they are looked up again without running anything.
    """
    match test:
        case ast.BoolOp(op=ast.And(), values=values):
            return [name for value in values for name in _named(value)]
        case ast.BoolOp(op=ast.Or(), values=[first, *_]):
            return _named(first)
        case ast.Compare(left=left, ops=[ast.IsNot() | ast.NotEq()], comparators=[ast.Constant(value=None)]):
            return _named(left) if isinstance(left, ast.Attribute) else []
        case ast.Name(id=name):
            return [[name]]
        case ast.Attribute(value=value, attr=attribute):
            return (
                [[*names, attribute] for names in _named(value)] if isinstance(value, ast.Name | ast.Attribute) else []
            )
    return []


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
