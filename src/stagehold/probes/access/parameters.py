"""Inputs of an operation outside of its body, and values for them that its description allows.

What the description itself says goes first: an example, a default, an enumeration, a bound. Text that nothing
limits takes the mark of an object that is there, so that a search finds something. What no value is known for
is said, never guessed past a pattern. Source: OpenAPI Specification 3.0.4 and 3.1.1, Parameter and Schema Object.
"""

from __future__ import annotations

import datetime as dt
import math
import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_NO_SUCH_NUMBER = 2_000_000_011
_NO_SUCH_UUID = str(uuid.UUID(int=0x5C0FFEE0_0000_4000_8000_00005C0FFEE0))
_NO_SUCH_TEXT = "stagehold-no-such-thing"
_FREE = {"", "text", "string", "search", "query"}
"""Values of `format` that limit nothing."""
_LONGEST = 200
_COMMON = ("1", "a", "A1", "en", "FI", "EUR", "en-US", "asc", "true")


@dataclass(frozen=True)
class Parameter:
    """One input of an operation outside of its body."""

    name: str
    place: str
    """`path`, `query`, `header` or `cookie`."""
    required: bool = True
    kind: str = "string"
    form: str = ""
    """The schema's `format`."""
    choices: tuple[Any, ...] = ()
    example: Any = None
    """What the description gives as an example or default."""
    declared: bool = False
    """The example is a value that the environment declares: it is sent whether required or not."""
    least: float | None = None
    most: float | None = None
    step: float | None = None
    shortest: int = 0
    longest: int | None = None
    pattern: str = ""

    def nothing(self) -> str:
        """A valid-looking value that belongs to no object, the same every time."""
        if self.choices:
            return str(self.choices[0])
        if self.kind in {"integer", "number"}:
            return str(_NO_SUCH_NUMBER)
        if self.form == "uuid":
            return _NO_SUCH_UUID
        if self.form in {"date", "date-time"}:
            return self.plausible() or _NO_SUCH_TEXT
        return _NO_SUCH_TEXT

    def plausible(self, text: str = "") -> str | None:
        """A value a reader might send; None where the description allows none that is known here.

        Args:
            text: preferred where any text will do.
        """
        declared = self.example if self.example is not None else next(iter(self.choices), None)
        if declared is not None:
            return as_text(declared)
        match self.kind:
            case "integer" | "number":
                return self._number()
            case "boolean":
                return "true"
            case "string":
                first = text if text and self.takes(text) else None
                return first or next((value for value in self._texts() if self.fits(value)), None)
            case _:
                return None

    def takes(self, text: str) -> bool:
        """Whether any text will do for it, this one for instance."""
        return self.example is None and self.free and self.fits(text)

    def fits(self, value: str) -> bool:
        """Whether length and pattern allow a text."""
        if len(value) < self.shortest or (self.longest is not None and len(value) > self.longest):
            return False
        try:
            return re.search(self.pattern, value) is not None
        except re.error:
            # Patterns are ECMA 262; what Python cannot read is not known to fit.
            return False

    @property
    def free(self) -> bool:
        """Whether it is text that people choose; an example or default does not make it less free."""
        return self.kind == "string" and self.form in _FREE and not self.choices

    def _number(self) -> str | None:
        step = self.step or (1 if self.kind == "integer" else 0)
        value = max(1.0, self.least if self.least is not None else 1.0)
        if self.most is not None and value > self.most:
            value = self.most
        if step:
            value = math.ceil(value / step) * step
            if self.most is not None and value > self.most:
                value = math.floor(self.most / step) * step
        if (self.least is not None and value < self.least) or not math.isfinite(value):
            return None
        return str(int(value)) if value == int(value) else str(value)

    def _texts(self) -> tuple[str, ...]:
        now = dt.datetime.now(dt.UTC)
        by_form = {
            "date": f"{now:%Y-%m-%d}",
            "date-time": f"{now:%Y-%m-%dT%H:%M:%SZ}",
            "time": f"{now:%H:%M:%SZ}",
            "uuid": _NO_SUCH_UUID,
            "email": "nobody@example.com",
            "uri": "https://example.com/",
            "ipv4": "192.0.2.1",
            "ipv6": "2001:db8::1",
        }
        if self.form in by_form:
            return (by_form[self.form],)
        dates = (f"{now:%Y}", f"{now:%Y-%m}", f"{now:%Y-%m-%d}", f"{now:%m}", f"{now:%Y%m}", f"{now:%Y%m%d}")
        padded = ("1" * self.shortest, "a" * self.shortest, "A" * self.shortest) if self.shortest <= _LONGEST else ()
        return (*_COMMON, *dates, *padded)


def parameter(item: Mapping[str, Any], schema: Mapping[str, Any]) -> Parameter:
    """From a Parameter Object and its schema, references followed. An array is asked for by one item."""
    items = schema.get("items")
    inner: Mapping[str, Any] = items if schema.get("type") == "array" and isinstance(items, Mapping) else schema
    kind = inner.get("type", "string")
    choices = (inner["const"],) if "const" in inner else tuple(inner.get("enum") or ())
    return Parameter(
        name=str(item["name"]),
        place=str(item["in"]),
        required=bool(item.get("required")) or item["in"] == "path",
        kind=str(next((k for k in kind if k != "null"), "string") if isinstance(kind, list) else kind),
        form=str(inner.get("format", "")),
        choices=tuple(choice for choice in choices if choice is not None),
        example=_example(item, schema, inner),
        least=_bound(inner, "minimum", "exclusiveMinimum", 1),
        most=_bound(inner, "maximum", "exclusiveMaximum", -1),
        step=_number_or_none(inner.get("multipleOf")),
        shortest=int(_number_or_none(inner.get("minLength")) or 0),
        longest=None if (most := _number_or_none(inner.get("maxLength"))) is None else int(most),
        pattern=str(inner.get("pattern", "")),
    )


def as_text(value: Any) -> str:
    """A value as a query holds it (RFC 3986 has text only): `true`, `1`, the first item of a list."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return as_text(value[0]) if value else ""
    return str(value)


def _example(item: Mapping[str, Any], *schemas: Mapping[str, Any]) -> Any:
    for source in (item, *schemas):
        if source.get("example") is not None:
            return source["example"]
        examples = source.get("examples")
        named = list(examples.values()) if isinstance(examples, Mapping) else examples
        for example in named if isinstance(named, list) else ():
            value = example.get("value") if isinstance(example, Mapping) else example
            if value is not None:
                return value
    return next((s["default"] for s in schemas if s.get("default") is not None), None)


def _bound(schema: Mapping[str, Any], name: str, exclusive: str, inwards: int) -> float | None:
    """The bound itself: `exclusiveMinimum` is a flag beside `minimum` in 3.0, a number in 3.1."""
    bound, beyond = _number_or_none(schema.get(name)), schema.get(exclusive)
    if beyond is True:
        return None if bound is None else bound + inwards
    if (other := _number_or_none(beyond)) is not None:
        pick = max if inwards > 0 else min
        return other + inwards if bound is None else pick(bound, other + inwards)
    return bound


def _number_or_none(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
