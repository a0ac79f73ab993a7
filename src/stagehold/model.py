"""The words of the project as types. Imports nothing of ours but `errors`.

All models are frozen and refuse unknown fields, so that a half-written or foreign file is an error and
not a silent default.
"""

from __future__ import annotations

import re
from datetime import datetime
from enum import StrEnum
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

CHECK_ID = re.compile(r"^[A-Z]{3}-\d{3}$")


class Model(BaseModel):
    """A frozen value with exactly the declared fields."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Severity(StrEnum):
    """How bad a failure is. Every severity blocks; severity orders the report."""

    BLOCKER = "blocker"
    CRITICAL = "critical"
    NORMAL = "normal"


class Traffic(StrEnum):
    """Classes of traffic, weakest first; a check declares one, the environment consents to some."""

    EVIDENCE = "evidence"
    ORDINARY = "ordinary"
    CANARY_WRITE = "canary-write"
    INTRUSIVE = "intrusive"


class Outcome(StrEnum):
    """What became of a case, or of a check."""

    PASSED = "passed"
    FAILED = "failed"
    INCONCLUSIVE = "inconclusive"
    UNCOVERED = "uncovered"
    NOT_APPLICABLE = "not_applicable"
    NOT_RUN = "not_run"


class Decision(StrEnum):
    """What `decide()` says of a run. Only GO opens the gate."""

    GO = "GO"
    NO_GO = "NO_GO"
    INCONCLUSIVE = "INCONCLUSIVE"


class Promise(StrEnum):
    """What became of a commitment."""

    KEPT = "kept"
    WAIVED = "waived"
    """Broken, and every failure of it accepted by a waiver in force."""
    BROKEN = "broken"
    NOT_PROVEN = "not proven"
    NOT_CLAIMED = "not claimed"


SAFEGUARDS: dict[str, str] = {
    "encrypted-transport": "Traffic is encrypted with current protocols only.",
    "trusted-certificate": "Certificates are trusted, name the host and are in date.",
    "transport-policy": "Browsers are told to use HTTPS and nothing else.",
    "declared-exposure": "Exactly the declared ports are reachable.",
    "database-unreachable": "No database interface is reachable from outside.",
    "management-restricted": "Management interfaces are reachable only from where they are declared.",
    "firewall-verified": "The firewall does what its description says.",
    "authentication-required": "Nothing but what is declared public answers anonymous callers.",
    "personal-login": "Each person logs in with a personal user name and password.",
    "session-integrity": "Sessions are individual and end when they should.",
    "brute-force-resistance": "Guessing passwords is slowed down or stopped.",
    "tenant-isolation": "A company sees and changes nothing of another company.",
    "role-separation": "A role can do what it is granted and nothing else.",
    "personal-data-isolation": "Personal data are open to the person and to who must process them.",
    "browser-protection": "Responses carry the protections browsers understand.",
    "information-restraint": "Responses reveal nothing that helps an attacker.",
    "release-identity": "What runs is the very build that is to be released.",
    "separate-environment": "What is tested is tested apart from production.",
    "working-journeys": "What people do every day works.",
    "data-integrity": "Data are what their owner entered, complete and in balance.",
    "service-capacity": "The service answers in time at the declared load.",
    "fault-tolerance": "The service survives the loss of a part.",
    "backups": "Backups are made, kept apart and can be restored.",
    "replication": "Changes reach the standby.",
    "service-monitoring": "Rooms and services are watched.",
    "log-analysis": "Logs are complete, protected and looked at.",
    "break-in-monitoring": "Break-in attempts are noticed.",
    "approved-software": "Only tested and approved software processes data.",
    "risk-intelligence": "News about risks is gathered.",
    "no-passwords-by-mail": "Mail never asks for or carries a password.",
    "notices": "Users are told about issues.",
}
"""The fixed vocabulary: what a commitment may name and a check may prove."""


def _check_id(value: str) -> str:
    if not CHECK_ID.match(value):
        raise ValueError(f"{value!r} is not a check id such as TLS-001")
    return value


def _safeguard(value: str) -> str:
    if value not in SAFEGUARDS:
        raise ValueError(f"{value!r} is not one of the safeguards: {', '.join(sorted(SAFEGUARDS))}")
    return value


def _words(value: str) -> str:
    if not value.strip():
        raise ValueError("is empty")
    return value


def _utc_moment(value: str) -> str:
    if not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", value):
        raise ValueError("is no moment in UTC")
    try:
        datetime.fromisoformat(value)
    except ValueError as error:
        raise ValueError(f"is no moment of the calendar: {error}") from error
    return value


def _created(value: str) -> str:
    return _utc_moment(value if "T" in value else f"{value}T00:00:00Z")


Words = Annotated[str, AfterValidator(_words)]
UtcMoment = Annotated[
    str,
    AfterValidator(_utc_moment),
    Field(description="a moment in UTC with its `Z`, such as `2026-12-01T00:00:00Z`"),
]
Created = Annotated[
    str,
    AfterValidator(_created),
    Field(description="a date or moment in UTC, such as `2026-11-20` or `2026-11-20T09:00:00Z`"),
]
CheckId = Annotated[str, AfterValidator(_check_id)]
Safeguard = Annotated[str, AfterValidator(_safeguard)]


class CheckSpec(Model):
    """What a check says about itself; the catalogue is the set of these, read from the checks."""

    id: CheckId
    severity: Severity
    proves: tuple[Safeguard, ...] = Field(min_length=1)
    remedy: str = Field(min_length=1)
    why: str = ""
    """Why it matters: what somebody could do, or what people would suffer, when the claim is false."""
    requires: tuple[CheckId, ...] = ()
    needs: tuple[str, ...] = ()
    """Dotted keys of the environment without which the check is uncovered, such as `policy.lockout`."""
    core: bool = False
    """Uncovered core checks keep a required commitment from being kept. Blockers always are core."""
    defects: tuple[str, ...] = ()
    traffic: Traffic = Traffic.ORDINARY
    claim: str = ""
    """The first paragraph of the docstring: the sentence a release manager reads."""
    detail: str = ""
    """The rest of the docstring: how it is measured, sources."""
    suite: str = ""
    location: str = ""
    """`file:line` (`code_places.place`); shipped checks are named alike on every machine."""

    @property
    def is_core(self) -> bool:
        """Whether the check must be covered for its commitments to be kept."""
        return self.core or self.severity is Severity.BLOCKER


class Evidence(Model):
    """One attachment: `path` is relative to the run's folder."""

    name: str
    media_type: str
    path: str
    alt: str = ""
    """A drawing that people should see at once says here in words what it shows; "" for anything else."""


