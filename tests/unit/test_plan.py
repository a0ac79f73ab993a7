"""The plan: what a run would do, told before any traffic."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from stagehold.environment.reader import LoadedEnvironment, read_environment
from stagehold.model import CheckSpec, Severity, Traffic
from stagehold.plan import Plan, build_plan, render

STATEMENT = """\
commitments:
  - {id: A, text: We encrypt., owner: Ops, safeguards: [encrypted-transport]}
  - {id: B, text: We isolate., owner: App, safeguards: [tenant-isolation]}
  - {id: C, text: We tell., owner: Desk, safeguards: [notices]}
"""
ENVIRONMENT = """\
environment: {id: stage}
statement: statement.yaml
targets:
  - {name: web, base_url: "https://app.example"}
flows:
  web: {kind: form, target: web, whoami: {path: /me, user: /u}}
accounts:
  - {alias: a, flow: web, user: a, password_ref: file:none}
policy: {required_commitments: [A, B]}
"""


@dataclass(frozen=True)
class Entry:
    """Stands for an entry of the network's allow-list."""

    host: str
    addresses: tuple[str, ...]
    port: int | None
    purpose: str
    problem: str = ""


def spec(identifier: str, proves: str, **more: object) -> CheckSpec:
    """A check, with what matters for a plan."""
    fields = {
        "id": identifier,
        "severity": Severity.NORMAL,
        "proves": (proves,),
        "remedy": "r",
        "suite": "tls",
    }
    return CheckSpec.model_validate({**fields, **more})


SPECS = [
    spec("TLS-001", "encrypted-transport"),
    spec("ACC-008", "tenant-isolation", severity=Severity.BLOCKER, needs=("tenancy", "fixtures")),
    spec("NET-001", "declared-exposure", traffic=Traffic.INTRUSIVE),
]
ENTRIES = [
    Entry("app.example", ("192.0.2.7",), 443, "target web"),
    Entry("db", ("192.0.2.8",), None, "host db"),
]


@pytest.fixture
def loaded(tmp_path: Path) -> LoadedEnvironment:
    """An environment that can prove one of three commitments."""
    (tmp_path / "statement.yaml").write_text(STATEMENT)
    (tmp_path / "environment.yaml").write_text(ENVIRONMENT)
    return read_environment(tmp_path)


def shown(plan: Plan, width: int = 100) -> str:
    """The plan as a pipe would get it."""
    console = Console(file=StringIO(), width=width, force_terminal=False)
    render(plan, console)
    assert isinstance(console.file, StringIO)
    return console.file.getvalue()


def test_each_check_runs_or_says_what_it_needs(loaded: LoadedEnvironment) -> None:
    """Missing keys and missing consent are named for every check, and nothing is left out."""
    plan = build_plan(loaded, SPECS, ENTRIES)
    assert [(check.spec.id, check.missing) for check in plan.checks] == [
        ("TLS-001", ()),
        ("ACC-008", ("needs tenancy", "needs fixtures")),
        ("NET-001", ("no consent for intrusive traffic",)),
    ]


def test_each_commitment_is_provable_or_says_why_not(loaded: LoadedEnvironment) -> None:
    """An uncovered core check, or none at all, keeps a commitment from being proven, as in the verdict."""
    plan = build_plan(loaded, SPECS, ENTRIES)
    assert [(item.commitment.id, item.prospect, item.running) for item in plan.commitments] == [
        ("A", "can be proven", 1),
        ("B", "cannot be proven", 0),
        ("C", "not claimed", 0),
    ]
    assert plan.commitments[0].unproven == ()
    assert plan.commitments[1].reason == (
        "tenant-isolation: its only check will not run (ACC-008 needs tenancy, needs fixtures)"
    )
    assert plan.commitments[2].reason == "notices: no check of this installation proves it"


