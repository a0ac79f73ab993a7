"""A load run as tables and words, for evidence."""

from __future__ import annotations

from collections.abc import Sequence

from stagehold.capacity.claims import Capacity
from stagehold.environment.load_plan import Slo
from stagehold.probes.load.observation import LoadRun, failures, percentile_ms
from stagehold.probes.load.plan import LoadOrder

Table = tuple[Sequence[str], list[Sequence[object]]]


def request_rows(run: LoadRun, slo: Slo) -> Table:
    """One row per kind of request: counts of the whole run, latencies of the measured part."""
    columns = (
        *("request", "due", "right", "failed", "not sent", "unfinished", "failures"),
        *("p50 ms", "p95 ms", "p99 ms", "p95 limit ms", "p99 limit ms"),
    )
    rows: list[Sequence[object]] = []
    for name in run.names:
        cells = run.cells_of(name, measured=False)
        measured = run.cells_of(name, measured=True)
        limits = slo.latency_limits(name)
        rows.append(
            (
                name,
                sum(cell.scheduled for cell in cells),
                sum(cell.ok for cell in cells),
                sum(cell.failed_total for cell in cells),
                sum(cell.dropped for cell in cells),
                sum(cell.unfinished for cell in cells),
                ", ".join(f"{count} {kind}" for kind, count in failures(cells).most_common()),
                *(round(percentile_ms(measured, share), 1) for share in (0.50, 0.95, 0.99)),
                *(limits.get(share, "") for share in (0.95, 0.99)),
            )
        )
    return columns, rows


def counter_rows(run: LoadRun) -> Table:
    """One row per kind of request and second, from which every bound can be recomputed."""
    limits = sorted({limit for cell in run.cells for limit in cell.over})
    columns = (
        *("request", "second", "due", "right", "failed", "not sent", "unfinished", "slowest ms", "failures"),
        *(f"not right within {limit:g} ms" for limit in limits),
    )
    rows: list[Sequence[object]] = [
        (
            cell.name,
            cell.window,
            cell.scheduled,
            cell.ok,
            cell.failed_total,
            cell.dropped,
            cell.unfinished,
            round(cell.latency_max_ms, 1),
            ", ".join(f"{count} {kind}" for kind, count in sorted(cell.failed.items())),
            *(cell.over.get(limit, 0) for limit in limits),
        )
        for cell in run.cells
    ]
    return columns, rows


def summary(run: LoadRun, capacity: Capacity, order: LoadOrder) -> str:
    """The run in words: claims, what the length can prove, how the generator did, examples of failures."""
    profile = order.profile
    lines = [
        f"Profile {order.profile_name}: {profile.rate:g} requests/s, {profile.arrivals} arrivals.",
        f"{profile.seconds:g} s were measured after {profile.warm_up:g} s of warm-up.",
        f"Generating processes: {profile.workers}. Seed: {order.plan.seed}.",
        f"Locust {run.locust}, {run.started} to {run.finished}.",
        "Latency counts from the instant a request was due; errors are judged from the first request on.",
        "",
        "Claims:",
        *(f"- {claim}" for claim in capacity.claims),
        "",
        capacity.limits_of_proof,
        "",
        "Generator:",
    ]
    for worker in run.workers:
        health = worker.health
        lines.append(
            f"- process {worker.worker}: {worker.started} sent, late starts p99 {health.lag_p99_ms:.1f} ms, "
            f"most {health.lag_max_ms:.1f} ms, CPU at most {max(health.cpu, default=0):.0%} of a core, "
            f"{health.in_flight_peak} open at once, {worker.retries} sent again on a fresh connection"
        )
    if order.plan.allow_colocated:
        lines.append("- it shares its machine with the service: every figure is a joint measurement")
    if run.samples:
        lines += ["", "Examples of failures:"]
        lines += [f"- {kind}: {text}" for kind, texts in sorted(run.samples.items()) for text in texts]
    return "\n".join(lines) + "\n"