class ExpectedCheck(Model):
    """A check that the run must have results for, with every case collected before any deselection."""

    spec: CheckSpec
    cases: tuple[str, ...]
    """Case ids, `""` for a check without parameters. Empty means: nothing to run, which blocks."""
    signs_in: bool = False
    """Whether a fixture that it names uses the environment's secrets; a suite without such a check gets none."""


class CaseResult(Model):
    """The recorded outcome of one case."""

    check: CheckId
    case: str
    outcome: Outcome
    message: str = ""
    """One line that says why, for every outcome but passed."""
    expected: str = ""
    observed: str = ""
    reproduce: str = ""
    """A command line by which a third party sees the same; placeholders stand for secrets."""
    deviation: str = ""
    """What is wrong, in words that stay the same from run to run; "" where `observed` and `message` say so.

    A waiver accepts exactly this (`stagehold.waivers.deviation_of`)."""
    details: str = ""
    """The traceback or assertion text, for people who debug."""
    started: str = ""
    """UTC, ISO 8601."""
    seconds: float = 0.0
    attempt: int = 1
    evidence: tuple[Evidence, ...] = ()
    waiver: str = ""
    """Id of the waiver in force that accepts this failure; set by `decide()`, never by a lane."""


class CheckResult(Model):
    """All cases of one check, and what they amount to."""

    spec: CheckSpec
    outcome: Outcome
    reason: str = ""
    cases: tuple[CaseResult, ...] = ()
    waivers: tuple[str, ...] = ()
    """Ids of waivers that accept every failed case; a failed check without any blocks."""

    @property
    def waived(self) -> bool:
        """Whether it failed and every failure is accepted by a waiver in force."""
        return self.outcome is Outcome.FAILED and bool(self.waivers)


class Commitment(Model):
    """A sentence promised: the input of the gate."""

    id: str = Field(min_length=1)
    text: str = Field(min_length=1)
    source: str = ""
    owner: str = Field(min_length=1)
    safeguards: tuple[Safeguard, ...] = Field(min_length=1)


class SafeguardState(StrEnum):
    """What the checks of a run say of one safeguard."""

    PROVEN = "proven"
    """At least one check of it passed, and none failed."""
    WAIVED = "waived"
    """None passed; every failure is accepted by a waiver in force."""
    BROKEN = "broken"
    NOT_PROVEN = "not proven"


class SafeguardResult(Model):
    """A safeguard of a sentence, and what it rests on."""

    safeguard: Safeguard
    state: SafeguardState
    why: str = ""
    """What it lacks; "" for a proven one."""
    checks: tuple[CheckId, ...] = ()


class CommitmentResult(Model):
    """What a run says about one commitment; counts are of checks."""

    commitment: Commitment
    state: Promise
    required: bool
    reason: str = ""
    checks: tuple[CheckId, ...] = ()
    passed: int = 0
    failed: int = 0
    waived: int = 0
    """Of the failed ones, those that waivers in force accept."""
    inconclusive: int = 0
    uncovered: int = 0
    not_applicable: int = 0
    safeguards: tuple[SafeguardResult, ...] = ()
    """One for each safeguard that the sentence names."""

    @property
    def lacking(self) -> tuple[SafeguardResult, ...]:
        """The safeguards that nothing proves; each of them keeps the sentence from being kept."""
        return tuple(result for result in self.safeguards if result.state is SafeguardState.NOT_PROVEN)


