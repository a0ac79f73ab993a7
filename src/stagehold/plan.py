"""What a run would do, before any traffic: checks, addresses, commitments. Pure, but for the drawing.

Names have been resolved by who built the network; nothing else is ever sent for a plan.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from stagehold.environment.profile_file import profile_in_force
from stagehold.environment.reader import LoadedEnvironment
from stagehold.environment.secrets import Reference, look_up
from stagehold.model import CheckSpec, Commitment, Traffic, Waiver
from stagehold.waivers import in_force, left_or_ago, over_budget

LOGIN = "AUT-001"
"""The check of the declared logins."""
NAMED = 3
"""References named as an obstacle; all are in the table above it."""
UNPROVABLE = (
    "For a sentence that cannot be proven: give its checks what they need, add checks that prove the safeguard "
    "(`suites`), or leave the sentence out of `policy.required_commitments`, which every decision shows as not claimed."
)
"""What to do about a required sentence that no run of this environment can keep."""
Prospect = Literal["can be proven", "cannot be proven", "not claimed"]


class AllowEntry(Protocol):
    """One thing that may be contacted, as `Network.entries` holds it."""

    @property
    def host(self) -> str: ...
    @property
    def addresses(self) -> tuple[str, ...]: ...
    @property
    def port(self) -> int | None: ...
    @property
    def purpose(self) -> str: ...
    @property
    def problem(self) -> str: ...


@dataclass(frozen=True, slots=True)
class PlannedCheck:
    """A check and what keeps it from running; empty when it will run."""

    spec: CheckSpec
    missing: tuple[str, ...]
    """Such as `needs policy.lockout` or `no consent for intrusive traffic`."""

    @property
    def runs(self) -> bool:
        """Whether it will run. Whether a case remains after parametrization shows only at collection."""
        return not self.missing


@dataclass(frozen=True, slots=True)
class PlannedCommitment:
    """A sentence and what this environment can do for it."""

    commitment: Commitment
    required: bool
    prospect: Prospect
    reason: str
    checks: tuple[PlannedCheck, ...]
    unproven: tuple[str, ...]
    """Its safeguards that no check which will run proves."""

    @property
    def running(self) -> int:
        """How many of its checks will run."""
        return sum(check.runs for check in self.checks)


@dataclass(frozen=True, slots=True)
class PlannedWaiver:
    """A waiver, and how long it still lasts. Whether it accepts anything shows only in a run."""

    waiver: Waiver
    active: bool
    left: str
    """`4 days left`, `expired 3 days ago`."""
    commitments: tuple[str, ...]
    """Ids of the sentences that would lose their proof."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything `stagehold plan` shows."""

    environment: str
    file: str
    digest: str
    statement: str
    tls_profile: str
    """Name, digest and last review of what TLS endpoints are judged by; empty without endpoints."""
    load_profile: str
    checks: tuple[PlannedCheck, ...]
    commitments: tuple[PlannedCommitment, ...]
    entries: tuple[AllowEntry, ...]
    references: tuple[Reference, ...]
    vantages: tuple[tuple[str, str], ...]
    traffic: tuple[Traffic, ...]
    waivers: tuple[PlannedWaiver, ...] = ()

    @property
    def obstacles(self) -> tuple[str, ...]:
        """Why a run of this plan cannot be GO, as far as the files show; empty when nothing is in the way."""
        found = [
            f"{item.commitment.id} is required and cannot be proven: {item.reason}"
            for item in self.commitments
            if item.required and item.prospect != "can be proven"
        ]
        if absent := list(dict.fromkeys(item.reference for item in self.references if item.problem)):
            names = ", ".join(absent[:NAMED]) + (", ..." if len(absent) > NAMED else "")
            found.append(f"references that lead nowhere now ({len(absent)}): {names}")
        found += dict.fromkeys(f"{entry.host}: {entry.problem}" for entry in self.entries if entry.problem)
        if not any(check.runs for check in self.checks):
            found.append("no check will run")
        found += [problem.what for problem in over_budget([item.waiver for item in self.waivers if item.active])]
        return tuple(found)


