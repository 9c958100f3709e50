"""Whatever a provider does, a source gives the right figures or the right error, soon, and never hangs."""

from __future__ import annotations

import functools
import json
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from intensity_sources import web
from intensity_sources.registry import find_sources
from scheduler.domain.errors import SourceUnavailable
from scheduler.domain.intensity import IntensitySeries
from scheduler.ports import ForecastSource, IntensitySource, SourceSetup
from tests.intensity_sources.evil_server import Answer, Ask, Behaviour, serving
from tests.intensity_sources.providers_made import (
    HALF,
    HOUR,
    NOW,
    PROVIDERS,
    Page,
    Provider,
    Row,
    get,
    put,
    quebec_file,
)

START: Final = NOW.replace(minute=0) - 9 * HOUR
END: Final = NOW.replace(minute=0) - HOUR
SOON_S: Final = 10.0
"""Far under the half-minute that is promised; the machine may be busy. [s]"""
LATE_S: Final = 0.1
"""How long a provider that is merely slow thinks. [s]"""
SHORT_S: Final = 0.25
"""Time that a question gets where the provider is not to answer at all. [s]"""
SOURCES: Final = find_sources()
PROVIDER_IDS: Final = [provider.label for provider in PROVIDERS]

Rows = Sequence[Row]


class SkippingClock:
    """The real clock, put to another time, whose waits pass at once and are counted."""

    def __init__(self, at: datetime = NOW) -> None:
        self._at = at
        self._began = time.monotonic()
        self.skipped_s = 0.0

    def now(self) -> datetime:
        """The instant, with what was waited for."""
        return self._at + timedelta(seconds=self.monotonic_s())

    def monotonic_s(self) -> float:
        """Time since the beginning, with what was waited for. [s]"""
        return time.monotonic() - self._began + self.skipped_s

    def sleep(self, duration: timedelta) -> None:
        """Be there already."""
        self.skipped_s += duration.total_seconds()


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """Something that a provider does.

    Args:
        outcome: right, what remains right with gaps or an error, or an error.
        rows: spoils the rows; value: the JSON; answer: what is sent.
        stuck: it does not answer within the time there is.
    """

    outcome: str
    rows: Callable[[Page], Rows] = lambda page: page.rows
    value: Callable[[Any, Page], Any] = lambda value, _: value
    answer: Callable[[Answer, Ask], Answer] = lambda answer, _: answer
    stuck: bool = False


def first_time(spoilt: Answer) -> Callable[[Answer, Ask], Answer]:
    """`spoilt` to the first request of a path, the good answer from then on."""
    return lambda answer, ask: spoilt if ask.number == 1 else answer


def always(**changes: Any) -> Callable[[Answer, Ask], Answer]:  # noqa: ANN401  # fields of an answer
    """The good answer with other fields."""
    return lambda answer, _: replace(answer, **changes)


def late(answer: Answer, _: Ask) -> Answer:
    """The good answer, after a while."""
    time.sleep(LATE_S)
    return answer


def busy(after: str) -> Answer:
    """Too many requests, and when to come again."""
    body = json.dumps({"errorcode": 10002, "error": "Too many requests", "reset_time": "2026-03-11T00:00:00Z"})
    return Answer(status=429, headers={"Content-Type": "application/json", "Retry-After": after}, body=body.encode())


def moved(row: Row, page: Page, by: timedelta) -> Row:
    """A row at another time."""
    for path in page.times:
        row = put(row, path, (datetime.fromisoformat(get(row, path)) + by).isoformat())
    return row


def dated(row: Row, page: Page, when: str) -> Row:
    """A row at a time that is hardly one."""
    for path in page.times:
        row = put(row, path, when + ("" if "details" in page.wrap([]) else "+00:00"))
    return row


def every_third(page: Page, spoil: Callable[[Row], Row]) -> Rows:
    """Every third row that has a figure is spoilt."""
    return [spoil(row) if i % 3 == 0 and has_figure(row, page) else row for i, row in enumerate(page.rows)]


def has_figure(row: Row, page: Page) -> bool:
    """Whether a row has one."""
    try:
        return get(row, page.value) is not None
    except KeyError:
        return False


def literal(word: str) -> Callable[[Any, Page], Any]:
    """A word that is no JSON in the place of the figures."""
    return lambda value, page: json.dumps(value).replace(
        f'"{page.value[-1]}": ', f'"{page.value[-1]}": {word}, "was": '
    )


