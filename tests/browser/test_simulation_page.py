"""The page of a replay in a real browser: what holds for a report's page holds for it."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest
from playwright.sync_api import Page
from pypdf import PdfReader

from scheduler.reporting.simulation_page import simulation_html
from tests.browser.test_page import AXE, DRAWN, MARKED, TOO_WIDE, contrast
from tests.reporting.simulations import NAME, swept

pytestmark = pytest.mark.xdist_group("browser")

Open = Callable[..., Page]
COVERED: Final = """
svgs => svgs.filter(svg => svg.checkVisibility()).flatMap(svg => {
  const words = [...svg.querySelectorAll('text')].filter(text => text.textContent.trim() && text.checkVisibility());
  const boxes = words.map(text => [text.textContent, text.getBoundingClientRect()]);
  return boxes.flatMap(([one, a], n) => boxes.slice(n + 1).filter(([other, b]) => a.width && b.width
    && a.left < b.right - 1 && b.left < a.right - 1 && a.top < b.bottom - 2 && b.top < a.bottom - 2)
    .map(([other]) => `${one} / ${other}`));
})
"""
"""Words of a drawing that lie over each other."""


@pytest.fixture(scope="module")
def report_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page that `show` opens here."""
    file = tmp_path_factory.mktemp("page") / "simulation.html"
    file.write_text(simulation_html(swept()), encoding="utf-8")
    return file


@pytest.mark.parametrize(("width", "scheme"), [(375, "dark"), (1280, "light")])
def test_it_is_drawn_legible_and_fits(show: Open, width: int, scheme: str) -> None:
    """Every chart inside its frame, no fault that axe finds, nothing that scrolls sideways, names as they are."""
    page = show(width, scheme=scheme)
    charts = page.locator("svg").evaluate_all(DRAWN)
    assert 11 == len(charts)
    for label, drawn, inside in charts:
        assert (True, True) == (drawn, inside), label
        assert len(label) > 20
    assert [] == page.locator("svg").evaluate_all(COVERED)
    colours = page.locator("svg text").evaluate_all("all => [...new Set(all.map(each => getComputedStyle(each).fill))]")
    paper = page.locator("body").evaluate("e => getComputedStyle(e).backgroundColor")
    assert [] == [colour for colour in colours if contrast(colour, paper) < 4.5]
    page.locator("details").evaluate_all("all => all.forEach(each => { each.open = true })")
    assert [] == page.evaluate(TOO_WIDE)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.evaluate(AXE)
    found = page.evaluate("axe.run(document, { resultTypes: ['violations'] })")
    assert [] == [(each["id"], [node["target"] for node in each["nodes"]][:3]) for each in found["violations"]]
    assert NAME in page.locator("body").inner_text()


def test_it_asks_for_nothing(show: Open) -> None:
    """Offline: no request but the file, no word on the console."""
    heard: list[str] = []
    page = show()
    page.on("request", lambda request: heard.append(request.url))
    page.on("console", lambda message: heard.append(message.text))
    page.on("pageerror", lambda error: heard.append(str(error)))
    page.reload()
    page.wait_for_load_state("networkidle")
    assert [page.url] == heard
    assert 0 == page.locator("script, img, link, iframe, object").count()


def test_no_chart_is_cut_on_a4(show: Open) -> None:
    """The top and the bottom of each lie on one sheet, on white."""
    page = show(scheme="dark")
    page.emulate_media(media="print")
    assert "rgb(253, 252, 250)" == page.locator("body").evaluate("e => getComputedStyle(e).backgroundColor")
    count = page.locator("svg").evaluate_all(MARKED)
    sheets = [sheet.extract_text() for sheet in PdfReader(io.BytesIO(page.pdf(prefer_css_page_size=True))).pages]
    for n in range(count):
        tops, ends = ([at for at, text in enumerate(sheets) if f"{name}{n}." in text] for name in ("TOP", "END"))
        assert 1 == len(tops)
        assert tops == ends
