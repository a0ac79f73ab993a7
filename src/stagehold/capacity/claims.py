"""Does a load run keep the objectives? Pure: counts in, claims out.

"95 % of the answers come within X ms" is the same statement as "the share of requests that were not answered
right within X ms is at most 5 %", so every objective is a share of bad requests with an exact confidence
bound. The burden of proof is on the release: only a bound inside the limit passes, and what is neither proven
nor refuted stays inconclusive.

Bad requests come in bursts, so counts are deflated by the dispersion between blocks of time, and no single
block may be worse than chance allows. Blocks are 5 s, or 1 s where the measured part is shorter than 120 s;
such a short run cannot certify against faults that come in bursts of several seconds, and says so.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from stagehold.environment.load_plan import Slo
from stagehold.errors import ProbeError
from stagehold.probes.load.observation import Cell, LoadRun, failures
from stagehold.probes.load.plan import LoadOrder
from stagehold.statistics import lower_bound, needed, tail, upper_bound

ALPHA_PASS = 0.05
"""Risk of passing a service that is exactly at the limit."""
ALPHA_FAIL = 0.01
"""Risk of failing a service that is exactly at the limit; also of the test for bad blocks."""
ACHIEVED = 0.99
ACHIEVED_IN_5_S = 0.95
LONG_RUN = 120.0
MIN_BLOCKS = 5
ALL = "all requests"


class Standing(StrEnum):
    """What the counts say of a claim."""

    PROVEN = "proven"
    NOT_REFUTED = "not refuted"
    INCONCLUSIVE = "inconclusive"
    REFUTED = "refuted"


@dataclass(frozen=True)
class Claim:
    """One objective for one kind of request; shares are fractions of the requests that were due."""

    subject: str
    text: str
    bad: int
    total: int
    effective: float
    """Requests left after deflation by bursts."""
    lower: float
    upper: float
    allowed: float
    standing: Standing
    reason: str
    about_latency: bool = False
    """Whether it would change if requests had left earlier."""

    @property
    def brief(self) -> str:
        """For a line of a report; the bounds are in the evidence."""
        return f"{self.subject}: {self.text}: {self.bad} of {self.total} bad"

    def __str__(self) -> str:
        return f"{self.subject}: {self.text}: {self.standing.value}, {self.reason}"


@dataclass(frozen=True)
class Capacity:
    """All claims of a run; `limits_of_proof` says what a run of this length cannot show."""

    claims: tuple[Claim, ...]
    limits_of_proof: str

    @property
    def refuted(self) -> tuple[Claim, ...]:
        return tuple(claim for claim in self.claims if claim.standing is Standing.REFUTED)

    @property
    def undecided(self) -> tuple[Claim, ...]:
        return tuple(claim for claim in self.claims if claim.standing is Standing.INCONCLUSIVE)


Block = tuple[int, int]
"""Bad and due requests of one block of time."""


def assess(run: LoadRun, slo: Slo, measured_seconds: float) -> Capacity:
    """All objectives against the counts of a complete run of a healthy generator.

    Errors are judged from the first request on, latency after the warm-up.
    """
    width = 5 if measured_seconds >= LONG_RUN else 1
    claims = [_offered(run), _errors(ALL, run.cells_of(measured=False), slo.error_rate, width, proof=True)]
    if run.stopped:
        claims.insert(0, _stopped(run))
    for name in run.names:
        claims.append(_errors(name, run.cells_of(name, measured=False), slo.error_rate, width, proof=False))
        for share, limit in sorted(slo.latency_limits(name).items()):
            claims.append(_latency(name, run.cells_of(name, measured=True), share, limit, width))
    return Capacity(tuple(claims), _limits_of_proof(measured_seconds))


def require_enough(order: LoadOrder) -> None:
    """Refuse, before any traffic, an order that could not prove its objectives with right answers only.

    Raises:
        ProbeError: naming the request, how many the profile yields and how many the objective needs.
    """
    weights = sum(item.weight for item in order.plan.requests)
    for item in order.plan.requests:
        planned = int(order.profile.rate * order.profile.seconds * item.weight / weights)
        for share in order.slo.latency_limits(item.name):
            least = needed(round(1 - share, 10), ALPHA_PASS)
            if planned < least:
                raise ProbeError(
                    f"the profile {order.profile_name!r} yields {planned} requests of {item.name!r}, "
                    f"{share:.0%} in time takes at least {least} to prove",
                    remedy="Lengthen the profile, raise its rate or the weight, or drop that limit.",
                )
    least = needed(order.slo.error_rate, ALPHA_PASS)
    if order.arrivals < least or order.profile.seconds < MIN_BLOCKS:
        raise ProbeError(
            f"the profile {order.profile_name!r} yields {order.arrivals} requests, measured for "
            f"{order.profile.seconds:g} s; it takes at least {least} in {MIN_BLOCKS} s to prove an error rate "
            f"of {order.slo.error_rate:.2%}",
            remedy="Lengthen the profile or raise its rate.",
        )


def _limits_of_proof(seconds: float) -> str:
    if seconds >= 300:  # noqa: PLR2004 - the shortest run whose bound holds under bursts, by simulation
        return f"{seconds:g} s were measured: faults that come in bursts of a few seconds would have shown."
    return (
        f"{seconds:g} s were measured: this cannot certify against faults that come in bursts of a few "
        "seconds or grow slowly; a profile that measures 300 s can."
    )


def _stopped(run: LoadRun) -> Claim:
    """A run that was stopped early can only refute: what was not offered is not known."""
    return Claim(
        subject=ALL,
        text="the whole load can be offered",
        bad=run.scheduled - sum(cell.ok for cell in run.cells),
        total=run.scheduled,
        effective=float(run.scheduled),
        lower=0.0,
        upper=1.0,
        allowed=0.0,
        standing=Standing.REFUTED,
        reason=f"it was stopped, because {run.stopped}",
        about_latency=True,
    )


def _offered(run: LoadRun) -> Claim:
    """The generator is known to be healthy here, so what could not be sent is the service's doing."""
    by_block: dict[int, list[int]] = defaultdict(lambda: [0, 0])
    for cell in run.cells:
        block = by_block[cell.window // 5]
        block[0] += cell.dropped
        block[1] += cell.scheduled
    worst = max((bad / total for bad, total in by_block.values() if total), default=1.0)
    held = run.achieved >= ACHIEVED and 1 - worst >= ACHIEVED_IN_5_S
    return Claim(
        subject=ALL,
        text=f"at least {ACHIEVED:.0%} of the offered requests can be sent, {ACHIEVED_IN_5_S:.0%} in any 5 s",
        bad=run.dropped,
        total=run.scheduled,
        effective=float(run.scheduled),
        lower=1 - run.achieved,
        upper=1 - run.achieved,
        allowed=1 - ACHIEVED,
        standing=Standing.PROVEN if held else Standing.REFUTED,
        reason=f"{run.achieved:.2%} were sent, {1 - worst:.2%} in the worst 5 s"
        + ("" if held else "; the others found too many earlier ones still open"),
    )


def _errors(subject: str, cells: Sequence[Cell], allowed: float, width: int, *, proof: bool) -> Claim:
    blocks = _blocks(((cell.window, cell.bad, cell.scheduled) for cell in cells), width)
    kinds = ", ".join(f"{count} {kind}" for kind, count in failures(cells).most_common(4))
    text = f"at most {allowed:.3%} without a right answer"
    return _judge(subject, text, blocks, allowed, kinds, proof=proof)


def _latency(subject: str, cells: Sequence[Cell], share: float, limit: float, width: int) -> Claim:
    text = f"{share:.0%} answered right within {limit:g} ms"
    # A cell without a count for the limit is an incomplete result, not one without slow answers.
    if any(limit not in cell.over and cell.scheduled != cell.ok for cell in cells):
        return _undecided(subject, text, 1 - share, "the result lacks counts for this limit")
    blocks = _blocks(((cell.window, cell.over.get(limit, 0), cell.scheduled) for cell in cells), width)
    claim = _judge(subject, text, blocks, round(1 - share, 10), "", proof=True)
    return replace(claim, about_latency=True)


def _blocks(counts: Iterable[tuple[int, int, int]], width: int) -> dict[int, Block]:
    """Second, bad and due to blocks of `width` seconds, keyed by their first second."""
    blocks: dict[int, Block] = {}
    for window, bad, total in counts:
        key = window // width * width
        before = blocks.get(key, (0, 0))
        blocks[key] = (before[0] + bad, before[1] + total)
    return {key: block for key, block in sorted(blocks.items()) if block[1]}


def _judge(subject: str, text: str, blocks: dict[int, Block], allowed: float, detail: str, *, proof: bool) -> Claim:
    bad, total = (sum(block[index] for block in blocks.values()) for index in (0, 1))
    if not total:
        return _undecided(subject, text, allowed, "no request was sent")
    deflation = dispersion(list(blocks.values()))
    effective, effective_bad = total / deflation, bad / deflation
    upper = upper_bound(effective_bad, effective, ALPHA_PASS)
    lower = lower_bound(effective_bad, effective, ALPHA_FAIL)
    worst = _bad_block(blocks, allowed)
    shown = f"{bad} of {total} bad ({bad / total:.2%}, true share {lower:.2%} to {upper:.2%}, "
    shown += f"allowed {allowed:.2%})"
    shown += f": {detail}" if detail else ""
    if len(blocks) < MIN_BLOCKS:
        standing, reason = (
            Standing.INCONCLUSIVE,
            f"{len(blocks)} s hold requests, {MIN_BLOCKS} are needed; {shown}",
        )
    elif lower > allowed:
        standing, reason = Standing.REFUTED, shown
    elif worst is not None:
        standing = Standing.REFUTED
        reason = f"{shown}; second {worst}: {blocks[worst][0]} of {blocks[worst][1]} bad, more than chance allows"
    elif upper <= allowed:
        standing, reason = Standing.PROVEN, shown
    elif not proof:
        standing, reason = Standing.NOT_REFUTED, shown
    else:
        least = needed(allowed, ALPHA_PASS)
        short = f"; at least {least} requests are needed even if all are right" if total < least else ""
        standing, reason = Standing.INCONCLUSIVE, f"too little evidence for either: {shown}{short}"
    return Claim(subject, text, bad, total, effective, lower, upper, allowed, standing, reason)


def dispersion(blocks: Sequence[Block]) -> float:
    """How much more the bad requests vary between blocks than independent ones would; at least 1."""
    bad, total = (sum(block[index] for block in blocks) for index in (0, 1))
    if len(blocks) < 2 or bad in {0, total}:  # noqa: PLR2004 - a variance needs two
        return 1.0
    share = bad / total
    spread = sum((block[0] - share * block[1]) ** 2 for block in blocks) / (len(blocks) - 1)
    return max(1.0, spread / (total / len(blocks) * share * (1 - share)))


def _bad_block(blocks: dict[int, Block], allowed: float) -> int | None:
    """The worst block, if it is worse than one of so many may be by chance."""
    chances = {second: tail(bad, total, allowed) for second, (bad, total) in blocks.items()}
    worst = min(chances, key=lambda second: chances[second])
    return worst if chances[worst] < ALPHA_FAIL / len(blocks) else None


def _undecided(subject: str, text: str, allowed: float, reason: str) -> Claim:
    return Claim(subject, text, 0, 0, 0.0, 0.0, 1.0, allowed, Standing.INCONCLUSIVE, reason)
