"""What is secret in this run: passwords when they are read, tokens and cookies when a login gives them."""

from __future__ import annotations

import base64
import re
import threading
from collections.abc import Callable

from stagehold.redaction.forms import first_part_of, forms_of, is_token, why_not
from stagehold.redaction.matcher import Matcher
from stagehold.redaction.rewritings import SHORTEST_CUT, SHORTEST_PART, before_dots, is_cut
from stagehold.redaction.secret import Secret, reveal

_NAME = re.compile(r"[^A-Za-z0-9_.-]+")
_JWT = re.compile(r"eyJ[A-Za-z0-9_-]+\.([A-Za-z0-9_-]*)\.([A-Za-z0-9_-]*)\Z")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9-]* +(\S+)\Z")
_BASIC = ".basic"


class SecretRegistry:
    """Values with the names they are called by in reports; grows while a run goes on. Safe between threads."""

    def __init__(self) -> None:
        self._values: dict[str, str] = {}
        self._names: dict[bytes, str] = {}
        self._wholes: dict[bytes, bytes] = {}
        self._matcher = Matcher()
        self._lock = threading.Lock()
        self._handover: Callable[[str, str], None] | None = None

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        return f"SecretRegistry({len(self)} secrets)"

    def add(self, name: str, value: Secret | str) -> str:
        """Take a value out of everything from now on.

        Args:
            name: what stands in its place, such as `accounts.a_main.password`.
            value: the secret.

        Returns:
            Why this value cannot be recognised, in words, and "" when it can.

        Raises:
            OSError: the gate could not be told.
        """
        text, name = reveal(value), _NAME.sub("-", name)
        if text in self._values:
            return ""
        if problem := why_not(text):
            return problem
        self._learn(name, text)
        if self._handover is not None:
            self._handover(name, text)
        return ""

    def add_login(self, name: str, user: str, password: Secret | str) -> str:
        """Add a password, and what HTTP Basic makes of it with the user name (RFC 7617); returns as `add`."""
        pair = base64.b64encode(f"{user}:{reveal(password)}".encode()).decode()
        self.add(f"{name}{_BASIC}", pair)
        # A password that equals the user name cannot be hidden: the user name is shown on purpose.
        if reveal(password) == user:
            return "is the user name"
        return self.add(name, password)

    def add_token(self, name: str, value: Secret | str) -> str:
        """Add a cookie's or a header's value if it looks like a token; a scheme such as `Bearer` stays readable."""
        text = reveal(value)
        if scheme := _SCHEME.match(text):
            text = scheme[1]
        return self.add(name, text) if is_token(text) else "does not look like a token"

    def hand_over_to(self, gate: Callable[[str, str], None]) -> None:
        """Tell the gate every name and value from now on; it gets the value as it stands."""
        self._handover = gate

    def present(self, data: bytes) -> list[tuple[bytes, str]]:
        """The forms of secrets that the data hold, with their names; the longest first."""
        with self._lock:
            found = self._matcher.present(data)
            found += sorted(self._wholes.keys() & before_dots(data))
            return [(form, self._names[form]) for form in found if self._is_there(form, data)]

    def _is_there(self, form: bytes, data: bytes) -> bool:
        whole, at = self._wholes.get(form), data.find(form)
        while whole and at >= 0 and not is_cut(data, at, whole):
            at = data.find(form, at + 1)
        return at >= 0

    def whole(self, form: bytes) -> bytes:
        """The value of which a form is only the first part; empty when it stands for all of it."""
        return self._wholes.get(form, b"")

    def _learn(self, name: str, text: str) -> None:
        segments = _JWT.match(text)
        parts = [text, *((part for part in segments.groups() if is_token(part)) if segments else ())]
        with self._lock:
            self._values[text] = name
            for part in parts:
                whole = name.endswith(_BASIC)
                for form in forms_of(part):
                    self._names.setdefault(form, name)
                    self._matcher.add(form)
                # What HTTP Basic makes of a login begins with the user name, which is no secret.
                if (first := first_part_of(part)) and not whole and first not in self._names:
                    raw = part.encode("utf-8", "surrogatepass")
                    for begin in {first, first[:SHORTEST_CUT]}:
                        self._names.setdefault(begin, name)
                        self._wholes.setdefault(begin, raw)
                    if len(first) >= SHORTEST_PART:
                        self._matcher.add(first)


KNOWN = SecretRegistry()
"""What this process knows to be secret. One for the whole process, as there is one log: a probe that forgot to
pass it on would leak."""
