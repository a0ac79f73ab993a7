"""The ledger of firewall tests that were completed: one JSON object on each line, kept by whoever runs them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AwareDatetime, Field, ValidationError

from stagehold.environment.values import Text
from stagehold.errors import ProbeError
from stagehold.model import Model

ENTRY = "firewall-test.json"
SCHEMA = "firewall-test/1"
_SKEW = dt.timedelta(minutes=5)


class FirewallTest(Model):
    """One test of the firewall from outside."""

    schema_id: Literal["firewall-test/1"] = Field(default="firewall-test/1", alias="schema")
    environment: Text
    finished: AwareDatetime
    vantage: Text
    complete: bool
    """Every port of every address of these hosts was seen; a test with a gap says nothing."""
    hosts: Annotated[tuple[Text, ...], Field(min_length=1)]
    digest: str = ""
    """Of the matrix that was seen."""


def read_ledger(path: Path) -> tuple[FirewallTest, ...]:
    """All tests of a ledger, in its order.

    Raises:
        ProbeError: it cannot be read, or a line is no such test.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ProbeError(f"the ledger {path.name} cannot be read: {error}") from error
    found = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            found.append(FirewallTest.model_validate_json(line))
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(map(str, first["loc"])) or "the line"
            raise ProbeError(
                f"{path.name}:{number} is no firewall test: {where}: {first['msg']}",
                remedy=f"Append the {ENTRY} of a run as it is.",
            ) from error
    return tuple(found)


def newest(
    tests: Iterable[FirewallTest], environment: str, vantage: str, hosts: Iterable[str], now: dt.datetime
) -> FirewallTest | None:
    """The last complete test of all the hosts from the vantage; None where there is none.

    Raises:
        ProbeError: a test lies in the future, so one of the clocks is wrong.
    """
    wanted = set(hosts)
    whole = [
        test
        for test in tests
        if test.environment == environment and test.vantage == vantage and test.complete and wanted <= set(test.hosts)
    ]
    if late := [test for test in whole if test.finished > now + _SKEW]:
        raise ProbeError(f"a firewall test was finished in the future, at {late[-1].finished.isoformat()}")
    return max(whole, key=lambda test: test.finished, default=None)
