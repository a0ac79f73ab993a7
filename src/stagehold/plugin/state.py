"""Keys under which the plug-in keeps its state on pytest's objects."""

from __future__ import annotations

import pytest

from stagehold.context import LaneContext
from stagehold.events import EventLog
from stagehold.plugin.evidence import EvidenceRecorder
from stagehold.plugin.outcomes import Judged
from stagehold.redaction.redactor import Redactor

CONTEXT = pytest.StashKey[LaneContext]()
LOG = pytest.StashKey[EventLog]()
REDACTOR = pytest.StashKey[Redactor]()
RECORDER = pytest.StashKey[EvidenceRecorder]()
PHASES = pytest.StashKey[list[Judged]]()
DETAILS = pytest.StashKey[list[str]]()

SIGNING_IN = frozenset({"sessions"})
"""Fixtures through which every use of the environment's secrets goes: who names none of them gets no secret."""
