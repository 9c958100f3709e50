"""`carbonsched simulate`: what policies would have made of the jobs of a trace, on the clusters and grid of a table."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from cli.settings import Settings
    from cli.simulate_trace import Reading
    from scheduler.ports import Policy
    from scheduler.simulation.forecasts import Forecasts
    from scheduler.simulation.request import Request
    from scheduler.simulation.results import Replayed
    from scheduler.simulation.table import Table
    from scheduler.simulation.world import World

BASELINE: Final = "run-now"
_DEFAULT: Final = (BASELINE, "carbon-aware")
_HASH: Final = "hash"


def simulate(
    jobs: Annotated[Path, typer.Option(metavar="CSV", help="Trace: CSV or CSV.gz, or from sacct.", show_default=False)],
    clusters: Annotated[
        Path | None, typer.Option(help="Cluster file, or folder of them; default those declared.", show_default=False)
    ] = None,
    intensity_table: Annotated[
        Path | None, typer.Option(help="CSV of intensities, g/kWh; default the setting.", show_default=False)
    ] = None,
    forecasts: Annotated[
        str, typer.Option(metavar="WORD|FILE", help="perfect, history, or a CSV of forecasts as they were issued.")
    ] = "perfect",
    policy: Annotated[
        list[str] | None,
        typer.Option(help="Policy to compare; repeat it; default run-now and carbon-aware.", show_default=False),
    ] = None,
    slack: Annotated[
        str, typer.Option(metavar="H", help="Slack of jobs that state none: hours, or a duration such as 24h.")
    ] = "0",
    home: Annotated[
        str, typer.Option(metavar="NAME|hash", help="Home of jobs that state none; hash: by id, in proportion to GPUs.")
    ] = _HASH,
    interruptible_from: Annotated[
        str | None,
        typer.Option(
            metavar="DURATION",
            help="Jobs that do not say may be suspended from this length on; default never.",
            show_default=False,
        ),
    ] = None,
    restart: Annotated[
        str, typer.Option(metavar="DURATION", help="From a resume to progress, for jobs that do not say.")
    ] = "0m",
    shift_to: Annotated[
        str,
        typer.Option(
            metavar="DATE", help="Move the trace by whole weeks to a date, or into a year.", show_default=False
        ),
    ] = "",
    tz: Annotated[
        str, typer.Option(metavar="ZONE", help="Time zone of times that state none.", show_default=False)
    ] = "",
    replan: Annotated[str, typer.Option(metavar="WHEN", help="never: each job is planned once.")] = "never",
    seed: Annotated[int, typer.Option(help="Of the homes that ids decide.")] = 0,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write the JSON to this file.", show_default=False)
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Replay a trace of jobs and compare what policies would have emitted.

    Every policy gets the same jobs and the same clusters, in the order of submission; savings are counted from
    run-now, where a job starts at home as soon as its GPUs are free.

    \b
    Examples:
      carbonsched simulate --jobs trace.csv --intensity-table grid.csv
      carbonsched simulate --jobs trace.csv --intensity-table grid.csv --policy run-now --policy wait-awhile --json
      carbonsched simulate --jobs trace.csv --intensity-table grid.csv --slack 12h --home france --shift-to 2026-03-03
    """
    from cli import wiring
    from cli.console import emit, emit_json, say
    from cli.simulate_output import as_document, as_text, write_document
    from cli.simulate_trace import read_trace
    from scheduler.domain.errors import InvalidInput
    from scheduler.simulation.results import compare
    from scheduler.simulation.screening import screened

    if replan != "never":
        raise InvalidInput(f"--replan {replan!r} is not there yet", hint="leave it out: each job is planned once")
    chosen = _policies(policy or list(_DEFAULT))
    values = wiring.settings()
    world, notes = _world(values, clusters, intensity_table, seed)
    trace = read_trace(jobs, _reading(slack, home, interruptible_from, restart, shift_to, tz))
    requests, left = screened(world, trace.requests)
    for note in (*notes, *trace.notes):
        say(f"note: {note}")
    if not requests:
        raise InvalidInput(
            f"no job of {jobs.name} can be replayed: {left[0].job_id}: {left[0].reason}",
            hint=f"the table runs {_span(world.table)}; --shift-to moves a trace",
        )
    told = _forecasts(world.table, forecasts)
    replayed, perfect = _replays(world, requests, chosen, told)
    made = compare(world.table, requests, replayed, perfect, BASELINE)
    document = as_document(
        made,
        list(dict.fromkeys(policy or _DEFAULT)),
        world=world,
        requests=requests,
        left=left,
        forecasts=told.name,
        seed=seed,
    )
    if output is not None:
        write_document(output, document)
    if as_json:
        emit_json(document)
    elif output is None:
        emit(as_text(document))