HTML: Final = b"<!doctype html><html><head><title>We will be back</title></head><body>soon</body></html>"
DATE: Final = "Tue, 10 Mar 2026 12:20:05 GMT"
HEALTHY: Final = Fault(outcome="right")
FAULTS: Final[dict[str, Fault]] = {
    "nothing": HEALTHY,
    "late": Fault(outcome="right", answer=late),
    "stalls": Fault(outcome="error", answer=always(stalls=True), stuck=True),
    "drips-headers": Fault(outcome="error", answer=always(drips="headers"), stuck=True),
    "drips-body": Fault(outcome="error", answer=always(drips="body"), stuck=True),
    "cuts-off": Fault(outcome="error", answer=always(cut=40)),
    "cuts-off-once": Fault(
        outcome="right", answer=lambda answer, ask: replace(answer, cut=40 if ask.number == 1 else None)
    ),
    "429-seconds-once": Fault(outcome="right", answer=first_time(busy("3"))),
    "429-date-once": Fault(outcome="right", answer=first_time(busy(DATE))),
    "429-always": Fault(outcome="error", answer=lambda *_: busy("1")),
    "429-for-an-hour": Fault(outcome="error", answer=lambda *_: busy("3600")),
    "500-once": Fault(outcome="right", answer=first_time(Answer(status=500, body=b'{"error": "oops"}'))),
    "500-always": Fault(outcome="error", answer=lambda *_: Answer(status=500, body=b'{"error": {"message": "oops"}}')),
    "404-with-rows": Fault(outcome="error", answer=always(status=404)),
    "404-html": Fault(
        outcome="error", answer=lambda *_: Answer(status=404, body=HTML, headers={"Content-Type": "text/html"})
    ),
    "200-html": Fault(outcome="error", answer=lambda *_: Answer(body=HTML, headers={"Content-Type": "text/html"})),
    "302": Fault(outcome="error", answer=lambda *_: Answer(status=302, headers={"Location": "https://docs.example/"})),
    "truncated": Fault(
        outcome="error", answer=lambda answer, _: replace(answer, body=answer.body[: len(answer.body) // 2])
    ),
    "empty": Fault(outcome="error", answer=always(body=b"")),
    "huge": Fault(outcome="error", answer=always(body=b"[" + b" " * (33 * 2**20))),
    "nested": Fault(outcome="error", answer=always(body=b"[" * 200_000)),
    "wrong-content-type": Fault(outcome="right", answer=always(headers={"Content-Type": "text/html"})),
    "not-utf-8": Fault(outcome="error", answer=always(body=b'{"data": "\xff\xfe"}')),
    "an-error-as-success": Fault(
        outcome="error", value=lambda *_: {"error": {"code": "400 Bad Request", "message": "no"}}
    ),
    "a-quota-as-success": Fault(outcome="error", value=lambda *_: {"errorcode": 10002, "error": "Too many requests"}),
    "a-number": Fault(outcome="error", value=lambda *_: 42),
    "null": Fault(outcome="error", value=lambda *_: None),
    "no-rows": Fault(outcome="error", rows=lambda _: []),
    "NaN": Fault(outcome="error", value=literal("NaN")),
    "Infinity": Fault(outcome="error", value=literal("Infinity")),
    "1e999": Fault(outcome="error", value=literal("1e999")),
    "words": Fault(outcome="error", rows=lambda page: every_third(page, lambda row: put(row, page.value, "lots"))),
    "negative": Fault(outcome="part", rows=lambda page: every_third(page, lambda row: put(row, page.value, -9000))),
    "booleans": Fault(
        outcome="error", rows=lambda page: every_third(page, lambda row: put(row, page.value, value=True))
    ),
    "nulls": Fault(outcome="part", rows=lambda page: every_third(page, lambda row: put(row, page.value, None))),
    "rows-that-are-none": Fault(outcome="error", rows=lambda page: [*page.rows, None]),  # type: ignore[list-item]  # it is wrong
    "unsorted": Fault(outcome="right", rows=lambda page: [*page.rows[1::2], *page.rows[::2]]),
    "reversed": Fault(outcome="right", rows=lambda page: page.rows[::-1]),
    "duplicated": Fault(outcome="right", rows=lambda page: [*page.rows, *page.rows]),
    "contradicting": Fault(
        outcome="part",
        rows=lambda page: [*page.rows, *every_third(page, lambda row: put(row, page.value, 17))],
    ),
    "off-grid": Fault(
        outcome="error", rows=lambda page: every_third(page, lambda row: moved(row, page, timedelta(minutes=7)))
    ),
    "times-without-date": Fault(
        outcome="error", rows=lambda page: every_third(page, lambda row: put(row, page.times[0], "noon"))
    ),
    "the-year-one": Fault(
        outcome="part", rows=lambda page: [dated(page.rows[0], page, "0001-01-01T00:00:00"), *page.rows]
    ),
    "the-end-of-time": Fault(
        outcome="part", rows=lambda page: [*page.rows, dated(page.rows[0], page, "9999-12-31T23:30:00")]
    ),
    "unknown-fields": Fault(
        outcome="right",
        rows=lambda page: [row | {"surprise": [1, {"x": None}]} for row in page.rows],
        value=lambda value, _: value | {"more": {"of": ["it"]}} if isinstance(value, dict) else value,
    ),
    "another-zone": Fault(outcome="error", value=lambda value, page: page.astray(value) if page.astray else None),
}


UNSTUCK: Final = [name for name, fault in FAULTS.items() if not fault.stuck]
FORECASTERS: Final = [provider for provider in PROVIDERS if SOURCES.named(provider.source).card.forecasts]


def behaviour(provider: Provider, fault: Fault) -> Behaviour:
    """The provider with the fault."""

    def answer(ask: Ask) -> Answer:
        """Answer, spoilt unless it is about the way to the rows."""
        if ask.path in provider.before:
            return Answer(body=json.dumps(provider.before[ask.path]).encode())
        page = provider.answer(ask)
        if isinstance(page, Answer):
            return page
        value = fault.value(page.wrap(fault.rows(page)), page)
        return fault.answer(Answer(body=(value if isinstance(value, str) else json.dumps(value)).encode()), ask)

    return answer


def in_zone(row: Row, page: Page, zone: ZoneInfo) -> Row:
    """A row whose time is told on the clocks of a zone, with its offset."""
    return put(row, page.times[0], datetime.fromisoformat(get(row, page.times[0])).astimezone(zone).isoformat())


def connected(provider: Provider, url: str, clock: SkippingClock | None = None) -> IntensitySource:
    """The source, on its way to the server."""
    setup = SourceSetup(
        options=dict(provider.options) | {"base_url": url}, secret=provider.secrets.get, clock=clock or SkippingClock()
    )
    return SOURCES.named(provider.source).connect(setup)


def wrong(series: IntensitySeries, provider: Provider) -> list[str]:
    """What a series says that is not so."""
    found = [] if (series.zone, series.basis) == (provider.zone, provider.basis) else [f"{series.zone} {series.basis}"]
    for i, value in enumerate(series.g_per_kwh):
        at = series.start + series.step * i
        if not np.isnan(value) and abs(value - provider.truth(at)) > 1e-9 * value:
            found.append(f"{at}: {value} for {provider.truth(at)}")
    return found


def judge(provider: Provider, fault: Fault, start: datetime, end: datetime, ask: Callable[[], IntensitySeries]) -> None:
    """Refuse a wrong figure, a wrong error, and one of the two where the other was due."""
    began, refused = time.monotonic(), None
    try:
        series = ask()
    except SourceUnavailable as error:
        refused = error
    assert time.monotonic() - began < SOON_S
    if refused is not None:
        assert fault.outcome != "right", refused.message
        assert refused.message
        assert refused.hint
        assert "\n" not in refused.message + refused.hint
        return
    assert [] == wrong(series, provider)
    assert fault.outcome != "error", series.g_per_kwh
    if fault.outcome == "right":
        assert series.start <= start < end <= series.end
        assert not np.isnan(series.g_per_kwh).any()


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
@pytest.mark.parametrize("provider", PROVIDERS, ids=PROVIDER_IDS)
def test_a_right_answer_or_a_right_error_soon(
    provider: Provider, fault: Fault, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Never a figure that the provider did not mean, and never a wait without end."""
    if fault.stuck:
        monkeypatch.setattr(web, "BUDGET_S", SHORT_S)
    with serving(behaviour(provider, fault)) as server:
        source = connected(provider, server.url)
        judge(provider, fault, START, END, lambda: source.series(provider.zone, provider.basis, START, END))


@pytest.mark.parametrize("fault", [fault for fault in FAULTS.values() if not fault.stuck], ids=UNSTUCK)
@pytest.mark.parametrize("provider", FORECASTERS, ids=[provider.label for provider in FORECASTERS])
def test_a_forecast_is_right_or_an_error_too(provider: Provider, fault: Fault) -> None:
    """What a provider does to its history it may do to its forecast."""
    start, end = NOW, NOW + 12 * HOUR
    with serving(behaviour(provider, fault)) as server:
        source = connected(provider, server.url)
        assert isinstance(source, ForecastSource)
        judge(provider, fault, start, end, lambda: source.forecast(provider.zone, provider.basis, start, end))


@pytest.mark.parametrize(("day", "hours"), [("2025-03-30", 23), ("2025-10-26", 25), ("2025-06-01", 24)])
def test_a_day_of_france_has_23_24_or_25_hours(day: str, hours: int) -> None:
    """Each half-hour of a local day comes out once, where the clock is put on and back too."""
    paris = ZoneInfo("Europe/Paris")
    start = datetime.fromisoformat(day).replace(tzinfo=paris)
    end = (start + timedelta(days=1)).astimezone(UTC)
    local = Fault(outcome="right", rows=lambda page: [in_zone(row, page, paris) for row in page.rows])
    provider = PROVIDERS[0]
    with serving(behaviour(provider, local)) as server:
        series = connected(provider, server.url).series("FR", provider.basis, start, end)
    assert (start.astimezone(UTC), end, 2 * hours, HALF) == (series.start, series.end, len(series), series.step)
    assert [] == wrong(series, provider)
    assert not np.isnan(series.g_per_kwh).any()


@pytest.mark.parametrize(("day", "hours"), [("2025-03-09", 23), ("2025-11-02", 25), ("2025-06-01", 24)])
def test_a_day_of_quebec_has_23_24_or_25_hours(day: str, hours: int) -> None:
    """Local times without an offset are told apart where one of them comes twice."""
    start = datetime.fromisoformat(day).replace(tzinfo=ZoneInfo("America/Toronto"))
    end = (start + timedelta(days=1)).astimezone(UTC)
    now = end + 2 * HOUR
    provider = replace(PROVIDERS[3], answer=functools.partial(quebec_file, now=now))
    with serving(behaviour(provider, HEALTHY)) as server:
        series = connected(provider, server.url, SkippingClock(now)).series("CA-QC", provider.basis, start, end)
    assert (start.astimezone(UTC), end, hours) == (series.start, series.end, len(series))
    assert [] == wrong(series, provider)
    assert not np.isnan(series.g_per_kwh).any()


def test_a_question_of_many_requests_ends_in_time_as_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """A year of half-hours is 27 requests, and a provider that stalls at each gets one budget in all."""
    monkeypatch.setattr(web, "BUDGET_S", SHORT_S)
    provider = PROVIDERS[1]
    with serving(lambda _: Answer(stalls=True)) as server:
        began = time.monotonic()
        with pytest.raises(SourceUnavailable):
            connected(provider, server.url).series("GB", provider.basis, NOW - timedelta(days=365), NOW)
    assert time.monotonic() - began < SOON_S


CHILD: Final = """
import sys
from intensity_sources import web
from intensity_sources.registry import find_sources
from scheduler.domain.errors import SourceUnavailable
from scheduler.execution.clock import SystemClock
from scheduler.ports import SourceSetup
from datetime import UTC, datetime

web.BUDGET_S = 0.3
setup = SourceSetup(options={"base_url": sys.argv[1]}, secret=lambda _: None, clock=SystemClock())
source = find_sources().named("uk-carbon-intensity").connect(setup)
try:
    source.series("GB", source.card.bases[0], datetime(2026, 3, 10, tzinfo=UTC), datetime(2026, 3, 11, tzinfo=UTC))
except SourceUnavailable as error:
    print(error.message)
"""


@pytest.mark.parametrize("bad", [Answer(stalls=True), Answer(body=b"{" * 500, drips="body")], ids=["stalls", "drips"])
def test_a_process_ends_though_its_provider_never_does(bad: Answer) -> None:
    """Nothing that waits on a provider keeps the command from ending."""
    with serving(lambda _: bad) as server:
        done = subprocess.run(
            [sys.executable, "-c", CHILD, server.url], capture_output=True, text=True, timeout=30, check=True
        )
    assert done.stdout.startswith(("uk-carbon-intensity: no whole answer", "uk-carbon-intensity: nothing came"))
