"""A load run as a drawing: what `drawing.latency` needs, taken from the counts."""

from __future__ import annotations

from stagehold.drawing import Drawing
from stagehold.drawing.latency import Requests, Second, latency_over_time
from stagehold.probes.load.observation import Cell, LoadRun, percentile_ms

_SHARES = (0.5, 0.95, 0.99)


def latency_chart(run: LoadRun, limits: dict[str, dict[float, float]], rate: float = 0.0) -> Drawing:
    """Latency of each second by kind of request, and the rate that was reached.

    Args:
        run: the counts.
        limits: request name to share (0.95) to limit in ms.
        rate: the declared arrivals of each second; 0 when not known.
    """
    return latency_over_time([_requests(run, name, limits.get(name, {})) for name in run.names], rate)


def _requests(run: LoadRun, name: str, limits: dict[float, float]) -> Requests:
    seconds: dict[int, list[Cell]] = {}
    for cell in run.cells_of(name, measured=False):
        seconds.setdefault(cell.window, []).append(cell)
    measured = run.cells_of(name, measured=True)
    return Requests(
        name=name,
        seconds=tuple(
            Second(
                second=second,
                latency_ms={share: percentile_ms(cells, share) for share in _SHARES},
                due=sum(cell.scheduled for cell in cells),
                right=sum(cell.ok for cell in cells),
            )
            for second, cells in sorted(seconds.items())
        ),
        limits_ms=limits,
        total_ms={share: percentile_ms(measured, share) for share in _SHARES},
    )
