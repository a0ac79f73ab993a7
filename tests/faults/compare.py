"""`decide()` and the oracle side by side on random runs: `python -m tests.faults.compare [RUNS] [SEED]`."""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Callable
from random import Random
from typing import Any

from stagehold.model import RunInfo, Verdict
from stagehold.verdict import Rules, decide
from tests.faults.oracle import Judged, Scene, judge
from tests.faults.scenes import scene

RUNS = 100_000
_RUN = RunInfo(run_id="r", environment="e")
Decide = Callable[..., Verdict]


def decided(scene: Scene, decide: Decide = decide) -> Judged:
    """What the code says, in the oracle's words.

    Raises:
        AssertionError: the verdict contradicts itself.
    """
    given: dict[str, Any] = {
        "expected": scene.expected,
        "recorded": scene.recorded,
        "statement": scene.statement,
        "rules": Rules.model_construct(required_commitments=scene.required, strict=scene.strict),
        "run": _RUN,
        "problems": scene.problems,
        "waivers": scene.waivers,
        "now": scene.now,
    }
    verdict = decide(**given)
    assert bool(verdict.reasons) == (verdict.decision != "GO"), "a reason for each block, and none for GO"
    return Judged(
        verdict.decision.value,
        {check.spec.id: "waived" if check.waived else check.outcome.value for check in verdict.checks},
        tuple((result.commitment.id, result.state.value) for result in verdict.commitments),
        tuple(tuple(item.safeguard for item in result.lacking) for result in verdict.commitments),
        verdict.valid_until,
    )


def compare(runs: int, seed: int = 0, decide: Decide = decide) -> tuple[Counter[str], list[str]]:
    """Decisions by kind, and up to five runs on which the two disagree, each with the seed that makes it again."""
    kinds: Counter[str] = Counter()
    apart: list[str] = []
    for number in range(runs):
        one = scene(Random(f"{seed}/{number}"))
        right, said = judge(one), decided(one, decide)
        kinds[right.decision] += 1
        kinds["GO with waivers"] += bool(right.valid_until)
        if right != said:
            apart.append(f"run {seed}/{number}:\n  rules   {right}\n  decided {said}\n  of      {one}")
            if len(apart) == 5:
                break
    return kinds, apart


def main() -> int:
    """Compare, print figures, and fail on any disagreement."""
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else RUNS
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else 0
    begin = time.monotonic()
    kinds, apart = compare(runs, seed)
    figures = ", ".join(f"{number} {kind}" for kind, number in sorted(kinds.items()))
    said = f"{len(apart)} disagreements" if apart else "decide() and the oracle agree"
    done = kinds.total() - kinds["GO with waivers"]
    apart.append(f"oracle: {said} on {done} runs ({figures}), {time.monotonic() - begin:.0f} s")
    sys.stdout.write("\n".join(apart) + "\n")
    return 1 if len(apart) > 1 else 0


if __name__ == "__main__":
    raise SystemExit(main())
