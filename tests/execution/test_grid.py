"""The grid's door: who gives which hour, why the others did not, and what is written down to find it again."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from intensity_sources.chains import parse_chains
from scheduler.domain.basis import Basis
from scheduler.domain.errors import InvalidInput, NotCovered, UnknownName
from scheduler.domain.instant import format_instant
from scheduler.execution.grid import Grid
from scheduler.execution.keeping import Keeper
from scheduler.execution.opened import Opened
from scheduler.execution.outlooks import Outlooks
from scheduler.planning.forecasting.outlook import OWN
from scheduler.records.intensity_store import KeptIntensities
from scheduler.records.state_folder import StateFolder
from scheduler.records.store import open_store
from tests.execution.fake_clock import FakeClock
from tests.execution.grid_world import HOUR, MARGINAL, T0, ZONES, Wire, provider, with_built_in

NOW = T0 + 12 * HOUR + timedelta(minutes=20)


@pytest.fixture
def clock() -> FakeClock:
    """Twenty past midday."""
    return FakeClock(NOW)


@pytest.fixture
def wire(clock: FakeClock) -> Wire:
    """The first provider."""
    return Wire(clock=clock.now)


@pytest.fixture
def second(clock: FakeClock) -> Wire:
    """The second, without forecasts."""
    return Wire(clock=clock.now, wave=lambda hour: 300.0)


@pytest.fixture
def grid(tmp_path: Path, clock: FakeClock, wire: Wire, second: Wire) -> Grid:
    """Both of them, then the yearly tables."""
    kept = KeptIntensities(open_store(StateFolder(tmp_path / "state")))
    return Grid(
        sources=with_built_in(wire=provider(wire), second=provider(second, "second", forecasts=False)),
        year=2024,
        chains=parse_chains("wire, second, static-tables"),
        clock=clock,
        keeper=Keeper(store=lambda: kept, clock=clock, refresh=timedelta(minutes=30)),
    )


def chained(grid: Grid, text: str, **changes: object) -> Grid:
    """The grid with other chains."""
    return replace(grid, chains=parse_chains(text), **changes)  # type: ignore[arg-type]  # fields by name


def known(grid: Grid, zone: str = "FR", hours: int = 24) -> tuple[list[tuple[str, str, float, float]], tuple[str, ...]]:
    """Source, kind, and from and to in hours from midday, of what lies ahead; and the notes."""
    reference = grid.reference(None)
    grid.freshen(reference, [zone], NOW, NOW + hours * HOUR)
    made = grid.ahead(reference, [zone], NOW, NOW + hours * HOUR).series[zone]
    first = T0 + 12 * HOUR
    return [(p.source.name, p.kind, (p.start - first) / HOUR, (p.end - first) / HOUR) for p in made.origins], made.notes


def test_the_first_source_answers_alone_where_it_can(grid: Grid, second: Wire) -> None:
    """Nobody else is asked, and there is nothing to say."""
    assert ([("The wire", "forecast", 0, 25)], ()) == known(grid)
    assert [] == second.calls


def test_a_source_that_is_down_is_stood_in_for_and_that_is_said(grid: Grid, wire: Wire) -> None:
    """The next one in the list for what it knows, the last for the rest; with the reasons."""
    wire.down = "no connection"
    pieces, notes = known(grid, hours=10)
    assert [
        ("The second", "observed", 0.0, 1.0),
        ("static table, year 2024, projected", "estimated", 1.0, 11.0),
    ] == pieces
    assert notes[0].startswith(
        "second stands in for 0.6667 of 10 h, because no connection (asked 2026-03-01T12:20:00Z)"
    )
    assert notes[1].startswith("static-tables stands in for 9.333 of 10 h, because no connection")
    assert "second has nothing for 9.333 of 10 h" in notes[1]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"key": False}, "wire needs WIRE_KEY, which is not set"),
        ({"refuses": "the plan does not reach FR"}, "the plan does not reach FR"),
        ({"ahead_h": 6}, "wire has nothing for 18.33 of 24 h"),
        ({"basis": MARGINAL}, "no 'average lifecycle consumption CO2e'"),
    ],
)
def test_each_reason_is_told_by_its_name(grid: Grid, wire: Wire, change: dict[str, object], reason: str) -> None:
    """No key, no plan, no hour, no such basis."""
    for name, value in change.items():
        setattr(wire, name, value)
    _, notes = known(chained(grid, "wire, static-tables"))
    assert 1 == len(notes)
    assert reason in notes[0]
    assert notes[0].startswith("static-tables stands in")


def test_no_table_stands_in_where_none_is_listed(grid: Grid, wire: Wire) -> None:
    """Nobody is asked whom the operator did not name: the zone is lacking, with the reason."""
    wire.down = "no connection"
    only = chained(grid, "wire")
    reference = only.reference(None)
    only.freshen(reference, ["FR"], NOW, NOW + HOUR)
    found = only.ahead(reference, ["FR"], NOW, NOW + HOUR)
    assert ({}, "FR: no connection (asked 2026-03-01T12:20:00Z)") == (found.series, found.why)
    with pytest.raises(NotCovered, match=r"wire has nothing for FR from .* no connection") as caught:
        only.to_plan_on(reference, ["FR"], NOW, NOW + HOUR)
    assert "static-tables" in caught.value.hint


def test_a_rule_that_looks_at_no_intensity_goes_on_without(grid: Grid, wire: Wire) -> None:
    """Its clusters can be used at no price, and what was lacking is said."""
    wire.key = False
    only = chained(grid, "wire")
    made = only.to_plan_on(only.reference(None), ["FR"], NOW, NOW + 24 * HOUR, at_no_price=True).series["FR"]
    assert np.isnan(made.g_per_kwh).all()
    assert ("nothing is known: wire needs WIRE_KEY, which is not set",) == made.notes


def test_a_zone_has_its_own_list(grid: Grid, wire: Wire) -> None:
    """And where neither it nor the default one is there, nobody answers."""
    own = chained(grid, "FR = static-tables")
    assert [("static table, year 2024, projected", "estimated", -12, 36)] == known(own)[0]
    found = own.ahead(own.reference(None), ["DE"], NOW, NOW + HOUR)
    assert {"DE": "no source is named for it"} == found.lacking
    assert [] == wire.calls


def test_two_bases_are_two_plans_and_never_meet(grid: Grid, wire: Wire) -> None:
    """On a marginal basis the source of averages is passed over; nothing of it is used."""
    marginal = replace(grid, basis=Basis(signal="marginal", boundary="direct", flow="n/a", gas="CO2"), year=None)
    pieces, notes = known(marginal, "CA")
    assert [("static table, year 2021, projected", "estimated")] == [piece[:2] for piece in pieces]
    assert "no 'marginal direct n/a CO2'" in notes[0]
    reference = marginal.reference(None)
    assert "marginal direct n/a CO2" == reference["basis"]
    assert marginal.ahead(reference, ["CA"], NOW, NOW + HOUR).series["CA"].basis == marginal.basis
    assert wire.asked("forecast")


def test_what_is_written_down_opens_the_same_whatever_the_settings_are_now(grid: Grid, wire: Wire) -> None:
    """Chains, year and basis come from the job, an address from the settings in force."""
    before = replace(grid, options={"static-tables": {}, "wire": {"base_url": "http://old"}})
    reference = before.reference(None)
    assert {"sources": "default = wire, second, static-tables", "static-tables.year": "2024"} == reference
    wire.down = "gone"
    now = replace(grid, chains=None, year=2025)
    now.freshen(reference, ["FR"], NOW, NOW + 48 * HOUR)
    made = now.ahead(reference, ["FR"], NOW, NOW + 48 * HOUR).series["FR"]
    assert "static table, year 2024, projected" in made.source.name


def test_without_settings_the_yearly_tables_answer_as_before(grid: Grid) -> None:
    """One source, written down as it always was."""
    plain = replace(grid, chains=None, year=None)
    assert {"source": "static-tables", "year": "2025"} == plain.reference(None)
    assert "basis" not in plain.reference(None)


def test_a_table_is_taken_on_the_basis_that_is_said(grid: Grid, tmp_path: Path) -> None:
    """Its numbers mean what whoever gives it says, and the reference says it too."""
    table = tmp_path / "grid.csv"
    table.write_text("utc,FR\n" + "".join(f"{format_instant(T0 + hour * HOUR)},{hour}\n" for hour in range(48)))
    assert {"source": "csv-file", "path": str(table)} == grid.reference(str(table))
    marginal = replace(grid, basis=MARGINAL)
    reference = marginal.reference(str(table))
    made = grid.ahead(reference, ["FR"], NOW, NOW + HOUR).series["FR"]
    assert (MARGINAL, "observed") == (made.basis, made.kind)
    before = grid.stamp(reference)
    table.write_text(table.read_text() + f"{format_instant(T0 + 48 * HOUR)},48\n")
    assert before != grid.stamp(reference)
    table.unlink()
    with pytest.raises(InvalidInput, match="is gone"):
        grid.ahead(reference, ["FR"], NOW, NOW + HOUR)
    with pytest.raises(InvalidInput, match="there is no intensity table"):
        grid.reference(str(table))


def test_five_hundred_jobs_make_one_forecast_call_a_zone_and_refresh(grid: Grid, wire: Wire, clock: FakeClock) -> None:
    """Each with a deadline of its own; and what is asked of the past does not grow with them either."""
    assert grid.keeper is not None
    looking = replace(chained(grid, "wire"), outlooks=Outlooks(keeper=grid.keeper))
    reference = looking.reference(None)
    asked = []
    for turn, jobs in ((1, 500), (2, 50)):
        for job in range(jobs):
            end = clock.now() + timedelta(minutes=60 + 7 * job)
            looking.freshen(reference, ZONES, clock.now(), end)
            assert {"Z0"} == set(looking.ahead(reference, ZONES[:1], clock.now(), end).series)
        assert turn * len(ZONES) == len(wire.asked("forecast"))
        asked.append(len(wire.asked("series")))
        clock.sleep(timedelta(minutes=31))
    assert asked[0] <= 2 * len(ZONES)
    assert asked[1] - asked[0] <= len(ZONES)


def test_a_table_may_stand_in_a_chain(grid: Grid, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its path is written down so that it is found from every folder."""
    (tmp_path / "mine.csv").write_text(
        f"utc,FR\n{format_instant(T0 + 12 * HOUR)},5\n{format_instant(T0 + 13 * HOUR)},6\n"
    )
    monkeypatch.chdir(tmp_path)
    mixed = chained(grid, "csv-file, static-tables", options={"csv-file": {"path": "mine.csv"}})
    assert str(tmp_path / "mine.csv") == mixed.reference(None)["csv-file.path"]
    pieces, notes = known(mixed, hours=4)
    assert [("mine.csv", 0.0, 2.0), ("static table, year 2024, projected", 2.0, 5.0)] == [
        (piece[0], piece[2], piece[3]) for piece in pieces
    ]
    assert notes[0].startswith("static-tables stands in for 2.333 of 4 h, because csv-file has nothing for")


