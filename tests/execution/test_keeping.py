"""The keeper: one question a zone and refresh, whoever wants it; what fails is left alone, what was said is kept."""

from __future__ import annotations

import threading
from datetime import timedelta
from pathlib import Path

import pytest

from scheduler.domain.basis import DEFAULT_BASIS
from scheduler.execution.keeping import Keeper
from scheduler.ports import IntensitySource, Subject
from scheduler.records.intensity_store import KeptIntensities
from scheduler.records.state_folder import StateFolder
from scheduler.records.store import open_store
from tests.execution.fake_clock import FakeClock
from tests.execution.grid_world import HOUR, MARGINAL, T0, ZONES, Wire, provider, with_issues

REFRESH = timedelta(minutes=30)
MINUTE = timedelta(minutes=1)


@pytest.fixture
def clock() -> FakeClock:
    """Twenty past midday."""
    return FakeClock(T0 + 12 * HOUR + 20 * MINUTE)


@pytest.fixture
def kept(tmp_path: Path) -> KeptIntensities:
    """An empty store."""
    return KeptIntensities(open_store(StateFolder(tmp_path / "state")))


@pytest.fixture
def keeper(kept: KeptIntensities, clock: FakeClock) -> Keeper:
    """A keeper of half an hour."""
    return Keeper(store=lambda: kept, clock=clock, refresh=REFRESH)


@pytest.fixture
def wire(clock: FakeClock) -> Wire:
    """A provider that answers."""
    return Wire(clock=clock.now)


def of(zone: str = "Z0") -> Subject:
    """The wire's figures for a zone."""
    return Subject(source="wire", zone=zone, basis=DEFAULT_BASIS)


def source(wire: Wire, *, forecasts: bool = True) -> IntensitySource:
    """The source on the wire."""
    made = provider(wire, forecasts=forecasts)
    return made()


def test_five_hundred_wishes_are_one_forecast_a_zone_and_refresh(keeper: Keeper, wire: Wire, clock: FakeClock) -> None:
    """Whatever number of jobs wants six zones, in each half hour every zone is asked for once."""
    asks = source(wire)
    for turn in range(3):
        for _ in range(500):
            for zone in ZONES:
                keeper.freshen_forecast(of(zone), asks)
                assert keeper.forecast(of(zone), clock.now(), clock.now() + 24 * HOUR) is not None
        assert sorted(ZONES * (turn + 1)) == sorted(wire.asked("forecast"))
        clock.sleep(REFRESH)


def test_callers_at_once_ask_once(keeper: Keeper, wire: Wire) -> None:
    """Eight threads that want the same wait for one question."""
    wire.gate = threading.Event()
    asks = source(wire)
    threads = [threading.Thread(target=keeper.freshen_forecast, args=(of(), asks)) for _ in range(8)]
    for thread in threads:
        thread.start()
    wire.gate.set()
    for thread in threads:
        thread.join(10)
    assert ["Z0"] == wire.asked("forecast")


def test_only_what_is_missing_of_the_past_is_asked_for(keeper: Keeper, wire: Wire, clock: FakeClock) -> None:
    """A day later the day between is asked for, and the days that are still revised."""
    asks, first = source(wire), T0 - timedelta(days=10)
    keeper.freshen_history(of(), asks, first, clock.now())
    keeper.freshen_history(of(), asks, first, clock.now())
    assert [("series", "Z0", first, T0 + 13 * HOUR)] == wire.calls
    clock.sleep(timedelta(hours=1))
    keeper.freshen_history(of(), asks, first, clock.now())
    assert wire.calls[1][2] > T0 - timedelta(days=3)
    found = keeper.history(of(), first, clock.now())
    assert found is not None
    assert (first, T0 + 14 * HOUR) == (found.start, found.end)


def test_a_source_that_is_down_is_left_alone_longer_and_longer(keeper: Keeper, wire: Wire, clock: FakeClock) -> None:
    """One question, then none for a minute, two, four, at most an hour; for every zone of it."""
    asks, wire.down = source(wire), "no connection"
    for _ in range(60):
        for zone in ZONES:
            keeper.freshen_forecast(of(zone), asks)
            keeper.freshen_history(of(zone), asks, T0, clock.now())
        clock.sleep(MINUTE)
    assert 6 == len(wire.calls)
    assert keeper.trouble(of("Z5"), "forecast").startswith("no connection (asked 2026-03-01T")
    wire.down = ""
    clock.sleep(HOUR)
    keeper.freshen_forecast(of(), asks)
    assert "" == keeper.trouble(of(), "forecast")


def test_an_answer_that_cannot_be_used_stops_its_question_alone(keeper: Keeper, wire: Wire, clock: FakeClock) -> None:
    """A zone that is answered oddly is left alone longer and longer; the other zones of the source are asked."""
    asks, wire.odd = source(wire), ("Z1",)
    for _ in range(10):
        for zone in ZONES[:2]:
            keeper.freshen_forecast(of(zone), asks)
        clock.sleep(MINUTE)
    assert (1, 4) == (wire.asked("forecast").count("Z0"), wire.asked("forecast").count("Z1"))
    assert keeper.trouble(of("Z1"), "forecast").startswith("an odd answer for Z1 (asked 2026-03-01T")
    assert "" == keeper.trouble(of("Z0"), "forecast")
    wire.odd = ()
    clock.sleep(HOUR)
    keeper.freshen_forecast(of("Z1"), asks)
    assert "" == keeper.trouble(of("Z1"), "forecast")


