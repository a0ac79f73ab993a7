"""What a target answers where certainly nothing is: shells of single-page applications, soft 404s."""

from __future__ import annotations

import secrets

from stagehold.environment.model import Target
from stagehold.probes.access.openapi import Operation
from stagehold.probes.access.operations import origin
from stagehold.probes.access.oracle import Answer
from stagehold.probes.login.driver import LoginDriver


class Nowhere:
    """Asks anonymously, once for each first part of a path."""

    def __init__(self, driver: LoginDriver, target: Target) -> None:
        self._driver = driver
        self._target = target
        self._known: dict[str, Answer] = {}

    def beside(self, operation: Operation) -> Answer:
        """What an address next to the operation's answers that does not exist (ProbeError as the client's)."""
        first = operation.path.strip("/").partition("/")[0]
        prefix = f"/{first}" if "/" in operation.path.strip("/") and "{" not in first else ""
        if prefix not in self._known:
            url = f"{origin(self._target)}{prefix}/stagehold-{secrets.token_hex(8)}"
            self._known[prefix] = Answer.of(self._driver.connect(self._target).request("GET", url))
        return self._known[prefix]
