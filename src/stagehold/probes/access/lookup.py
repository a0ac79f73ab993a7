"""Identifiers of things that are there already, as each person finds them."""

from __future__ import annotations

from collections.abc import Iterable

from stagehold.environment.matrix import FoundObject
from stagehold.environment.model import Target
from stagehold.probes.access.oracle import Answer
from stagehold.probes.login.session import Session
from stagehold.probes.web.fill import point


def look_up(session: Session, items: Iterable[FoundObject], target: Target) -> tuple[dict[str, str], str]:
    """Names of parameters to the identifiers that this person finds; and why one was not found, else empty.

    Raises:
        ProbeError, NotAllowed: a list could not be asked for.
    """
    found: dict[str, str] = {}
    for item in items:
        listed = Answer.of(session.request("GET", item.path, target=target))
        value = point(listed.document(), item.id)
        if value is None:
            return found, f"{item.path} answers {session.account.alias} {listed.status} and nothing at {item.id}"
        found |= dict.fromkeys(item.parameters, str(value))
    return found, ""
