"""Canary objects: disposable, made by their owner with an unguessable marker, booked before they are made.

Every object is written to the run's `residue.jsonl` before the request that creates it leaves, so that a
killed run leaves a list of what may still be there; the line is closed when its removal has been seen.
"""

from __future__ import annotations

import errno
import json
import os
import re
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from stagehold.environment.access import Account, ObjectFixture, Request
from stagehold.environment.model import Environment, Target
from stagehold.environment.placeholders import person_values
from stagehold.errors import NotAllowed, ProbeError, StageholdError
from stagehold.events import utc_now
from stagehold.model import Traffic
from stagehold.probes.access.operations import declared_operation, is_denied
from stagehold.probes.access.oracle import Answer, visible_text
from stagehold.probes.login.driver import Session, Sessions
from stagehold.probes.web.fill import fill, point

_GONE = (404, 410)


class Residue:
    """The ledger of what stagehold made in the environment. One line per step, on disk before the step."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def write(self, **entry: object) -> None:
        """Append one line and wait until the disk has it; OSError stops whoever wanted to create something."""
        line = (json.dumps({"time": utc_now(), **entry}, ensure_ascii=False) + "\n").encode()
        # One write to an append-only descriptor: lanes share the file.
        descriptor = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            if os.write(descriptor, line) != len(line):
                raise OSError(errno.ENOSPC, "only a part of the line was written", str(self._path))
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


@dataclass(frozen=True)
class CanaryObject:
    """One object made for this run."""

    fixture: ObjectFixture
    owner: str
    """Alias of the account that made it."""
    identifier: Any = None
    canary: str = ""
    run: str = field(default="", repr=False)
    person: Mapping[str, str] = field(default_factory=dict, repr=False)
    """What its owner fills."""

    @property
    def values(self) -> dict[str, Any]:
        """What its requests are filled with."""
        return {**self.person, "id": self.identifier, "canary": self.canary, "run": self.run}

    @property
    def identifiers(self) -> dict[str, str]:
        """OpenAPI path parameters this object fills."""
        return dict.fromkeys(self.fixture.parameters, str(self.identifier))


@dataclass(frozen=True)
class State:
    """An object as its owner sees it: status and every leaf of the body, volatile ones left out."""

    status: int
    leaves: Mapping[str, Any] = field(repr=False)

    def changes(self, later: State) -> tuple[str, ...]:
        """What differs, in words; empty when nothing does."""
        if self.status != later.status:
            return (f"status {self.status} became {later.status}",)
        names = sorted(set(self.leaves) | set(later.leaves))
        return tuple(name or "body" for name in names if self.leaves.get(name) != later.leaves.get(name))


class CanaryObjects:
    """Makes, reads and removes canary objects with the rights of ordinary accounts only."""

    def __init__(self, environment: Environment, sessions: Sessions, residue: Residue, run: str) -> None:
        self.environment = environment
        self.sessions = sessions
        self._residue = residue
        self._run = run
        self._open: list[CanaryObject] = []
        self._shared: dict[tuple[str, str], CanaryObject] = {}

    def create(self, fixture: ObjectFixture, owner: str | None = None) -> CanaryObject:
        """A fresh object of `owner` (default: the fixture's), proven to be there: its owner reads the canary.

        Raises:
            NotAllowed: the environment has not consented to canary writes, or denies the operation.
            ProbeError: it could not be made, or its owner does not see the canary.
        """
        owner = owner or fixture.owner
        answer, made = self.attempt(fixture, owner, self.sessions.of(owner))
        what = f"{fixture.create.method} {fixture.create.path}"
        if not answer.succeeded and answer.redirect is None:
            raise ProbeError(f"{owner} cannot make the object {fixture.name}: {what} answered {answer.status}")
        if made.identifier is None:
            where, led = fixture.id_location or fixture.id_pattern or fixture.id, ", ".join(answer.locations)
            raise ProbeError(
                f"{what} answered {answer.status}{f' to {led}' if led else ''} without an identifier at {where}",
                remedy=f"Correct `fixtures[{fixture.name}].id` (a pointer into JSON), `id_location` (a redirect) or "
                "`id_pattern` (text or XML); "
                "the object stays behind, see residue.jsonl.",
            )
        if not self.read(made).holds(made.canary):
            raise ProbeError(f"{owner} made the object {fixture.name} and does not find its canary by reading it")
        return made

    def attempt(self, fixture: ObjectFixture, owner: str, session: Session) -> tuple[Answer, CanaryObject]:
        """Send a fixture's `create` by any session; the object has no identifier where none was told.

        Args:
            fixture: what is made.
            owner: who reads and removes it, should it come to be.
            session: who sends the request.

        Raises:
            NotAllowed: as for `create`.
            ProbeError: the request holds no canary, or was not answered.
        """
        self._permit(fixture.create, fixture)
        person = person_values(self.environment.account(owner))
        made = CanaryObject(fixture, owner, canary=new_canary(self._run), run=self._run, person=person)
        create = fixture.create
        if "{canary}" not in json.dumps([create.json_body, create.form, create.text, create.xml, create.path]):
            raise ProbeError(f"fixtures[{fixture.name}].create holds no {{canary}}, so a leak could not be recognised")
        note = {"object": fixture.name, "owner": owner, "canary": made.canary}
        what = f"{fixture.create.method} {fixture.create.path}"
        self._residue.write(action="create", request=what, target=fixture.target, **note)
        answer = Answer.of(session.send(fill(fixture.create, made.values), self.target(fixture)))
        if not answer.succeeded and answer.redirect is None:
            self._residue.write(action="refused", object=fixture.name, canary=made.canary, status=answer.status)
            return answer, made
        identifier = _identifier(answer, fixture)
        if isinstance(identifier, bool) or not isinstance(identifier, str | int) or identifier == "":
            return answer, made
        made = replace(made, identifier=identifier)
        self._residue.write(action="created", id=identifier, **note)
        self._open.append(made)
        return answer, made

    def shared(self, fixture: ObjectFixture, owner: str | None = None) -> CanaryObject:
        """An object for looking at only, made once per fixture and owner."""
        key = (fixture.name, owner or fixture.owner)
        if key not in self._shared:
            self._shared[key] = self.create(fixture, owner)
        return self._shared[key]

    def of_company(self, fixture: ObjectFixture, company: str | None, *, fresh: bool = False) -> CanaryObject:
        """Such an object inside another company, made by whoever of its accounts may.

        Raises:
            ProbeError: none of them can make one; says what each was told.
        """
        told: list[str] = []
        for kind, owner in self._makers(fixture, company):
            try:
                return self.create(kind, owner) if fresh else self.shared(kind, owner)
            except (ProbeError, NotAllowed) as error:
                told.append(str(error))
        raise ProbeError(
            f"no account of company {company} can make a {fixture.name}: {'; '.join(told) or 'none there'}",
            remedy=f"Declare a fixture of company {company} with the same `read` path.",
        )

    def read(self, made: CanaryObject, session: Session | None = None) -> Answer:
        """The object's declared read, by its owner unless another session is given."""
        session = session or self.sessions.of(made.owner)
        return Answer.of(session.send(fill(made.fixture.read, made.values), self.target(made.fixture)))

    def state(self, made: CanaryObject, volatile: frozenset[str] = frozenset()) -> State:
        """The object as its owner sees it now."""
        return state_of(self.read(made), volatile)

    def volatile(self, made: CanaryObject) -> frozenset[str]:
        """Leaves that differ between two reads with nothing in between; they say nothing about a write."""
        return frozenset(self.state(made).changes(self.state(made)))

    def write(self, made: CanaryObject, request: Request, session: Session, canary: str) -> Answer:
        """Send a declared write to an object.

        Raises:
            NotAllowed: canary writes are not consented to, or the operation is denied.
        """
        self._permit(request, made.fixture)
        return Answer.of(session.send(fill(request, {**made.values, "canary": canary}), self.target(made.fixture)))

    def target(self, fixture: ObjectFixture) -> Target:
        """Where objects of this kind live."""
        return self.environment.target(fixture.target)

    def remove(self, made: CanaryObject) -> bool:
        """Remove an object with its owner's rights and look whether it is gone; the ledger says which."""
        delete = next((request for request in made.fixture.writes if request.method == "DELETE"), None)
        note = {
            "object": made.fixture.name,
            "owner": made.owner,
            "id": made.identifier,
            "canary": made.canary,
        }
        if made in self._open:
            self._open.remove(made)
        if delete is None:
            self._residue.write(action="remains", reason="no DELETE is declared in writes", **note)
            return False
        try:
            if not self._is_gone(made):
                self.write(made, delete, self.sessions.of(made.owner), made.canary)
            gone = self._is_gone(made)
        except StageholdError as error:
            self._residue.write(action="remains", reason=str(error), **note)
            return False
        self._residue.write(action="removed" if gone else "remains", **note)
        return gone

    def canaries(self) -> tuple[str, ...]:
        """Marks of everything that is there now."""
        return tuple(made.canary for made in self._open)

    def remove_all(self) -> tuple[CanaryObject, ...]:
        """Remove everything still open; returns what stays behind."""
        return tuple(made for made in tuple(self._open) if not self.remove(made))

    def _makers(self, fixture: ObjectFixture, company: str | None) -> Iterator[tuple[ObjectFixture, str]]:
        members = [a for a in self.environment.accounts if a.company == company and a.pool == "standard"]
        aliases = {account.alias for account in members}
        for other in self.environment.fixtures:
            if other.owner in aliases and other.read == fixture.read and other.target == fixture.target:
                yield other, other.owner
        for account in sorted(members, key=lambda member: _likeness(member, self._owner(fixture))):
            yield fixture, account.alias

    def _owner(self, fixture: ObjectFixture) -> Account | None:
        return next((a for a in self.environment.accounts if a.alias == fixture.owner), None)

    def _is_gone(self, made: CanaryObject) -> bool:
        answer = self.read(made)
        return answer.status in _GONE and not answer.holds(made.canary)

    def _permit(self, request: Request, fixture: ObjectFixture) -> None:
        self.sessions.driver.network.require(Traffic.CANARY_WRITE)
        target = self.target(fixture)
        if is_denied(declared_operation(request.method, request.path, target), self.environment, target):
            raise NotAllowed(f"`deny.operations` forbids {request.method} {request.path}")


def new_canary(run: str) -> str:
    """An unguessable marker that also says which run planted it."""
    return f"shc-{run[-4:]}-{secrets.token_hex(8)}"


def _identifier(answer: Answer, fixture: ObjectFixture) -> Any:
    if fixture.id_pattern is not None:
        told = re.search(fixture.id_pattern, answer.body)
        return told[1] if told is not None else None
    if fixture.id_location is None:
        return point(answer.document(), fixture.id)
    found = (re.search(fixture.id_location, led) for led in answer.locations)
    return next((unquote(match[1]) for match in found if match is not None and match[1] is not None), None)


def state_of(answer: Answer, volatile: frozenset[str] = frozenset()) -> State:
    """Status and leaves of an answer.

    Raises:
        ProbeError: the service failed, so nothing can be said about the object.
    """
    if answer.status >= 500 or answer.status in {401, 408, 425, 429}:  # noqa: PLR2004
        raise ProbeError(f"reading the object back answered {answer.status}, so its state is unknown")
    if answer.status in _GONE:
        return State(answer.status, {})
    document = answer.document()
    leaves = {"": visible_text(answer)} if document is None else dict(_leaves(document, ""))
    return State(answer.status, {name: value for name, value in leaves.items() if name not in volatile})


def _leaves(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict) and value:
        for key, item in value.items():
            yield from _leaves(item, f"{path}/{key}")
    elif isinstance(value, list) and value:
        for number, item in enumerate(value):
            yield from _leaves(item, f"{path}/{number}")
    else:
        yield path, value


def _likeness(account: Account, owner: Account | None) -> int:
    """Accounts of the owner's role first: they most likely may do what the owner may."""
    return 0 if owner is not None and account.role == owner.role else 1
