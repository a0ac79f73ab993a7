"""What a plain YAML word stands for. What YAML 1.1 and 1.2 read differently is an error, never a guess."""

from __future__ import annotations

import math
import re
import unicodedata

INTEGER = re.compile(r"[-+]?(0|[1-9][0-9]*)\Z")
DECIMAL = re.compile(r"[-+]?[0-9]+\.[0-9]+([eE][-+][0-9]+)?\Z")
SEXAGESIMAL = re.compile(r"[-+]?[0-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)?\Z")
ODD_NUMBER = re.compile(
    r"[-+]?(0[0-9_]+|0[xX][0-9a-fA-F_]+|0[oO][0-7_]+|0[bB][01_]+|[0-9][0-9_]*_[0-9_]*"
    r"|[0-9]+[eE][-+]?[0-9]+|[0-9]+\.[0-9]*[eE][0-9]+|[0-9][0-9_]*\.[0-9_]*([eE][-+][0-9]+)?"
    r"|\.[0-9][0-9_]*([eE][-+]?[0-9]+)?)\Z"
)
NOT_A_NUMBER = re.compile(r"([-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN))\Z")
TRUTH = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
NULLS = frozenset({"", "~", "null", "Null", "NULL"})
OTHER_TRUTH = re.compile(r"(yes|no|on|off|y|n)\Z", re.IGNORECASE)
MAX_DIGITS = 18

Value = str | int | float | bool | None


def plain_value(raw: str) -> tuple[Value, str, str]:  # noqa: PLR0911 - one return for each kind of word
    """The value of an unquoted word, and, where it is ambiguous, what is wrong and what was expected."""
    if raw in NULLS:
        return None, "", ""
    if raw in TRUTH:
        return TRUTH[raw], "", ""
    if OTHER_TRUTH.match(raw):
        return raw, f"`{raw}` is a truth value for some readers and text for others", _either(raw)
    if INTEGER.match(raw):
        if len(raw) > MAX_DIGITS:
            return raw, f"a number of more than {MAX_DIGITS} digits", f'text in quotes: "{raw[:12]}..."'
        return int(raw), "", ""
    if DECIMAL.match(raw):
        number = float(raw)
        return (number, "", "") if math.isfinite(number) else (raw, "the number is out of range", "a number")
    if SEXAGESIMAL.match(raw):
        return raw, f"`{raw}` is a number to base 60 for some readers", f'text in quotes: "{raw}"'
    if ODD_NUMBER.match(raw):
        return (
            raw,
            f"`{raw}` is not the same number for every reader",
            f'a decimal number, or "{raw}" in quotes',
        )
    if NOT_A_NUMBER.match(raw):
        return raw, f"`{raw}` is not a number to measure with", "a number"
    return raw, "", ""


def text_problem(text: str) -> str:
    """What makes the text unusable: control characters and lone surrogates, which hide or break it."""
    for char in text:
        if char in "\n\t":
            continue
        if unicodedata.category(char) in {"Cc", "Cs"}:
            return f"holds the control character U+{ord(char):04X}"
    return ""


def _either(raw: str) -> str:
    truth = "true" if raw.lower() in {"yes", "on", "y"} else "false"
    return f'{truth}, or "{raw}" in quotes for the text'
