"""`carbonsched simulate`: what policies would have made of the jobs of a trace, on the clusters and grid of a table."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Final

import typer

from cli.replays.options import Executor

_DEFAULT: Final = ("run-now", "carbon-aware")


def simulate(
    jobs: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Trace: CSV or CSV.gz, from sacct, or Ray's list.", show_default=False),
    ] = None,
    from_store: Annotated[
        bool, typer.Option("--from-store", help="Replay the jobs of the store instead of a trace.")
    ] = False,
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
        str,
        typer.Option(
            metavar="H", help="Slack of jobs that state none: hours, or a duration such as 24h.", show_default="0"
        ),
    ] = "",
    home: Annotated[
        str, typer.Option(metavar="NAME|hash", help="Home of jobs that state none; hash: by id, in proportion to GPUs.")
    ] = "hash",
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
    min_saving: Annotated[
        str,
        typer.Option(metavar="PERCENT", help="Least saving worth a wait, a suspend or leaving home.", show_default="0"),
    ] = "",
    since: Annotated[
        str | None, typer.Option(help="Jobs submitted from this ISO time on, after any shift.", show_default=False)
    ] = None,
    until: Annotated[
        str | None, typer.Option(help="Jobs submitted before this ISO time, after any shift.", show_default=False)
    ] = None,
    shift_to: Annotated[
        str,
        typer.Option(
            metavar="DATE", help="Move the trace by whole weeks to a date, or into a year.", show_default=False
        ),
    ] = "",
    tz: Annotated[
        str, typer.Option(metavar="ZONE", help="Time zone of times that state none.", show_default=False)
    ] = "",
    replan: Annotated[
        str,
        typer.Option(metavar="WHEN", help="Make plans again: never, issue (with each forecast), or each so often: 1h."),
    ] = "never",
    together: Annotated[
        bool, typer.Option("--together", help="Plan jobs that wait together then, as a scheduler does: slow.")
    ] = False,
    horizon: Annotated[
        str,
        typer.Option(
            metavar="DURATION", help="Believe forecasts so far ahead; behind it history's stand in.", show_default=False
        ),
    ] = "",
    duration_error: Annotated[
        str, typer.Option(metavar="SHARE", help="Tell policies durations that are wrong by about this: 0.2.")
    ] = "0",
    failures: Annotated[
        str, typer.Option(metavar="SHARE", help="Let so many jobs end by themselves before they are done: 0.1.")
    ] = "0",
    gpu_w_cdf: Annotated[
        str,
        typer.Option(
            metavar="FILE[:COLUMN]",
            help="Draw the power of jobs that state none: CSV of cdf_pct, W.",
            show_default=False,
        ),
    ] = "",
    seed: Annotated[int, typer.Option(help="Of the homes that ids decide, and of all that is drawn.")] = 0,
    sweep: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=A,B,...",
            help="Vary an option, such as slack=0,24,72; repeat it for all combinations.",
            show_default=False,
        ),
    ] = None,
    workers: Annotated[int, typer.Option(min=1, help="Processes at most; small replays take one.")] = os.cpu_count()
    or 1,
    executor: Executor = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", help="Write this file: a page (.html), .parquet, or else JSON.", show_default=False
        ),
    ] = None,
    resume: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER", help="Keep each finished replay there, and take up those that are.", show_default=False
        ),
    ] = None,
    budget: Annotated[
        str | None,
        typer.Option(
            metavar="NAME=KG",
            help="Hold a budget a month against the whole trace [kg]; 'nlp=120 warn 70 hold' says more.",
            show_default=False,
        ),
    ] = None,
    lang: Annotated[
        str | None,
        typer.Option(help="Language of the page: en, fr-CA or fr-FR; default the setting.", show_default=False),
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
      carbonsched simulate --from-store --intensity-table observed.csv
      carbonsched simulate --jobs trace.csv --intensity-table grid.csv --replan 1h --duration-error 0.2 --failures 0.1
      carbonsched simulate --jobs trace.csv --intensity-table grid.csv --slack 24 --replan 1h --sweep together=0,1
      carbonsched simulate --jobs trace.csv --intensity-table grid.csv --sweep slack=0,6,24 --sweep restart=0m,10m
      carbonsched simulate --jobs trace.csv --intensity-table grid.csv --slack 24 --resume done -o page.html
    """
    from cli.replays.case import Asked
    from cli.replays.deliver import Delivery, deliver
    from cli.replays.run import machines_of
    from cli.replays.sweep import settings_of
    from scheduler.domain.errors import InvalidInput
    from scheduler.domain.instant import parse_instant

    if (jobs is None) is not from_store:
        raise InvalidInput("one trace is needed", hint="give --jobs FILE, or --from-store, one of the two")
    asked = Asked(
        jobs=jobs,
        clusters=clusters,
        intensity_table=intensity_table,
        forecasts=forecasts,
        slack=slack,
        home=home,
        interruptible_from=interruptible_from,
        restart=restart,
        shift_to=shift_to,
        tz=tz,
        min_saving=min_saving,
        since=None if since is None else parse_instant(since, what="--since"),
        until=None if until is None else parse_instant(until, what="--until"),
        replan=replan,
        together=together,
        horizon=horizon,
        duration_error=duration_error,
        failures=failures,
        gpu_w_cdf=gpu_w_cdf,
        seed=seed,
    )
    names, machines = list(dict.fromkeys(policy or _DEFAULT)), machines_of(workers, executor)
    trace = "the jobs of the store" if jobs is None else jobs.name
    deliver(
        settings_of(asked, sweep or []),
        names,
        Delivery(
            trace=trace, output=output, as_json=as_json, resume=resume, budget=budget, lang=lang, machines=machines
        ),
    )
