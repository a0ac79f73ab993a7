"""The decision page in a real browser: it fits, it can be read, and it calls nobody."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Literal

import pytest
from axe_playwright_python.sync_playwright import Axe

from stagehold.drawing import Drawing
from stagehold.reporting.decision import render_decision
from tests.reporting_browser.conftest import Opener
from tests.unit.drawing.gallery import DRAWINGS, heat_map
from tests.unit.reporting.pages import PAGES, drawn

pytestmark = pytest.mark.slow

FAINT_TEXT = """() => {
  const channels = text => (text.match(/[\\d.]+/g) || []).map(Number);
  const light = ([r, g, b]) => [r, g, b].map(v => v / 255)
    .map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const ground = element => {
    for (let e = element; e; e = e.parentElement) {
      const c = channels(getComputedStyle(e).backgroundColor);
      if (c.length === 3 || c[3] > 0) return c;
    }
    return [255, 255, 255];
  };
  const found = [];
  for (const details of document.querySelectorAll('details')) details.open = true;
  for (const element of document.querySelectorAll('body *')) {
    const own = [...element.childNodes].some(n => n.nodeType === 3 && n.data.trim());
    if (!own || !element.checkVisibility()) continue;
    const a = light(channels(getComputedStyle(element).color)), b = light(ground(element));
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) found.push(`${element.tagName}.${element.className}: ${ratio.toFixed(2)}`);
  }
  return found;
}"""


FAINT_DRAWN = """() => {
  const light = text => text.match(/[\\d.]+/g).map(Number).slice(0, 3).map(v => v / 255)
    .map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const fill = element => getComputedStyle(element).fill;
  const boxes = [...document.querySelectorAll('rect')].filter(r => fill(r) !== 'none');
  const found = [];
  for (const text of document.querySelectorAll('text')) {
    const at = text.getBoundingClientRect(), x = at.x + at.width / 2, y = at.y + at.height / 2;
    const below = boxes.filter(box => {
      const b = box.getBoundingClientRect();
      return b.left <= x && x <= b.right && b.top <= y && y <= b.bottom;
    }).pop();
    const a = light(fill(text)), b = light(fill(below));
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) found.push(`${text.textContent} (${text.getAttribute('class')}): ${ratio.toFixed(2)}`);
  }
  return found;
}"""
OUTSIDE = """() => {
  const sheet = document.documentElement.getBoundingClientRect();
  return [...document.querySelectorAll('text')].filter(text => {
    const box = text.getBoundingClientRect();
    return box.left < sheet.left - 1 || box.right > sheet.right + 1 || box.bottom > sheet.bottom + 1;
  }).map(text => text.textContent);
}"""


STATES = ("go", "no_go_12", "inconclusive", "go_with_waiver", "waiver_expired")


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Every kind of page rendered to a file, with its drawings."""
    folder = tmp_path_factory.mktemp("pages")
    written = {}
    for name, make in PAGES.items():
        written[name] = folder / f"{name}.html"
        written[name].write_text(render_decision(drawn(make(), folder), folder)[0], encoding="utf-8")
    return written


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize("width", [320, 760, 1100])
def test_page_fits_the_screen(open_file: Opener, pages: dict[str, Path], name: str, width: int) -> None:
    """From a phone of 320 px on the page is not scrolled sideways, folded parts included; no cell spills over."""
    opened = open_file(pages[name], width=width)
    opened.page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
    assert opened.page.evaluate("document.documentElement.scrollWidth") <= width
    spilling = "[...document.querySelectorAll('tbody td, tbody th')].filter(c => c.scrollWidth > c.clientWidth + 1)"
    assert opened.page.evaluate(f"{spilling}.map(c => c.textContent.trim())") == []
    assert opened.page.locator("svg.drawing").count() == 5
    assert (opened.remote, opened.errors, opened.dialogs) == ([], [], [])


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", STATES)
def test_text_stands_out_from_its_ground(
    open_file: Opener, pages: dict[str, Path], name: str, scheme: Literal["light", "dark"]
) -> None:
    """Every text has a contrast of at least 4.5 to 1 (WCAG 2.2, 1.4.3) in both colour schemes."""
    opened = open_file(pages[name], scheme=scheme)
    assert opened.page.evaluate(FAINT_TEXT) == []


