"""The page of a replay in a real browser: what holds for a report's page holds for it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page

from scheduler.reporting.simulation_page import simulation_html
from tests.browser.test_page import AXE, DRAWN, TOO_WIDE
from tests.reporting.simulations import NAME, swept

pytestmark = pytest.mark.xdist_group("browser")

Open = Callable[..., Page]


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
