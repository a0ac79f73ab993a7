"""What each drawing shows first, and that no state is told by colour alone."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest

from stagehold.drawing import Drawing
from stagehold.drawing.certificate_ladder import certificate_ladder
from stagehold.drawing.heat_map import MARKS, Access, Operation, access_heat_map
from stagehold.drawing.latency import latency_over_time
from stagehold.drawing.port_matrix import port_matrix
from stagehold.drawing.protocol_grid import VersionSeen, Wanted, protocol_grid
from tests.unit.drawing import gallery

SVG = "{http://www.w3.org/2000/svg}"


def texts(drawing: Drawing) -> list[str]:
    return [element.text or "" for element in ET.fromstring(drawing.svg).iter(f"{SVG}text")]


def test_leaks_come_first() -> None:
    """The operation with the leak is the first row, the wrongly refused one the second; both are told in words."""
    drawing = gallery.heat_map()
    rows = [text for text in texts(drawing) if "/api/" in text]
    assert rows[:2] == ["DELETE /api/last", "GET /api/refused"]
    assert "LEAK" in texts(drawing)
    assert "Let in, though denied: role 0: DELETE /api/last." in drawing.alt
    assert "Refused, though allowed: role 2: GET /api/refused." in drawing.alt


def test_states_of_the_map_differ_without_colour() -> None:
    """No two states share sign and loudness, and each that occurs is in the legend with its number."""
    assert len({(mark.sign, mark.loud, mark.tone) for mark in MARKS.values()}) == len(Access)
    assert len({(mark.sign, mark.loud) for mark in MARKS.values()}) == len(Access)
    legend = " ".join(texts(gallery.heat_map()))
    for words in ("let in, though denied: 1", "refused, though allowed: 1", "could not check: 1", "not tested: 1"):
        assert words in legend


def test_an_operation_without_all_its_cells_is_refused() -> None:
    """A missing cell would shift the others below the wrong role."""
    with pytest.raises(ValueError, match="one cell for each role"):
        access_heat_map(["a", "b"], [Operation("GET /", (Access.GRANTED,))])


def test_port_mismatches_are_loud_and_first() -> None:
    """Open and not declared, declared and not open: named in the cell, before what is right; the rest is counted."""
    drawing = gallery.ports()
    found = texts(drawing)
    order = [found.index(f"{port}/tcp") for port in (443, 5432, 8443, 80)]
    assert order == sorted(order)
    assert "OPEN, undeclared" in found
    assert "NOT OPEN: closed" in found
    assert any(text.startswith("40 management ports not open, as declared: 9000, 9001") for text in found)
    assert "Open though not declared: 5432" in drawing.alt
    assert "Declared open and not open: 443" in drawing.alt
    assert "Not known: 8443" in drawing.alt


def test_an_unknown_port_is_not_shown_as_closed() -> None:
    """Whatever is neither open, closed nor filtered gets a question mark and its own word."""
    assert "no answer" in texts(gallery.ports())


def test_a_refusal_is_a_success_in_words() -> None:
    """Refused where it must be is a tick with the word; accepted where it must not be is loud."""
    drawing = gallery.protocols()
    assert texts(drawing).count("refused") > 2
    assert "Accepted though it must be refused: TLS 1.1 by app.test:443 at 2001:db8::7." in drawing.alt
    assert "Refused though it must be accepted: TLS 1.3 by app.test:443 at 2001:db8::7." in drawing.alt
    assert "Not known: SSL 3.0 by app.test:443 at 2001:db8::7." in drawing.alt
    loud = [e for e in ET.fromstring(drawing.svg).iter(f"{SVG}rect") if "loud" in e.get("class", "")]
    assert len(loud) == 2


def test_an_unknown_version_is_not_shown_as_refused() -> None:
    """A handshake that nobody answered is a question mark."""
    drawing = protocol_grid([VersionSeen("a:1", "TLS 1.0", None, Wanted.REFUSED)])
    assert "not known" in texts(drawing)
    assert "Refused by all" not in drawing.alt


def test_the_ladder_shows_where_the_chain_breaks() -> None:
    """The rail is whole where the next certificate signed this one, and broken, in words, where it did not."""
    drawing = gallery.ladder()
    assert "signed by" in texts(drawing)
    assert "not signed by the next one served" in texts(drawing)
    assert "20 days left" in texts(drawing)
    assert "ended 3 days ago" in texts(drawing)
    assert "not signed by the next" in drawing.alt
    assert "Anchor, trusted beforehand CN=Root" in drawing.alt


def test_latency_shows_limits_and_failures() -> None:
    """Limits are lines with their numbers, seconds with failures crosses, and a limit never reached is said."""
    drawing = gallery.latency()
    assert "limit 250 ms for 95 %" in texts(drawing)
    assert sum("mark bad" in e.get("class", "") for e in ET.fromstring(drawing.svg).iter(f"{SVG}path")) == 1
    assert "less than 99 % answered right (limit 800 ms)" in drawing.alt
    assert "1 without a right answer" in drawing.alt
    assert "declared 10" in drawing.alt


@pytest.mark.parametrize(
    "drawing",
    [access_heat_map([], []), port_matrix([]), protocol_grid([]), certificate_ladder([]), latency_over_time([])],
)
def test_nothing_seen_is_said(drawing: Drawing) -> None:
    """Without facts there is still a drawing, and its words say that there is nothing."""
    assert ET.fromstring(drawing.svg).tag == f"{SVG}svg"
    assert any(word in drawing.alt for word in ("No ", "0 operations"))
