"""Services nobody here tuned stagehold to, described by the documentation alone: sound ones pass, faults are named."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

import pytest

from stagehold.catalogue.read import read_catalogue, shipped_suites
from stagehold.environment.reader import read_environment
from tests.strangers.stage import (
    Decided,
    Person,
    Stranger,
    check,
    django_notes,
    express_shop,
    flask_api,
    gate,
)

ENVIRONMENTS = Path(__file__).parent / "environments"
MOST_LINES = 30
PROVEN = {
    "ACC-001", "ACC-008", "ACC-009", "AUT-001", "AUT-024", "HDR-001", "HDR-005", "HDR-010", "HDR-012", "HDR-013",
    "HDR-014", "NET-009", "NET-010", "NET-016", "TLS-001", "TLS-002", "TLS-003", "TLS-005", "TLS-008", "TLS-009",
    "TLS-010", "TLS-012", "TLS-017",
}  # fmt: skip
"""What is measured at, and true of, every sound stranger."""
COOKIES = {"AUT-023", "AUT-028", "AUT-029", "AUT-030"}
OPAQUE = "no credential that whoami needs is a JWT, but opaque"
NO_SSH = "no host declares a port with `service: ssh`"


@dataclass(frozen=True)
class Case:
    """One stranger, what is true of it when it is sound, and which checks each of its faults makes fail."""

    name: str
    up: Callable[..., AbstractContextManager[Stranger]]
    people: tuple[Person, ...]
    not_applicable: tuple[str, ...]
    """Words of the reasons."""
    proven: frozenset[str]
    kept: frozenset[str]
    """The commitments that its description requires."""
    faults: dict[str, set[str]]

    @property
    def description(self) -> str:
        return (ENVIRONMENTS / f"{self.name}.yaml").read_text(encoding="utf-8")

    def decide(self, folder: Path, *faults: str) -> Decided:
        """Start it, and run the gate as a pipeline does."""
        with self.up(folder, self.people, *faults) as stranger:
            return gate(stranger.describe(self.description))


CASES = (
    Case(
        "notes",
        django_notes,
        (Person("ann", "Alder"), Person("bob", "Birch")),
        (OPAQUE, NO_SSH),
        frozenset(COOKIES | {"ACC-010", "HDR-002"}),
        frozenset({"S15"}),
        {
            "cookie-without-secure": {"AUT-028"},
            "read-forgets-tenant": {"ACC-008"},
            "search-forgets-tenant": {"ACC-009"},
            "names-its-version": {"HDR-010"},
        },
    ),
    Case(
        "items",
        flask_api,
        (Person("ann", "alder", "admin"), Person("cid", "alder", "clerk"), Person("bob", "birch", "admin")),
        (OPAQUE, NO_SSH, "no cookie is the session", "is an HTML page"),
        frozenset({"ACC-004", "ACC-005", "ACC-006", "ACC-010"}),
        frozenset({"S15"}),
        {
            "logout-forgets-token": {"AUT-024"},
            "write-forgets-tenant": {"ACC-010"},
            "clerk-may-delete": {"ACC-005"},
            "no-hsts": {"HDR-001"},
        },
    ),
    Case(
        "shop",
        express_shop,
        (Person("ann@alder.test", "alder"), Person("bob@birch.test", "birch")),
        (OPAQUE, NO_SSH, "the inventory holds no operation that changes"),
        frozenset(COOKIES | {"HDR-002"}),
        frozenset({"S15"}),
        {
            "keeps-the-session-id": {"AUT-023"},
            "cookie-for-scripts": {"AUT-029"},
            "read-forgets-shop": {"ACC-008"},
            # Orders of everybody, for everybody.
            "orders-without-login": {"ACC-001", "ACC-009"},
            "shows-stack": {"HDR-012"},
            "names-its-version": {"HDR-010"},
        },
    ),
)
BY_NAME = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)


def not_asked_for(description: Path) -> set[str]:
    """The checks that need a key which the description does not have."""
    environment = read_environment(description).environment
    specs = read_catalogue(shipped_suites())
    # How long certificates of a private authority may live is its owner's to say.
    unsaid = environment.tls.trust.max_lifetime_days_private is None
    # Their certificates name no revocation list, and where one lies is its owner's to say, too.
    return (
        {spec.id for spec in specs if not all(environment.has(key) for key in spec.needs)}
        | ({"TLS-011"} if unsaid else set())
        | (set() if environment.tls.crl else {"TLS-013"})
        | (set() if any(target.kind == "api" for target in environment.targets) else {"TLS-018"})
        | (set() if any(endpoint.service for endpoint in environment.tls_endpoints) else {"TLS-019"})
    )


@BY_NAME
def test_thirty_lines_are_enough(case: Case) -> None:
    """No stranger needs more than thirty lines of YAML, none of them a comment or wider than the screen."""
    lines = case.description.splitlines()

    assert len(lines) <= MOST_LINES
    assert all(line.strip() and len(line) <= 120 for line in lines)


@BY_NAME
def test_sound_stranger_is_let_through(case: Case, tmp_path: Path) -> None:
    """A sound service is GO: nothing fails, nothing is undecided, and what was not looked at is named by its key."""
    decided = case.decide(tmp_path)

    undecided = {check: decided.reason(check) for check in decided.ids("inconclusive") | decided.ids("failed")}
    assert undecided == {}, decided.output
    assert (decided.code, decided.verdict["decision"]) == (0, "GO"), decided.output
    assert decided.ids("passed") >= PROVEN | case.proven
    assert decided.ids("uncovered") == not_asked_for(tmp_path / "environment.yaml")
    assert decided.ids("uncovered") >= {"AUT-007", "FUN-001", "FUN-002", "LOD-001", "NET-001", "NET-003"}
    assert all("needs `" in decided.reason(check) for check in decided.ids("uncovered"))
    neutral = [decided.reason(check) for check in decided.ids("not_applicable")]
    assert [reason for reason in neutral if not any(words in reason for words in case.not_applicable)] == []
    assert [words for words in case.not_applicable if not any(words in reason for reason in neutral)] == []
    assert decided.kept() == case.kept


def test_faults_block_the_release(tmp_path: Path) -> None:
    """Faults as engineers make them are NO_GO, and exactly the checks that speak of them fail."""
    case = CASES[0]
    decided = case.decide(tmp_path, *case.faults)

    assert (decided.code, decided.verdict["decision"]) == (1, "NO_GO"), decided.output
    assert decided.ids("failed") == set().union(*case.faults.values()), decided.output
    assert {check: decided.reason(check) for check in decided.ids("inconclusive")} == {}


@pytest.mark.parametrize("case", CASES[1:], ids=lambda case: case.name)
def test_faults_are_named_to_a_person_at_work(case: Case, tmp_path: Path) -> None:
    """`stagehold check` of the suites that look at the application names exactly the checks that the faults break."""
    with case.up(tmp_path, case.people, *case.faults) as stranger:
        checked = check(stranger.describe(case.description), "access", "auth", "headers")

    assert checked.code == 1, checked.output
    assert checked.ids("failed") == set().union(*case.faults.values()), checked.output
    assert checked.ids("inconclusive") | checked.ids("not run") == set(), checked.output
