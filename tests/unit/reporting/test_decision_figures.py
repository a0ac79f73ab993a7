"""Drawings on the decision page: each once, the telling ones open, and nothing harmful inlined."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from stagehold.errors import ReportError
from stagehold.model import Evidence, Outcome, Verdict
from stagehold.reporting import figures as module
from stagehold.reporting.decision import render_decision
from stagehold.reporting.figures import figures, inlined
from tests.unit.drawing.gallery import DRAWINGS
from tests.unit.reporting import samples
from tests.unit.reporting.pages import drawn

FRAME = (
    '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="9" height="9"{}>{}</svg>'
)
HARMFUL = {
    "script": "<script>alert(1)</script>",
    "handler": '<rect onclick="alert(1)"/>',
    "foreign": '<foreignObject><body xmlns="http://www.w3.org/1999/xhtml"><img src="x"/></body></foreignObject>',
    "image": '<image href="http://evil.example/x.png"/>',
    "link": '<a href="javascript:alert(1)"><text>x</text></a>',
    "use": '<use xlink:href="http://evil.example/x.svg#a"/>',
    "paint": '<rect fill="url(http://evil.example/#a)"/>',
    "inline style": '<rect style="background:url(//evil.example)"/>',
    "animation": '<animate attributeName="href" to="javascript:alert(1)"/>',
    "set": '<set attributeName="onload" to="alert(1)"/>',
    "other namespace": '<x:script xmlns:x="http://www.w3.org/1999/xhtml">alert(1)</x:script>',
    "nested page": '<g><iframe src="x"/></g>',
    "instruction": '<?xml-stylesheet href="http://evil.example/x.css"?><rect/>',
    "comment": "<!-- --><rect/>",
    "deep": "<g>" * 20_000 + "</g>" * 20_000,
}


@pytest.mark.parametrize("name", HARMFUL)
def test_a_harmful_drawing_is_not_inlined(name: str) -> None:
    """Whatever is not on the list of shapes and plain attributes keeps the whole drawing off the page."""
    assert inlined(FRAME.format("", HARMFUL[name]).encode(), "x") == ""


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"no drawing",
        b"<html/>",
        b"\xff\xfe\x00",
        b'<!DOCTYPE svg [<!ENTITY a "aaaa">]><svg xmlns="http://www.w3.org/2000/svg" width="9" height="9">&a;</svg>',
        b'<svg width="9" height="9"><rect/></svg>',
        FRAME.format("", "<rect/>").replace('width="9"', 'width="99999"').encode(),
        FRAME.format("", "<rect/>").replace('height="9"', 'height="100%"').encode(),
    ],
)
def test_what_is_no_plain_drawing_is_not_inlined(data: bytes) -> None:
    """Entities, other roots, missing or boundless sizes: the page links to the file instead."""
    assert inlined(data, "x") == ""


def test_what_is_kept_is_written_anew() -> None:
    """Styles, foreign class names and root attributes go; shapes and escaped text stay, under a name of ours."""
    svg = FRAME.format(
        ' onload="alert(1)" class="skip" id="why"',
        '<title>t</title><style>body { display: none }</style><rect x="1" class="loud banner"/>'
        "<text>a &lt;b&gt; &amp; \u202ec</text>",
    )
    found = inlined(svg.encode(), 'name "<quoted>"')
    assert 'aria-label="name &quot;&lt;quoted&gt;&quot;"' in found
    assert '<rect x="1" class="loud"/><text>a &lt;b&gt; &amp; \\u202ec</text>' in found
    assert not re.search(r"onload|style|display|banner|skip|id=", found)


@pytest.mark.parametrize("name", DRAWINGS)
def test_our_own_drawings_are_inlined(name: str) -> None:
    """Nothing that the drawings use is missing from the list, whatever text is in them."""
    for say in (str, lambda text: f"{text}<script>&\u202e"):
        assert inlined(DRAWINGS[name](say).svg.encode(), name)


def test_each_drawing_is_shown_once_and_those_of_failed_checks_open(tmp_path: Path) -> None:
    """Two checks that show the same chain share it; a failed check's drawing comes first and unfolded."""
    found = figures(drawn(samples.no_go(1), tmp_path), tmp_path)
    assert [figure.checks for figure in found if figure.open] == [("TLS-001",)]
    assert found[0].open
    assert sorted(("TLS-008", "TLS-009")) == sorted(next(f.checks for f in found if "TLS-008" in f.checks))
    assert len(found) == len({figure.path for figure in found}) == 5
    assert all(figure.svg and figure.alt for figure in found)