def build_plan(
    loaded: LoadedEnvironment,
    specs: Sequence[CheckSpec],
    network_entries: Sequence[AllowEntry],
    waivers: Sequence[Waiver] = (),
    now: datetime | None = None,
) -> Plan:
    """What a run of this environment would do.

    Args:
        loaded: the environment and its statement.
        specs: the catalogue.
        network_entries: what may be contacted, from `Network.entries`.
        waivers: the waivers beside the environment; they need `now`.
        now: the moment the plan speaks of.
    """
    environment = loaded.environment
    checks = tuple(_planned(loaded, spec) for spec in specs)
    strict = environment.policy.strict
    required = environment.policy.required_commitments
    return Plan(
        environment=environment.environment.id,
        file=str(loaded.path),
        digest=loaded.digest,
        statement=str(loaded.statement.path),
        tls_profile=_tls_profile(loaded),
        load_profile=environment.policy.load_profile if environment.load else "",
        checks=checks,
        commitments=tuple(
            _prospect(commitment, checks, required=required is None or commitment.id in required, strict=strict)
            for commitment in loaded.statement.commitments
        ),
        entries=tuple(network_entries),
        references=look_up(environment, loaded.folder),
        vantages=tuple((name, vantage.agent) for name, vantage in environment.vantage.items()),
        waivers=tuple(_planned_waiver(waiver, loaded, checks, now) for waiver in waivers) if now else (),
        traffic=environment.consent.classes,
    )


def _tls_profile(loaded: LoadedEnvironment) -> str:
    tls = loaded.environment.tls
    if not loaded.environment.tls_endpoints:
        return ""
    found = profile_in_force(tls.profile, loaded.folder)
    return f"{found}, reviewed {found.rules.reviewed}"


def _planned(loaded: LoadedEnvironment, spec: CheckSpec) -> PlannedCheck:
    environment = loaded.environment
    missing = [f"needs {key}" for key in spec.needs if not environment.has(key)]
    if spec.traffic not in environment.consent.classes:
        missing.append(f"no consent for {spec.traffic.value} traffic")
    return PlannedCheck(spec, tuple(missing))


def _planned_waiver(
    waiver: Waiver, loaded: LoadedEnvironment, checks: Sequence[PlannedCheck], now: datetime
) -> PlannedWaiver:
    proves = {name for check in checks if check.spec.id == waiver.check for name in check.spec.proves}
    concerned = (c.id for c in loaded.statement.commitments if proves & set(c.safeguards))
    return PlannedWaiver(waiver, in_force(waiver, now), left_or_ago(waiver, now), tuple(concerned))


def _prospect(
    commitment: Commitment, checks: Sequence[PlannedCheck], *, required: bool, strict: bool
) -> PlannedCommitment:
    """The same rules as the verdict's: each safeguard needs a check that runs, and each core check must run."""
    mine = tuple(c for c in checks if set(c.spec.proves) & set(commitment.safeguards))
    missing: list[str] = []
    told: set[str] = set()
    unproven: list[str] = []
    for safeguard in commitment.safeguards:
        proving = [check for check in mine if safeguard in check.spec.proves]
        if any(check.runs for check in proving):
            continue
        unproven.append(safeguard)
        told |= {check.spec.id for check in proving}
        only = "its only check" if len(proving) == 1 else "its only checks"
        why = f"{only} will not run ({_lacks(proving)})" if proving else "no check of this installation proves it"
        missing.append(f"{safeguard}: {why}")
    core = [c for c in mine if not c.runs and (strict or c.spec.is_core) and c.spec.id not in told]
    if core:
        missing.append(f"not configured: {_lacks(core)}")
    return PlannedCommitment(
        commitment,
        required,
        "not claimed" if not required else "cannot be proven" if missing else "can be proven",
        "; ".join(missing),
        mine,
        tuple(unproven),
    )


def _lacks(checks: Sequence[PlannedCheck]) -> str:
    return "; ".join(f"{check.spec.id} {', '.join(check.missing)}" for check in checks)


def render(plan: Plan, console: Console) -> None:
    """Draw the plan; no colours and no cut words where the output is no terminal."""
    console.print(f"[bold]Plan for {escape(plan.environment)}[/]  {escape(plan.file)}", highlight=False)
    console.print("Nothing has been sent but the questions that resolve names.", style="dim", highlight=False)
    _checks(plan, console)
    _network(plan, console)
    _commitments(plan, console)
    _waivers(plan, console)
    _references(plan, console)
    _end(plan, console)


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False)
    for number, column in enumerate(columns):
        table.add_column(column, overflow="fold", no_wrap=number == 0)
    return table