def test_past_issues_are_asked_for_a_few_at_a_time_until_a_month_is_there(
    keeper: Keeper, kept: KeptIntensities, wire: Wire, clock: FakeClock
) -> None:
    """One a day at the hour of now, the newest first, each once; so a bias is known long before a month is over."""
    asks = with_issues(wire)()
    hour = T0 + 12 * HOUR
    for turns in range(1, 5):
        for _ in range(3):
            keeper.freshen_issues(of(), asks)
        assert min(9 * turns, 28) == len(wire.asked("issues"))
        clock.sleep(REFRESH)
    assert [hour - timedelta(days=day) for day in range(1, 10)] == [call[2] for call in wire.calls[:9]]
    found = kept.forecasts(of(), T0 - timedelta(days=40), clock.now())
    expected = [(T0 - timedelta(days=day)).date() for day in range(28, 0, -1)]
    assert expected == [issue.issued_at.date() for issue in found if issue.issued_at is not None]
    another = Keeper(store=lambda: kept, clock=clock, refresh=REFRESH)
    another.freshen_issues(of(), asks)
    assert 28 == len(wire.asked("issues"))


def test_a_plan_without_past_issues_is_asked_once_a_refresh(keeper: Keeper, wire: Wire, clock: FakeClock) -> None:
    """And stands in the way of nothing else."""
    asks, wire.refuses = with_issues(wire)(), "the plan has none"
    keeper.freshen_issues(of(), asks)
    keeper.freshen_issues(of(), asks)
    assert ["Z0"] == wire.asked("issues")
    assert "" == keeper.trouble(of(), "forecast")
    clock.sleep(REFRESH)
    keeper.freshen_issues(of(), asks)
    assert 2 == len(wire.asked("issues"))
    keeper.freshen_issues(of(), source(wire))
    assert 2 == len(wire.asked("issues"))


def test_a_refusal_holds_for_its_question_alone(keeper: Keeper, wire: Wire, clock: FakeClock) -> None:
    """No such basis: that is not asked again for a while, other questions are."""
    asks = source(wire)
    strange = Subject(source="wire", zone="Z0", basis=MARGINAL)
    for _ in range(3):
        keeper.freshen_forecast(strange, asks)
        keeper.freshen_forecast(of(), asks)
    assert ["Z0", "Z0"] == wire.asked("forecast")
    assert "no 'marginal direct n/a CO2'" == keeper.trouble(strange, "forecast")
    assert "" == keeper.trouble(of(), "forecast")
    clock.sleep(REFRESH)
    keeper.freshen_forecast(strange, asks)
    assert 3 == len(wire.calls)


def test_an_answer_to_another_question_is_not_kept(keeper: Keeper, wire: Wire, clock: FakeClock) -> None:
    """A source that answers for another zone is told of, and its figures are used nowhere."""
    other = source(wire).series("Z1", DEFAULT_BASIS, T0, T0 + HOUR)
    wire.calls.clear()

    class Confused(provider(wire)):  # type: ignore[misc]  # a class made for the test
        """It answers for the wrong zone."""

        def series(self, *_: object) -> object:
            """Whatever was asked."""
            return other

    keeper.freshen_history(of(), Confused(), T0, clock.now())
    assert "wire answered for Z1" in keeper.trouble(of(), "history")
    assert keeper.history(of(), T0, clock.now()) is None


def test_what_another_process_kept_is_read(keeper: Keeper, kept: KeptIntensities, wire: Wire, clock: FakeClock) -> None:
    """The store is the cache of all processes, and tells when there is something new."""
    assert keeper.forecast(of(), clock.now(), clock.now() + HOUR) is None
    before = keeper.stamp()
    other = Keeper(store=lambda: kept, clock=clock, refresh=REFRESH)
    other.freshen_forecast(of(), source(wire))
    clock.sleep(timedelta(seconds=2))
    assert keeper.forecast(of(), clock.now(), clock.now() + HOUR) is not None
    assert keeper.stamp() > before
    keeper.freshen_forecast(of(), source(wire))
    assert ["Z0"] == wire.asked("forecast")


def test_a_forecast_is_not_seen_before_it_was_issued(keeper: Keeper, wire: Wire, clock: FakeClock) -> None:
    """What was known at an instant is what had been issued by then."""
    asks = source(wire)
    keeper.freshen_forecast(of(), asks)
    early = clock.now()
    clock.sleep(REFRESH)
    wire.wave = lambda hour: 500.0 + hour
    keeper.freshen_forecast(of(), asks)
    then = keeper.forecast(of(), early, early + HOUR)
    now = keeper.forecast(of(), clock.now(), clock.now() + HOUR)
    assert then is not None
    assert now is not None
    assert (112.0, 512.0) == (then.g_per_kwh[0], now.g_per_kwh[0])
    assert [early, clock.now()] == [
        issue.issued_at for issue in keeper.issues(of(), T0, T0 + 24 * HOUR, issued_by=clock.now(), hours=range(24))
    ]


def test_a_source_without_forecasts_is_not_asked_for_one(keeper: Keeper, wire: Wire) -> None:
    """Nothing happens."""
    keeper.freshen_forecast(of(), source(wire, forecasts=False))
    assert [] == wire.calls


def test_a_fault_of_ours_is_not_swallowed(keeper: Keeper, wire: Wire, clock: FakeClock) -> None:
    """Only what a source may raise is remembered."""

    class Broken(provider(wire)):  # type: ignore[misc]  # a class made for the test
        """It has a bug."""

        def series(self, *_: object) -> object:
            """Fail."""
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        keeper.freshen_history(of(), Broken(), T0, clock.now())
