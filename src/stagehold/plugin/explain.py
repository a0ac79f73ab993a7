"""What pytest shows beside the traceback of a check: for people who run `pytest suites/tls --env NAME`."""

from __future__ import annotations

import textwrap

from stagehold.code_places import opened
from stagehold.model import CheckSpec, Outcome
from stagehold.plugin.evidence import EvidenceRecorder
from stagehold.plugin.outcomes import Judged

SECTION = "what this means"
_LABELS = 16
_WIDTH = 100


def explain(spec: CheckSpec, judged: Judged, recorder: EvidenceRecorder | None) -> str:
    """Expected, observed, why it matters, what to do and how to see it oneself, one labelled paragraph each."""
    failed = judged.outcome is Outcome.FAILED
    rows = (
        ("claim", f"{spec.id} {spec.claim}"),
        ("outcome", judged.outcome.value.replace("_", " ")),
        ("because", judged.message),
        ("expected", recorder.expected if recorder else ""),
        ("observed", recorder.observed if recorder else ""),
        ("why it matters", spec.why if failed else "What could not be decided is not proven, and blocks a release."),
        ("remedy", spec.remedy if failed else ""),
        ("defined in", opened(spec.location)),
        ("reproduce", recorder.command if recorder else ""),
        ("evidence", "\n".join(item.path for item in recorder.items) if recorder else ""),
    )
    return "\n".join(_row(label, text) for label, text in rows if text)


def _row(label: str, text: str) -> str:
    if label in {"reproduce", "evidence", "defined in"}:  # to be copied or opened, so never broken
        lines = text.splitlines()
    else:
        lines = textwrap.wrap(text, _WIDTH, break_long_words=False, break_on_hyphens=False) or [""]
    return f"{label:<{_LABELS}}" + f"\n{'':<{_LABELS}}".join(lines)
