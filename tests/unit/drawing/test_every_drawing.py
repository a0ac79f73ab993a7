"""What holds for every drawing: it is well-formed, harmless, says in words what it shows, and fits its sheet."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

import stagehold.drawing
from stagehold.drawing.sheet import STYLE, extent, fit, harmless
from tests.unit.drawing.gallery import DRAWINGS, heat_map

SVG = "{http://www.w3.org/2000/svg}"
ATTACK = "</text></svg><script>alert(1)</script>&]]>\"'\x00\x1b[31m\u202egnp.exe\ud800 onload=x {} %s"
EVERY = pytest.mark.parametrize("name", DRAWINGS)


@EVERY
def test_it_has_a_title_and_the_same_in_words(name: str) -> None:
    """A screen reader gets a name and what the drawing shows; the words are those of the attachment."""
    drawing = DRAWINGS[name](str)
    root = ET.fromstring(drawing.svg)
    assert root.get("role") == "img"
    assert root[0].tag == f"{SVG}title"
    assert root[0].text
    assert root.findtext(f"{SVG}desc") == drawing.alt
    assert len(drawing.alt) > 40


@EVERY
def test_text_of_the_target_stays_text(name: str) -> None:
    """Markup, controls, half characters and reordering signs cannot leave the text they came in."""
    plain, hostile = DRAWINGS[name](str), DRAWINGS[name](lambda text: text + ATTACK)
    root = ET.fromstring(hostile.svg)
    assert {element.tag for element in root.iter()} <= {element.tag for element in ET.fromstring(plain.svg).iter()}
    assert not [key for element in root.iter() for key in element.attrib if key.startswith("on")]
    assert (hostile.svg + hostile.alt).replace("\n", "").isprintable()


@EVERY
def test_it_stands_alone_in_light_and_dark(name: str) -> None:
    """The drawing brings its style for both schemes and refers to nothing outside."""
    svg = DRAWINGS[name](str).svg
    assert svg.count("<style>") == 1
    assert "prefers-color-scheme: dark" in svg
    assert not re.search(r"href|url\(|@import|data:|https?://(?!www\.w3\.org/2000/svg)", svg)


@EVERY
def test_nothing_lies_outside_of_the_sheet(name: str) -> None:
    """Every box and every text begins and, by its estimated width, ends on the sheet."""
    root = ET.fromstring(DRAWINGS[name](str).svg)
    width, height = float(root.get("width", "")), float(root.get("height", ""))
    boxes = [box for box in root.iter(f"{SVG}rect") if box.get("class") != "paper"]
    for box in boxes:
        assert float(box.get("x", "")) >= 0
        assert float(box.get("x", "")) + float(box.get("width", "")) <= width + 0.5
        assert float(box.get("y", "")) + float(box.get("height", "")) <= height
    for text in root.iter(f"{SVG}text"):
        look = text.get("class", "")
        x, wide = float(text.get("x", "")), extent(text.text or "", look)
        if text.get("transform"):
            continue
        left = x - wide if "end" in look.split() else x - wide / 2 if "mid" in look.split() else x
        assert left >= -0.5, text.text
        assert left + wide <= width + 0.5, text.text
        assert float(text.get("y", "")) <= height


@EVERY
def test_every_colour_class_has_a_style(name: str) -> None:
    """No element names a look that the style does not hold: it would be black on black in the dark."""
    looks = {look for e in ET.fromstring(DRAWINGS[name](str).svg).iter() for look in e.get("class", "").split()}
    assert {look for look in looks if not re.search(rf"\.{look}\b", STYLE)} == set()


def test_a_long_text_is_cut_where_it_tells_least() -> None:
    """Sentences lose their end; code, such as a path, its middle, because both ends tell it apart."""
    assert fit("a sentence that is too long", 80).startswith("a sent")
    cut = fit("GET /api/companies/{company}/invoices/{invoice}/lines", 160, "mono")
    assert cut.startswith("GET /api")
    assert cut.endswith("/lines")
    assert extent(cut, "mono") <= 160


def test_harmless_text_is_one_printable_line() -> None:
    """Line ends become spaces, everything invisible a sign that shows."""
    assert harmless("a\r\n\tb\x00c\u202ed") == "a b\ufffdc\ufffdd"


def test_a_large_map_stays_below_what_a_page_can_hold() -> None:
    """Sixty operations for six roles make less than 100 kB."""
    assert len(heat_map(roles=6, operations=60).svg.encode()) < 100_000


def test_drawings_import_nothing_of_ours() -> None:
    """The package is a leaf: whoever wants a picture can have one."""
    for path in Path(stagehold.drawing.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("stagehold"):
                assert (node.module or "").startswith("stagehold.drawing"), path.name
