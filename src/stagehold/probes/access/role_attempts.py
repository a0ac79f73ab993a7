"""One attempt: one account, one operation, sent once, with what came of it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from urllib.parse import unquote

from stagehold.command_lines import curl, header_of
from stagehold.environment.access import Account, ObjectFixture, Request
from stagehold.errors import NotAllowed, ProbeError
from stagehold.probes.access.cast import Cast
from stagehold.probes.access.commands import of_request
from stagehold.probes.access.lookup import look_up
from stagehold.probes.access.nowhere import Nowhere
from stagehold.probes.access.objects import CanaryObject, CanaryObjects, new_canary
from stagehold.probes.access.operations import Call, Operations, build_call, empty_body
from stagehold.probes.access.oracle import Answer, Judgement, Ruling
from stagehold.probes.access.role_oracle import (
    Styles,
    judge_denied_read,
    judge_denied_write,
    judge_let_in,
    reached_validation,
)
from stagehold.probes.access.tries import Try
from stagehold.probes.login.session import Session

_PATIENCE = 3.0
_UNAUTHENTICATED = 401


@dataclass(frozen=True)
class Attempt:
    """What one account was told, and what that amounts to."""

    account: Account
    answer: Answer | None
    judgement: Judgement
    command: str = field(default="", repr=False)
    url: str = ""
    canaries: tuple[str, ...] = field(default=(), repr=False)
    """Markers of what the request was about."""
    observable: bool = False
    """The owner saw the effect."""
    idle: bool = False
    """Nothing was sent, because nothing suitable is declared."""

    @property
    def unauthenticated(self) -> bool:
        """The answer says that the session is of the wrong kind for this operation, rather than the role."""
        return self.answer is not None and (self.answer.status == _UNAUTHENTICATED or self.answer.redirect is not None)


class Attempts:
    """Sends requests of a plan as members of the cast."""

    def __init__(
        self, operations: Operations, objects: CanaryObjects, cast: Cast, styles: Styles, nowhere: Nowhere
    ) -> None:
        self.operations = operations
        self._objects = objects
        self._cast = cast
        self._styles = styles
        self._nowhere = nowhere
        self._volatile: dict[str, frozenset[str]] = {}
        self._delay: dict[str, float] = {}
        self._found: str | None = None

    def allowed(self, how: Try, account: Account, *, own: bool) -> Attempt:
        """Do it as somebody who may.

        Args:
            how: the plan for the operation.
            account: who.
            own: only with what is the account's own.

        Raises:
            ProbeError, NotAllowed: nothing could be sent, or its effect not be read back.
        """
        match how.kind:
            case "read":
                return self._read(how, account, own=own)
            case "create":
                return self._create(how, account)
            case "change":
                return self._change(how, account, own=own)
            case "empty":
                return self._empty(how, account)
            case _:
                return self._logout(how, account)

    def denied(self, how: Try, account: Account, controls: Sequence[Attempt]) -> Attempt:
        """Try it as somebody who may not, beside what those got who may (errors as for `allowed`)."""
        match how.kind:
            case "read":
                return self._denied_read(how, account, controls)
            case "create":
                return self._create(how, account, controls)
            case "change":
                return self._change(how, account, own=False, controls=controls)
            case "empty":
                return self._empty(how, account, controls)
            case _:
                return _idle(account, "a logout is not tried as a role that may not")

    def refuses_anybody(self, how: Try) -> bool:
        """Whether a caller without a session is refused the same request."""
        call = self._call(how, self._identifiers(how)[0])
        headers, body = empty_body(how.operation)
        client = self._objects.sessions.driver.connect(self.operations.target)
        answer = Answer.of(client.request(how.operation.method, call.url, headers=headers, data=body))
        return bool(self._styles.refusal(answer)) and not answer.succeeded

    def _session(self, account: Account) -> Session:
        return self._objects.sessions.of(account.alias)

    def _read(self, how: Try, account: Account, *, own: bool) -> Attempt:
        session = self._session(account)
        identifiers, canaries = self._identifiers(how, account if own else None)
        there, missing = look_up(session, how.found, self.operations.target)
        if missing:
            return _idle(account, missing)
        identifiers |= there
        call = self._call(how, identifiers)
        answer = Answer.of(
            session.request(how.operation.method, call.url, allow_redirects=True, target=self.operations.target)
        )
        judgement = judge_let_in(answer, self._styles, self._shell(how, answer))
        if reached_validation(answer) and judgement.ruling is Ruling.UNKNOWN and call.guessed:
            names = ", ".join(call.guessed)
            judgement = replace(
                judgement, reason=f"{judgement.reason}; declare its query ({names}) in `inventory.parameters`"
            )
        return Attempt(account, answer, judgement, _curl(how, account, call.url), call.url, canaries)

    def _denied_read(self, how: Try, account: Account, controls: Sequence[Attempt]) -> Attempt:
        control = next((c for c in controls if c.account.flow == account.flow), next(iter(controls), None))
        if control is None or control.answer is None:
            identifiers, canaries = self._identifiers(how)
            if how.found:
                return _idle(account, "nobody who may finds such an object")
            url = self._call(how, identifiers).url
        else:
            url, canaries = control.url, control.canaries
        session = self._session(account)
        answer = Answer.of(session.request(how.operation.method, url, target=self.operations.target))
        other = control.answer if control is not None and control.answer is not None else Answer("GET", url, 0)
        shell = self._shell(how, answer)
        shown = [canary for canary in self._objects.canaries() if other.holds(canary) and canary not in unquote(url)]
        judgement = judge_denied_read(answer, other, self._styles, canaries=[*canaries, *shown], nowhere=shell)
        return Attempt(account, answer, judgement, _curl(how, account, url), url, canaries)

    def _create(self, how: Try, account: Account, controls: Sequence[Attempt] | None = None) -> Attempt:
        fixture, session = how.fixtures[0], self._session(account)
        keeper = self._objects.of_company(fixture, self._cast.company).owner
        answer, made = self._objects.attempt(fixture, keeper, session)
        try:
            effect = self._appeared(fixture, made, session)
            listed = self._lists(fixture, keeper, made.canary)
        finally:
            if made.identifier is not None:
                self._objects.remove(made)
        effect = effect or ("its list holds it" if listed else "")
        url = f"{self._objects.target(fixture).base_url}{fixture.create.path}"
        if controls is None:
            judgement = self._judge_effect(answer, effect)
        elif made.identifier is not None and not effect:
            # Made for nobody, or for somebody else: neither a refusal nor an effect that can be seen.
            told = f"answered {answer.status} with an identifier, and nobody here can read what it names"
            judgement = Judgement(Ruling.UNKNOWN, told)
        else:
            observable = any(control.observable for control in controls)
            judgement = judge_denied_write(answer, effect, self._styles, observable=observable)
        return Attempt(account, answer, judgement, _curl(how, account, url), url, observable=listed)

    def _change(self, how: Try, account: Account, *, own: bool, controls: Sequence[Attempt] | None = None) -> Attempt:
        fixture, request, session = how.fixtures[0], how.request, self._session(account)
        if request is None:
            return _idle(account, "no request is declared for it")
        if own:
            made = self._objects.create(fixture, account.alias)
        else:
            made = self._objects.of_company(fixture, self._cast.company, fresh=True)
        try:
            effect, answer = self._effect(made, request, session, patient=controls is None)
        finally:
            self._objects.remove(made)
        url = f"{self._objects.target(fixture).base_url}{request.path}"
        if controls is None:
            judgement = self._judge_effect(answer, effect)
        else:
            judgement = judge_denied_write(answer, effect, self._styles, observable=bool(controls))
        return Attempt(account, answer, judgement, _curl(how, account, url), url, observable=bool(effect))

    def _empty(self, how: Try, account: Account, controls: Sequence[Attempt] | None = None) -> Attempt:
        identifiers, _ = self._identifiers(how)
        call = self._call(how, identifiers)
        headers, body = empty_body(how.operation)
        session = self._session(account)
        answer = Answer.of(
            session.request(how.operation.method, call.url, headers=headers, data=body, target=self.operations.target)
        )
        if controls is not None:
            judgement = judge_denied_write(answer, "", self._styles, observable=False)
        elif reached_validation(answer):
            judgement = Judgement(Ruling.GRANTED, f"{answer.status}: let in, and the empty body was refused")
        else:
            judgement = judge_let_in(answer, self._styles)
        return Attempt(account, answer, judgement, _curl(how, account, call.url), call.url)

    def _logout(self, how: Try, account: Account) -> Attempt:
        if account.flow != how.flow:
            return _idle(account, f"it is the logout of {how.flow}")
        session = self._objects.sessions.login_fresh(account.alias)
        answer = Answer.of(session.logout())
        if session.whoami() is None:
            judgement = Judgement(Ruling.GRANTED, f"{answer.status}, and the session has ended")
        else:
            # Whether the session ends is for AUT-024 to say; here it counts that the role was let in.
            judgement = judge_let_in(answer, self._styles)
            judgement = replace(judgement, reason=f"{judgement.reason}, and the session goes on")
        return Attempt(
            account, answer, judgement, _curl(how, account, self.operations.target.base_url + how.operation.path)
        )

    def _effect(self, made: CanaryObject, request: Request, session: Session, *, patient: bool) -> tuple[str, Answer]:
        """What the owner sees changed; as long after the write as it took the control to show."""
        name = made.fixture.name
        if name not in self._volatile:
            self._volatile[name] = self._objects.volatile(made)
        before = self._objects.state(made, self._volatile[name])
        answer = self._objects.write(made, request, session, new_canary(made.run))
        key, began = f"{name} {request.method} {request.path}", time.monotonic()
        deadline = began + (_PATIENCE if patient and not self._styles.refusal(answer) else self._delay.get(key, 0.0))
        while True:
            changes = before.changes(self._objects.state(made, self._volatile[name]))
            if changes or time.monotonic() >= deadline:
                break
            time.sleep(0.3)
        if patient and changes:
            seconds = time.monotonic() - began
            self._delay[key] = max(self._delay.get(key, 0.0), 2 * seconds if seconds > 0.3 else 0.0)  # noqa: PLR2004
        return ", ".join(changes[:5]), answer

    def _judge_effect(self, answer: Answer, effect: str) -> Judgement:
        """Whether a write of somebody who may was done."""
        if effect:
            return Judgement(Ruling.GRANTED, f"{answer.status}, and its owner sees: {effect}")
        judgement = judge_let_in(answer, self._styles)
        if judgement.ruling is Ruling.GRANTED or (answer.redirect and judgement.ruling is Ruling.DENIED
                                                 and not self._styles.refusal(answer)):  # fmt: skip
            return Judgement(Ruling.UNKNOWN, f"answered {answer.status}, and its owner sees nothing of it")
        return judgement

    def _appeared(self, fixture: ObjectFixture, made: CanaryObject, session: Session) -> str:
        """Whether what was made is there, for its keeper or for who made it."""
        if made.identifier is None:
            return ""
        for reader in (None, session):
            if self._objects.read(made, reader).holds(made.canary):
                return f"a {fixture.name} was made"
        return ""

    def _lists(self, fixture: ObjectFixture, keeper: str, canary: str) -> bool:
        """Whether the list beside the object, or where it was made, holds the canary."""
        session = self._objects.sessions.of(keeper)
        paths = dict.fromkeys([fixture.create.path.partition("?")[0], fixture.read.path.partition("/{id}")[0]])
        for path in paths:
            if path and "{" not in path:
                try:
                    answer = Answer.of(session.request("GET", path, target=self._objects.target(fixture)))
                except ProbeError:
                    continue
                if answer.succeeded and answer.holds(canary):
                    return True
        return False

    def _identifiers(self, how: Try, owner: Account | None = None) -> tuple[dict[str, str], tuple[str, ...]]:
        """What fills the path, and the markers of it: of the company, or of one owner."""
        identifiers: dict[str, str] = {}
        canaries: list[str] = []
        for fixture in how.fixtures:
            if owner is not None:
                made = self._objects.shared(fixture, owner.alias)
            else:
                made = self._objects.of_company(fixture, self._cast.company)
            identifiers = {**made.identifiers, **identifiers}
            canaries.append(made.canary)
        return identifiers, tuple(canaries)

    def _call(self, how: Try, identifiers: dict[str, str]) -> Call:
        return build_call(how.operation, self.operations.target, identifiers, text=self._text() if how.text else "")

    def _text(self) -> str:
        """What a search of the company finds: the mark of one of its objects; empty where none can be made."""
        if self._found is None:
            self._found = ""
            for fixture in self._objects.environment.fixtures:
                try:
                    self._found = self._objects.of_company(fixture, self._cast.company).canary
                except (ProbeError, NotAllowed):
                    continue
                break
        return self._found

    def _shell(self, how: Try, answer: Answer) -> Answer | None:
        return self._nowhere.beside(how.operation) if answer.succeeded and answer.is_html else None


def _idle(account: Account, why: str) -> Attempt:
    return Attempt(account, None, Judgement(Ruling.UNKNOWN, why), idle=True)


def _curl(how: Try, account: Account, url: str) -> str:
    """A command line with placeholders: the credentials, the object's id, a fresh marker."""
    if how.request is not None:
        return of_request(how.request, url, account.alias, method=how.operation.method)
    held, note = header_of(account.alias)
    headers, body = ({"Content-Type": "application/json"}, "{}") if how.kind == "empty" else ({}, None)
    return curl(url, method=how.operation.method, headers=headers, credentials=[held], body=body, notes=[note])
