"""The decision page in a real browser: it fits, it can be read, and it calls nobody."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Literal

import pytest

from stagehold.reporting.decision import render_decision
from tests.reporting_browser.conftest import Opener
from tests.unit.reporting import samples

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


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Every sample rendered to a file."""
    folder = tmp_path_factory.mktemp("pages")
    written = {}
    for name, (make, _) in samples.SAMPLES.items():
        written[name] = folder / f"{name}.html"
        written[name].write_text(render_decision(make())[0], encoding="utf-8")
    return written


@pytest.mark.parametrize("name", samples.SAMPLES)
@pytest.mark.parametrize("width", [320, 760, 1200])
def test_page_fits_the_screen(open_file: Opener, pages: dict[str, Path], name: str, width: int) -> None:
    """From a phone of 320 px on nothing is cut off or has to be scrolled sideways, folded parts included."""
    opened = open_file(pages[name], width=width)
    opened.page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
    assert opened.page.evaluate("document.documentElement.scrollWidth") <= width
    assert (opened.remote, opened.errors, opened.dialogs) == ([], [], [])


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", ["go", "no_go_12", "inconclusive"])
def test_text_stands_out_from_its_ground(
    open_file: Opener, pages: dict[str, Path], name: str, scheme: Literal["light", "dark"]
) -> None:
    """Every text has a contrast of at least 4.5 to 1 (WCAG 2.2, 1.4.3) in both colour schemes."""
    opened = open_file(pages[name], scheme=scheme)
    assert opened.page.evaluate(FAINT_TEXT) == []


def test_decision_is_seen_without_scrolling(open_file: Opener, pages: dict[str, Path]) -> None:
    """Decision, headline, build and the first reason are on the first screen of a laptop."""
    opened = open_file(pages["no_go_3"])
    for selector in ("h1", ".headline", ".build", "#why"):
        box = opened.page.locator(selector).first.bounding_box()
        assert box, selector
        assert box["y"] + box["height"] <= 900, selector


@pytest.mark.parametrize("name", samples.SAMPLES)
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


def test_page_prints(open_file: Opener, pages: dict[str, Path]) -> None:
    """A NO-GO with three failures prints on at most four pages of A4."""
    page = open_file(pages["no_go_3"]).page
    pdf = page.pdf(prefer_css_page_size=True, print_background=True)
    assert pdf.startswith(b"%PDF")
    assert 1 <= pdf.count(b"/Type /Page\n") + pdf.count(b"/Type /Page ") <= 4