class Problem(Model):
    """Something that keeps the run from GO and is not the outcome of a check."""

    what: str
    remedy: str = ""
    leak: bool = False
    """A secret was found in what would be published: NO_GO by itself."""
    refuses: bool = False
    """NO_GO by itself, too: not a lack of proof but a rule that was broken, such as too many waivers."""


class WaiverState(StrEnum):
    """What a waiver did in this run."""

    IN_FORCE = "in force"
    """It accepts a failure of this run."""
    EXPIRED = "expired"
    UNUSED = "unused"
    """The check passes now, or failed otherwise: the waiver should go."""


class Risk(StrEnum):
    """What an accepted failure may cost; it bounds how long a waiver may last."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


class WaiverEntry(Model):
    """A signed-off, expiring acceptance of one exact failure, as `waivers.yaml` holds it."""

    id: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,39}$", description="a name such as `W-2026-012`")
    """Names the waiver in every report."""
    check: CheckId
    """The one check; there are no wildcards."""
    case: str = ""
    """The exact case, as reports show it; left out for a check without cases."""
    observed: Words
    """The deviation that is accepted, word for word; another failure of the same case is not.

    `waiver-drafts.yaml` of a blocked run holds it ready to copy."""
    reason: Words
    """Why this may go live, for who reads the decision."""
    risk: Risk
    """What the failure may cost. It bounds the life: low 90 days, medium 30, high 7."""
    owner: Words
    """Who repairs it: a person or a team."""
    author: Words
    """Who wrote the waiver."""
    approved_by: Words
    """Who approved it; never the author."""
    approved_also_by: str = ""
    """A second approver, which blockers of access control need."""
    ticket: Words
    """Where the repair is followed."""
    created: Created
    """When it was approved."""
    expires: UtcMoment
    """The instant from which the failure blocks again."""


class Waiver(WaiverEntry):
    """A waiver and where it stands."""

    location: str = ""
    """`file:line`."""


class WaiverResult(Model):
    """A waiver, and what it did."""

    waiver: Waiver
    state: WaiverState
    note: str = ""
    """In words: days left, or why it does nothing."""
    commitments: tuple[str, ...] = ()
    """Ids of the sentences that lose their proof by it."""


class Changes(Model):
    """What is different from the last GO of the same environment, by the history file."""

    run_id: str = ""
    """Of the last GO; "" when the history holds none."""
    finished: str = ""
    release: str = ""
    newly_failing: tuple[CheckId, ...] = ()
    fixed: tuple[CheckId, ...] = ()
    added: tuple[CheckId, ...] = ()
    removed: tuple[CheckId, ...] = ()
    failing_since: dict[str, str] = Field(default_factory=dict)
    """Check id to the start (UTC) of the first of the unbroken row of runs in which it failed, this one included."""
    p95_ms: dict[str, tuple[float, float]] = Field(default_factory=dict)
    """Name of a request to its 95th percentile then and now, in milliseconds."""
    note: str = ""
    """What is wrong with the history itself, such as damaged lines; never a reason for or against a release."""


class Artifact(Model):
    """The build that was tested."""

    expected_digest: str = ""
    observed_digest: str = ""


class LaneRecord(Model):
    """One suite's process: how long it took and how it ended."""

    suite: str
    seconds: float
    exit_code: int | None
    note: str = ""


class RunInfo(Model):
    """Facts about the invocation."""

    run_id: str
    environment: str
    environment_file: str = ""
    owner: str = ""
    """`environment.owner`: who acts where no sentence names anybody."""
    environment_digest: str = ""
    suite_digest: str = ""
    waivers_digest: str = ""
    targets: tuple[str, ...] = ()
    profile: str = ""
    started: str = ""
    finished: str = ""
    artifact: Artifact = Artifact()
    tools: dict[str, str] = Field(default_factory=dict)
    lanes: tuple[LaneRecord, ...] = ()


class Verdict(Model):
    """What `decide()` returns together with the facts of the run; `verdict.json` is this, dumped."""

    schema_id: str = Field(default="stagehold/verdict/v1", alias="schema")
    decision: Decision
    headline: str
    reasons: tuple[str, ...]
    """Why not GO, most important first; empty only for GO."""
    run: RunInfo
    expected_checks: int = 0
    executed_checks: int = 0
    counts: dict[Outcome, int] = Field(default_factory=dict)
    """Checks per outcome."""
    checks: tuple[CheckResult, ...] = ()
    commitments: tuple[CommitmentResult, ...] = ()
    problems: tuple[Problem, ...] = ()
    not_claimed: int = 0
    """Sentences that are not required, and not broken or waived either."""
    waivers: tuple[WaiverResult, ...] = ()
    valid_until: str = ""
    """UTC: the earliest expiry of the waivers that a GO rests on; "" for any other verdict."""
    changes: Changes | None = None
    """None: no history was given."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)