def test_the_drawing_of_a_passed_case_stays_folded() -> None:
    """Where one endpoint of two is bad, only the drawing of the bad one is unfolded."""
    verdict = samples.no_go(1)
    check = next(check for check in verdict.checks if check.outcome is Outcome.FAILED)
    outcomes = {case.case: case.outcome for case in check.cases}
    assert set(outcomes.values()) == {Outcome.FAILED, Outcome.PASSED}
    cases = [
        case.model_copy(
            update={"evidence": (Evidence(name=case.case, media_type="image/svg+xml", path=f"{n}.svg", alt="a"),)}
        )
        for n, case in enumerate(check.cases)
    ]
    shown = verdict.model_copy(update={"checks": (check.model_copy(update={"cases": tuple(cases)}),)})
    assert {f.name: f.open for f in figures(shown, None)} == {c: o is Outcome.FAILED for c, o in outcomes.items()}


def test_the_page_has_drawing_words_and_numbers(tmp_path: Path) -> None:
    """Drawing, what it shows in words, and links to the file and to its table are together on the page."""
    verdict = drawn(samples.no_go(1), tmp_path)
    html, _ = render_decision(verdict, tmp_path)
    assert html.count('<svg class="drawing"') == 5
    assert html.count("@media (prefers-color-scheme: dark) { .drawing") == 1
    assert "Accepted though it must be refused: TLS 1.1" in html
    assert 'href="evidence/tls/TLS-001/protocols.svg">Drawing alone</a>' in html
    assert "what answered (table)</a>" in html
    assert html.count('<details class="folded figure" open>') == 1
    assert len(html.encode()) < 300_000


def test_without_its_file_a_drawing_is_told_in_words(tmp_path: Path) -> None:
    """A missing file takes the picture away and leaves the words and the link."""
    verdict = drawn(samples.go(), tmp_path)
    html, _ = render_decision(verdict)
    assert "<svg" not in html
    assert "Accepted though it must be refused: TLS 1.1" in html


def test_too_many_drawings_are_linked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What goes beyond the page's size stays a link with its words; the first ones are those of failed checks."""
    monkeypatch.setattr(module, "MOST_BYTES", 6_000)
    found = figures(drawn(samples.no_go(1), tmp_path), tmp_path)
    assert found[0].svg
    assert [figure for figure in found if not figure.svg]
    assert sum(len(figure.svg) for figure in found) <= 6_000


def hostile_name(verdict: Verdict, path: str) -> Verdict:
    first = verdict.checks[0]
    item = Evidence(name="<script>", media_type="image/svg+xml", path=path, alt="<img src=x onerror=alert(1)>")
    case = first.cases[0].model_copy(update={"evidence": (item,)})
    return verdict.model_copy(update={"checks": (first.model_copy(update={"cases": (case,)}), *verdict.checks[1:])})


def test_a_drawing_outside_of_the_run_is_refused(tmp_path: Path) -> None:
    """Neither a path nor a link may show a file of the machine."""
    with pytest.raises(ReportError, match="leads out"):
        figures(hostile_name(samples.go(), "../x.svg"), tmp_path)
    (tmp_path / "secret.svg").write_text(DRAWINGS["ports"](str).svg, encoding="utf-8")
    run = tmp_path / "run"
    run.mkdir()
    (run / "x.svg").symlink_to(tmp_path / "secret.svg")
    with pytest.raises(ReportError, match="leads out"):
        figures(hostile_name(samples.go(), "x.svg"), run)


def test_names_and_words_of_a_drawing_are_escaped(tmp_path: Path) -> None:
    """What a check says about its drawing is text."""
    html, _ = render_decision(hostile_name(samples.go(), "x.svg"), tmp_path)
    assert "<script>" not in html
    assert "<img" not in html
    assert "&lt;img src=x onerror" in html