def test_the_stamp_changes_with_a_newer_forecast(grid: Grid, clock: FakeClock, wire: Wire) -> None:
    """And with nothing else."""
    reference = grid.reference(None)
    grid.freshen(reference, ["FR"], NOW, NOW + HOUR)
    before = grid.stamp(reference)
    clock.sleep(HOUR)
    assert before == grid.stamp(reference)
    wire.wave = lambda hour: 7.0
    grid.freshen(reference, ["FR"], clock.now(), clock.now() + HOUR)
    assert before != grid.stamp(reference)


def test_accounts_are_made_from_what_was_observed(grid: Grid, wire: Wire, clock: FakeClock) -> None:
    """No forecast is in it; what is not there yet is left open."""
    only = chained(grid, "wire")
    reference = only.reference(None)
    only.freshen(reference, ["FR"], T0, clock.now())
    made = only.observed(reference, ["FR"], T0, T0 + 48 * HOUR).series["FR"]
    assert ("observed", T0, T0 + 13 * HOUR) == (made.kind, made.start, made.end)
    assert [] == wire.asked("forecast")
    both = chained(grid, "wire, static-tables")
    found = both.observed(both.reference(None), ["FR"], T0, T0 + 48 * HOUR).series["FR"]
    assert (T0 + 13 * HOUR, ()) == (found.end, found.notes)


