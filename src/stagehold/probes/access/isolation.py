"""Whether a company reads or changes what belongs to another: attacks with real sessions on canary objects.

Reads are judged by content, writes by their effect: the owner reads the object back, because a status such
as 204 is sent with and without effect. Every attacker has a control of the same kind: what it is refused on
the foreign object, it can do to an object of its own company; without one such attacker nothing is proven.

Sources: OWASP ASVS 8.4.1, 8.2.2; API1:2023; WSTG-APIT-02; CWE-639.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from stagehold.environment.access import Account, ObjectFixture, Request
from stagehold.environment.model import Target
from stagehold.errors import NotAllowed, ProbeError, Uncovered
from stagehold.probes.access.commands import as_person, of_request
from stagehold.probes.access.objects import CanaryObject, CanaryObjects, new_canary
from stagehold.probes.access.operations import Call, Operations, build_call, shape, under
from stagehold.probes.access.oracle import Answer, Judgement, Ruling, interference, judge_foreign_read
from stagehold.probes.login.driver import Sessions
from stagehold.probes.login.session import Session
from stagehold.probes.web.fill import fill_path

_COLLEAGUES = 4
_NOWHERE = uuid.UUID(int=0x5C0FFEE0_0000_4000_8000_00005C0FFEE0)


@dataclass(frozen=True)
class Attack:
    """What one attacker was told about one operation, and what that amounts to."""

    attacker: str
    operation: str
    status: int | None
    judgement: Judgement
    obstacle: str
    """Why the attacker cannot do the same to an object of its own company; empty when it can."""
    command: str = field(default="", repr=False)

    @property
    def controlled(self) -> bool:
        """The attacker can do the same to an object of its own company, so its refusal means something."""
        return not self.obstacle

    def __str__(self) -> str:
        return f"{self.attacker}: {self.operation}: {self.judgement.reason}"


@dataclass(frozen=True)
class IsolationReport:
    """All attacks on one kind of object."""

    fixture: str
    owner: str
    attacks: tuple[Attack, ...]
    unproven: tuple[str, ...] = ()
    """Operations whose controls failed, with the reason."""
    not_exercised: tuple[tuple[str, str], ...] = ()

    @property
    def granted(self) -> tuple[Attack, ...]:
        """Attacks that worked."""
        return tuple(attack for attack in self.attacks if attack.judgement.ruling is Ruling.GRANTED)

    @property
    def undecided(self) -> tuple[Attack, ...]:
        """Attacks of which nothing can be said."""
        return tuple(attack for attack in self.attacks if attack.judgement.ruling is Ruling.UNKNOWN)

    def summary(self) -> str:
        """The denominators in words."""
        attackers = sorted({attack.attacker for attack in self.attacks})
        operations = {attack.operation for attack in self.attacks}
        refused = len(self.attacks) - len(self.granted) - len(self.undecided)
        words = f"{refused} of {len(self.attacks)} attempts refused: {len(operations)} operations on {self.fixture} of "
        words += f"{self.owner}, tried by {', '.join(attackers) or 'nobody'}"
        return words + (f"; {len(self.not_exercised)} operations not exercised" if self.not_exercised else "")

    def observed(self) -> str:
        """What happened: the attacks that worked, else the denominators."""
        if not self.granted:
            return self.summary()
        return f"{len(self.granted)} of {len(self.attacks)} attempts worked: {'; '.join(map(str, self.granted[:3]))}"

    @property
    def reproduction(self) -> str:
        """A command line for the first attack that worked, else for the first one."""
        return next((attack.command for attack in (*self.granted, *self.attacks)), "")

    def table(self) -> Iterator[tuple[object, ...]]:
        """Rows for the evidence: attacker, operation, status, ruling, reason, control."""
        for attack in self.attacks:
            control = attack.obstacle or "can do it to an object of its own company"
            judgement = attack.judgement
            yield (
                attack.attacker,
                attack.operation,
                attack.status,
                judgement.ruling,
                judgement.reason,
                control,
            )
        for operation, why in self.not_exercised:
            yield "", operation, "", "not exercised", why, ""

    def require_decided(self) -> None:
        """Raise ProbeError when something is left open."""
        if self.undecided:
            first = self.undecided[0]
            snippet = first.judgement.snippet
            raise ProbeError(
                f"{len(self.undecided)} of {len(self.attacks)} attempts are neither refused nor granted; {first}",
                remedy=f"If that is how this service refuses, declare: {snippet}" if snippet else "",
            )
        if self.unproven:
            raise ProbeError(f"a control failed: {self.unproven[0]}")
        if not self.attacks:
            raise ProbeError("nothing was tried, so nothing is proven")


def attackers_of(fixture: ObjectFixture, sessions: Sessions) -> tuple[Account, ...]:
    """Standard accounts of every other company.

    Raises:
        Uncovered: the owner's company is not declared, or nobody is of another one.
    """
    accounts = sessions.driver.environment.accounts
    owner = next((account for account in accounts if account.alias == fixture.owner), None)
    if owner is None or owner.company is None:
        raise Uncovered(f"needs the company of the account {fixture.owner}, which owns fixtures[{fixture.name}]")
    others = tuple(a for a in accounts if a.pool == "standard" and a.company not in {None, owner.company})
    if not others:
        raise Uncovered("needs a standard account of another company")
    return others


def foreign_reads(objects: CanaryObjects, fixture: ObjectFixture, operations: Operations | None) -> IsolationReport:
    """Try to read one company's object as users of the others, by every operation that takes its identifier.

    Raises:
        Uncovered: see `attackers_of`.
        ProbeError: the object could not be made or a session died.
    """
    sessions = objects.sessions
    attackers = attackers_of(fixture, sessions)
    victim = objects.shared(fixture)
    calls, skipped = _readable(objects, victim, operations)
    denial = sessions.driver.environment.denial
    attacks: list[Attack] = []
    for account in attackers:
        session = sessions.alive(account.alias)
        before = session.whoami()
        obstacle = _reads_own(objects, fixture, account, session)
        for name, call, made_up_call, owner_answer, where in calls:
            answer = Answer.of(session.request("GET", call, target=where))
            judgement = judge_foreign_read(
                answer,
                canaries=[victim.canary],
                owner=owner_answer,
                made_up=_answer_or_nothing(session, made_up_call, where),
                identifiers=(str(victim.identifier), str(_no_such(victim.identifier))),
                rules=denial[where.name].tenant if where.name in denial else (),
            )
            command = as_person(call, account.alias)
            attacks.append(Attack(account.alias, name, answer.status, judgement, obstacle, command))
        if before is None or session.whoami() != before:
            raise ProbeError(f"the session of {account.alias} ended while it was used, so its refusals prove nothing")
    obstacles = "; ".join(dict.fromkeys(attack.obstacle for attack in attacks))
    proven = any(attack.controlled for attack in attacks)
    unproven = (
        () if proven else (f"nobody of the other companies can read a {fixture.name} of their own ({obstacles})",)
    )
    return IsolationReport(fixture.name, victim.owner, tuple(attacks), unproven, skipped)


def foreign_writes(
    objects: CanaryObjects, fixture: ObjectFixture, operations: Operations | None = None
) -> IsolationReport:
    """Try to change one company's objects as users of the others, by every declared write.

    Each write gets fresh objects: one that a member of the owning company changes (the control), one per
    attacker's own company (the attacker's control), and victims, read back by their owner after each
    attempt.

    Raises:
        Uncovered: see `attackers_of`.
        ProbeError: an object could not be made or read back, or a session died.
    """
    attackers = attackers_of(fixture, objects.sessions)
    attacks: list[Attack] = []
    unproven: list[str] = []
    for request in fixture.writes:
        label = f"{request.method} {request.path}"
        works = _owner_can(objects, fixture, request)
        if works:
            unproven.append(f"{label}: {works}")
        found = [_attack(objects, fixture, request, account) for account in attackers]
        attacks += found
        if not any(attack.controlled for attack in found):
            obstacles = "; ".join(dict.fromkeys(attack.obstacle for attack in found))
            unproven.append(f"{label}: nobody of another company can do it to an object of their own ({obstacles})")
    return IsolationReport(
        fixture.name, fixture.owner, tuple(attacks), tuple(unproven), undeclared_writes(fixture, operations)
    )


def undeclared_writes(fixture: ObjectFixture, operations: Operations | None) -> tuple[tuple[str, str], ...]:
    """Operations of the inventory that change such an object and are not among its `writes`."""
    if operations is None:
        return ()
    declared = {(request.method, shape(under(operations.target, request.path))) for request in fixture.writes}
    return tuple(
        (str(operation), "not among the fixture's `writes`")
        for operation in operations.private
        if not operation.reads
        and {item.name for item in operation.path_parameters} & set(fixture.parameters)
        and (operation.method, shape(operation.path)) not in declared
    )


def _attack(objects: CanaryObjects, fixture: ObjectFixture, request: Request, account: Account) -> Attack:
    session = objects.sessions.alive(account.alias)
    before = session.whoami()
    obstacle = _writes_own(objects, fixture, request, account, session)
    victim = objects.create(fixture)
    mine = new_canary(victim.run)
    try:
        volatile = objects.volatile(victim)
        state = objects.state(victim, volatile)
        answer = objects.write(victim, request, session, mine)
        changes = state.changes(objects.state(victim, volatile))
        judgement = _judge_write(answer, changes, victim, polluted=_listed(objects, victim, session, mine))
        if before is None or session.whoami() != before:
            raise ProbeError(f"the session of {account.alias} ended while it was used, so its refusals prove nothing")
    finally:
        objects.remove(victim)
    url = f"{objects.target(fixture).base_url}{request.path}"
    command = of_request(request, url, account.alias)
    return Attack(account.alias, f"{request.method} {request.path}", answer.status, judgement, obstacle, command)


def _judge_write(answer: Answer, changes: tuple[str, ...], victim: CanaryObject, *, polluted: bool) -> Judgement:
    if changes:
        return Judgement(
            Ruling.GRANTED,
            f"answered {answer.status}, and the owner sees it changed: {', '.join(changes[:5])}",
        )
    if polluted:
        return Judgement(Ruling.GRANTED, f"answered {answer.status}, and the attacker's own list now holds it")
    if answer.holds(victim.canary):
        return Judgement(Ruling.GRANTED, f"answered {answer.status} with the object's canary")
    if blocked := interference(answer):
        return Judgement(Ruling.UNKNOWN, blocked)
    return Judgement(Ruling.DENIED, f"answered {answer.status}, and the owner sees nothing changed")


def _owner_can(objects: CanaryObjects, fixture: ObjectFixture, request: Request) -> str:
    """Empty when somebody of the owning company changes an object this way, else why not: the negative control."""
    told: list[str] = []
    for alias in _company_of(objects, fixture.owner)[:_COLLEAGUES]:
        made = objects.create(fixture)
        try:
            session = objects.sessions.of(alias)
            changes, status = _effect(objects, made, request, session)
        except (ProbeError, NotAllowed) as error:
            told.append(f"{alias}: {error}")
            continue
        finally:
            objects.remove(made)
        if changes:
            return ""
        told.append(f"{alias} got {status} and no effect")
    return f"nobody of the owning company can do it ({'; '.join(told)})"


def _writes_own(
    objects: CanaryObjects, fixture: ObjectFixture, request: Request, account: Account, session: Session
) -> str:
    """Empty when the attacker changes an object of its own company this way, else why not."""
    try:
        own = objects.of_company(fixture, account.company or "", fresh=True)
    except ProbeError as error:
        return str(error)
    try:
        changes, status = _effect(objects, own, request, session)
    except ProbeError as error:
        return f"{account.alias}: {error}"
    finally:
        objects.remove(own)
    return "" if changes else f"{account.alias} got {status} and no effect"


def _effect(
    objects: CanaryObjects, made: CanaryObject, request: Request, session: Session
) -> tuple[tuple[str, ...], int]:
    volatile = objects.volatile(made)
    state = objects.state(made, volatile)
    answer = objects.write(made, request, session, new_canary(made.run))
    return state.changes(objects.state(made, volatile)), answer.status


def _reads_own(objects: CanaryObjects, fixture: ObjectFixture, account: Account, session: Session) -> str:
    """Empty when the attacker reads such an object of its own company, else why not."""
    try:
        own = objects.of_company(fixture, account.company or "")
        answer = objects.read(own, session)
    except ProbeError as error:
        return str(error)
    return "" if answer.holds(own.canary) else f"{account.alias} got {answer.status} without the canary"


def _listed(objects: CanaryObjects, victim: CanaryObject, session: Session, canary: str) -> bool:
    """Whether what the attacker wrote turned up among its own objects."""
    collection = victim.fixture.read.path.partition("/{id}")[0]
    if not collection or collection == victim.fixture.read.path:
        return False
    return Answer.of(session.request("GET", collection, target=objects.target(victim.fixture))).holds(canary)


def _company_of(objects: CanaryObjects, alias: str) -> list[str]:
    accounts = objects.environment.accounts
    company = next((account.company for account in accounts if account.alias == alias), None)
    others = [a.alias for a in accounts if a.company == company and a.pool == "standard" and a.alias != alias]
    return [alias, *others]


def _readable(
    objects: CanaryObjects, victim: CanaryObject, operations: Operations | None
) -> tuple[list[tuple[str, str, str, Answer, Any]], tuple[tuple[str, str], ...]]:
    """Calls that show the object to its own company: name, URL, the same for nothing, the owner's answer, target."""
    fixture = victim.fixture
    where = objects.target(fixture)
    nothing = _no_such(victim.identifier)
    paths = [fill_path(fixture.read.path, {**victim.values, "id": value}) for value in (victim.identifier, nothing)]
    own, foreign = (f"{where.base_url}{path}" for path in paths)
    calls: list[tuple[str, str, str, Answer, Any]] = [
        (f"{fixture.read.method} {fixture.read.path}", own, foreign, objects.read(victim), where)
    ]
    skipped: list[tuple[str, str]] = []
    if operations is None:
        return calls, ()
    known = {urlsplit(own)[2:4]}
    identifiers, others = victim.identifiers, dict.fromkeys(fixture.parameters, str(nothing))
    for operation in operations.private:
        named = {item.name for item in operation.parameters if item.place in {"path", "query"}}
        named |= {item.name for item in operation.path_parameters}
        if operation.method != "GET" or not named & set(fixture.parameters):
            continue
        query = {p.name for p in operation.parameters if p.place == "query"} & set(fixture.parameters)
        call = build_call(operation, operations.target, identifiers, query={name: identifiers[name] for name in query})
        if urlsplit(call.url)[2:4] in known and not query and operations.target.name == where.name:
            continue
        answer = _shown_to_company(objects, victim, call, operations)
        if answer is None:
            skipped.append((str(operation), "nobody of the owning company gets it for this object"))
            continue
        empty = build_call(operation, operations.target, others, query={name: others[name] for name in query})
        calls.append((str(operation), call.url, empty.url, answer, operations.target))
    return calls, tuple(skipped)


def _answer_or_nothing(session: Session, url: str, where: Target) -> Answer | None:
    """The answer for an identifier of nothing; a service that breaks on it must not hide a leak."""
    try:
        return Answer.of(session.request("GET", url, target=where))
    except ProbeError:
        return None


def _shown_to_company(
    objects: CanaryObjects, victim: CanaryObject, call: Call, operations: Operations
) -> Answer | None:
    for alias in _company_of(objects, victim.owner)[:_COLLEAGUES]:
        try:
            answer = Answer.of(objects.sessions.of(alias).request("GET", call.url, target=operations.target))
        except ProbeError:
            continue
        if answer.succeeded:
            return answer
    return None


def _no_such(identifier: Any) -> Any:
    """An identifier of the same kind that belongs to nothing."""
    if isinstance(identifier, int) or str(identifier).isdecimal():
        return 2_000_000_011
    try:
        uuid.UUID(str(identifier))
    except ValueError:
        return "stagehold-no-such-thing"
    return str(uuid.uuid5(_NOWHERE, str(identifier)))
