"""What stands beside Allure's results: where the run took place, who started it, and why it blocks."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from stagehold.model import Decision, Verdict, WaiverState
from stagehold.reporting import facts
from stagehold.reporting.allure_case import CATEGORIES, EXPIRED, WAIVED, moment_ms, uuid_of
from stagehold.reporting.text import clip, one_line

_BEGINS = {WAIVED: r"(?s)WAIVED by .*", EXPIRED: r"(?s)Waiver \S+ ended .*"}
"""How the messages of a category begin, for viewers that know categories by status and message only."""


def write_side_files(verdict: Verdict, folder: Path, executor: Mapping[str, str]) -> None:
    """Write `environment.properties`, `executor.json`, `categories.json` and, unless it is GO, the global errors.

    Raises:
        OSError: a file cannot be written.
    """
    run = verdict.run
    environment = {
        "Decision": facts.DECISIONS[verdict.decision].word,
        "Valid until": verdict.valid_until,
        "Environment": run.environment,
        "Build expected": run.artifact.expected_digest,
        "Build observed": run.artifact.observed_digest,
        "Targets": " ".join(run.targets),
        "Load profile": run.profile,
        "Run": run.run_id,
        "Started": run.started,
        "Finished": run.finished,
        "Environment digest": run.environment_digest,
        "Checks digest": run.suite_digest,
        "Waivers digest": run.waivers_digest,
        "Waivers in force": ", ".join(
            result.waiver.id for result in verdict.waivers if result.state is WaiverState.IN_FORCE
        ),
        **run.tools,
    }
    lines = (f"{_property(name)}={_property(value)}\n" for name, value in environment.items() if value)
    (folder / "environment.properties").write_text("".join(lines), encoding="ascii")
    named = {"name": "stagehold", "type": "stagehold", "buildName": run.run_id, **executor}
    dump(folder / "executor.json", {key: one_line(str(value)) for key, value in named.items()})
    dump(
        folder / "categories.json",
        [
            {"name": name, "matchedStatuses": [status], **({"messageRegex": _BEGINS[name]} if name in _BEGINS else {})}
            for name, status in CATEGORIES.items()
        ],
    )
    if verdict.decision is not Decision.GO:
        moment = moment_ms(run.finished)
        errors = [
            {"message": clip(reason, 4000), "trace": "", "timestamp": moment}
            for reason in verdict.reasons or (verdict.headline,)
        ]
        dump(folder / f"{uuid_of('globals')}-globals.json", {"attachments": [], "errors": errors})


def _property(text: str) -> str:
    r"""A key or value of a Java properties file: anything but letters and digits as `\uXXXX`."""
    units = one_line(text, 1000).encode("utf-16-be")
    codes = (int.from_bytes(units[at : at + 2], "big") for at in range(0, len(units), 2))
    return "".join(
        chr(code) if code < 128 and (chr(code).isalnum() or chr(code) in "-_./") else f"\\u{code:04x}"  # noqa: PLR2004 - ASCII
        for code in codes
    )


def dump(path: Path, value: object) -> None:
    """Write JSON as the viewer reads it.

    Raises:
        OSError: it cannot be written.
    """
    # On one line: with an indent Python's slow encoder writes, and a thousand results take a second longer.
    path.write_text(json.dumps(value, ensure_ascii=False), encoding="utf-8")