def test_each_safeguard_needs_a_check_that_will_run(tmp_path: Path) -> None:
    """A sentence of two safeguards cannot be proven by the checks of one: the plan names the other, and what to do."""
    both = STATEMENT.replace("[encrypted-transport]", "[encrypted-transport, fault-tolerance]")
    (tmp_path / "statement.yaml").write_text(both)
    (tmp_path / "environment.yaml").write_text(ENVIRONMENT)
    plan = build_plan(read_environment(tmp_path), SPECS, ENTRIES)
    assert plan.commitments[0].prospect == "cannot be proven"
    assert plan.obstacles[0] == (
        "A is required and cannot be proven: fault-tolerance: no check of this installation proves it"
    )
    text = " ".join(shown(plan).split())
    assert "0 of 2 required can be proven" in text
    assert "leave the sentence out of `policy.required_commitments`" in text


def test_all_commitments_are_required_when_none_are_named(loaded: LoadedEnvironment) -> None:
    """Leaving the key out never weakens what is required."""
    policy = loaded.environment.policy.model_copy(update={"required_commitments": None})
    environment = loaded.environment.model_copy(update={"policy": policy})
    everything = LoadedEnvironment(environment, loaded.path, loaded.folder, loaded.digest, loaded.statement)
    plan = build_plan(everything, SPECS, ENTRIES)
    assert [item.prospect for item in plan.commitments] == [
        "can be proven",
        "cannot be proven",
        "cannot be proven",
    ]


def test_strict_makes_every_uncovered_check_count(loaded: LoadedEnvironment) -> None:
    """With `policy.strict`, an uncovered check that is not core keeps its commitment unproven, too."""
    weak = [*SPECS, spec("TLS-002", "encrypted-transport", needs=("slo",))]
    assert build_plan(loaded, weak, ENTRIES).commitments[0].prospect == "can be proven"
    policy = loaded.environment.policy.model_copy(update={"strict": True})
    environment = loaded.environment.model_copy(update={"policy": policy})
    strict = LoadedEnvironment(environment, loaded.path, loaded.folder, loaded.digest, loaded.statement)
    assert build_plan(strict, weak, ENTRIES).commitments[0].prospect == "cannot be proven"


def test_what_stands_in_the_way_of_go_is_listed(loaded: LoadedEnvironment) -> None:
    """Unprovable commitments, missing secrets and names that did not resolve are all obstacles."""
    entries = [*ENTRIES, Entry("x.example", (), 443, "target x", "does not resolve")]
    obstacles = build_plan(loaded, SPECS, entries).obstacles
    assert len(obstacles) == 3
    assert obstacles[0].startswith("B is required and cannot be proven")
    assert obstacles[1] == "references that lead nowhere now (1): file:none"
    assert obstacles[2] == "x.example: does not resolve"


def test_no_check_that_runs_is_an_obstacle(loaded: LoadedEnvironment) -> None:
    """An empty catalogue is never a plan for GO."""
    assert "no check will run" in build_plan(loaded, [], ENTRIES).obstacles


@pytest.mark.parametrize("width", [80, 120])
def test_the_plan_shows_every_check_address_and_commitment(loaded: LoadedEnvironment, width: int) -> None:
    """Nothing that will be contacted, checked or promised is missing from what a person reads."""
    text = " ".join(shown(build_plan(loaded, SPECS, ENTRIES), width).split())
    for part in (
        "1 of 3 will run", "TLS-001", "ACC-008", "NET-001", "192.0.2.7", "192.0.2.8", "all",
        "1 of 2 required can be proven, 1 not claimed (of 3)", "evidence, ordinary", "external (local)",
        "a run cannot be GO (2)", "file:none (account a)",
    ):  # fmt: skip
        assert part in text


def test_a_plan_sends_nothing(loaded: LoadedEnvironment, monkeypatch: pytest.MonkeyPatch) -> None:
    """Building and drawing a plan opens no socket."""

    def refuse(*_arguments: object, **_more: object) -> None:
        raise AssertionError("a socket was opened")

    monkeypatch.setattr(socket, "socket", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    assert shown(build_plan(loaded, SPECS, ENTRIES))


def test_markup_in_names_is_shown_as_it_is(loaded: LoadedEnvironment) -> None:
    """Brackets in names of an environment are text, not a style."""
    assert "[red]db" in shown(build_plan(loaded, SPECS, [Entry("[red]db", ("192.0.2.9",), 1, "x")]))