def _policies(names: Sequence[str]) -> Mapping[str, Policy]:
    """The policies to replay, with the baseline that savings are counted from."""
    from cli import wiring
    from scheduler.domain.errors import UnknownName

    installed = wiring.policies()
    for name in names:
        if name not in installed:
            raise UnknownName("policy", name, installed)
    return {name: installed[name] for name in dict.fromkeys((BASELINE, *names))}


def _world(values: Settings, clusters: Path | None, given: Path | None, seed: int) -> tuple[World, tuple[str, ...]]:
    """The clusters whose zone is in the table, and what there is to say of the others."""
    from cli import wiring
    from intensity_sources.csv_file import CsvFile
    from scheduler.domain.basis import parse_basis
    from scheduler.domain.errors import InvalidInput
    from scheduler.simulation.table import table_of
    from scheduler.simulation.world import World

    declared = wiring.clusters(clusters)
    path = given or (Path(values.text("intensity_table")) if values.text("intensity_table") else None)
    if path is None:
        raise InvalidInput("a replay needs observed intensities", hint="give a CSV of them with --intensity-table")
    basis = parse_basis(values.text("basis"))
    source = CsvFile(path.expanduser(), basis)
    known = [cluster for cluster in declared if cluster.zone in source.zones()]
    notes = tuple(
        f"{cluster.name} is left out: {path.name} has no zone {cluster.zone}"
        for cluster in declared
        if cluster not in known
    )
    if not known:
        raise InvalidInput(
            f"{path.name} has the zone of no cluster", hint=f"it has {', '.join(source.zones())}; add a column a zone"
        )
    zones = sorted({cluster.zone for cluster in known})
    series = {zone: source.series(zone, basis, source.start, source.end) for zone in zones}
    return World(known, table_of(series), seed), notes


def _reading(slack: str, home: str, interruptible_from: str | None, restart: str, shift_to: str, tz: str) -> Reading:
    """How the trace's blanks are filled."""
    from cli.simulate_trace import Reading
    from scheduler.domain.duration import parse_duration

    hours = slack.strip().removesuffix("h")
    return Reading(
        tz=tz,
        shift_to=shift_to.strip(),
        slack=parse_duration(f"{hours}h" if hours.replace(".", "", 1).isdigit() else slack, what="--slack"),
        home="" if home == _HASH else home,
        interruptible_from=(
            None if interruptible_from is None else parse_duration(interruptible_from, what="--interruptible-from")
        ),
        restart=parse_duration(restart, what="--restart"),
    )


def _span(table: Table) -> str:
    """From when to when a table runs."""
    from scheduler.domain.instant import format_instant

    return f"{format_instant(table.start)} to {format_instant(table.moment(table.end_us))}"


def _forecasts(table: Table, said: str) -> Forecasts:
    """The way to look ahead that was asked for."""
    from cli.simulate_issued import read_issues
    from scheduler.domain.errors import InvalidInput
    from scheduler.simulation.forecasts import History, Issued, Perfect

    if said == Perfect.name:
        return Perfect(table)
    if said == History.name:
        return History(table)
    if not Path(said).exists():
        raise InvalidInput(f"--forecasts {said!r} is neither perfect, nor history, nor a file", hint="check the path")
    return Issued(table, read_issues(Path(said), table))


def _replays(
    world: World, requests: Sequence[Request], chosen: Mapping[str, Policy], told: Forecasts
) -> tuple[dict[str, Replayed], dict[str, Replayed]]:
    """Every policy's replay, and the same with perfect forecasts, made anew only where a policy looks ahead."""
    from scheduler.simulation.forecasts import Perfect

    replayed = {name: _replay(world, requests, policy, told) for name, policy in chosen.items()}
    if told.name == Perfect.name:
        return replayed, replayed
    perfect = Perfect(world.table)
    ahead = {name for name, policy in chosen.items() if "forecast" in policy.needs}
    return replayed, {
        name: _replay(world, requests, policy, perfect) if name in ahead else replayed[name]
        for name, policy in chosen.items()
    }


def _replay(world: World, requests: Sequence[Request], policy: Policy, told: Forecasts) -> Replayed:
    """One policy's replay, with its progress on stderr where a person watches."""
    from scheduler.simulation.bill import bill
    from scheduler.simulation.replay import replay
    from scheduler.simulation.results import Replayed

    began = time.perf_counter()
    runs = replay(world, requests, policy, told, _progress(f"{policy.name} ({told.name})", len(requests), began))
    if sys.stderr.isatty():
        sys.stderr.write("\r\033[K")
    return Replayed(runs=runs, bill=bill(world, requests, runs), wall_s=time.perf_counter() - began)


def _progress(what: str, count: int, began: float) -> Callable[[int], None]:
    """Tells how far a replay is and how long it will take, nothing where stderr is no terminal."""

    def tell(done: int) -> None:
        """Overwrite the line of before."""
        if done and sys.stderr.isatty():
            left_s = (time.perf_counter() - began) * (count - done) / done
            sys.stderr.write(f"\r{what}: {done:,} of {count:,} jobs, {left_s:.0f} s left \033[K")

    return tell
