"""What a replay is of: the clusters, the grid and the jobs that the options name, read once and the same everywhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Final

from cli import wiring
from cli.settings import parse_share_pct
from cli.traces.issued import read_issues
from cli.traces.power import read_power
from cli.traces.reading import Reading, Trace, read_trace
from cli.traces.store import from_store
from intensity_sources.csv_file import CsvFile
from scheduler.domain.basis import parse_basis
from scheduler.domain.duration import parse_duration
from scheduler.domain.errors import InvalidInput, UnknownName
from scheduler.domain.instant import format_instant
from scheduler.ports import Policy
from scheduler.simulation.fates import Fates
from scheduler.simulation.forecasts import Forecasts, History, Issued, Perfect, Within
from scheduler.simulation.passing import NEVER, passes_of
from scheduler.simulation.request import Request
from scheduler.simulation.screening import LeftOut, screened
from scheduler.simulation.table import US, table_of
from scheduler.simulation.world import World

HASH: Final = "hash"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """The options of a replay, as text: what they come to can be read again by another process.

    Args:
        jobs: the trace; None for the jobs of the store.
        clusters, intensity_table: None for those of the settings.
        forecasts: `perfect`, `history`, or a file of issued ones.
        slack, home, interruptible_from, restart, tz: of jobs that do not say; slack is empty for 0, or as in the store.
        shift_to: date or year that the trace is moved to.
        min_saving: least saving worth a wait, a suspend or leaving home; empty for 0, or as in the store. [%]
        since, until: jobs submitted in between alone, times as they are after a shift; None where nothing bounds them.
        replan: when plans are made again: `never`, `issue`, or a duration; together: whether those that wait are then
            planned together.
        horizon: how far ahead forecasts are believed; empty for as far as they go.
        duration_error, failures: of the jobs, as shares; gpu_w_cdf: what their GPUs draw, FILE or FILE:COLUMN.
        seed: of the homes that ids decide, and of all that is drawn.
    """

    jobs: Path | None = None
    clusters: Path | None = None
    intensity_table: Path | None = None
    forecasts: str = "perfect"
    slack: str = ""
    home: str = HASH
    interruptible_from: str | None = None
    restart: str = "0m"
    shift_to: str = ""
    tz: str = ""
    min_saving: str = ""
    since: datetime | None = None
    until: datetime | None = None
    replan: str = NEVER
    together: bool = False
    horizon: str = ""
    duration_error: str = "0"
    failures: str = "0"
    gpu_w_cdf: str = ""
    seed: int = 0

    def reading(self) -> Reading:
        """How the trace's blanks are filled."""
        hours = self.slack.strip().removesuffix("h")
        plain = hours.replace(".", "", 1).isdigit()
        whole = self.interruptible_from
        return Reading(
            tz=self.tz,
            shift_to=self.shift_to.strip(),
            slack=parse_duration(f"{hours}h" if plain else self.slack, what="--slack") if self.slack else None,
            home="" if self.home == HASH else self.home,
            interruptible_from=None if whole is None else parse_duration(whole, what="--interruptible-from"),
            restart=parse_duration(self.restart, what="--restart"),
            min_saving_pct=parse_share_pct(self.min_saving) if self.min_saving else None,
        )