def test_a_replay_sees_only_what_was_known_then(grid: Grid, wire: Wire, clock: FakeClock) -> None:
    """Neither a later forecast nor what was observed since."""
    reference = grid.reference(None)
    grid.freshen(reference, ["FR"], NOW, NOW + HOUR)
    clock.sleep(12 * HOUR)
    wire.wave = lambda hour: 7.0
    grid.freshen(reference, ["FR"], NOW, clock.now() + HOUR)
    assert grid.is_replay(NOW)
    then = grid.ahead(reference, ["FR"], NOW, NOW + HOUR, NOW).series["FR"]
    assert 112.0 == then.at(NOW)
    now = grid.ahead(reference, ["FR"], NOW, NOW + HOUR).series["FR"]
    assert 7.0 == now.at(NOW)


def test_what_was_said_is_there_without_the_key_too(grid: Grid, wire: Wire) -> None:
    """A key that is gone takes nothing back, and that it is gone is said."""
    alone = chained(grid, "wire, static-tables")
    known(alone)
    wire.key = False
    pieces, notes = known(replace(alone, _opened=Opened()))
    assert {"The wire"} == {source for source, *_ in pieces}
    assert ("what wire has is used, although wire needs WIRE_KEY, which is not set",) == notes


def test_a_forecast_that_was_fetched_for_a_decision_counts_for_it(grid: Grid, wire: Wire, clock: FakeClock) -> None:
    """A provider that does not say when it issued counts as issuing when it was fetched, after `now` was noted."""
    assert grid.keeper is not None
    looking = replace(chained(grid, "wire, static-tables"), outlooks=Outlooks(keeper=grid.keeper))
    reference, now = looking.reference(None), clock.now()
    wire.clock = lambda: clock.now() + timedelta(seconds=3)
    looking.freshen(reference, ["FR"], now, now + 6 * HOUR)
    made = looking.ahead(reference, ["FR"], now, now + 6 * HOUR, now).series["FR"]
    assert ["The wire"] == [piece.source.name for piece in made.origins if piece.kind == "forecast"]


