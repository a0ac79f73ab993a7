"""Fixtures of the load suite: the declared load is offered once per lane, and its counts are assessed."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

import pytest

from stagehold.capacity import Capacity, Claim, assess, require_enough
from stagehold.capacity.chart import latency_chart
from stagehold.capacity.tables import counter_rows, request_rows, summary
from stagehold.context import LaneContext
from stagehold.environment.load_plan import LoadBooks, LoadPlan, Slo
from stagehold.environment.model import Environment, Target
from stagehold.errors import NotAllowed, ProbeError, Uncovered
from stagehold.model import Traffic
from stagehold.plugin.evidence import EvidenceRecorder
from stagehold.probes.load import LoadOrder, LoadRun, order_load, run_load, strained
from stagehold.probes.login.driver import Sessions
from stagehold.probes.web.fill import point


@dataclass(frozen=True)
class LoadTest:
    """What was offered, what was counted, and what that proves."""

    order: LoadOrder
    run: LoadRun
    capacity: Capacity
    books: tuple[str, ...] | None
    """Differences in the service's own books after the load; None where `load.books` declares none."""
    books_problem: str = ""
    """Why the declared books could not be read; what the counts refute stays refuted."""

    @property
    def wrong(self) -> tuple[str, ...]:
        """Everything measured and false, in words."""
        doubtful = self.doubtful
        refuted = (claim.brief for claim in self.capacity.refuted if claim not in doubtful)
        return (*refuted, *(self.books or ()))

    @property
    def undecided(self) -> tuple[str, ...]:
        """Everything neither proven nor refuted, in words."""
        why = strained(self.run, self.order)
        return (
            *(str(claim) for claim in self.capacity.undecided),
            *(f"{claim.brief}; {why}" for claim in self.doubtful),
            *([self.books_problem] if self.books_problem else []),
        )

    @property
    def doubtful(self) -> tuple[Claim, ...]:
        """Limits that were missed while the generator itself was late: facts about errors are not among them."""
        late = bool(strained(self.run, self.order))
        return tuple(claim for claim in self.capacity.refuted if late and claim.about_latency)

    @property
    def expected(self) -> str:
        profile = self.order.profile
        return (
            f"{profile.rate:g} requests/s for {profile.seconds:g} s answered right and in time, "
            f"at most {self.order.slo.error_rate:.2%} without a right answer"
        )

    @property
    def observed(self) -> str:
        run = self.run
        right = sum(cell.ok for cell in run.cells)
        return f"{run.scheduled} requests due, {run.scheduled - run.dropped} sent, {right} answered right; " + (
            "; ".join((*self.wrong, *self.undecided)) or "every objective held"
        )

    def attach(self, evidence: EvidenceRecorder) -> None:
        """Everything by which a third party can recompute the verdict."""
        evidence.text("summary", summary(self.run, self.capacity, self.order))
        evidence.table("requests", *request_rows(self.run, self.order.slo))
        limits = {name: self.order.slo.latency_limits(name) for name in self.run.names}
        evidence.figure("latency over time", *latency_chart(self.run, limits, self.order.profile.rate))
        evidence.table("counters", *counter_rows(self.run))
        evidence.json("result of the engine", self.run.model_dump(mode="json", by_alias=True, exclude={"cells"}))


@pytest.fixture(scope="session")
def load_test(context: LaneContext, sessions: Sessions) -> LoadTest:
    """The declared load, offered once.

    Raises:
        Uncovered: `load` or `slo` is not declared.
        NotAllowed: no consent to intrusive traffic, or a request is denied.
        ProbeError: the load could not be offered or counted as declared.
    """
    environment = context.environment
    plan, slo = environment.load, environment.slo
    if plan is None or slo is None:
        raise Uncovered("needs `load` and `slo` in the environment")
    context.network.require(Traffic.INTRUSIVE)
    try:
        target = environment.target(plan.target)
    except StopIteration:
        raise ProbeError(f"`load.target` names {plan.target!r}, which is no target") from None
    order = _order(context, sessions, plan, slo, target)
    require_enough(order)
    run = run_load(order)
    capacity = assess(run, slo, order.profile.seconds)
    try:
        books, problem = _differences(plan.books, sessions, target), ""
    except ProbeError as error:
        books, problem = None, f"the service's books could not be read after the load: {error}"
    return LoadTest(order, run, capacity, books, problem)


def _order(context: LaneContext, sessions: Sessions, plan: LoadPlan, slo: Slo, target: Target) -> LoadOrder:
    for item in plan.requests:
        if _is_denied(item.method, urlsplit(item.path).path, context.environment, target):
            raise NotAllowed(f"`deny.operations` forbids {item.method} {item.path}")
    if target.base_url.startswith("https"):
        context.network.check_key_at(target.host, target.port)
    aliases = sorted({item.account for item in plan.requests if item.account})
    return order_load(
        plan,
        slo,
        context.profile,
        base_url=target.base_url,
        address=context.network.dial(target.host, target.port),
        ca_file=context.ca_file,
        sessions={alias: _headers(sessions, alias, target) for alias in aliases},
        canary=f"shc-load-{context.run_id[-8:]}",
    )


def _is_denied(method: str, path: str, environment: Environment, target: Target) -> bool:
    """Whether `deny.operations` covers a concrete path, written from the origin or under the base URL."""
    prefix = urlsplit(target.base_url).path.rstrip("/")
    for text in environment.deny.operations:
        denied_method, _, template = text.strip().partition(" ")
        pieces = re.split(r"\{[^{}]*\}", template.strip().rstrip("/"))
        pattern = "[^/]+".join(re.escape(piece) for piece in pieces) + "/?"
        covered = re.fullmatch(pattern, path) or re.fullmatch(pattern, prefix + path)
        if denied_method in {"*", method} and covered:
            return True
    return False


def _headers(sessions: Sessions, alias: str, target: Target) -> dict[str, str]:
    session = sessions.of(alias)
    headers = session.auth_headers()
    if not headers:
        raise ProbeError(f"the login of {alias} left nothing that authenticates the load")
    if "Cookie" in headers and session.target.host != target.host:
        raise ProbeError(f"the session of {alias} is a cookie of {session.target.host}, not of {target.host}")
    return headers


def _differences(books: LoadBooks | None, sessions: Sessions, target: Target) -> tuple[str, ...] | None:
    """Where the service's books differ from what is declared, read after the load by `books.account`."""
    if books is None:
        return None
    response = sessions.of(books.account).request("GET", books.path, target=target)
    if response.status_code != 200:  # noqa: PLR2004 - the one status that carries the books
        raise ProbeError(f"the books at {books.path} cannot be read: status {response.status_code}")
    try:
        document = response.json()
    except ValueError:
        raise ProbeError(f"the books at {books.path} are not JSON") from None
    found = {pointer: point(document, pointer) for pointer in books.expect}
    return tuple(
        f"books at {books.path}: {pointer} is {found[pointer]!r}, expected {wanted!r}"
        for pointer, wanted in books.expect.items()
        if not _same(found[pointer], wanted)
    )


def _same(found: object, wanted: object) -> bool:
    """Equal, where nothing found equals nothing and `true` is not 1."""
    return found is not None and isinstance(found, bool) == isinstance(wanted, bool) and found == wanted