SETTINGS: Final = (
    "forecasts", "slack", "home", "interruptible_from", "restart", "min_saving", "shift_to", "replan", "together",
    "horizon", "duration_error", "failures", "seed",
)  # fmt: skip
"""Options that a sweep may vary."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """What is replayed.

    Args:
        requests: that can be, in order of submission; left: the others.
        told: how policies look ahead; passes: when plans are made again. [us from the table's start]
        notes: what a reader must know.
    """

    world: World
    requests: Sequence[Request]
    left: Sequence[LeftOut]
    told: Forecasts
    passes: tuple[int, ...]
    notes: tuple[str, ...]


def case_of(asked: Asked) -> Case:
    """Read everything that the options name.

    Raises:
        InvalidInput: a file or an option cannot be used, or no job can be replayed.
    """
    reading = asked.reading()
    if asked.since is not None and asked.until is not None and asked.since >= asked.until:
        raise InvalidInput("--since is not before --until", hint="give the earlier of the two as --since")
    world, notes = _world(asked)
    trace = _trace(asked, reading, world.names)
    fates, drawn = _fates(asked, world)
    chosen = fates.of([each for each in trace.requests if within(each.submitted, asked)])
    unplayed = [each for each in trace.left if each.submitted is None or within(each.submitted, asked)]
    requests, screened_out = screened(world, chosen)
    left = [*unplayed, *screened_out]
    if not requests:
        named = "the store" if asked.jobs is None else asked.jobs.name
        table = world.table
        raise InvalidInput(
            f"no job of {named} can be replayed" + (f": {left[0].job_id}: {left[0].reason}" if left else ""),
            hint=f"the table runs {format_instant(table.start)} to {format_instant(table.moment(table.end_us))}; "
            "--shift-to moves a trace",
        )
    told = _forecasts(world, asked.forecasts)
    passes = passes_of(asked.replan, world.table, told, world.table.us(requests[0].submitted))
    if asked.together and not passes:
        raise InvalidInput(
            "--together plans jobs together where plans are made again", hint="give --replan 1h beside it"
        )
    return Case(
        world=world,
        requests=requests,
        left=left,
        told=_within_horizon(world, told, asked.horizon),
        passes=passes,
        notes=(*notes, *trace.notes, *drawn),
    )


def within(submitted: datetime, asked: Asked) -> bool:
    """Whether a job was submitted in the time that is asked for."""
    first, last = asked.since, asked.until
    return (first is None or submitted >= first) and (last is None or submitted < last)


def policies_named(names: Sequence[str]) -> dict[str, Policy]:
    """Installed policies by their names.

    Raises:
        UnknownName: one is not installed.
    """
    installed = wiring.policies()
    for name in names:
        if name not in installed:
            raise UnknownName("policy", name, installed)
    return {name: installed[name] for name in dict.fromkeys(names)}


def _trace(asked: Asked, reading: Reading, homes: tuple[str, ...]) -> Trace:
    """The jobs to replay."""
    if asked.jobs is not None:
        return read_trace(asked.jobs, replace(reading, homes=homes))
    said = Reading(shift_to=reading.shift_to, slack=reading.slack, min_saving_pct=reading.min_saving_pct)
    if reading != said:
        raise InvalidInput(
            "the jobs of the store say their own home, restart and times",
            hint="with --from-store leave --home, --interruptible-from, --restart and --tz out",
        )
    return from_store(said)


def _world(asked: Asked) -> tuple[World, tuple[str, ...]]:
    """The clusters whose zone is in the table, and what there is to say of the others."""
    values = wiring.settings()
    declared = wiring.clusters(asked.clusters)
    set_table = values.text("intensity_table")
    path = asked.intensity_table or (Path(set_table) if set_table else None)
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
    return World(known, table_of(series), asked.seed), notes


def _forecasts(world: World, said: str) -> Forecasts:
    """The way to look ahead that was asked for."""
    if said == Perfect.name:
        return Perfect(world.table)
    if said == History.name:
        return History(world.table)
    if not Path(said).exists():
        raise InvalidInput(f"--forecasts {said!r} is neither perfect, nor history, nor a file", hint="check the path")
    return Issued(world.table, read_issues(Path(said), world.table))


def _within_horizon(world: World, told: Forecasts, said: str) -> Forecasts:
    """The same, believed up to a horizon alone where one is asked for."""
    if not said:
        return told
    slots = parse_duration(said, what="--horizon") // (world.table.step_us * US)
    if slots < 1:
        raise InvalidInput(f"--horizon {said} is under a slot of the table", hint="write 168h")
    return Within(told, History(world.table), slots)


def _fates(asked: Asked, world: World) -> tuple[Fates, tuple[str, ...]]:
    """What chance does to the jobs, and what there is to say of it."""
    idle_w = max(cluster.gpu.idle_w.central for cluster in world.clusters)
    fates = Fates(
        seed=asked.seed,
        duration_error=_share(asked.duration_error, "--duration-error"),
        failures=_share(asked.failures, "--failures"),
        power=read_power(asked.gpu_w_cdf) if asked.gpu_w_cdf else None,
        least_w=idle_w,
    )
    drawn = f"jobs that state no power draw it from {asked.gpu_w_cdf}: a job's mean is taken for a sample of a GPU"
    return fates, (f"{drawn}, {idle_w:g} W at least, the idle power",) if asked.gpu_w_cdf else ()


def _share(text: str, what: str) -> float:
    """A share as a number, or in percent."""
    number = text.strip().removesuffix("%")
    try:
        return float(number) / (100 if number != text.strip() else 1)
    except ValueError as exc:
        raise InvalidInput(f"{what} {text!r} is no number", hint="write a share such as 0.2, or 20%") from exc
