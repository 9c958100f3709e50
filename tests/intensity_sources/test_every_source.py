"""What holds for every source that is registered, the tool's own as any other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import numpy as np
import pytest

from intensity_sources.csv_file import ANY_BASIS
from intensity_sources.registry import find_sources
from scheduler.domain.basis import DEFAULT_BASIS, Basis
from scheduler.domain.errors import CredentialMissing, InvalidInput, NotCovered, SourceUnavailable, UnknownName
from scheduler.domain.intensity import IntensitySeries
from scheduler.ports import ForecastSource, IntensitySource, SourceSetup
from tests.intensity_sources.evil_server import EvilServer, serving
from tests.intensity_sources.providers_made import HOUR, NOW, PROVIDERS
from tests.intensity_sources.test_evil_server import HEALTHY, SkippingClock, behaviour

SOURCES: Final = find_sources()
DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A source that can be asked without the Internet, and what it has.

    Args:
        setup: what it was connected with.
        zone, basis: what it has; start, middle, end: on the borders of intervals.
        server: its provider, None for one that reads files.
    """

    name: str
    source: IntensitySource
    setup: SourceSetup
    zone: str
    basis: Basis
    start: datetime
    middle: datetime
    end: datetime
    server: EvilServer | None

    def series(self, start: datetime, end: datetime) -> IntensitySeries:
        """What it says of its own zone and basis."""
        return self.source.series(self.zone, self.basis, start, end)


TABLE: Final = "utc,FR\n" + "".join(f"2026-03-10T{hour:02}:00Z,{20 + hour}\n" for hour in range(12))


@pytest.fixture(params=sorted(SOURCES.factories))
def case(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Case]:
    """Each registered source in turn, connected."""
    name = str(request.param)
    start = NOW.replace(minute=0) - 9 * HOUR
    provider = next((one for one in PROVIDERS if one.source == name), None)
    if provider is not None:
        with serving(behaviour(provider, HEALTHY)) as server:
            setup = _setup(dict(provider.options) | {"base_url": server.url}, provider.secrets)
            yield Case(
                name=name,
                source=SOURCES.named(name).connect(setup),
                setup=setup,
                zone=provider.zone,
                basis=provider.basis,
                start=start,
                middle=start + 3 * HOUR,
                end=start + 8 * HOUR,
                server=server,
            )
        return
    (tmp_path / "table.csv").write_text(TABLE, encoding="utf-8")
    local: Mapping[str, tuple[dict[str, str], datetime, timedelta]] = {
        "csv-file": ({"path": str(tmp_path / "table.csv")}, start, HOUR),
        "static-tables": ({}, datetime(2024, 5, 1, tzinfo=UTC), DAY),
    }
    assert name in local, f"add a provider for {name} to providers_made.py: the contract is tested on one"
    options, start, step = local[name]
    setup = _setup(options, {})
    yield Case(
        name=name,
        source=SOURCES.named(name).connect(setup),
        setup=setup,
        zone="FR",
        basis=DEFAULT_BASIS,
        start=start,
        middle=start + 3 * step,
        end=start + 8 * step,
        server=None,
    )


def _setup(options: Mapping[str, str], secrets: Mapping[str, str]) -> SourceSetup:
    """What a source is connected with."""
    return SourceSetup(options=options, secret=secrets.get, clock=SkippingClock())


def test_no_source_of_the_tool_is_skipped() -> None:
    """Each can be imported and has every part."""
    assert () == SOURCES.skipped


def test_it_is_called_what_it_is_registered_as(case: Case) -> None:
    """A user writes the name that errors use."""
    assert case.name == case.source.name == SOURCES.named(case.name).name


def test_its_card_is_complete(case: Case) -> None:
    """A report can print title, licence and credit, and a user sees what the numbers can mean."""
    card = case.source.card
    assert card.title
    assert card.licence
    assert card.attribution
    assert card.limits
    assert card.url or card.local
    assert case.basis in card.bases
    assert len(set(card.bases)) == len(card.bases)


def test_its_card_says_whether_it_forecasts(case: Case) -> None:
    """Who has a forecast has the method, and the other way round."""
    assert case.source.card.forecasts == isinstance(case.source, ForecastSource)


def test_its_card_says_whether_it_is_local(case: Case) -> None:
    """What asks nobody needs no server to answer."""
    assert case.source.card.local == (case.server is None)


def test_the_documentation_tells_of_it(case: Case) -> None:
    """A user who reads the page on intensities finds its name and each secret that it needs."""
    page = (Path(__file__).parents[2] / "docs" / "intensity.md").read_text(encoding="utf-8")
    assert f"`{case.name}`" in page
    assert all(f"`{secret}`" in page for secret in case.source.card.credentials)


def test_connecting_asks_nobody(case: Case) -> None:
    """A source that is configured costs nothing until it is asked."""
    assert case.server is None or [] == case.server.asked


def test_a_credential_that_is_not_set_is_named(case: Case) -> None:
    """Who needs none is connected without; who needs one says which and where to get it."""
    bare = SourceSetup(options=case.setup.options, secret=lambda _: None, clock=case.setup.clock)
    if not case.source.card.credentials:
        SOURCES.named(case.name).connect(bare)
        return
    with pytest.raises(CredentialMissing, match=case.source.card.credentials[0]) as caught:
        SOURCES.named(case.name).connect(bare)
    assert caught.value.hint


