"""Is a result complete, of this very run, and measured by a healthy generator? If not it proves nothing.

Locust ends with status 0 after no requests at all, after losing a worker and after dropping its slowest
requests; nothing of that may count, in either direction.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from pydantic import ValidationError

from stagehold.errors import ProbeError
from stagehold.probes.load.observation import LoadRun, Worker
from stagehold.probes.load.plan import LoadOrder

NEVER_ANSWERED = frozenset({"connection", "certificate", "tls", "generator", "engine"})
"""Classes of failure in which no HTTP request can have been processed."""


def read_result(path: Path, *, run: str, plan_digest: str) -> LoadRun:
    """The result file of that run.

    Raises:
        ProbeError: it is missing, cut off, malformed, or of another run or plan.
    """
    try:
        text = path.read_bytes()
    except FileNotFoundError:
        raise ProbeError("the load engine left no result") from None
    try:
        result = LoadRun.model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise ProbeError(f"the load engine's result is not readable: {place} {first['msg']}") from None
    if result.run != run:
        raise ProbeError("the load engine's result belongs to another run")
    if result.plan_digest != plan_digest:
        raise ProbeError("the load engine's result belongs to another plan")
    return result


def require_complete(result: LoadRun, order: LoadOrder) -> None:
    """Everything that was due is accounted for, by every worker.

    Raises:
        ProbeError: with the first reason why the counts cannot be trusted.
    """
    if result.lost or len(result.workers) != order.profile.workers:
        raise ProbeError(
            f"lost worker: {len(result.workers)} of {order.profile.workers} load workers reported"
            + (f"; silent: {', '.join(map(str, result.lost))}" if result.lost else "")
        )
    if result.workers_expected != order.profile.workers:
        raise ProbeError(f"the engine ran {result.workers_expected} workers, not {order.profile.workers}")
    if [worker.worker for worker in result.workers] != list(range(order.profile.workers)):
        raise ProbeError("the load workers' numbers are not 0, 1, 2 …")
    crashes = [f"worker {worker.worker}: {worker.crash}" for worker in result.workers if worker.crash]
    if crashes or result.faults:
        raise ProbeError("the load engine failed: " + "; ".join([*crashes, *result.faults][:5]))
    _require_balance(result)
    _require_slow_counted(result, order)
    if result.scheduled == 0:
        raise ProbeError("the load engine sent no request")
    if result.scheduled != order.arrivals and not (result.stopped and result.scheduled < order.arrivals):
        raise ProbeError(f"{result.scheduled} requests were scheduled where the plan has {order.arrivals}")
    declared = {item.name for item in order.plan.requests}
    if set(result.names) - declared:
        raise ProbeError(f"undeclared requests in the result: {sorted(set(result.names) - declared)}")
    for name in sorted(declared):
        cells = result.cells_of(name, measured=True)
        if sum(cell.scheduled - cell.dropped for cell in cells) == 0 and not result.stopped:
            raise ProbeError(f"the request {name!r} was never sent in the measured part")
    _require_windows(result, order)
    _require_answers(result)


def _require_balance(result: LoadRun) -> None:
    """Each book balances in itself, and the cells add up to the books."""
    for worker in result.workers:
        if worker.scheduled != worker.dropped + worker.ok + worker.failed + worker.unfinished:
            raise ProbeError(f"the books of load worker {worker.worker} do not balance")
    for cell in result.cells:
        if cell.scheduled != cell.ok + cell.bad or sum(cell.histogram.values()) != cell.ok:
            raise ProbeError(f"the counts of {cell.name!r} in second {cell.window} do not balance")
        if any(not cell.bad <= over <= cell.scheduled for over in cell.over.values()):
            raise ProbeError(f"the counts over the limit of {cell.name!r} in second {cell.window} are wrong")
    totals = (
        ("scheduled", sum(cell.scheduled for cell in result.cells)),
        ("dropped", sum(cell.dropped for cell in result.cells)),
        ("ok", sum(cell.ok for cell in result.cells)),
        ("failed", sum(cell.failed_total for cell in result.cells)),
        ("unfinished", sum(cell.unfinished for cell in result.cells)),
    )
    for field, counted in totals:
        booked = sum(getattr(worker, field) for worker in result.workers)
        if counted != booked:
            raise ProbeError(f"{counted} {field} requests in the counts, {booked} in the workers' books")


def _require_slow_counted(result: LoadRun, order: LoadOrder) -> None:
    """The exact counts over each limit agree with the coarser histogram, and none is missing."""
    limits = {item.name: set(order.limits(item)) for item in order.plan.requests}
    for cell in result.cells:
        expected = limits.get(cell.name, set())
        if cell.over.keys() - expected:
            raise ProbeError(f"the result counts {cell.name!r} against limits that the plan does not have")
        for limit in expected:
            slow = sum(count for microseconds, count in cell.histogram.items() if microseconds > limit * 1000)
            if cell.over.get(limit, 0) < cell.bad + slow:
                raise ProbeError(f"the result counts too few {cell.name!r} over {limit:g} ms")


def _require_windows(result: LoadRun, order: LoadOrder) -> None:
    first, last = math.floor(-order.profile.warm_up), math.ceil(order.profile.seconds) - 1
    if any(not first <= cell.window <= last for cell in result.cells):
        raise ProbeError("the result holds seconds that the plan does not have")


def _require_answers(result: LoadRun) -> None:
    """At least one request must have reached HTTP; else nothing about capacity was observed."""
    reached = sum(cell.ok for cell in result.cells)
    kinds: set[str] = set()
    for cell in result.cells:
        kinds |= cell.failed.keys()
        reached += sum(count for kind, count in cell.failed.items() if kind not in NEVER_ANSWERED)
    if not reached:
        example = next((text for texts in result.samples.values() for text in texts), "no example")
        raise ProbeError(f"no request reached the service ({', '.join(sorted(kinds))}): {example}")
    if kinds & {"generator", "engine"}:
        raise ProbeError("the generating machine ran out of ports, files or memory")


def require_healthy(result: LoadRun, order: LoadOrder) -> None:
    """The generator offered the load in time and with power to spare.

    Late starts count as latency, so they make a service look slower, never faster. Where the generator shares
    its machine with the service (`allow_colocated`) they are therefore accepted up to the tightest limit
    itself; what they then make of a refuted limit, `strained` tells.

    Raises:
        ProbeError: naming the worker and the measure.
    """
    colocated = order.plan.allow_colocated
    lag_limit = max(50.0, order.tightest) if colocated else max(5.0, 0.05 * order.tightest)
    cpu_limit = 0.95 if colocated else 0.80
    late_share = 0.10 if colocated else 0.01
    for worker in result.workers:
        _require_healthy_worker(worker, lag_limit, cpu_limit, late_share)


def strained(result: LoadRun, order: LoadOrder) -> str:
    """Why slow answers may be the generator's own lateness; empty where they are not.

    A limit that held in spite of it did hold. One that was missed may have been missed by the generator.
    """
    limit = max(50.0, 0.25 * order.tightest)
    late = max(worker.health.lag_p99_ms for worker in result.workers)
    if late <= limit:
        return ""
    return f"1 % of the requests left {late:.0f} ms late or later, so slow answers may be the generator's own"


def _require_healthy_worker(worker: Worker, lag_limit: float, cpu_limit: float, late_share: float) -> None:
    health = worker.health
    unhealthy = f"the load generator was the bottleneck (worker {worker.worker}): "
    if health.lag_p99_ms > lag_limit:
        late_by = f"{health.lag_p99_ms:.0f} ms late or later, limit {lag_limit:.0f} ms"
        raise ProbeError(f"{unhealthy}1 % of the requests left {late_by}")
    late = sum(lag > 4 * lag_limit for lag in health.lag_windows_p99_ms)
    if late > late_share * len(health.lag_windows_p99_ms):
        raise ProbeError(f"{unhealthy}in {late} seconds requests left more than {4 * lag_limit:.0f} ms late")
    if not health.cpu:
        raise ProbeError(f"{unhealthy}its CPU use was not recorded")
    used = _quantile(health.cpu, 0.95)
    if used > cpu_limit:
        raise ProbeError(f"{unhealthy}it used {used:.0%} of its core, limit {cpu_limit:.0%}")
    if worker.in_flight_capped and worker.dropped:
        raise ProbeError(f"{unhealthy}it may not keep more requests open; the profile needs more workers")


def _quantile(values: Sequence[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]
