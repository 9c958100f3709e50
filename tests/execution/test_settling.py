"""Settling asks again what may be revised, keeps what tables say too, and lets rest what has stood still."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from scheduler.execution.grid import Grid
from scheduler.execution.keeping import Keeper
from scheduler.execution.settling import Settling, Wanted
from scheduler.records.intensity_store import KeptIntensities
from scheduler.records.settlement import Standing
from scheduler.records.state_folder import StateFolder
from scheduler.records.store import open_store
from tests.execution.fake_clock import FakeClock
from tests.execution.grid_world import HOUR, T0, Wire, provider, with_built_in

DAY = 24 * HOUR
WIRE = {"sources": "wire"}
HOURS = Wanted(reference=tuple(WIRE.items()), zones=("Z0",), start=T0, end=T0 + 6 * HOUR)


@pytest.fixture
def clock() -> FakeClock:
    """A day after the hours that are settled."""
    return FakeClock(T0 + DAY)


@pytest.fixture
def wire(clock: FakeClock) -> Wire:
    """A provider without forecasts that answers."""
    return Wire(clock=clock.now)


@pytest.fixture
def made(tmp_path: Path, clock: FakeClock, wire: Wire) -> Callable[[], Settling]:
    """A settling as a new process makes it, always on the same store."""
    kept = KeptIntensities(open_store(StateFolder(tmp_path / "state")))

    def make() -> Settling:
        """One."""
        keeper = Keeper(store=lambda: kept, clock=clock, refresh=timedelta(minutes=30))
        sources = with_built_in(wire=provider(wire, forecasts=False))
        return Settling(grid=Grid(sources=sources, clock=clock, keeper=keeper), kept=kept, clock=clock)

    return make


def standing(settling: Settling, clock: FakeClock, reference: dict[str, str] | None = None) -> Standing:
    """How firm the hours are now."""
    said = reference or WIRE
    found = settling.grid.observed(said, ["Z0"], HOURS.start, HOURS.end, clock.now())
    return settling.standings(said, found.series, clock.now())["Z0"]


def test_what_was_first_asked_for_late_is_asked_once_more_and_then_never(
    made: Callable[[], Settling], clock: FakeClock, wire: Wire
) -> None:
    """A hundred days old and said once: a month later it is asked again, and having come the same it is settled."""
    asked = []
    for days in (99, 14, 17, 40, 300):  # to day 100, 114, 131, 171 and 471
        clock.sleep(days * DAY)
        settling = made()
        assert () == settling.ask(HOURS)
        asked.append((len(wire.asked("series")), bool(standing(made(), clock).settled.all())))
    assert [(1, False), (1, False), (2, True), (2, True), (2, True)] == asked


def test_a_revision_at_the_second_look_asks_for_a_third(
    made: Callable[[], Settling], clock: FakeClock, wire: Wire
) -> None:
    """What moved has to stand still anew."""
    clock.sleep(99 * DAY)
    made().ask(HOURS)
    wire.wave = lambda hour: 200.0 + hour
    for days, asked, settled in ((31, 2, False), (31, 3, True), (31, 3, True)):
        clock.sleep(days * DAY)
        made().ask(HOURS)
        assert (asked, settled) == (len(wire.asked("series")), bool(standing(made(), clock).settled.all()))
    assert [200.0 + hour for hour in range(6)] == standing(made(), clock).series.g_per_kwh.tolist()


def test_who_cannot_be_asked_is_told_and_what_was_said_stays(
    made: Callable[[], Settling], clock: FakeClock, wire: Wire
) -> None:
    """Down, or without its key: the figures that were kept are still there."""
    made().ask(HOURS)
    clock.sleep(10 * DAY)
    wire.down = "the wire is cut"
    [why] = made().ask(HOURS)
    assert why.startswith("the wire is cut")
    wire.down, wire.key = "", False
    assert ("wire needs WIRE_KEY, which is not set",) == made().ask(HOURS)
    assert [100.0 + hour for hour in range(6)] == standing(made(), clock).series.g_per_kwh.tolist()


def test_what_was_said_after_the_cut_off_is_not_seen(
    made: Callable[[], Settling], clock: FakeClock, wire: Wire
) -> None:
    """Neither the figure nor that it was asked for."""
    made().ask(HOURS)
    before = clock.now()
    clock.sleep(10 * DAY)
    wire.wave = lambda hour: 200.0 + hour
    made().ask(HOURS)
    series = made().grid.observed(WIRE, ["Z0"], HOURS.start, HOURS.end, before).series["Z0"]
    assert 100.0 == series.g_per_kwh[0]
    assert 200.0 == standing(made(), clock).series.g_per_kwh[0]


def test_what_has_not_begun_is_not_asked_for(made: Callable[[], Settling], clock: FakeClock, wire: Wire) -> None:
    """There is no past of it."""
    ahead = replace(HOURS, start=clock.now() + HOUR, end=clock.now() + DAY)
    assert ((), []) == (made().ask(ahead), wire.calls)


def test_within_a_day_it_was_asked_lately(made: Callable[[], Settling], clock: FakeClock) -> None:
    """By any process; not before the first time."""
    assert not made().asked_lately(HOURS)
    made().ask(HOURS)
    clock.sleep(23 * HOUR)
    assert made().asked_lately(HOURS)
    clock.sleep(HOUR)
    assert not made().asked_lately(HOURS)


def test_a_table_is_kept_with_its_path_and_settles_as_a_provider_does(
    made: Callable[[], Settling], clock: FakeClock, tmp_path: Path
) -> None:
    """Two tables are two sources, whatever zone they both have."""
    rows = "".join(f"2026-03-01T{hour:02}:00:00Z,{50 + hour}\n" for hour in range(24))
    references = []
    for name in ("one.csv", "two.csv"):
        (tmp_path / name).write_text("utc,Z0\n" + rows)
        references.append({"source": "csv-file", "path": str(tmp_path / name)})
    wanted = [replace(HOURS, reference=tuple(each.items())) for each in references]
    clock.sleep(100 * DAY)
    made().ask(wanted[0])
    clock.sleep(31 * DAY)
    for each in wanted:
        made().ask(each)
    settled = [bool(standing(made(), clock, each).settled.all()) for each in references]
    assert [True, False] == settled


def test_a_source_that_is_paused_by_another_question_is_unanswered(
    made: Callable[[], Settling], clock: FakeClock, wire: Wire
) -> None:
    """A provider that is down is left alone as a whole."""
    wire.down = "the wire is cut"
    settling = made()
    settling.ask(HOURS)
    wire.down = ""
    assert settling.ask(replace(HOURS, zones=("Z1",)))[0].startswith("the wire is cut")
