"""The port matrix that a person has approved, and what a run proposes to approve instead. Pure, but for the files.

A run never approves: it writes what it saw as a proposal without an approver. That becomes the baseline when
somebody has reviewed it, put their name in, and laid it into the environment's folder (`baselines.ports`).
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

from pydantic import Field

from stagehold.documents.problems import ConfigErrors
from stagehold.documents.strict_yaml import read_document
from stagehold.documents.typed import read_model
from stagehold.environment.values import Digest, IpAddress, Port, Text
from stagehold.errors import ConfigError, ProbeError
from stagehold.model import Model
from stagehold.probes.ports.facts import PortScan

PROPOSAL = "ports-proposal.yaml"
SCHEMA = "port-approval/1"
_REMEDY = f"Review a run's {PROPOSAL}, name the approver in it, and put it in place of the old one."


class OpenPort(NamedTuple):
    """One TCP port that is open, for a vantage."""

    vantage: str
    host: str
    address: str
    port: int


class Row(Model):
    """What is open at one address for one vantage."""

    vantage: Text
    host: Text
    address: IpAddress
    open: tuple[Port, ...]


class Approval(Model):
    """A reviewed port matrix."""

    schema_id: Literal["port-approval/1"] = Field(alias="schema")
    environment: Text
    approved_by: Text
    """Who reviewed it; a proposal has nobody."""
    approved_on: dt.date
    digest: Digest
    """Of `matrix`: what was reviewed is what stands there."""
    matrix: tuple[Row, ...]

    @property
    def ports(self) -> frozenset[OpenPort]:
        """What was approved, port by port."""
        return frozenset(OpenPort(r.vantage, r.host, r.address, port) for r in self.matrix for port in r.open)


def matrix_of(ports: Iterable[OpenPort], places: Iterable[tuple[str, str, str]]) -> tuple[Row, ...]:
    """Open ports as sorted rows; places (vantage, host, address) where nothing is open have a row, too."""
    opens: dict[tuple[str, str, str], set[int]] = {place: set() for place in places}
    for item in ports:
        opens.setdefault(item[:3], set()).add(item.port)
    return tuple(
        Row(vantage=place[0], host=place[1], address=place[2], open=tuple(sorted(numbers)))
        for place, numbers in sorted(opens.items())
    )


def digest_of(matrix: Iterable[Row]) -> str:
    """`sha256:` of the rows as compact JSON lists, sorted."""
    rows = sorted([row.vantage, row.host, row.address, sorted(row.open)] for row in matrix)
    return f"sha256:{hashlib.sha256(json.dumps(rows, separators=(',', ':')).encode()).hexdigest()}"


def observed(scans: Iterable[PortScan]) -> tuple[frozenset[OpenPort], tuple[Row, ...]]:
    """What was seen open, port by port and as a matrix."""
    ports, places = set(), []
    for scan in scans:
        for one in scan.addresses:
            places.append((scan.vantage, scan.host.name, one.address))
            ports |= {OpenPort(scan.vantage, scan.host.name, one.address, port) for port in one.open}
    return frozenset(ports), matrix_of(ports, places)


@dataclass(frozen=True)
class Comparison:
    """What was seen in a run, beside what is described and what was approved."""

    seen: frozenset[OpenPort]
    matrix: tuple[Row, ...]
    described: frozenset[OpenPort]
    approval: Approval

    @property
    def digest(self) -> str:
        """Of what was seen."""
        return digest_of(self.matrix)

    def rows(self) -> tuple[tuple[str, str, str, str, str], ...]:
        """Vantage, host, address, ports seen open, ports approved."""
        approved = {row[:3]: row[3] for row in map(_row, self.approval.matrix)}
        seen = {row[:3]: row[3] for row in map(_row, self.matrix)}
        return tuple((*place, seen.get(place, "-"), approved.get(place, "-")) for place in sorted(seen | approved))

    def differences(self) -> tuple[str, ...]:
        """What was seen as described and is not as approved, in words.

        Where the description and what was seen differ, other checks fail already; saying it twice helps nobody.
        """
        found = []
        approved = self.approval.ports
        for item in sorted(self.seen | self.described | approved):
            is_open = item in self.seen
            if is_open is (item in self.described) and is_open is not (item in approved):
                place = f"{item.host} {item.address} port {item.port} from `{item.vantage}`"
                told = "is open, not approved" if is_open else "is approved, not declared any more"
                found.append(f"{place} {told}")
        return tuple(found)


def compare(scans: Iterable[PortScan], approval: Approval) -> Comparison:
    """The scans beside an approval."""
    kept = tuple(scans)
    seen, matrix = observed(kept)
    described = frozenset(
        OpenPort(scan.vantage, scan.host.name, one.address, port)
        for scan in kept
        for one in scan.addresses
        for port in scan.declared
    )
    return Comparison(seen, matrix, described, approval)


def _row(row: Row) -> tuple[str, str, str, str]:
    return row.vantage, row.host, row.address, " ".join(map(str, row.open)) or "nothing"


def proposal(environment: str, matrix: Iterable[Row], day: dt.date) -> str:
    """The text of a proposal: an approval in which only the approver is missing."""
    rows = tuple(matrix)
    lines = [
        f"# What was seen open in `{environment}`. Nobody has approved it: review it, put your name into",
        "# `approved_by`, and lay it into the environment's folder as the file that `baselines.ports` names.",
        f"schema: {SCHEMA}",
        f"environment: {environment}",
        'approved_by: ""',
        f'approved_on: "{day.isoformat()}"',
        f"digest: {digest_of(rows)}",
        "matrix:" if rows else "matrix: []",
    ]
    lines += [
        f"  - {{vantage: {json.dumps(row.vantage)}, host: {json.dumps(row.host)}, "
        f'address: "{row.address}", open: [{", ".join(map(str, row.open))}]}}'
        for row in rows
    ]
    return "\n".join(lines) + "\n"


def read_approval(path: Path, environment: str, today: dt.date) -> Approval:
    """The approved matrix.

    Raises:
        ProbeError: the file cannot be read, is of another environment, names no approver, lies in the future, or
            its digest is not that of its matrix: nobody has approved what stands there.
    """
    try:
        document = read_document(path, path.name)
        approval, errors = read_model(document, Approval)
        if errors or approval is None:
            raise ConfigErrors(document.finished(error) for error in errors)
    except (ConfigError, OSError) as error:
        raise ProbeError(f"{path.name} is no approval: {error}", remedy=_REMEDY) from error
    problem = ""
    if approval.environment != environment:
        problem = f"is of the environment `{approval.environment}`"
    elif not approval.approved_by.strip():
        problem = "names no approver"
    elif approval.approved_on > today + dt.timedelta(days=1):
        problem = f"was approved in the future, on {approval.approved_on}"
    elif approval.digest != (actual := digest_of(approval.matrix)):
        problem = f"was changed after its approval: its matrix has the digest {actual}"
    if problem:
        raise ProbeError(f"{path.name} {problem}", remedy=_REMEDY)
    return approval
