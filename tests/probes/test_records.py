"""What an environment tells about itself: from an operation at every address, or from a file that is fresh."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from stagehold.environment.evidence import EnvironmentRecord
from stagehold.environment.model import Environment, Target
from stagehold.errors import ProbeError
from stagehold.network.door import Network
from stagehold.probes.login.driver import LoginDriver, Sessions
from stagehold.probes.web.client import HttpClient
from stagehold.probes.web.records import Told, read_records
from tests.probes.company_service import stand

NOW = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)


def read(environment: Environment, folder: Path) -> tuple[Told, ...]:
    """The records of an environment, at noon."""
    network = Network.build(environment)

    def connect(target: Target, **more: Any) -> HttpClient:
        return HttpClient(network, target, ca_file=None, timeout=5.0, **more)

    sessions = Sessions(LoginDriver(environment, network, folder, None, timeout=5.0))
    return read_records(environment, folder, network, connect, sessions, now=lambda: NOW)


@pytest.fixture
def from_file(describe: Callable[..., Environment], tmp_path: Path) -> Callable[..., tuple[Told, ...]]:
    """Reads a record of a file with this content, whose keys are at `/keys` and whose time is at `/at`."""

    def tell(content: object, **keys: object) -> tuple[Told, ...]:
        text = content if isinstance(content, bytes) else json.dumps(content).encode()
        (tmp_path / "record.json").write_bytes(text)
        record = {"file": "record.json", "time": "/at", "secret_fingerprints": ["/keys"], **keys}
        return read(describe({"app": "http://127.0.0.1:1"}, evidence={"environment": [record]}), tmp_path)

    return tell


def at(**ago: float) -> str:
    """A moment before noon, as RFC 3339 writes it."""
    return (NOW - timedelta(**ago)).isoformat().replace("+00:00", "Z")


def test_a_fresh_file_tells_its_texts(from_file: Callable[..., tuple[Told, ...]]) -> None:
    """A text, a list of texts and an identifier that is written as a number are read; clocks may differ a little."""
    assert [told.value for told in from_file({"at": at(hours=23.9), "keys": ["aa", "bb"]})] == ["aa", "bb"]
    assert [told.value for told in from_file({"at": at(seconds=-60), "keys": 7301993546173448192})] == [
        "7301993546173448192"
    ]
    assert [told.value for told in from_file({"at": "2026-11-25T13:59:00+02:00", "keys": "aa"}, max_age=61)] == ["aa"]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({"at": at(hours=24.1), "keys": "aa"}, "says nothing any more"),
        ({"at": at(hours=-1), "keys": "aa"}, "from the future"),
        ({"at": "2026-11-25T12:00:00", "keys": "aa"}, "time zone"),
        ({"at": 1795608000, "keys": "aa"}, "time zone"),
        ({"at": "yesterday", "keys": "aa"}, "time zone"),
        ({"keys": "aa"}, "time zone"),
        ({"at": at(), "key": "aa"}, "/keys leads to no text"),
        ({"at": at(), "keys": []}, "/keys leads to no text"),
        ({"at": at(), "keys": ""}, "/keys leads to no text"),
        ({"at": at(), "keys": None}, "/keys leads to no text"),
        ({"at": at(), "keys": True}, "/keys leads to no text"),
        ({"at": at(), "keys": ["aa", {"hash": "bb"}]}, "/keys leads to no text"),
        (b"not json", "no JSON"),
        (b"[" * 100_000, "no JSON"),
        (b"", "no JSON"),
    ],
)
def test_a_record_that_tells_nothing_is_inconclusive(
    from_file: Callable[..., tuple[Told, ...]], content: object, words: str
) -> None:
    """Stale, future, undated and broken records, and pointers that lead nowhere, are never taken for an answer."""
    with pytest.raises(ProbeError, match=words):
        from_file(content)


def test_a_missing_file_is_inconclusive(describe: Callable[..., Environment], tmp_path: Path) -> None:
    """The message tells where the file is looked for."""
    record = {"file": "run/none.json", "time": "/at", "database_ids": ["/id"]}
    with pytest.raises(ProbeError, match=r"run/none\.json cannot be read: No such file"):
        read(describe({"app": "http://127.0.0.1:1"}, evidence={"environment": [record]}), tmp_path)


def test_every_address_of_the_target_is_asked(
    serve_pages: Callable[..., Any], describe: Callable[..., Environment], tmp_path: Path
) -> None:
    """The one node that works with another database is heard."""

    def node(database: str) -> Callable[..., tuple[int, dict[str, str], str]]:
        return lambda *_: (200, {"Content-Type": "application/json"}, json.dumps({"database": database}))

    first = serve_pages(node("11"), address="127.0.0.1")
    serve_pages(node("12"), address="127.0.0.2", port=first.port)
    record = {"target": "app", "path": "/ops", "database_ids": ["/database"]}
    environment = describe(
        {"app": f"http://app.example.test:{first.port}"},
        addresses=("127.0.0.1", "127.0.0.2"),
        evidence={"environment": [record]},
    )
    told = read(environment, tmp_path)

    assert [(item.kind, item.value) for item in told] == [("database_ids", "11"), ("database_ids", "12")]
    assert "127.0.0.2" in told[1].source


@pytest.mark.parametrize("account", ["anna", "arno"])
def test_an_account_asks_where_strangers_may_not(account: str, serve_pages: Callable[..., Any], tmp_path: Path) -> None:
    """With a bearer token and with a session cookie the record is had; a stranger's refusal is inconclusive."""
    record = {"target": "app", "path": "/me", "account": account, "database_ids": ["/company"]}
    staged = stand(serve_pages, tmp_path, evidence={"environment": [record]})
    assert [told.value for told in read(staged.environment, tmp_path)] == ["Alpha Oy"]

    stranger = stand(serve_pages, tmp_path, evidence={"environment": [{**record, "account": None}]})
    with pytest.raises(ProbeError, match="answered 401"):
        read(stranger.environment, tmp_path)


@pytest.mark.parametrize(
    ("record", "words"),
    [
        ({"file": "r.json", "database_ids": ["/id"]}, "without `time`"),
        ({"file": "r.json", "time": "/at"}, "points at nothing"),
        ({"file": "r.json", "time": "/at", "account": "anna", "database_ids": ["/id"]}, "nobody is asked"),
        ({"file": "r.json", "time": "/at", "target": "app", "path": "/ops", "database_ids": ["/id"]}, "either `file`"),
        ({"path": "/ops", "database_ids": ["/id"]}, "either `file`"),
    ],
)
def test_a_record_that_cannot_work_is_refused_when_it_is_read(record: dict[str, Any], words: str) -> None:
    """No source, two of them, a file without its time, and a record that points at nothing."""
    with pytest.raises(ValidationError, match=words):
        EnvironmentRecord.model_validate(record)
