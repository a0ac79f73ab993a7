"""Tries every private operation as every role: first as those who may, then, beside that control, as the others.

Reads are judged by content, writes by what their owner reads back: a fresh object for every attempt. Measured
once; the checks judge parts of it. Sources: OWASP ASVS 8.2.1, 8.3.1; API5:2023; WSTG-ATHZ-02, WSTG-ATHZ-03.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from stagehold.environment.access import Account
from stagehold.errors import ProbeError, StageholdError, Uncovered
from stagehold.probes.access.cast import Cast, choose_cast
from stagehold.probes.access.matrix import NO_ROW, Rights, declared_rights
from stagehold.probes.access.nowhere import Nowhere
from stagehold.probes.access.objects import CanaryObjects
from stagehold.probes.access.operations import Operations
from stagehold.probes.access.oracle import Judgement, Ruling
from stagehold.probes.access.role_attempts import Attempt, Attempts
from stagehold.probes.access.role_oracle import styles_of
from stagehold.probes.access.role_report import Cell, CellState, RoleReport
from stagehold.probes.access.tries import Try, plan_tries
from stagehold.probes.login.session import Identity

_ALLOWED = {Ruling.GRANTED: CellState.GRANTED, Ruling.DENIED: CellState.LOCKED_OUT, Ruling.UNKNOWN: CellState.UNDECIDED}
_DENIED = {Ruling.GRANTED: CellState.LEAK, Ruling.DENIED: CellState.DENIED, Ruling.UNKNOWN: CellState.UNDECIDED}


def survey_roles(operations: Operations, objects: CanaryObjects) -> RoleReport:
    """Every cell of the declared matrix, tried.

    Raises:
        Uncovered: no matrix is declared, or nobody has a role.
        ProbeError: the matrix does not fit the inventory, or the target could not be observed.
    """
    environment = objects.environment
    if environment.access_matrix is None:
        raise Uncovered("needs `access_matrix` in the environment")
    cast = choose_cast(environment)
    styles = styles_of(environment, operations.target, objects.sessions.driver)
    attempts = Attempts(operations, objects, cast, styles, Nowhere(objects.sessions.driver, operations.target))
    survey = _Survey(cast, attempts)
    people = _People(cast, objects)
    rights = declared_rights(environment.access_matrix, operations, cast.roles)
    cells = [
        cell
        for one, how in zip(rights, plan_tries(environment, operations), strict=True)
        for cell in survey.cells(one, how)
    ]
    return RoleReport(tuple(people.judged(cells)), cast.company, operations.excluded, len(operations.public))


class _People:
    """Whose sessions were whose before anything was tried, so that a session that ended proves nothing."""

    def __init__(self, cast: Cast, objects: CanaryObjects) -> None:
        self._sessions = objects.sessions
        self._before: dict[str, Identity | None] = {}
        for account in cast.accounts:
            self._before[account.alias] = objects.sessions.alive(account.alias).whoami()

    def judged(self, cells: list[Cell]) -> list[Cell]:
        """The cells; refusals told to a session that has ended since are undecided."""
        ended = {alias for alias, before in self._before.items() if self._ended(alias, before)}
        words = "the session of {} ended while it was used, so what it was refused proves nothing"
        return [
            replace(cell, state=CellState.UNDECIDED, reason=words.format(", ".join(sorted(gone))))
            if (gone := ended & {cell.account, *cell.tried}) and cell.state in {CellState.DENIED, CellState.LOCKED_OUT}
            else cell
            for cell in cells
        ]

    def _ended(self, alias: str, before: Identity | None) -> bool:
        try:
            return before is None or self._sessions.of(alias).whoami() != before
        except ProbeError:
            return True


class _Survey:
    """Turns attempts into cells."""

    def __init__(self, cast: Cast, attempts: Attempts) -> None:
        self._cast = cast
        self._attempts = attempts

    def cells(self, rights: Rights, how: Try) -> list[Cell]:
        """The cells of one operation, in the order of the roles."""
        if rights.effects is None:
            return [self._idle(rights, role, NO_ROW) for role in self._cast.roles]
        if how.kind == "none":
            return [self._idle(rights, role, how.obstacle) for role in self._cast.roles]
        found: dict[str, Cell] = {}
        controls: list[Attempt] = []
        for role in rights.let_in():
            own = rights.effects[role] == "own"
            tried = self._everyone(role, partial(self._attempts.allowed, how, own=own))
            controls += [attempt for attempt in tried if attempt.judgement.ruling is Ruling.GRANTED]
            found[role] = self._allowed(rights, role, tried)
        for role in rights.denied():
            tried = self._everyone(role, partial(self._attempts.denied, how, controls=controls))
            found[role] = self._denied(rights, role, tried, controls)
        if how.kind == "empty":
            found = self._calibrated(rights, how, found)
        return [found[role] for role in self._cast.roles]

    def _everyone(self, role: str, attempt: Callable[[Account], Attempt]) -> list[Attempt]:
        tried = []
        for account in self._cast.of(role):
            try:
                tried.append(attempt(account))
            except StageholdError as error:
                tried.append(Attempt(account, None, Judgement(Ruling.UNKNOWN, f"{account.alias}: {error}")))
        return tried

    def _allowed(self, rights: Rights, role: str, tried: list[Attempt]) -> Cell:
        if not tried:
            return self._idle(rights, role, self._absent(role))
        # One way in is enough: an operation of the pages takes no token.
        worth = [Ruling.GRANTED, Ruling.UNKNOWN, Ruling.DENIED]
        best = min(tried, key=lambda attempt: (worth.index(attempt.judgement.ruling), attempt.unauthenticated))
        state = CellState.NOT_EXERCISED if best.idle else _ALLOWED[best.judgement.ruling]
        return self._cell(rights, role, state, best)

    def _denied(self, rights: Rights, role: str, tried: list[Attempt], controls: list[Attempt]) -> Cell:
        leak = next((attempt for attempt in tried if attempt.judgement.ruling is Ruling.GRANTED), None)
        if leak is not None:
            return self._cell(rights, role, CellState.LEAK, leak, controls)
        if not tried:
            return self._idle(rights, role, self._absent(role))
        if not controls:
            may = ", ".join(rights.let_in())
            why = f"no account of {may} is let in either" if may else "no role may, so nothing shows that it works"
            return self._cell(rights, role, CellState.UNDECIDED, replace(tried[0], judgement=_unproven(why)))
        flows = {control.account.flow for control in controls}
        beside = [attempt for attempt in tried if attempt.account.flow in flows]
        if not beside:
            ways = ", ".join(sorted(flows))
            return self._idle(rights, role, f"no {role} logs in by {ways}, by which it is open to others")
        first = next((a for a in beside if a.judgement.ruling is Ruling.UNKNOWN), beside[0])
        state = CellState.NOT_EXERCISED if first.idle else _DENIED[first.judgement.ruling]
        cell = self._cell(rights, role, state, first, controls)
        return replace(cell, tried=tuple(attempt.account.alias for attempt in beside))

    def _calibrated(self, rights: Rights, how: Try, found: dict[str, Cell]) -> dict[str, Cell]:
        """An empty body shows that a role is let in only where somebody else is refused before it is read."""
        refused = any(found[role].state is CellState.DENIED for role in rights.denied())
        if refused or (not rights.denied() and self._attempts.refuses_anybody(how)):
            return found
        why = "its empty body is refused before anybody's rights are looked at; let a fixture send it"
        return {
            role: replace(cell, state=CellState.NOT_EXERCISED, reason=why) if cell.state is CellState.GRANTED else cell
            for role, cell in found.items()
        }

    def _absent(self, role: str) -> str:
        return f"company {self._cast.company} has no account of the role {role}"

    def _idle(self, rights: Rights, role: str, why: str) -> Cell:
        expected = None if rights.effects is None else rights.effects[role]
        return Cell(rights.operation, role, expected, CellState.NOT_EXERCISED, why)

    def _cell(
        self, rights: Rights, role: str, state: CellState, attempt: Attempt, controls: list[Attempt] | None = None
    ) -> Cell:
        return Cell(
            operation=rights.operation,
            role=role,
            expected=None if rights.effects is None else rights.effects[role],
            state=state,
            reason=attempt.judgement.reason,
            account=attempt.account.alias,
            status=attempt.answer.status if attempt.answer is not None else None,
            control=controls[0].account.alias if controls else "",
            command=attempt.command,
            snippet=attempt.judgement.snippet.replace("TARGET", self._attempts.operations.target.name),
        )


def _unproven(why: str) -> Judgement:
    return Judgement(Ruling.UNKNOWN, f"{why}, so a refusal proves nothing")