def _checks(plan: Plan, console: Console) -> None:
    running = sum(check.runs for check in plan.checks)
    table = _table(f"\nChecks: {running} of {len(plan.checks)} will run", "check", "suite", "traffic", "state")
    for check in plan.checks:
        state = "will run" if check.runs else f"uncovered: {', '.join(check.missing)}"
        if not check.runs and check.spec.is_core:
            state += " (core)"
        table.add_row(check.spec.id, check.spec.suite, check.spec.traffic.value, escape(state))
    console.print(table, highlight=False)
    if plan.tls_profile:
        console.print(f"TLS is judged by the profile {escape(plan.tls_profile)}", highlight=False, soft_wrap=True)
    if plan.load_profile:
        weaker = "" if plan.load_profile == "release" else ", not the profile `release`"
        console.print(f"Load profile: {escape(plan.load_profile)}{weaker}", highlight=False)


def _network(plan: Plan, console: Console) -> None:
    table = _table("\nMay be contacted, and nothing else", "host", "addresses", "port", "for")
    rows: dict[tuple[str, str, str], list[str]] = {}
    for entry in plan.entries:
        port = "all" if entry.port is None else str(entry.port)
        rows.setdefault((entry.host, entry.problem or ", ".join(entry.addresses), port), []).append(entry.purpose)
    for row, purposes in rows.items():
        table.add_row(*map(escape, row), escape(", ".join(dict.fromkeys(purposes))))
    console.print(table, highlight=False)
    where = ", ".join(f"{name} ({agent})" for name, agent in plan.vantages)
    console.print(f"Looked at from: {escape(where)}", highlight=False)
    classes = ", ".join(kind.value for kind in plan.traffic) or "none"
    console.print(f"Traffic consented to: {classes}", highlight=False)


def _commitments(plan: Plan, console: Console) -> None:
    required = [item for item in plan.commitments if item.required]
    provable = sum(item.prospect == "can be proven" for item in required)
    table = _table(
        f"\nCommitments: {provable} of {len(required)} required can be proven, "
        f"{len(plan.commitments) - len(required)} not claimed (of {len(plan.commitments)})",
        "id", "state", "checks", "what is missing",
    )  # fmt: skip
    for item in plan.commitments:
        counted = f"{item.running} of {len(item.checks)}"
        table.add_row(escape(item.commitment.id), item.prospect, counted, escape(item.reason))
    console.print(table, highlight=False)


def _waivers(plan: Plan, console: Console) -> None:
    if not plan.waivers:
        return
    table = _table(f"\nWaivers ({len(plan.waivers)})", "id", "check", "life", "risk", "owner", "without proof")
    for item in plan.waivers:
        waiver = item.waiver
        case = f" [{waiver.case}]" if waiver.case else ""
        cells = (waiver.id, f"{waiver.check}{case}", item.left, waiver.risk.value, waiver.owner)
        table.add_row(*map(escape, cells), ", ".join(item.commitments))
    console.print(table, highlight=False)


def _references(plan: Plan, console: Console) -> None:
    users: dict[tuple[str, str], list[str]] = {}
    for item in plan.references:
        if wrong := item.problem or item.warning:
            users.setdefault((wrong, item.reference), []).append(item.needed_by)
    by_problem: dict[str, list[str]] = {}
    for (wrong, reference), needed_by in users.items():
        by_problem.setdefault(wrong, []).append(f"{reference} ({', '.join(needed_by)})")
    for wrong, references in by_problem.items():
        console.print(f"\nReferences: {wrong}", style="bold", markup=False, highlight=False)
        for reference in references:
            _item(reference, console)


def _end(plan: Plan, console: Console) -> None:
    if any(check.spec.id == LOGIN and not check.runs for check in plan.checks):
        console.print(
            f"\nNo login is declared: `stagehold check ENV {LOGIN}` looks for one and drafts `flows` and `accounts`.",
            markup=False,
            highlight=False,
        )
    if not plan.obstacles:
        console.print("\nNothing in the files stands in the way of a decision.", highlight=False)
        return
    console.print(f"\n[bold]As it stands, a run cannot be GO ({len(plan.obstacles)}):[/]", highlight=False)
    for obstacle in plan.obstacles:
        _item(obstacle, console)
    if any(item.required and item.prospect == "cannot be proven" for item in plan.commitments):
        console.print(f"\n{UNPROVABLE}", markup=False, highlight=False)


def _item(text: str, console: Console) -> None:
    """One item of a list; what does not fit on its line goes on below its words."""
    row = Table.grid()
    row.add_row(Text("  - "), Text(text))
    console.print(row)
