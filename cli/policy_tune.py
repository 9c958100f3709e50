"""`carbonsched policy tune`: choose a policy and its settings on the earlier part of a history, judge on the later."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated, Final

import typer

from cli.replays.options import (
    Clusters,
    Executor,
    Forecasts,
    FromStore,
    Home,
    IntensityTable,
    InterruptibleFrom,
    Jobs,
    Replan,
    Restart,
    ShiftTo,
    Slack,
    TimeZone,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from cli.replays.tuned import Candidate, Judged, Tuned
    from scheduler.simulation.tuning import Limit

_DEFAULT: Final = ("run-now", "lowest-carbon-window", "lowest-carbon-region", "carbon-aware")


def tune(
    jobs: Jobs = None,
    from_store: FromStore = False,
    clusters: Clusters = None,
    intensity_table: IntensityTable = None,
    forecasts: Forecasts = "history",
    policy: Annotated[
        list[str] | None,
        typer.Option(
            help="Policy to try; repeat it. Default those that need no more than forecasts.", show_default=False
        ),
    ] = None,
    sweep: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=A,B,...", help="Setting to try: slack, min-saving; repeat it.", show_default=False),
    ] = None,
    objective: Annotated[str, typer.Option(help="What is to be least: carbon, operational or wait.")] = "carbon",
    limit: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FIGURE<BOUND", help="What must hold, such as mean_wait<6h; repeat it.", show_default=False
        ),
    ] = None,
    split: Annotated[
        str | None, typer.Option(help="ISO time that parts earlier from later; default the middle.", show_default=False)
    ] = None,
    interruptible_from: InterruptibleFrom = None,
    restart: Restart = "0m",
    slack: Slack = "",
    home: Home = "hash",
    shift_to: ShiftTo = "",
    tz: TimeZone = "",
    replan: Replan = "never",
    executor: Executor = None,
    write: Annotated[bool, typer.Option("--write", help="Write what was chosen to your settings file.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Choose the policy and settings that did best on the earlier half of a history, and judge them on the later half.

    What counts is the gain out of sample: on the half that was not looked at. Settings are written only with --write.

    \b
    Examples:
      carbonsched policy tune --jobs trace.csv --intensity-table grid.csv --limit misses=0 --forecasts perfect
      carbonsched policy tune --jobs trace.csv --intensity-table grid.csv --sweep slack=0,6 --limit 'mean_wait<6h'
    """
    from cli.console import emit, emit_json, say
    from cli.replays.case import Asked
    from cli.replays.options import require_one_trace
    from cli.replays.run import machines_of
    from cli.replays.tuned import tuned, write_settings
    from scheduler.domain.instant import parse_instant
    from scheduler.simulation.tuning import objective_of, parse_limit

    require_one_trace(jobs, from_store=from_store)
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
        replan=replan,
    )
    objective_of(objective)
    limits = [parse_limit(text) for text in limit or []]
    parted_at = None if split is None else parse_instant(split, what="--split")
    made = tuned(
        asked,
        policies=list(dict.fromkeys(policy or _DEFAULT)),
        sweeps=sweep or [],
        objective=objective,
        limits=limits,
        parted_at=parted_at,
        machines=machines_of(os.cpu_count() or 1, executor),
        tell=say,
    )
    if as_json:
        emit_json(_payload(made, limits))
    else:
        emit(_text(made, limits))
    if write:
        say(f"wrote {write_settings(made.chosen)}")


def _text(made: Tuned, limits: Sequence[Limit]) -> str:
    """What was tried, what was chosen, and what it is worth where it was not looked at."""
    from cli.console import table
    from scheduler.domain.instant import to_the_second

    rows = [_row(each, "chosen" if each.candidate == made.chosen else "") for each in made.tried]
    later = [_row(each, each.name) for each in made.judged]
    head = ["", "saved", "wait h", "misses", "suspends", ""]
    judged = made.judged[0]
    left = [f"{len(made.left_out):,} jobs are left out for every candidate: one of them could not take or price them."]
    return "\n".join(
        [
            f"Chosen: {made.chosen.label}. On the later jobs, which it was not chosen on, {judged.told}.",
            *(f"There it breaks {text}." for text in judged.broken(limits)),
            *(left if made.left_out else []),
            "",
            f"Earlier: {made.earlier:,} jobs before {to_the_second(made.parted_at)}, on which it was chosen",
            table(head, rows),
            "",
            f"Later: {made.later:,} jobs from then on, on which it is judged",
            table(head, later),
        ]
    )


def _row(judged: Judged, remark: str) -> list[str]:
    """A candidate's figures."""
    outcome = judged.outcome
    saved = "-" if outcome.saving_pct is None else f"{outcome.saving_pct:.1f} %"
    wait = "-" if outcome.mean_wait_h is None else f"{outcome.mean_wait_h:.2f}"
    return [judged.candidate.label, saved, wait, f"{outcome.missed_deadlines:,}", f"{outcome.suspends:,}", remark]


def _payload(made: Tuned, limits: Sequence[Limit]) -> Mapping[str, object]:
    """The same as JSON."""
    from scheduler.domain.instant import format_instant

    return {
        "objective": made.objective,
        "limits": [limit.text for limit in limits],
        "split": format_instant(made.parted_at),
        "jobs": {"earlier": made.earlier, "later": made.later},
        "left_out": sorted(made.left_out),
        "chosen": _candidate(made.chosen),
        "tried": [_judged(each, limits) for each in made.tried],
        "out_of_sample": [{"name": each.name, **_judged(each, limits)} for each in made.judged],
    }


def _candidate(candidate: Candidate) -> Mapping[str, object]:
    """A way to run a cluster, as JSON."""
    return {"policy": candidate.policy, "settings": dict(candidate.settings)}


def _judged(judged: Judged, limits: Sequence[Limit]) -> Mapping[str, object]:
    """What a candidate came to, as JSON."""
    outcome = judged.outcome
    return {
        **_candidate(judged.candidate),
        "emissions_kg": outcome.emissions.total,
        "saving_pct": outcome.saving_pct,
        "saving_operational_pct": outcome.saving_operational_pct,
        "late_at_admission": outcome.late_at_admission,
        "mean_wait_h": outcome.mean_wait_h,
        "missed_deadlines": outcome.missed_deadlines,
        "suspends": outcome.suspends,
        "breaks": judged.broken(limits),
    }
