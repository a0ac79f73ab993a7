"""Searches beside terms that nobody has, and what everybody's looks prove together."""

from __future__ import annotations

import json
from typing import Any

import pytest
import requests

from stagehold.errors import StageholdError
from stagehold.probes.access.collection_report import CollectionReport, Look
from stagehold.probes.access.content import Content
from stagehold.probes.access.oracle import Answer
from stagehold.probes.access.search_oracle import Asked, finds

TERM, BLANKS = "shc-3fa9-0123456789abcdef", ("shc-none-1111222233334444", "shc-none-aaaabbbbccccdddd")


def asked(term: str, body: Any, status: int = 200) -> Asked:
    """One answer; `TERM` in it stands for the term that was asked for."""
    text = (body if isinstance(body, str) else json.dumps(body)).replace("TERM", term)
    made = requests.Response()
    made._content, made.status_code = text.encode(), status
    made.headers["Content-Type"] = "text/html" if isinstance(body, str) else "application/json"
    head = {"content-type": made.headers["Content-Type"]}
    return Asked(term, Answer("GET", "https://app.example/find", status, head, text), Content.of(made))


NOTHING = {"total": 0, "rows": []}
SEARCHES: list[tuple[str, Any, Any, Any, bool]] = [
    ("nothing anywhere", NOTHING, NOTHING, NOTHING, False),
    ("found", {"total": 1, "rows": ["for TERM"]}, NOTHING, NOTHING, True),
    ("echoed by all", {"q": "TERM", "rows": []}, {"q": "TERM", "rows": []}, {"q": "TERM", "rows": []}, False),
    ("echoed and found", {"q": "TERM", "rows": ["TERM"]}, {"q": "TERM", "rows": []}, {"q": "TERM", "rows": []}, True),
    ("a count alone", {"total": 1, "rows": []}, NOTHING, NOTHING, True),
    ("a suggestion without the term", ["Invoice 7"], [], [], True),
    ("a number that always changes", {"n": 7, "rows": []}, {"n": 5, "rows": []}, {"n": 6, "rows": []}, False),
    ("a time", {"at": "2026-11-23T10:00:01Z"}, {"at": "2026-11-23T10:00:00Z"}, {"at": "2026-11-23T10:00:00Z"}, False),
    ("a page that repeats the term", "<p>nothing for TERM", "<p>nothing for TERM", "<p>nothing for TERM", False),
    ("a page that finds it", "<p>for TERM<li>TERM", "<p>nothing for TERM", "<p>nothing for TERM", True),
    ("a page that counts it", "<p>1 hit for TERM", "<p>0 hits for TERM", "<p>0 hits for TERM", True),
    ("a page that always changes", "<p>7 TERM", "<p>5 TERM", "<p>6 TERM", False),
]


@pytest.mark.parametrize(("case", "planted", "first", "second", "found"), SEARCHES, ids=[row[0] for row in SEARCHES])
def test_searches(case: str, planted: Any, first: Any, second: Any, found: bool) -> None:
    """A search finds what it shows more often than a term that nobody has, or what it answers otherwise."""
    assert bool(finds(asked(TERM, planted), (asked(BLANKS[0], first), asked(BLANKS[1], second)))) is found


def test_status_tells_too() -> None:
    """404 for what nobody has and 200 for what somebody has is a find."""
    blanks = (asked(BLANKS[0], {}, 404), asked(BLANKS[1], {}, 404))

    assert "the status" in finds(asked(TERM, {}, 200), blanks)


def look(operation: str, person: str, *, how: str = "read", **keys: Any) -> Look:
    """A look of somebody of company A or B, by the first letter of the name."""
    return Look(operation, person, person[0].upper(), how, **{"statuses": (200,), "let_in": True, **keys})


LIST, OTHER = "GET /notes", "GET /news"
OWN = look(LIST, "anna", own=frozenset({"note"}))
SOUND = (OWN, look(LIST, "bert"), look(OTHER, "anna"), look(OTHER, "bert"))
LEAK = look(OTHER, "bert", foreign=(("note", "200, and page 1 holds its canary"),))
REPORTS: list[tuple[str, tuple[Look, ...], str]] = [
    ("sound", SOUND, ""),
    ("nothing looked at", (), "nobody of company A finds its own canaries in any of 0"),
    ("no control", SOUND[1:], "nobody of company A finds its own canaries"),
    ("nobody else may read it", (OWN, *SOUND[2:]), "nobody of another company may read it"),
    ("somebody else is refused", (OWN, look(LIST, "bert", statuses=(403,), let_in=False), *SOUND[2:]), "may read it"),
    ("a look is open", (*SOUND, look(OTHER, "bea", open_question="500")), "1 of 5 looks tell nothing"),
    ("goes on for ever", (*SOUND, look("GET /log", "bert", more=True)), "GET /log goes on after 1 pages"),
    ("goes on, found", (OWN, look(LIST, "bert", more=True), *SOUND[2:]), ""),
    ("no request accepted", (*SOUND, look("GET /year", "bert", invalid=True, let_in=False)), "inventory.parameters"),
    ("one refused", (*SOUND, look("GET /admin", "bert", statuses=(403,), let_in=False)), ""),
]


@pytest.mark.parametrize(("case", "looks", "told"), REPORTS, ids=[row[0] for row in REPORTS])
def test_what_looks_prove(case: str, looks: tuple[Look, ...], told: str) -> None:
    """That nothing foreign was found is worth something only where owners found it and others could read."""
    report = CollectionReport({"note": "A"}, looks)
    said = ""
    try:
        report.require_decided()
    except StageholdError as error:
        said = f"{error} {error.remedy}"

    assert not report.leaks
    assert (told in said) if told else not said


def test_what_was_not_exercised_is_uncovered_by_name() -> None:
    """An operation that nothing fills leaves the claim unproven."""
    with pytest.raises(StageholdError, match=r"1 of 3 operations were not looked at: GET /x/\{id\} \(nothing fills id"):
        CollectionReport({"note": "A"}, SOUND, (("GET /x/{id}", "nothing fills id"),)).require_decided()


def test_each_owner_needs_a_control() -> None:
    """A company whose people find nothing of theirs is not shown to be kept apart."""
    with pytest.raises(StageholdError, match="nobody of company B"):
        CollectionReport({"note": "A", "memo": "B"}, SOUND).require_decided()


def test_leak_and_denominators_are_told() -> None:
    """What was shown to whom stands first, then how much was looked at; kinds that nobody sees are named."""
    report = CollectionReport({"note": "A", "memo": "A"}, (*SOUND, LEAK), excluded=(("GET /x", "slow"),))

    assert report.observed() == (
        "GET /news (read) shows the note of company A to bert of B: 200, and page 1 holds its canary; 1 of 5 looks "
        "show a foreign canary: 2 operations (2 of them readable by other companies), 0 searches, 1 people of other "
        "companies, canaries of 2 kinds; owners find theirs by 1 of these ways; no collection shows memo even to its "
        "own company; 1 excluded"
    )
    assert [row[0] for row in report.table()] == [LIST, LIST, OTHER, OTHER, OTHER, "GET /x"]
