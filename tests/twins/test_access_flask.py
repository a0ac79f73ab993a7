"""Roles and collections of an order desk whose like the probes were not made for: red on each fault, else green."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from stagehold.environment.model import Environment
from stagehold.errors import NotApplicable, ProbeError, StageholdError, Uncovered
from stagehold.network.door import Network
from stagehold.probes.access.collection_survey import survey_collections
from stagehold.probes.access.objects import CanaryObjects, Residue
from stagehold.probes.access.operations import load_operations
from stagehold.probes.access.role_survey import survey_roles
from stagehold.probes.login.driver import LoginDriver, Sessions
from tests.twins.access_flask import NO_ACCESS, PEOPLE, Desk
from tests.twins.web_stage import serving

STYLES: dict[str, Any] = {
    "plain": {},
    "hidden": {},
    "polite": {"denial": {"app": {"role": [{"status": [200], "contains": NO_ACCESS}, {"status": [303, 302]}]}}},
}
ROWS = [
    {"operations": ["GET /api/self", "POST /api/leave", "GET /api/orders", "GET /api/orders/{number}", "GET /api/find"],
     "allow": ["boss", "clerk", "viewer"]},
    {"operations": ["POST /api/orders", "PUT /api/orders/{number}", "GET /api/export.zip", "GET /desk/**"],
     "allow": ["boss", "clerk"]},
    {"operations": ["DELETE /api/orders/{number}", "* /api/orders/{number}/release", "GET /api/salaries"],
     "allow": ["boss"]},
]  # fmt: skip


def describe(url: str, **keys: Any) -> Environment:
    """The desk, as its owner would describe it; further keys replace those here."""
    whoami = {"path": "/api/self", "user": "/user", "company": "/company", "role": "/role"}
    accounts = [
        {"alias": f"{name}-{flow}", "user": name, "company": company, "role": role, "flow": flow,
         "password_ref": f"file:{name}"}
        for name, (company, role) in PEOPLE.items() for flow in ("keys", "forms")
        if flow == "keys" or name in {"north-boss", "north-viewer", "south-clerk"}
    ]  # fmt: skip
    return Environment.model_validate({
        "environment": {"id": "desk"},
        "targets": [{"name": "app", "base_url": url}],
        "tenancy": {"companies": {"north": "North", "south": "South"}},
        "flows": {
            "forms": {"kind": "form", "target": "app", "whoami": whoami},
            "keys": {"kind": "json_token", "target": "app", "token": "/key", "whoami": whoami,
                     "logout": {"method": "POST", "path": "/api/leave"}, "login": {
                "method": "POST", "path": "/api/login", "json": {"user": "{user}", "password": "{password}"}}},
        },
        "accounts": accounts,
        "inventory": {"target": "app", "openapi": "/openapi.json", "extra_operations": ["GET /desk"]},
        "fixtures": [{
            "name": "order", "owner": "north-boss-keys", "target": "app", "id": "/order/number",
            "create": {"method": "POST", "path": "/api/orders", "json": {"text": "for {canary}"}},
            "read": {"path": "/api/orders/{id}"}, "parameters": ["number"],
            "writes": [
                {"method": "PUT", "path": "/api/orders/{id}", "json": {"text": "{canary}"}},
                {"method": "POST", "path": "/api/orders/{id}/release"},
                {"method": "DELETE", "path": "/api/orders/{id}"},
            ],
        }],
        "access_matrix": {"rows": ROWS},
        "consent": {"classes": ["evidence", "ordinary", "canary-write"]},
        **keys,
    })  # fmt: skip


@dataclass
class Stage:
    """The desk, where it is, and what the suite finds there."""

    desk: Desk
    url: str
    folder: Path

    def look(self, **keys: Any) -> tuple[CanaryObjects, Any]:
        """Sessions and inventory of a description."""
        environment = describe(self.url, **keys)
        for name in PEOPLE:
            (self.folder / name).write_text(f"pw-{name}")
        driver = LoginDriver(environment, Network.build(environment), self.folder, None, timeout=5.0)
        sessions = Sessions(driver)
        objects = CanaryObjects(environment, sessions, Residue(self.folder / "residue.jsonl"), "20261123T160000Z-3fa9")
        return objects, load_operations(environment, sessions, self.folder)

    def verdicts(self, **keys: Any) -> dict[str, str]:
        """What each check would say: `passed`, what is broken, or why it is open."""
        objects, operations = self.look(**keys)
        roles = survey_roles(operations, objects)
        collections = survey_collections(operations, objects)
        objects.remove_all()
        said: dict[str, str] = {}
        for check, claim, broken in (
            ("ACC-004", roles.reads_denied(), [str(cell) for cell in roles.reads_denied().broken]),
            ("ACC-005", roles.writes_denied(), [str(cell) for cell in roles.writes_denied().broken]),
            ("ACC-006", roles.allowed(), [str(cell) for cell in roles.allowed().broken]),
            ("ACC-009", collections, collections.told()),
        ):
            try:
                claim.require_decided()
                said[check] = "; ".join(broken) or "passed"
            except StageholdError as error:
                said[check] = "; ".join(broken) or f"{type(error).__name__}: {error}"
        return said


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """One desk for all tests here."""
    desk = Desk()
    with serving(desk.app) as url:
        yield Stage(desk, url, tmp_path_factory.mktemp("desk"))


@pytest.fixture
def stage(served: Stage) -> Iterator[Stage]:
    """The desk, sound before and after each test, with nothing left behind in it."""
    before = dict(served.desk.orders)
    yield served
    served.desk.faults.clear()
    served.desk.style = "plain"
    assert served.desk.orders == before


SOUND = dict.fromkeys(("ACC-004", "ACC-005", "ACC-006", "ACC-009"), "passed")


@pytest.mark.parametrize("style", STYLES)
def test_sound_desk_passes_however_it_refuses(stage: Stage, style: str) -> None:
    """403, 404 and a message with 200 are refusals of a sound service, and every cell and collection is decided."""
    stage.desk.style = style

    assert stage.verdicts(**STYLES[style]) == SOUND


@pytest.mark.parametrize(
    ("fault", "style", "check", "told"),
    [
        ("salaries-open", "hidden", "ACC-004", "GET /api/salaries as viewer: 200"),
        ("ui-open", "polite", "ACC-004", "GET /desk as viewer: 200"),
        ("change-open", "plain", "ACC-005", "PUT /api/orders/{number} as viewer: answered 204"),
        ("release-done-though-refused", "plain", "ACC-005", "release as viewer: answered 403"),
        ("release-done-though-refused", "hidden", "ACC-005", "release as viewer: answered 404"),
        ("order-for-anybody", "polite", "ACC-005", "POST /api/orders as viewer: answered 201"),
        ("export-revoked", "plain", "ACC-006", "GET /api/export.zip as clerk"),
        ("export-revoked", "polite", "ACC-006", "GET /api/export.zip as clerk"),
        ("leave-refused", "plain", "ACC-006", "POST /api/leave as clerk"),
    ],
)
def test_fault_of_rights_breaks_its_claim_alone(stage: Stage, fault: str, style: str, check: str, told: str) -> None:
    """A missing or a revoked right breaks exactly the claim it belongs to, whatever refusals look like."""
    stage.desk.style = style
    stage.desk.faults.add(fault)
    said = stage.verdicts(**STYLES[style])

    assert told in said.pop(check)
    assert set(said.values()) == {"passed"}, said


def test_logout_that_ends_nothing_is_no_question_of_rights(stage: Stage) -> None:
    """Whoever may log out is let in, whether or not the session ends; AUT-024 says the latter."""
    stage.desk.faults.add("leave-keeps")

    assert stage.verdicts() == SOUND


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        ("find-all", "GET /api/find (search by term) shows the order of company north to south-"),
        ("total-all", "differs from that for a term nobody has: /total"),
        ("list-all", "GET /api/orders (read) shows the order of company north to south-"),
        ("export-all", "GET /api/export.zip (read) shows the order of company north to south-"),
        ("ui-find-all", "GET /desk/find (search by q) shows the order of company north to south-"),
    ],
)
def test_missing_filter_breaks_isolation_alone(stage: Stage, fault: str, told: str) -> None:
    """A search, a count, a list, an archive or a page across companies is found, and roles are as before."""
    stage.desk.faults.add(fault)
    said = stage.verdicts()
    leaks = said.pop("ACC-009")

    assert told in leaks
    assert leaks.count(" shows the order of company north to ") == 1
    assert set(said.values()) == {"passed"}, said


def test_undeclared_style_is_undecided(stage: Stage) -> None:
    """A refusal that nobody declared is neither a pass nor a failure."""
    stage.desk.style = "polite"
    said = stage.verdicts()

    assert "ProbeError" in said["ACC-004"]
    assert "declare" not in said["ACC-006"]


def test_operation_without_a_row_is_named(stage: Stage) -> None:
    """A new operation that the matrix does not know leaves both denied claims unproven, by its name."""
    rows = [{**row, "operations": [o for o in row["operations"] if "salaries" not in o]} for row in ROWS]
    said = stage.verdicts(access_matrix={"rows": rows})

    assert "Uncovered" in said["ACC-004"]
    assert "GET /api/salaries (no row of `access_matrix` covers it)" in said["ACC-004"]
    assert said["ACC-006"] == "passed"


def test_role_without_an_account_is_named(stage: Stage) -> None:
    """A role that the matrix names and nobody plays is uncovered in each of its cells."""
    rows = [*ROWS[:2], {**ROWS[2], "allow": ["boss", "auditor"]}]
    said = stage.verdicts(access_matrix={"rows": rows})

    assert all("has no account of the role auditor" in said[check] for check in ("ACC-004", "ACC-005", "ACC-006"))


def test_matrix_that_denies_nothing_separates_nobody(stage: Stage) -> None:
    """Everything allowed to everybody proves no separation of roles."""
    everything = [{"operations": ["* /**"], "allow": ["boss", "clerk", "viewer"]}]
    objects, operations = stage.look(access_matrix={"rows": everything})
    roles = survey_roles(operations, objects)
    objects.remove_all()

    for claim in (roles.reads_denied(), roles.writes_denied()):
        with pytest.raises(Uncovered, match="denies nothing to anybody"):
            claim.require_decided()


def test_claim_without_cells_is_not_applicable(stage: Stage) -> None:
    """Where only reading is denied, there is no denied write to judge, and nothing passes by that."""
    rows = [
        {"operations": ["GET /api/salaries"], "allow": ["boss"]},
        {"operations": ["* /**"], "allow": ["boss", "clerk", "viewer"]},
    ]
    objects, operations = stage.look(access_matrix={"rows": rows})
    report = survey_roles(operations, objects)
    objects.remove_all()

    with pytest.raises(NotApplicable, match="no write that is denied"):
        report.writes_denied().require_decided()


def test_only_the_owners_can_read_is_uncovered(stage: Stage) -> None:
    """Collections that nobody of the other company may read say nothing about isolation."""
    accounts = [a.model_dump(mode="json") for a in describe(stage.url).accounts if a.company == "north"]
    viewer = next(a.model_dump(mode="json") for a in describe(stage.url).accounts if a.alias == "south-viewer-keys")
    objects, operations = stage.look(accounts=[*accounts, viewer])
    report = survey_collections(operations, objects)
    objects.remove_all()

    assert not report.leaks
    with pytest.raises(Uncovered, match=r"export\.zip .*nobody of another company may read it"):
        report.require_decided()


def test_owners_that_find_nothing_prove_nothing(stage: Stage) -> None:
    """An inventory without any collection that shows the owners their own order is no proof of isolation."""
    only = {"target": "app", "extra_operations": ["GET /api/self"]}
    objects, operations = stage.look(inventory=only, access_matrix={"rows": ROWS[:1]})
    report = survey_collections(operations, objects)
    objects.remove_all()

    assert not report.leaks
    with pytest.raises(ProbeError, match="nobody of company north finds its own canaries"):
        report.require_decided()


def test_isolation_needs_somebody_else(stage: Stage) -> None:
    """With accounts of one company only there is nobody to be kept apart from."""
    accounts = [a.model_dump(mode="json") for a in describe(stage.url).accounts if a.company == "north"]
    objects, operations = stage.look(accounts=accounts)
    try:
        with pytest.raises(Uncovered, match="another company than north"):
            survey_collections(operations, objects)
    finally:
        objects.remove_all()


def test_own_object_by_its_number_is_no_find(stage: Stage) -> None:
    """That owners read the order they asked for by its number is no control of lists."""
    only = {"target": "app", "extra_operations": ["GET /api/orders/{number}"]}
    objects, operations = stage.look(inventory=only, access_matrix={"rows": ROWS[:1]})
    report = survey_collections(operations, objects)
    objects.remove_all()

    with pytest.raises(ProbeError, match="nobody of company north finds its own canaries"):
        report.require_decided()


def test_refusals_without_anybody_let_in_prove_nothing(stage: Stage) -> None:
    """What no role may is refused to all, and that it works at all is not shown."""
    rows = [*ROWS, {"operations": ["GET /api/salaries"], "allow": []}]
    rows[2] = {**ROWS[2], "operations": [o for o in ROWS[2]["operations"] if "salaries" not in o]}
    objects, operations = stage.look(access_matrix={"rows": rows})
    report = survey_roles(operations, objects)
    objects.remove_all()

    with pytest.raises(ProbeError, match="no role may, so nothing shows that it works"):
        report.reads_denied().require_decided()
