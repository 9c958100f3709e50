"""The HTML report in a real browser: drawn, quiet, legible, and whole on a phone, on paper and without scripts."""

from __future__ import annotations

import io
from collections.abc import Callable
from importlib.resources import files
from typing import Any, Final

import pytest
from playwright.sync_api import Page
from pypdf import PdfReader

from tests.browser.pages import NAMES

pytestmark = pytest.mark.xdist_group("browser")

Open = Callable[..., Page]

AXE: Final = (files("axe_playwright_python") / "axe.min.js").read_text(encoding="utf-8")
DRAWN: Final = """
svgs => svgs.filter(svg => svg.checkVisibility()).map(svg => {
  const marks = [...svg.querySelectorAll('path, rect, line, text')].map(mark => mark.getBoundingClientRect());
  const painted = marks.filter(box => box.width > 0 || box.height > 0);
  const box = svg.getBoundingClientRect();
  const inside = painted.every(m => m.left >= box.left - 1 && m.right <= box.right + 1 && m.bottom <= box.bottom + 1);
  return [svg.getAttribute('aria-label'), box.width > 0 && box.height > 60 && painted.length > 5, inside];
})
"""
TOO_WIDE: Final = """
() => [...document.querySelectorAll('body *')].filter(each => each.checkVisibility() && !each.closest('thead')
  && each.getBoundingClientRect().right > document.documentElement.clientWidth + 0.5)
  .map(each => each.outerHTML.slice(0, 200))
"""
MARKED: Final = """
svgs => svgs.filter(svg => svg.checkVisibility()).map((svg, n) => {
  const box = svg.viewBox.baseVal;
  for (const [name, y] of [['TOP', 10], ['END', box.height]]) {
    const text = document.createElementNS('http://www.w3.org/2000/svg', 'text');
    text.textContent = `${name}${n}.`;
    text.setAttribute('y', y);
    svg.appendChild(text);
  }
  return n;
}).length
"""


def contrast(one: str, other: str) -> float:
    """The contrast of two colours as a browser writes them, `rgb(1, 2, 3)`, by WCAG 2.2. [-]"""
    lights = []
    for colour in (one, other):
        parts = [int(part) / 255 for part in colour.removeprefix("rgb(").removesuffix(")").split(",")]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        lights.append(0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2])
    return (max(lights) + 0.05) / (min(lights) + 0.05)


@pytest.mark.parametrize(("width", "scheme"), [(375, "light"), (1280, "dark")])
def test_every_chart_is_drawn_inside_its_frame(show: Open, width: int, scheme: str) -> None:
    """Each has a text that stands for it, and hiding one changes the picture."""
    page = show(width, scheme=scheme)
    charts = page.locator("svg").evaluate_all(DRAWN)
    assert len(charts) >= 10
    for label, drawn, inside in charts:
        assert (True, True) == (drawn, inside), label
        assert len(label) > 20
    chart = page.locator("svg:visible").first
    before = chart.screenshot()
    chart.evaluate("svg => { svg.style.visibility = 'hidden' }")
    assert before != chart.screenshot()


def test_the_page_asks_for_nothing_and_complains_of_nothing(show: Open, report_file: object) -> None:
    """Offline, with names that hold markup: no request but the file, no word on the console, no dialog."""
    heard: list[str] = []
    page = show()
    page.on("request", lambda request: heard.append(request.url))
    page.on("console", lambda message: heard.append(message.text))
    page.on("pageerror", lambda error: heard.append(str(error)))
    page.on("dialog", lambda dialog: heard.append(dialog.message))
    page.reload()
    page.wait_for_load_state("networkidle")
    assert [page.url] == heard
    assert "Emissions report: PROVISIONAL" == page.title()
    assert 0 == page.locator("script, img, link, iframe, object").count()


def test_names_are_shown_as_they_are(show: Open) -> None:
    """Escaped, not dropped and not run."""
    text = show().locator("body").inner_text()
    for name in NAMES:
        assert name in text


@pytest.mark.parametrize(("width", "scheme"), [(375, "dark"), (1280, "light")])
def test_nothing_is_in_the_way_of_a_reader(show: Open, width: int, scheme: str) -> None:
    """Axe finds no fault: contrast, names, headings, tables, landmarks, by WCAG 2.2 AA and good practice."""
    page = show(width, scheme=scheme)
    page.locator("details").evaluate_all("all => all.slice(0, 3).forEach(each => { each.open = true })")
    page.evaluate(AXE)
    found: Any = page.evaluate("axe.run(document, { resultTypes: ['violations', 'incomplete'] })")
    assert [] == [(each["id"], [node["target"] for node in each["nodes"]][:3]) for each in found["violations"]]
    unsure = [node["html"] for each in found["incomplete"] for node in each["nodes"]]
    assert [] == [html for html in unsure if not html.startswith("<text")]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_words_in_charts_can_be_read(show: Open, scheme: str) -> None:
    """Axe cannot tell what lies behind a word in a drawing: each has 4.5 to 1 on the paper, WCAG's AA."""
    page = show(scheme=scheme)
    colours = page.locator("svg text").evaluate_all("all => [...new Set(all.map(each => getComputedStyle(each).fill))]")
    paper = page.locator("body").evaluate("e => getComputedStyle(e).backgroundColor")
    assert len(colours) >= 3
    assert [] == [colour for colour in colours if contrast(colour, paper) < 4.5]


@pytest.mark.parametrize("width", [320, 375, 640, 1280])
def test_nothing_scrolls_sideways(show: Open, width: int) -> None:
    """Every table and chart fits, the figures behind the charts too."""
    page = show(width)
    page.locator("details").evaluate_all("all => all.forEach(each => { each.open = true })")
    assert [] == page.evaluate(TOO_WIDE)
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_dark_and_light_are_two_palettes(show: Open) -> None:
    """The paper turns, and the charts with it."""
    look = "e => [getComputedStyle(e).backgroundColor, getComputedStyle(document.querySelector('svg text')).fill]"
    light, dark = (show(scheme=scheme).locator("body").evaluate(look) for scheme in ("light", "dark"))
    assert light[0] != dark[0]
    assert light[1] != dark[1]


def test_no_chart_is_cut_on_a4(show: Open) -> None:
    """The top and the bottom of each lie on one sheet, and every chart is there."""
    page = show()
    page.emulate_media(media="print")
    count = page.locator("svg").evaluate_all(MARKED)
    assert count >= 10
    sheets = [sheet.extract_text() for sheet in PdfReader(io.BytesIO(page.pdf(prefer_css_page_size=True))).pages]
    for n in range(count):
        tops, ends = ([at for at, text in enumerate(sheets) if f"{name}{n}." in text] for name in ("TOP", "END"))
        assert 1 == len(tops)
        assert tops == ends


def test_a_dark_screen_prints_on_white(show: Open) -> None:
    """Ink is for words."""
    page = show(scheme="dark")
    page.emulate_media(media="print")
    assert "rgb(253, 252, 250)" == page.locator("body").evaluate("e => getComputedStyle(e).backgroundColor")


def test_it_is_the_same_without_scripts(show: Open) -> None:
    """Word for word and figure for figure."""
    plain, scripted = show(scripts=False), show()
    assert scripted.locator("body").inner_text() == plain.locator("body").inner_text()
    assert scripted.screenshot() == plain.screenshot()
