"""Anonymous callers and other companies, against a real small service with faults and styles switched on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from stagehold.errors import NotAllowed, ProbeError, Uncovered
from stagehold.probes.access.anonymous import AnonymousReport, AnonymousSurvey
from stagehold.probes.access.isolation import foreign_reads, foreign_writes
from tests.probes.company_service import Stand, stand

Serve = Callable[..., Any]
ERROR_BODY = {"app": {"anonymous": [{"status": [200], "contains": "log in first"}]}}


def survey(made: Stand) -> AnonymousReport:
    """What anonymous callers get."""
    return AnonymousSurvey(made.operations(), made.sessions, made.objects).run()


@pytest.mark.parametrize(
    ("flags", "keys"),
    [
        ((), {}),
        (("redirect",), {}),
        (("error-body",), {"denial": ERROR_BODY}),
        ((), {"denial": {"app": {"anonymous": [{"status": [401]}]}}}),
    ],
    ids=["401", "redirect to login", "200 with declared error", "declared 401"],
)
def test_clean_styles_of_refusal_pass(
    serve_pages: Serve, tmp_path: Path, flags: tuple[str, ...], keys: dict[str, Any]
) -> None:
    """Every operation is refused whatever the style, and the objects made for it are gone afterwards."""
    made = stand(serve_pages, tmp_path, *flags, **keys)
    report = survey(made)

    report.require_decided()
    assert not report.granted
    assert "7 of 7 operations refused" in report.summary()
    assert "1 public; 1 excluded (POST /v1/logout: ends the session)" in report.summary()
    assert not made.service.invoices


@pytest.mark.parametrize("flag", ["open-operation", "open-delete"])
@pytest.mark.parametrize("style", ["", "redirect", "hidden", "shell"])
def test_open_operation_is_caught_in_every_style(serve_pages: Serve, tmp_path: Path, flag: str, style: str) -> None:
    """One operation without its guard is granted, and it alone."""
    report = survey(stand(serve_pages, tmp_path, flag, style))
    expected = {"open-operation": "GET /v1/reports", "open-delete": "DELETE /v1/invoices/{invoice_id}"}

    assert [row.operation for row in report.granted] == [expected[flag]]


@pytest.mark.parametrize(("style", "why"), [("error-body", "unknown denial style"), ("hidden", "it proves nothing")])
def test_what_cannot_be_told_is_undecided(serve_pages: Serve, tmp_path: Path, style: str, why: str) -> None:
    """An undeclared style, or a 404 that nothing distinguishes from a missing page, is no proof."""
    keys: dict[str, Any] = {"fixtures": []} if style == "hidden" else {}
    report = survey(stand(serve_pages, tmp_path, style, **keys))

    assert not report.granted
    with pytest.raises(ProbeError, match=why):
        report.require_decided()


def test_inventory_of_another_place_proves_nothing(serve_pages: Serve, tmp_path: Path) -> None:
    """Refusals of addresses where no session gets anything are not taken for refusals of operations."""
    inventory = {"target": "app", "extra_operations": ["GET /v1/nowhere", "GET /me/nowhere"]}
    report = survey(stand(serve_pages, tmp_path, inventory=inventory))
    with pytest.raises(ProbeError, match="addresses that do not exist"):
        report.require_decided()


def test_writes_need_consent(serve_pages: Serve, tmp_path: Path) -> None:
    """Without consent no write is sent and none is counted as refused."""
    made = stand(serve_pages, tmp_path, consent=("ordinary",))
    report = survey(made)

    assert {name.split()[0] for name, _ in report.not_exercised} == {"POST", "PUT", "DELETE"}
    assert not report.granted
    with pytest.raises(Uncovered, match=r"not sent.*canary-write"):
        replace(survey(stand(serve_pages, tmp_path)), not_exercised=report.not_exercised).require_decided()
    assert all(not request.startswith(("PUT", "DELETE", "POST /v1/inv")) for request in made.service.requests)
    with pytest.raises(NotAllowed):
        made.objects.create(made.invoice)


@pytest.mark.parametrize("style", ["", "hidden", "blind-204"])
def test_isolated_companies_pass(serve_pages: Serve, tmp_path: Path, style: str) -> None:
    """Reads and writes across companies are refused, 204 without effect included, with controls that worked."""
    made = stand(serve_pages, tmp_path, style)
    writes = foreign_writes(made.objects, made.invoice, made.operations())
    writes.require_decided()
    assert not writes.granted
    assert {(attack.attacker, attack.controlled) for attack in writes.attacks} == {("bert", True), ("bea", False)}
    if style != "blind-204":
        reads = foreign_reads(made.objects, made.invoice, made.operations())
        reads.require_decided()
        assert not reads.granted
        assert len(reads.attacks) == 4

    assert made.objects.remove_all() == ()
    assert not made.service.invoices
    lines = made.residue()
    assert sum(line["action"] == "create" for line in lines) == sum(line["action"] == "removed" for line in lines)
    assert lines[0]["action"] == "create"


def test_leaking_read_is_caught_and_only_there(serve_pages: Serve, tmp_path: Path) -> None:
    """A read without the company in its predicate is granted for every attacker; writes stay clean."""
    made = stand(serve_pages, tmp_path, "leak-read")
    reads = foreign_reads(made.objects, made.invoice, made.operations())

    assert {attack.attacker for attack in reads.granted} == {"bert", "bea"}
    assert {attack.operation for attack in reads.granted} == {
        "GET /v1/invoices/{id}", "GET /v1/invoices/{invoice_id}/lines",
    }  # fmt: skip
    assert not foreign_writes(made.objects, made.invoice).granted


def test_leaking_write_is_caught_and_only_there(serve_pages: Serve, tmp_path: Path) -> None:
    """A write without the company in its predicate is granted by its effect; reads stay clean."""
    made = stand(serve_pages, tmp_path, "leak-write")
    writes = foreign_writes(made.objects, made.invoice)

    assert {(attack.attacker, attack.operation.split()[0]) for attack in writes.granted} == {
        ("bert", "PUT"), ("bert", "DELETE"),
    }  # fmt: skip
    assert "/text" in str(writes.granted[0])
    assert not foreign_reads(made.objects, made.invoice, None).granted


def test_write_nobody_can_do_proves_nothing(serve_pages: Serve, tmp_path: Path) -> None:
    """When the owner's own write has no effect, a refused attack says nothing."""
    made = stand(serve_pages, tmp_path, "read-only")
    report = foreign_writes(made.objects, made.invoice)

    assert not report.granted
    with pytest.raises(ProbeError, match="nobody of the owning company can do it"):
        report.require_decided()


