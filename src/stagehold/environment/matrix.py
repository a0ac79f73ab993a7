"""Which role may do what: `access_matrix`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from stagehold.environment.values import JsonPointer, OperationPattern, Text, UrlPath
from stagehold.model import Model


class MatrixRow(Model):
    """Operations with the same rights. A role that is not named is denied."""

    operations: tuple[OperationPattern, ...] = Field(min_length=1)
    """`METHOD /path/{id}` as in the inventory, or a pattern: `*` for any method, `*` for one part of a path, `**` for
    all that follows. An operation belongs to the row that names it, else to the one pattern that fits it."""
    allow: tuple[Text, ...] = ()
    """Roles that may."""
    filtered: tuple[Text, ...] = ()
    """Roles that may, and see only what is theirs: an empty list is an answer."""
    own: tuple[Text, ...] = ()
    """Roles that may with what is their own."""

    @model_validator(mode="after")
    def _each_role_once(self) -> MatrixRow:
        named = [*self.allow, *self.filtered, *self.own]
        if twice := next((role for role in named if named.count(role) > 1), None):
            raise ValueError(f"names the role `{twice}` twice")
        return self


class FoundObject(Model):
    """Something that is there already, for reading where no fixture can make one; it is never changed."""

    parameters: tuple[Text, ...] = Field(min_length=1)
    """Names of path parameters that take its id."""
    path: UrlPath
    """Where each person asks what is there for them, such as a list."""
    id: JsonPointer = "/0/id"
    """JSON pointer into that answer."""


class AccessMatrix(Model):
    """Roles and operations. Every private operation of the inventory needs a row, or it is not proven."""

    default: Literal["deny"] = "deny"
    """What holds for a role that a row does not name. There is no other default."""
    rows: tuple[MatrixRow, ...] = ()
    objects: tuple[FoundObject, ...] = ()
    file: Annotated[str, Field(min_length=1, description="a file with these keys, relative to this one")] | None = None
    """A file that holds the matrix instead."""

    @model_validator(mode="after")
    def _here_or_there(self) -> AccessMatrix:
        if bool(self.rows) == (self.file is not None):
            raise ValueError("needs either `rows` or `file`")
        return self

    @property
    def roles(self) -> tuple[str, ...]:
        """Every role that a row names, in their order."""
        named = [role for row in self.rows for role in (*row.allow, *row.filtered, *row.own)]
        return tuple(dict.fromkeys(named))
