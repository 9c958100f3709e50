"""`carbonsched intensity`: the yearly tables that ship with the tool."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final

import typer

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from intensity_sources.yearly import YearRow

_HELP: Final = "Show what the tool knows of carbon intensities."
_ZONES_HELP: Final = """List the zones of the yearly tables, with their bases and years.

\b
Examples:
  carbonsched intensity zones
  carbonsched intensity zones --json
"""
_SHOW_HELP: Final = """Show a zone's yearly intensities with their range, source and licence.

\b
Examples:
  carbonsched intensity show CA-QC
  carbonsched intensity show FR --year 2024 --json
"""

NOTE: Final = "An average says nothing of what one more kWh causes: only a marginal figure does."

app = typer.Typer(help=_HELP, no_args_is_help=True, pretty_exceptions_enable=False)

Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table. Default: off.")]


@app.command(help=_ZONES_HELP)
def zones(*, json: Json = False) -> None:
    """Print a row a zone and basis."""
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


@app.command(help=_SHOW_HELP)
def show(
    zone: Annotated[str, typer.Argument(help="Grid zone, such as CA-QC.")],
    *,
    year: Annotated[int | None, typer.Option(help="Only this year. Default: all.")] = None,
    json: Json = False,
) -> None:
    """Print a row a year and basis, then the sources."""
    from cli.console import emit, emit_json, table
    from intensity_sources.static_tables import StaticTables
    from scheduler.domain.errors import NotCovered

    every = StaticTables().rows_of(zone)
    rows = [row for row in every if year in (None, row.year)]
    if not rows:
        raise NotCovered(f"the static tables have no {year} for {zone}", hint=f"they have {_years(every)}")
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