def test_isolation_needs_another_company(serve_pages: Serve, tmp_path: Path) -> None:
    """With accounts of one company only there is nobody to be kept apart from."""
    made = stand(serve_pages, tmp_path)
    keep = tuple(a for a in made.environment.accounts if a.company == "A")
    alone = made.environment.model_copy(update={"accounts": keep})
    made.objects.environment = alone
    object.__setattr__(made.sessions.driver, "environment", alone)
    with pytest.raises(Uncovered, match="another company"):
        foreign_reads(made.objects, made.invoice, None)


def test_attackers_that_read_nothing_of_their_own_prove_nothing(serve_pages: Serve, tmp_path: Path) -> None:
    """Refusals of accounts that may not even read their own objects are no isolation."""
    made = stand(serve_pages, tmp_path)
    accounts = tuple(a for a in made.environment.accounts if a.alias in {"anna", "bea"})
    only_bea = made.environment.model_copy(update={"accounts": accounts})
    made.objects.environment = only_bea
    object.__setattr__(made.sessions.driver, "environment", only_bea)
    for report in (foreign_reads(made.objects, made.invoice, None), foreign_writes(made.objects, made.invoice)):
        assert not report.granted
        with pytest.raises(ProbeError, match="of their own"):
            report.require_decided()


def test_denied_operation_is_never_sent(serve_pages: Serve, tmp_path: Path) -> None:
    """`deny.operations` holds for canary objects and for the inventory alike."""
    made = stand(serve_pages, tmp_path, deny={"operations": ["* /v1/invoices/{id}", "POST /v1/invoices"]})

    assert all("invoices" in str(op) for op, why in made.operations().excluded if why == "deny.operations")
    with pytest.raises(NotAllowed, match=r"deny\.operations"):
        made.objects.create(made.invoice)
    assert not made.service.invoices