@pytest.mark.parametrize(
    ("name", "scheme", "width"),
    [
        *((name, "light", 1100) for name in STATES),
        *((name, "dark", 320) for name in STATES),
        ("changed", "light", 760),
        ("hostile", "light", 760),
    ],
)
def test_axe_finds_nothing(
    open_file: Opener, pages: dict[str, Path], name: str, scheme: Literal["light", "dark"], width: int
) -> None:
    """Every rule of axe-core holds, everything unfolded: WCAG 2.2 A and AA, and its good practice."""
    page = open_file(pages[name], width=width, scheme=scheme).page
    page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
    found = Axe().run(page).response
    assert [f"{v['id']}: {v['nodes'][0]['html'][:200]}" for v in found["violations"]] == []
    assert len(found["passes"]) > 20


def test_axe_hears_a_fault(open_file: Opener, tmp_path: Path) -> None:
    """Positive control: a page with a nameless picture and faint text is caught."""
    (tmp_path / "x.html").write_text("<p style='color:#eee'>faint</p><svg role=img width=9 height=9></svg>")
    found = {v["id"] for v in Axe().run(open_file(tmp_path / "x.html").page).response["violations"]}
    assert {"color-contrast", "svg-img-alt", "html-has-lang"} <= found


@pytest.mark.parametrize("drawing", [heat_map(roles=6, operations=60), *(make(str) for make in DRAWINGS.values())])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_drawing_alone_can_be_read(
    open_file: Opener, tmp_path: Path, drawing: Drawing, scheme: Literal["light", "dark"]
) -> None:
    """As an attachment of its own each drawing has its colours: every text stands out, none leaves the sheet."""
    (tmp_path / "x.svg").write_text(drawing.svg, encoding="utf-8")
    opened = open_file(tmp_path / "x.svg", scheme=scheme)
    assert opened.page.evaluate(FAINT_DRAWN) == []
    assert opened.page.evaluate(OUTSIDE) == []
    assert (opened.remote, opened.errors) == ([], [])


def test_decision_is_seen_without_scrolling(open_file: Opener, pages: dict[str, Path]) -> None:
    """Decision, headline, the four answers and the heading of the reasons are on the first screen of a laptop."""
    opened = open_file(pages["no_go_3"])
    for selector in ("h1", ".headline", ".short", "#what", "#why"):
        box = opened.page.locator(selector).first.bounding_box()
        assert box, selector
        assert box["y"] + box["height"] <= 900, selector


@pytest.mark.parametrize("name", PAGES)
def test_page_has_landmarks_and_ordered_headings(open_file: Opener, pages: dict[str, Path], name: str) -> None:
    """One banner, one main part, one first heading, no skipped level, and a language: screen readers need it."""
    page = open_file(pages[name]).page
    assert page.get_by_role("banner").count() == 1
    assert page.get_by_role("main").count() == 1
    levels = page.evaluate("[...document.querySelectorAll('h1,h2,h3,h4')].map(h => Number(h.tagName[1]))")
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))
    assert page.evaluate("document.documentElement.lang") == "en"
    assert page.get_by_role("table").count() >= 2


@pytest.mark.parametrize(("name", "most"), [("go", 3), ("no_go_3", 6), ("no_go_12", 8), ("go_with_waiver", 4)])
def test_page_prints(open_file: Opener, pages: dict[str, Path], name: str, most: int) -> None:
    """On A4 nothing is cut off at the side, and a few pages hold it, the drawings of failed checks among them."""
    page = open_file(pages[name]).page
    pdf = page.pdf(prefer_css_page_size=True, print_background=True)
    assert pdf.startswith(b"%PDF")
    assert 1 <= pdf.count(b"/Type /Page\n") + pdf.count(b"/Type /Page ") <= most
    page.set_viewport_size({"width": 700, "height": 1000})  # A4 between its margins, at 96 pixels an inch
    page.emulate_media(media="print")
    assert page.evaluate("document.documentElement.scrollWidth") <= 700
    assert page.evaluate("[...document.querySelectorAll('details:not([open])')].every(d => !d.checkVisibility())")
