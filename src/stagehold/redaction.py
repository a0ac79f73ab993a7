"""Takes the environment's secrets out of whatever a run writes, whoever put them there.

Probes never record a secret on purpose; a traceback, a service that echoes what it was sent, or a company's
own check may. Session tokens are not known here: headers and fields that carry them are masked where
exchanges are recorded.
"""

from __future__ import annotations

import base64
import html
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from urllib.parse import quote, quote_plus

from stagehold.environment.model import Environment
from stagehold.environment.secrets import resolve
from stagehold.errors import ConfigError

MASK = "[redacted]"
SHORTEST = 6
"""Characters; replacing shorter values would garble everything and hide nothing that cannot be guessed."""


class Redactor:
    """Replaces known secrets, also where they are percent-, JSON-, HTML- or Basic-encoded."""

    def __init__(self, secrets: Iterable[tuple[str, str]]) -> None:
        """`secrets` are pairs of user name and password."""
        forms = {form for user, password in secrets if len(password) >= SHORTEST for form in _forms(user, password)}
        self._forms = sorted(forms, key=len, reverse=True)

    def text(self, text: str) -> str:
        """The text without secrets."""
        for form in self._forms:
            text = text.replace(form, MASK)
        return text

    def data(self, data: bytes) -> bytes:
        """The bytes without secrets."""
        for form in self._forms:
            data = data.replace(form.encode(), MASK.encode())
        return data

    def files(self, paths: Iterable[Path]) -> None:
        """Rewrite those files that hold a secret (OSError when that fails)."""
        for path in paths:
            before = path.read_bytes()
            if (after := self.data(before)) != before:
                path.write_bytes(after)


def redactor(environment: Environment, folder: Path) -> Redactor:
    """One for the passwords of an environment; what cannot be read now was not read by anybody."""
    found = []
    for account in environment.accounts:
        try:
            found.append((account.user, resolve(account.password_ref, folder)))
        except ConfigError:
            continue
    return Redactor(found)


def _forms(user: str, password: str) -> Iterator[str]:
    yield password
    yield quote(password, safe="")
    yield quote_plus(password)
    yield json.dumps(password)[1:-1]
    yield html.escape(password)
    yield base64.b64encode(f"{user}:{password}".encode()).decode()
