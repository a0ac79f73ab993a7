"""What anonymous callers get from every private operation, with a session as the control.

A refusal by status alone is believed for 401, 403 and redirects to the login page. Whatever could also mean
that nothing is there (404, the shell of a single-page application) counts only where a session gets more
from the very same address. At least one operation must answer a session, or the whole inventory may be
about another place.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from stagehold.environment.access import Account, FormFlow
from stagehold.errors import NotAllowed, ProbeError, Uncovered
from stagehold.model import Traffic
from stagehold.probes.access.nowhere import Nowhere
from stagehold.probes.access.objects import CanaryObject, CanaryObjects
from stagehold.probes.access.openapi import Operation
from stagehold.probes.access.operations import Call, Operations, build_call, empty_body, origin
from stagehold.probes.access.oracle import Answer, Judgement, LoginPages, Ruling, judge_anonymous, same_page
from stagehold.probes.login.driver import Sessions
from stagehold.probes.login.session import script_headers
from stagehold.probes.web.client import HttpClient
from stagehold.probes.web.fill import flows_of
from stagehold.probes.web.forms import csrf_inputs
from stagehold.probes.web.login_form import find_login_form

_CONTROL_ACCOUNTS = 4
_ENDS_SESSIONS = re.compile(r"log-?_?out|sign-?_?out", re.IGNORECASE)
_WRITES_LAST = {"GET": 0, "HEAD": 0, "DELETE": 2}


@dataclass(frozen=True)
class AnonymousRow:
    """One operation: what an anonymous caller got, and what a session got from the same address."""

    operation: str
    status: int
    judgement: Judgement
    control: str
    """`alias status` of the session that got in; empty when none did or none was tried."""
    command: str = field(repr=False, default="")
    made_up: tuple[str, ...] = ()

    @property
    def granted(self) -> bool:
        """An anonymous caller got in."""
        return self.judgement.ruling is Ruling.GRANTED

    @property
    def refused(self) -> bool:
        """Proven to be refused."""
        return self.judgement.ruling is Ruling.DENIED and (bool(self.control) or not self.judgement.needs_control)

    @property
    def open_question(self) -> str:
        """Why neither; empty when it is decided."""
        if self.granted or self.refused:
            return ""
        if self.judgement.ruling is Ruling.UNKNOWN:
            return self.judgement.reason
        named = ", ".join(f"{{{name}}}" for name in self.made_up)
        why = f", {named} got a made-up value, because no fixture names it in `parameters`" if self.made_up else ""
        return f"{self.judgement.reason}, and no session gets more there either{why}: it proves nothing"


@dataclass(frozen=True)
class AnonymousReport:
    """All private operations."""

    operations: Operations
    rows: tuple[AnonymousRow, ...]
    not_exercised: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def granted(self) -> tuple[AnonymousRow, ...]:
        """Operations that answered an anonymous caller."""
        return tuple(row for row in self.rows if row.granted)

    @property
    def undecided(self) -> tuple[AnonymousRow, ...]:
        """Operations of which nothing is proven."""
        return tuple(row for row in self.rows if row.open_question)

    def summary(self) -> str:
        """The denominators in words."""
        refused = sum(row.refused for row in self.rows)
        controls = sum(bool(row.control) for row in self.rows)
        words = f"{refused} of {len(self.rows)} operations refused ({controls} of them open to a session)"
        words += f"; {len(self.operations.public)} public; {len(self.operations.excluded)} excluded"
        if self.operations.excluded:
            words += f" ({'; '.join(f'{operation}: {why}' for operation, why in self.operations.excluded)})"
        if self.not_exercised:
            words += f"; {len(self.not_exercised)} not exercised ({self.not_exercised[0][1]})"
        return words

    def table(self) -> Iterator[tuple[object, ...]]:
        """Rows for the evidence: operation, status, ruling, reason, control."""
        for row in self.rows:
            ruling = "granted" if row.granted else "refused" if row.refused else "not proven"
            yield row.operation, row.status, ruling, row.open_question or row.judgement.reason, row.control
        for operation, why in (*self.operations.excluded, *self.not_exercised):
            yield str(operation), "", "not exercised", why, ""
        for operation in self.operations.public:
            yield str(operation), "", "public", "declared in public_operations", ""

    def require_decided(self) -> None:
        """An unproven refusal is no pass.

        Raises:
            ProbeError: something is left open.
            Uncovered: what was sent was refused, but not all operations could be sent.
        """
        if not self.rows:
            raise ProbeError("no operation was exercised, so nothing is proven")
        if self.undecided:
            first = self.undecided[0]
            remedy = "Exclude the operation with a reason, if nothing else tells."
            if first.judgement.snippet:
                rule = first.judgement.snippet.replace("TARGET", self.operations.target.name)
                remedy = f"If that is how this service refuses, declare: {rule}"
            elif first.judgement.needs_control:
                remedy = "Fill its parameters by `fixtures[].parameters`, or exclude it with a reason."
            raise ProbeError(
                f"{len(self.undecided)} of {len(self.rows)} operations are neither refused nor granted; "
                f"{first.operation}: {first.open_question}",
                remedy=remedy,
            )
        if not any(row.control for row in self.rows):
            raise ProbeError(
                "no operation answers a session either, so the refusals may be about addresses that do not exist",
                remedy="Check the paths (`servers`, `inventory.target`) and the accounts.",
            )
        if self.not_exercised:
            operation, why = self.not_exercised[0]
            raise Uncovered(
                f"{len(self.not_exercised)} private operations were not sent, {operation} among them: {why}",
                remedy="Consent to canary-write, or exclude them with a reason.",
            )


class AnonymousSurvey:
    """Sends every private operation without credentials."""

    def __init__(self, operations: Operations, sessions: Sessions, objects: CanaryObjects) -> None:
        self._operations = operations
        self._sessions = sessions
        self._objects = objects
        self._target = operations.target
        self._environment = sessions.driver.environment
        self._nowhere = Nowhere(sessions.driver, operations.target)
        self._notes: list[str] = []
        self._made: list[CanaryObject] = []

    def run(self) -> AnonymousReport:
        """Exercise all operations; reads first, deletions last.

        Raises:
            ProbeError: the target, a login page or a control could not be observed.
        """
        writes_allowed = Traffic.CANARY_WRITE in self._environment.consent.classes
        try:
            identifiers = self._identifiers() if writes_allowed else {}
            pages = self._sessions.driver.login_pages(self._target)
            rows: list[AnonymousRow] = []
            skipped: list[tuple[str, str]] = []
            for operation in sorted(self._operations.private, key=lambda op: _WRITES_LAST.get(op.method, 1)):
                if operation.reads or writes_allowed:
                    rows.append(self._exercise(build_call(operation, self._target, identifiers), pages))
                else:
                    skipped.append((str(operation), "writes need consent to canary-write"))
        finally:
            for made in self._made:
                self._objects.remove(made)
        return AnonymousReport(self._operations, tuple(rows), tuple(skipped), tuple(self._notes))

    def _identifiers(self) -> dict[str, str]:
        found: dict[str, str] = {}
        for fixture in self._environment.fixtures:
            if not fixture.parameters:
                continue
            try:
                # Not the shared ones: an operation that lets anybody in may destroy its object.
                made = self._objects.create(fixture)
            except (ProbeError, NotAllowed) as error:
                self._notes.append(f"{fixture.name}: {error}")
                continue
            self._made.append(made)
            found = {**made.identifiers, **found}
        return found

    def _exercise(self, call: Call, pages: LoginPages) -> AnonymousRow:
        operation = call.operation
        control = self._control(call)
        client = self._sessions.driver.connect(self._target)
        html, inputs = ("", {}) if operation.reads else self._visit(client)
        headers, body = empty_body(operation, inputs=inputs if html else None)
        headers |= script_headers(client, html)
        answer = Answer.of(client.request(operation.method, call.url, headers=headers, data=body))
        denial = self._environment.denial.get(self._target.name)
        judgement = judge_anonymous(
            answer,
            rules=denial.anonymous if denial else (),
            login_pages=pages,
            nowhere=self._nowhere.beside(operation),
            canaries=[made.canary for made in self._made],
        )
        if judgement.snippet and answer.redirect and self._leads_to_login(answer.redirect):
            judgement = Judgement(Ruling.DENIED, f"{answer.status} to a login form", needs_control=True)
        return AnonymousRow(str(operation), answer.status, judgement, control, call.reproduce(), call.made_up)

    def _leads_to_login(self, url: str) -> bool:
        """Whether a redirect within this service ends at a page with a login form, though no flow declares it."""
        if not url.startswith(f"{origin(self._target)}/"):
            return False
        page = self._sessions.driver.connect(self._target).request("GET", url)
        try:
            return page.ok and bool(find_login_form(page.text, page.url))
        except ProbeError:
            return False

    def _visit(self, client: HttpClient) -> tuple[str, dict[str, str]]:
        """The login page as anybody sees it, and its CSRF token: a write without one is refused whoever sends it."""
        for flow in flows_of(self._environment).values():
            if isinstance(flow, FormFlow) and flow.target == self._target.name:
                page = client.request("GET", flow.page, allow_redirects=True)
                return page.text, csrf_inputs(page.text, page.url)
        return "", {}

    def _control(self, call: Call) -> str:
        """Who gets in at this address with a session. Writes are controlled by reading the same address."""
        operation = call.operation
        if _ENDS_SESSIONS.search(operation.path):
            return ""
        if not operation.reads and not any(o.method == "GET" and o.path == operation.path for o in self._known()):
            return ""
        for account in self._controllers():
            try:
                session = self._sessions.of(account.alias)
                answer = Answer.of(session.request("GET", call.url, target=self._target))
            except ProbeError:
                continue
            if answer.succeeded and not same_page(answer, self._nowhere.beside(operation)):
                return f"{account.alias} {answer.status}"
        return ""

    def _known(self) -> Iterable[Operation]:
        return (*self._operations.private, *self._operations.public)

    def _controllers(self) -> list[Account]:
        """Owners of fixtures first, then one account per company and role."""
        standard = [a for a in self._environment.accounts if a.pool == "standard"]
        owners = {fixture.owner for fixture in self._environment.fixtures}
        chosen: dict[tuple[str | None, str | None], Account] = {}
        for account in sorted(standard, key=lambda a: a.alias not in owners):
            chosen.setdefault((account.company, account.role), account)
        return list(chosen.values())[:_CONTROL_ACCOUNTS]
