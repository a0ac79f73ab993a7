"""Everything stagehold raises on purpose.

StageholdError
├── ConfigError        files or arguments are wrong; found before any traffic (exit 2)
├── NotAllowed         the safety layer refused traffic (never a verdict about the target)
│   └── DeniedByProduction  the address or name belongs to `deny.production`
├── ProbeError         a probe could not observe; the check becomes inconclusive
├── Uncovered          an input the check needs is not configured
├── NotApplicable      positive evidence that the claim does not concern this target
└── RunError           the run as a whole cannot reach a decision (exit 3)
"""

from __future__ import annotations


class StageholdError(Exception):
    """Base of all deliberate errors; `remedy` tells a person what to do next."""

    def __init__(self, message: str, *, remedy: str = "") -> None:
        super().__init__(message)
        self.remedy = remedy


class ConfigError(StageholdError):
    """A file or an argument is wrong (exit 2)."""


class NotAllowed(StageholdError):
    """The safety layer refused to send traffic: not in the allow-list, or a class without consent."""


class DeniedByProduction(NotAllowed):
    """A name, address or key matches `deny.production`, which always wins."""


class ProbeError(StageholdError):
    """A probe could not observe; whatever depends on it is inconclusive, never failed and never passed."""


class Uncovered(StageholdError):
    """An input that the check needs is not configured in the environment."""


class NotApplicable(StageholdError):
    """Observed, with positive evidence, that the claim does not concern this target."""


class RunError(StageholdError):
    """The run cannot reach a decision (exit 3)."""


class ReportError(StageholdError):
    """A report could not be written completely, or would contradict the verdict; this blocks."""
