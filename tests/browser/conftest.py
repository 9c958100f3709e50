"""A headless Chromium that every test of a page shares, and the page that they look at."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from scheduler.reporting.html_page import report_html
from tests.browser.machine import ARGUMENTS, chromium
from tests.browser.pages import hostile_report, traces

Open = Callable[..., Page]


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """One Chromium for all, installed by the project's own script where the machine has none and lets it."""
    path, missing = chromium()
    if missing:
        if os.environ.get("CI"):
            pytest.fail(missing)
        pytest.skip(missing)
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield opened
        opened.close()


@pytest.fixture(scope="session")
def report_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of a report that holds every kind of job and every kind of name."""
    report = hostile_report()
    file = tmp_path_factory.mktemp("page") / "report.html"
    file.write_text(report_html(report, traces(report)), encoding="utf-8")
    return file


@pytest.fixture
def show(browser: Browser, report_file: Path) -> Iterator[Open]:
    """Opens the page, offline, in a window of its own; `heard` of the page holds what it said and asked for."""
    contexts: list[BrowserContext] = []

    def opened(width: int = 1280, *, scheme: str = "light", scripts: bool = True) -> Page:
        """The page at a width in pixels."""
        context = browser.new_context(
            viewport={"width": width, "height": 900},
            color_scheme="dark" if scheme == "dark" else "light",
            java_script_enabled=scripts,
            offline=True,
        )
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(20_000)
        page.goto(report_file.as_uri())
        return page

    yield opened
    for context in contexts:
        context.close()
