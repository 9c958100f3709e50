"""`carbonsched intensity`: what is known of the grid, by zone, by hour and by source."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final

import typer

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from intensity_sources.yearly import YearRow

_HELP: Final = "Show what the tool knows of carbon intensities."
_ZONES_HELP: Final = """List the zones of the yearly tables, or with --cloud the zones of cloud regions.

A cloud region is listed where its provider publishes the place and one zone supplies it, with the sources that have
that zone. Rows of a file cloud_regions.csv of your own, in the settings folder, stand over the tool's.

\b
Examples:
  carbonsched intensity zones
  carbonsched intensity zones --cloud
  carbonsched intensity zones --cloud aws
  carbonsched intensity zones --cloud "gcp europe-west9" --json
"""
_SHOW_HELP: Final = """Show a zone's yearly intensities, or with --from or --to its hours.

The hours come from the sources that the settings name, forecasts included where they lie ahead; each says which source
gave it, and as what. A date alone is its midnight UTC. --csv prints an intensity table.

\b
Examples:
  carbonsched intensity show CA-QC
  carbonsched intensity show FR --year 2024 --json
  carbonsched intensity show FR --from 2026-03-01T00:00:00Z --to 2026-03-02T00:00:00Z --intensity-table grid.csv
"""

_SOURCES_HELP: Final = """List the intensity sources: what each gives and needs, its licence, and whether it answers.

Needs no key and no network. Sources that the settings name are asked once; with --probe every one that has its key is.

\b
Examples:
  carbonsched intensity sources
  carbonsched intensity sources --json
"""

_FORECAST_HELP: Final = """Show the forecast of a zone's intensity with its band, and its skill against persistence.

A provider's forecast is corrected by its own past and carried on where it ends; without one, the past alone speaks.
Persistence is the guess that each hour is as it was the last time. Of a table, what it holds before --now is the past.

\b
Examples:
  carbonsched intensity forecast FR --intensity-table grid.csv --now 2026-03-07T12:00:00Z
  carbonsched intensity forecast FR --intensity-table grid.csv --now 2026-03-07T12:00:00Z --hours 24 --json
