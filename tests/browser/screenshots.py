"""The pictures of docs/report.md, taken of a report: python -m tests.browser.screenshots REPORT.html.

Of one in another language only its head is taken, in light; so it is of a replay's page, for docs/simulate.md.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

from playwright.sync_api import Page, sync_playwright

from tests.browser.machine import ARGUMENTS, ROOT, chromium

_WIDE: Final = {"width": 920, "height": 900}
_PHONE: Final = {"width": 375, "height": 800}


def main(report: Path) -> None:
    """Take each picture in light and in dark."""
    path, missing = chromium()
    if missing:
        sys.exit(missing)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        for scheme in ("light", "dark"):
            page = browser.new_page(color_scheme="dark" if scheme == "dark" else "light")
            page.goto(report.resolve().as_uri())
            page.set_viewport_size({"width": _WIDE["width"], "height": _WIDE["height"]})
            if page.locator("body.compact").count():
                _take(page, "simulate-page.png", "header", "figure svg.page")
                break
            code = page.locator("html").get_attribute("lang")
            if code != "en":
                _take(page, f"report-top-{code}.png", "header", ".statements")
                break
            _take(page, f"report-top-{scheme}.png", "header", ".statements")
            _take(page, f"report-job-{scheme}.png", "article figure", "article figure details")
            if scheme == "light":
                page.set_viewport_size({"width": _PHONE["width"], "height": _PHONE["height"]})
                page.screenshot(path=ROOT / "docs" / "report-phone.png")
        browser.close()


def _take(page: Page, name: str, first: str, last: str) -> None:
    """Everything from the top of one element to the bottom of another."""
    top, bottom = (page.locator(each).first.bounding_box() for each in (first, last))
    if top is None or bottom is None:
        sys.exit(f"the report has no {first} or no {last}")
    page.screenshot(
        path=ROOT / "docs" / name,
        full_page=True,
        clip={
            "x": 0,
            "y": max(0, top["y"] - 24),
            "width": _WIDE["width"],
            "height": bottom["y"] + bottom["height"] - top["y"] + 48,
        },
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