@pytest.mark.parametrize(("since_h", "until_h"), [(-6, -3), (-6, 6)])
def test_why_the_past_is_not_there_is_told_beside_a_forecast(
    grid: Grid, wire: Wire, since_h: int, until_h: int
) -> None:
    """A source whose forecast comes and whose past is refused does not just have nothing."""
    wire.pastless = True
    alone = chained(grid, "wire, static-tables")
    reference, start, end = alone.reference(None), NOW + since_h * HOUR, NOW + until_h * HOUR
    alone.freshen(reference, ["FR"], start, end)
    notes = alone.ahead(reference, ["FR"], start, end).series["FR"].notes
    assert "the plan has no past" in notes[0]


def test_an_older_forecast_is_used_while_its_source_is_down_and_that_is_said(
    grid: Grid, wire: Wire, clock: FakeClock
) -> None:
    """What was said before is better than nothing, for as far as it reaches."""
    reference = grid.reference(None)
    grid.freshen(reference, ["FR"], NOW, NOW + HOUR)
    wire.down = "no connection"
    clock.sleep(HOUR)
    now = clock.now()
    grid.freshen(reference, ["FR"], now, now + HOUR)
    made = grid.ahead(reference, ["FR"], now, now + HOUR).series["FR"]
    assert 113.0 == made.at(now)
    assert made.notes[0].startswith("what wire has is used, although no connection")


def test_names_that_nobody_has_are_refused_with_those_there_are(grid: Grid) -> None:
    """In a chain, and before an option."""
    with pytest.raises(UnknownName, match="unknown intensity source 'wier'") as caught:
        chained(grid, "wier").reference(None)
    assert "did you mean 'wire'?" in caught.value.hint
    with pytest.raises(UnknownName, match="'nobody'"):
        replace(grid, options={"nobody": {"a": "b"}}).reference(None)


def test_a_forecast_of_our_own_goes_on_where_the_provider_ends(grid: Grid, wire: Wire) -> None:
    """Before the next source is asked, signed as ours, and made from weeks of what was observed."""
    wire.ahead_h = 6
    assert grid.keeper is not None
    looking = replace(grid, outlooks=Outlooks(keeper=grid.keeper))
    pieces, notes = known(looking)
    assert [("The wire", "observed"), ("The wire", "forecast"), (OWN, "forecast")] == [p[:2] for p in pieces]
    assert any("forecast by carbonsched from 91 days of history for" in note for note in notes)
    made = looking.ahead(looking.reference(None), ["FR"], NOW, NOW + 24 * HOUR).series["FR"]
    assert [pytest.approx(100 + (12 + hour) % 24, abs=3) for hour in range(24)] == [
        made.at(T0 + (12 + hour) * HOUR + HOUR / 2) for hour in range(24)
    ]
    assert {"FR"} == set(looking.outlooks_of(looking.reference(None), ["FR"], NOW, NOW + 24 * HOUR))


def test_what_may_come_is_known_from_weeks_of_errors(grid: Grid) -> None:
    """For the band of a saving: whole paths, where the past is long enough for any."""
    assert grid.keeper is not None
    looking = replace(chained(grid, "second"), outlooks=Outlooks(keeper=grid.keeper))
    reference, end = looking.reference(None), NOW + 24 * HOUR
    assert looking.may_come(reference, ["FR"], NOW, end) is None
    looking.freshen(reference, ["FR"], NOW, end)
    found = looking.may_come(reference, ["FR"], NOW, end)
    assert found is not None
    assert {"FR"} == set(found.g_per_kwh)
    assert looking.may_come(reference, ["FR"], NOW, end).start == found.start  # type: ignore[union-attr]  # as above


def test_too_short_a_past_makes_no_forecast_of_ours(grid: Grid, wire: Wire, clock: FakeClock) -> None:
    """The provider's is taken as issued, and the next source stands in behind it."""
    wire.ahead_h = 6
    assert grid.keeper is not None
    looking = replace(chained(grid, "wire, static-tables"), outlooks=Outlooks(keeper=grid.keeper))
    wire.since = NOW - 24 * HOUR
    pieces, _ = known(looking)
    assert ["observed", "forecast", "estimated"] == [piece[1] for piece in pieces]
    assert {} == looking.outlooks_of(looking.reference(None), ["FR"], NOW, NOW + 24 * HOUR)