"""

NOTE: Final = "An average says nothing of what one more kWh causes: only a marginal figure does."

app = typer.Typer(help=_HELP, no_args_is_help=True, pretty_exceptions_enable=False)

Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table. Default: off.")]


@app.command(help=_ZONES_HELP)
def zones(
    name: Annotated[str, typer.Argument(help="A cloud such as aws, or one of its regions.")] = "all",
    *,
    cloud: Annotated[bool, typer.Option("--cloud", help="Print cloud regions. Default: off.")] = False,
    json: Json = False,
) -> None:
    """Print a row a zone and basis, or a row a cloud region."""
    from scheduler.domain.errors import InvalidInput

    if cloud:
        _cloud_regions(name, json=json)
        return
    if name != "all":
        raise InvalidInput(
            f"{name!r} was given without --cloud",
            hint=f"carbonsched intensity zones --cloud {name}, or carbonsched intensity show ZONE",
        )
    from cli.console import emit, emit_json, table
    from intensity_sources.static_tables import StaticTables

    grouped: dict[tuple[str, str], list[YearRow]] = {}
    for row in StaticTables().rows():
        grouped.setdefault((row.zone, str(row.basis)), []).append(row)
    if json:
        emit_json(
            {
                "zones": [
                    {"zone": zone, "basis": basis, "years": [row.year for row in rows], "last": _payload(rows[-1])}
                    for (zone, basis), rows in grouped.items()
                ]
            }
        )
        return
    emit(
        table(
            ["zone", "basis", "years", "last g/kWh"],
            [[zone, basis, _years(rows), f"{rows[-1].g_per_kwh.central:g}"] for (zone, basis), rows in grouped.items()],
        )
    )


def _cloud_regions(asked: str, *, json: bool) -> None:
    """Print a row a cloud region."""
    import platformdirs

    from cli import intensity_zones, wiring
    from cli.console import emit, emit_json

    user_dir = platformdirs.user_config_path(wiring.APP)
    found = intensity_zones.read_regions(wiring.settings(), asked, user_dir)
    if json:
        emit_json(intensity_zones.as_json(found))
    else:
        emit(intensity_zones.as_text(found))


@app.command(help=_SOURCES_HELP)
def sources(
    *,
    probe: Annotated[bool, typer.Option("--probe", help="Ask the sources that no setting names too.")] = False,
    json: Json = False,
) -> None:
    """Print how each source stands."""
    from cli import intensity_sources, wiring
    from cli.console import emit, emit_json, say

    found = intensity_sources.listed(wiring.settings(), probe_all=probe)
    if json:
        emit_json(intensity_sources.as_json(found))
    else:
        emit(intensity_sources.as_text(found))
    for skipped in wiring.sources().skipped:
        say(f"warning: intensity source {skipped.name!r} cannot be used: {skipped.reason}")


@app.command(help=_FORECAST_HELP)
def forecast(
    zone: Annotated[str, typer.Argument(help="Grid zone, such as FR.")],
    *,
    hours: Annotated[int, typer.Option(help="How far to look. [h] Default: 48.")] = 48,
    now: Annotated[str | None, typer.Option(help="Moment it is made, ISO 8601 with zone. Default: now.")] = None,
    basis: Annotated[str | None, typer.Option(help="What an intensity is to mean. Default: the setting.")] = None,
    intensity_table: Annotated[
        str | None, typer.Option(help="CSV of intensities, g/kWh. Default: the settings' sources.")
    ] = None,
    json: Json = False,
) -> None:
    """Print the hours ahead."""
    from cli import intensity_forecast, wiring
    from cli.console import emit, emit_json

    shown = intensity_forecast.read_forecast(
        wiring.settings(), zone, hours, basis=basis, table=intensity_table, now=now
    )
    if json:
        emit_json(intensity_forecast.as_json(shown))
    else:
        emit(intensity_forecast.as_text(shown))


@app.command(help=_SHOW_HELP)
def show(
    zone: Annotated[str, typer.Argument(help="Grid zone, such as CA-QC.")],
    *,
    year: Annotated[int | None, typer.Option(help="Only this year. Default: all.")] = None,
    first: Annotated[
        str | None,
        typer.Option("--from", help="First hour, ISO 8601 with zone, or a date. Default: a day before --to."),
    ] = None,
    last: Annotated[
        str | None, typer.Option("--to", help="End of the last hour, alike. Default: a day after --from, or from now.")
    ] = None,
    basis: Annotated[
        str | None, typer.Option(help="What an intensity is to mean. Default: the setting; of years, any.")
    ] = None,
    intensity_table: Annotated[
        str | None, typer.Option(help="CSV of intensities, g/kWh. Default: the settings' sources.")
    ] = None,
    json: Json = False,
    csv: Annotated[bool, typer.Option("--csv", help="Print the hours as an intensity table. Default: off.")] = False,
) -> None:
    """Print hours where a range is given, else a row a year and basis with its source."""
    from scheduler.domain.errors import InvalidInput

    if json and csv:
        raise InvalidInput("--json and --csv were both given", hint="give one of the two")
    if first is None and last is None:
        if csv or intensity_table:
            raise InvalidInput("--csv and --intensity-table are for a range", hint="add --from and --to")
        _show_years(zone, year, basis, json=json)
    elif year is not None:
        raise InvalidInput("--year and a range were both given", hint="give one of the two")
    else:
        _show_hours(zone, (first, last), basis, intensity_table, json=json, csv=csv)


def _show_hours(
    zone: str, given: tuple[str | None, str | None], basis: str | None, table: str | None, *, json: bool, csv: bool
) -> None:
    """Print the hours of a range."""
    from cli import intensity_show, wiring
    from cli.console import emit, emit_json, say

    start, end = intensity_show.between(*given, wiring.now())
    hours = intensity_show.read_hours(wiring.settings(), zone, start, end, basis=basis, table=table)
    if json:
        emit_json(intensity_show.as_json(hours))
        return
    emit(intensity_show.as_csv(hours) if csv else intensity_show.as_text(hours))
    if csv:
        for note in (*hours.series.notes, f"{hours.series.basis}; licence: {hours.series.source.licence or 'unknown'}"):
            say(f"mind: {note}")


def _show_years(zone: str, year: int | None, basis: str | None, *, json: bool) -> None:
    """Print a row a year and basis, then the sources."""
    from cli.console import emit, emit_json, table
    from intensity_sources.static_tables import StaticTables
    from scheduler.domain.basis import parse_basis
    from scheduler.domain.errors import NotCovered

    every = StaticTables().rows_of(zone)
    wanted = None if basis is None else parse_basis(basis)
    rows = [row for row in every if year in (None, row.year) and wanted in (None, row.basis)]
    if not rows:
        asked = " ".join(str(word) for word in (year, wanted and f"'{wanted}'") if word is not None)
        has = _years([row for row in every if wanted in (None, row.basis)] or every)
        raise NotCovered(f"the static tables have no {asked} for {zone}", hint=f"they have {has}")
    if json:
        emit_json({"zone": zone, "rows": [_payload(row) for row in rows]})
        return
    sources = list(dict.fromkeys(f"{row.source}; {row.licence}" for row in rows))
    emit(
        table(
            ["year", "g/kWh", "low", "high", "basis", "source"],
            [
                [
                    str(row.year),
                    *(f"{value:g}" for value in (row.g_per_kwh.central, row.g_per_kwh.low, row.g_per_kwh.high)),
                    str(row.basis),
                    f"[{sources.index(f'{row.source}; {row.licence}') + 1}]",
                ]
                for row in rows
            ],
        )
    )
    emit("")
    emit("\n".join(f"[{number}] {source}" for number, source in enumerate(sources, start=1)))
    emit(NOTE)


def _payload(row: YearRow) -> Mapping[str, object]:
    """A row as JSON says it."""
    return {
        "year": row.year,
        "signal": row.basis.signal,
        "boundary": row.basis.boundary,
        "flow": row.basis.flow,
        "gas": row.basis.gas,
        "g_per_kwh": row.g_per_kwh.central,
        "low": row.g_per_kwh.low,
        "high": row.g_per_kwh.high,
        "source": row.source,
        "licence": row.licence,
    }


def _years(rows: Sequence[YearRow]) -> str:
    """The years of rows as text, a run as its ends."""
    years = sorted({row.year for row in rows})
    if len(years) > 1 and years[-1] - years[0] == len(years) - 1:
        return f"{years[0]}-{years[-1]}"
    return ", ".join(map(str, years))