def test_an_option_that_it_has_not_is_refused(case: Case) -> None:
    """A slip of the pen in the settings is said, with the options that there are."""
    slip = SourceSetup(
        options=dict(case.setup.options) | {"bse_url": "x"}, secret=case.setup.secret, clock=case.setup.clock
    )
    with pytest.raises(UnknownName, match="bse_url") as caught:
        SOURCES.named(case.name).connect(slip)
    assert caught.value.hint


def test_it_lists_the_zone_that_it_has(case: Case) -> None:
    """The list is where a user looks first."""
    assert case.zone in case.source.zones()


def test_a_series_is_of_what_was_asked_for(case: Case) -> None:
    """Zone, basis and interval are the ones named, and where it came from and when is said."""
    series = case.series(case.start, case.end)
    assert (case.zone, case.basis) == (series.zone, series.basis)
    assert series.start <= case.start < case.end <= series.end
    assert not np.isnan(series.g_per_kwh).any()
    assert series.source.name
    assert case.source.card.local or (series.source.licence and series.source.attribution and series.retrieved_at)


def test_another_zone_is_not_covered(case: Case) -> None:
    """No zone, near as its name may be, answers for another."""
    for zone in ("XX-NOWHERE", case.zone.lower(), f"{case.zone}-1", case.zone[:1], ""):
        with pytest.raises(NotCovered) as caught:
            case.source.series(zone, case.basis, case.start, case.end)
        assert caught.value.hint


def test_another_basis_is_not_covered(case: Case) -> None:
    """What it cannot give it does not replace; the hint says what it has."""
    given = {DEFAULT_BASIS} if case.name == "csv-file" else {*case.source.card.bases}
    for basis in (basis for basis in ANY_BASIS if basis not in given):
        with pytest.raises(NotCovered) as caught:
            case.source.series(case.zone, basis, case.start, case.end)
        assert any(str(known) in caught.value.hint for known in given)


def test_intervals_are_half_open(case: Case) -> None:
    """Two neighbours make the whole: what begins at the end belongs to the next."""
    whole = case.series(case.start, case.end)
    first, second = case.series(case.start, case.middle), case.series(case.middle, case.end)
    assert (case.start, case.middle, case.middle, case.end) == (first.start, first.end, second.start, second.end)
    step = min(series.step for series in (whole, first, second))
    instants = [case.start + step * i for i in range((case.end - case.start) // step)]
    assert [whole.at(at) for at in instants] == [(first if at < case.middle else second).at(at) for at in instants]


def test_an_instant_within_an_interval_brings_that_interval(case: Case) -> None:
    """A question off the grid is answered with the interval that it lies in, whole."""
    series = case.series(case.start + timedelta(minutes=1), case.start + timedelta(minutes=2))
    assert (case.start, 1) == (series.start, len(series))
    assert case.series(case.start, case.end).g_per_kwh[0] == series.g_per_kwh[0]


def test_a_time_without_zone_is_refused(case: Case) -> None:
    """Nobody guesses whose clock was meant."""
    naive = case.start.replace(tzinfo=None)
    for start, end in ((naive, case.end), (case.start, naive + DAY)):
        with pytest.raises(InvalidInput, match="time zone"):
            case.source.series(case.zone, case.basis, start, end)


def test_an_empty_interval_is_refused(case: Case) -> None:
    """The end comes after the start."""
    for end in (case.start, case.start - HOUR):
        with pytest.raises(InvalidInput, match="empty"):
            case.source.series(case.zone, case.basis, case.start, end)


def test_hours_that_it_has_not_are_not_covered(case: Case) -> None:
    """Next century is not published by anyone."""
    with pytest.raises(NotCovered) as caught:
        case.source.series(case.zone, case.basis, case.start + 36500 * DAY, case.start + 36501 * DAY)
    assert caught.value.hint


def test_a_forecast_says_when_it_was_issued(case: Case) -> None:
    """It is of the zone and basis asked for, of kind forecast, and refuses what it has not."""
    if not isinstance(case.source, ForecastSource):
        return
    forecast = case.source.forecast(case.zone, case.basis, NOW, NOW + 6 * HOUR)
    assert (case.zone, case.basis, "forecast") == (forecast.zone, forecast.basis, forecast.kind)
    assert forecast.issued_at is not None
    assert forecast.start <= NOW < NOW + 6 * HOUR <= forecast.end
    assert forecast.end <= NOW + 7 * HOUR
    with pytest.raises(SourceUnavailable):
        case.source.forecast("XX-NOWHERE", case.basis, NOW, NOW + 6 * HOUR)
    with pytest.raises(NotCovered):
        case.source.forecast(case.zone, case.basis, NOW - 9 * DAY, NOW - 8 * DAY)
    with pytest.raises(InvalidInput, match="time zone"):
        case.source.forecast(case.zone, case.basis, NOW.replace(tzinfo=None), NOW + HOUR)
