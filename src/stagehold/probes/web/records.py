"""Reads the records of `evidence.environment`: what the environment says that it works with."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import requests

from stagehold.environment.evidence import EnvironmentRecord
from stagehold.environment.fingerprints import KINDS
from stagehold.environment.model import Environment, Target
from stagehold.environment.placeholders import person_values
from stagehold.errors import ProbeError
from stagehold.network.door import Network
from stagehold.probes.access.oracle import Answer, interference
from stagehold.probes.login.driver import Sessions
from stagehold.probes.web.client import HttpClient
from stagehold.probes.web.fill import fill_path, point

MAX_BYTES = 4 << 20
SKEW = 120.0
"""Seconds that two clocks may differ."""


@dataclass(frozen=True)
class Told:
    """One value of a record."""

    kind: str
    """A field of `EnvironmentRecord`."""
    value: str
    source: str
    """Where it was read, the pointer included."""


def read_records(
    environment: Environment,
    folder: Path,
    network: Network,
    connect: Callable[..., HttpClient],
    sessions: Sessions,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> tuple[Told, ...]:
    """Everything that the declared records tell. An operation is asked at every pinned address of its target.

    Args:
        environment: whose records.
        folder: what files are relative to.
        network: knows the addresses of targets.
        connect: a clean client for a target, at `address=`.
        sessions: gives the logins, for records that an account asks for.
        now: the clock that ages are told by.

    Raises:
        ProbeError: a record cannot be had, is no JSON, too old or from the future, or a pointer leads nowhere.
    """
    found: list[Told] = []
    for record in environment.evidence.environment:
        if record.file is not None:
            sources = [(f"the record {record.file}", _file(folder / record.file, record.file))]
        else:
            target = environment.target(str(record.target))
            sources = list(_answers(record, target, network.addresses(target.host), connect, sessions))
        for source, document in sources:
            _require_fresh(record, document, source, now())
            for kind in KINDS:
                for pointer in getattr(record, kind):
                    where = f"{source}, {pointer or 'the whole of it'}"
                    found += [Told(kind, value, where) for value in _texts(document, pointer, where)]
    return tuple(found)


def _file(path: Path, name: str) -> Any:
    try:
        with path.open("rb") as stream:
            data = stream.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) and error.strerror else "not a usable path"
        raise ProbeError(
            f"the record {name} cannot be read: {why}", remedy=f"The deployment writes it; it is looked for at {path}."
        ) from error
    if len(data) > MAX_BYTES:
        raise ProbeError(f"the record {name} is larger than {MAX_BYTES >> 20} MiB")
    try:
        return json.loads(data)
    except (ValueError, RecursionError) as error:
        raise ProbeError(f"the record {name} is no JSON") from error


def _answers(
    record: EnvironmentRecord,
    target: Target,
    nodes: tuple[str, ...],
    connect: Callable[..., HttpClient],
    sessions: Sessions,
) -> Iterator[tuple[str, Any]]:
    session = sessions.alive(record.account) if record.account is not None else None
    path = fill_path(str(record.path), person_values(session.account) if session is not None else {})
    for node in nodes:
        source = f"{record.path} of target {target.name} at {node}"
        client = connect(target, address=node)
        headers = {"Accept": "application/json"}
        if session is not None:
            client.session.cookies = session.client.session.cookies
            headers |= {item.name: item.value for item in session.credentials() if item.kind == "header"}
        try:
            yield source, _document(client.request("GET", path, headers=headers), source)
        finally:
            client.close()


def _document(response: requests.Response, source: str) -> Any:
    if blocked := interference(Answer.of(response)):
        raise ProbeError(f"{source} cannot be had: {blocked}")
    if response.status_code != requests.codes.ok:
        raise ProbeError(
            f"{source} answered {response.status_code}, so the record cannot be read",
            remedy="Give the record an `account` that may ask for it.",
        )
    try:
        return response.json()
    except (ValueError, RecursionError) as error:
        raise ProbeError(f"{source} is no JSON") from error


def _require_fresh(record: EnvironmentRecord, document: Any, source: str, now: datetime) -> None:
    if record.time is None:
        return
    told = point(document, record.time)
    try:
        made = datetime.fromisoformat(told) if isinstance(told, str) else None
    except ValueError:
        made = None
    if made is None or made.tzinfo is None:
        raise ProbeError(f"{source}: {record.time} holds no moment with its time zone (RFC 3339)")
    age = (now - made).total_seconds()
    if age > record.max_age:
        raise ProbeError(f"{source} is {age:.0f} s old, more than {record.max_age} s, so it says nothing any more")
    if age < -SKEW:
        raise ProbeError(f"{source} is from the future, by {-age:.0f} s, so its age cannot be told")


def _texts(document: Any, pointer: str, where: str) -> list[str]:
    """The texts there; identifiers that are written as numbers count."""
    value = point(document, pointer)
    items = value if isinstance(value, list) else [value]
    found = [str(item).strip() for item in items if isinstance(item, str | int) and not isinstance(item, bool)]
    if not found or len(found) < len(items) or not all(found):
        raise ProbeError(f"{where} leads to no text and no list of texts")
    return found
