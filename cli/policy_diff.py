"""`carbonsched policy diff`: which jobs of a trace two policies place otherwise, and why."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated

import typer

from cli.replays.options import (
    Clusters,
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

    from scheduler.simulation.otherwise import Otherwise, Side
    from scheduler.simulation.world import World


def diff(
    one: Annotated[str, typer.Argument(metavar="A", help="Policy, such as lowest-carbon-window.")],
    other: Annotated[str, typer.Argument(metavar="B", help="Policy that it is compared with, such as carbon-aware.")],
    jobs: Jobs = None,
    from_store: FromStore = False,
    clusters: Clusters = None,
    intensity_table: IntensityTable = None,
    forecasts: Forecasts = "perfect",
    slack: Slack = "",
    home: Home = "hash",
    interruptible_from: InterruptibleFrom = None,
    restart: Restart = "0m",
    shift_to: ShiftTo = "",
    tz: TimeZone = "",
    replan: Replan = "never",
    top: Annotated[int, typer.Option(min=1, help="Jobs to list, those that differ most first.")] = 20,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, with every job.")] = False,
) -> None:
    """Replay a trace under two policies, and show which jobs the second places otherwise, and why.

    \b
    Examples:
      carbonsched policy diff run-now carbon-aware --jobs trace.csv --intensity-table grid.csv --slack 12h
      carbonsched policy diff run-now carbon-aware --jobs trace.csv --intensity-table grid.csv --json
    """
    from cli.console import emit, emit_json, say
    from cli.replays.case import Asked, policies_named
    from cli.replays.options import require_one_trace
    from cli.replays.run import Cases, Machines, Task, run_all
    from scheduler.domain.errors import InvalidInput
    from scheduler.simulation.otherwise import otherwise

    require_one_trace(jobs, from_store=from_store)
    policies_named([one, other])
    if one == other:
        raise InvalidInput(f"{one} is compared with itself", hint="name two policies")
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
    cases = Cases()
    case = cases.of(asked)
    for note in case.notes:
        say(f"note: {note}")
    tasks = [Task(asked, name, case.told.name == "perfect") for name in (one, other)]
    done = run_all(cases, tasks, Machines(os.cpu_count() or 1))
    found = otherwise(case.world, case.requests, *(done[task] for task in tasks))
    if as_json:
        emit_json(
            {
                "policies": [one, other],
                "jobs": len(case.requests),
                "placed_otherwise": len(found),
                "saved_kg": _total(found),
                "differences": [_payload(each, case.world) for each in found],
            }
        )
        return
    emit(_text(one, other, len(case.requests), found, top))


def _total(found: Sequence[Otherwise]) -> float:
    """What the second policy emits less, over the jobs of which both are known. [kg]"""
    return sum(each.saved_kg or 0.0 for each in found)


def _text(one: str, other: str, count: int, found: Sequence[Otherwise], top: int) -> str:
    """A sentence, and a row a job."""
    from cli.console import table

    if not found:
        return f"{other} places all {count:,} jobs as {one} does."
    total_kg, later_h = _total(found), sum(each.later_h for each in found) / len(found)
    head = (
        f"{other} places {len(found):,} of {count:,} jobs otherwise than {one}: {abs(total_kg):,.1f} kg CO2e "
        f"{'less' if total_kg >= 0 else 'more'}, these through {abs(later_h):.1f} h "
        f"{'later' if later_h >= 0 else 'sooner'} on average."
    )
    rows = [
        [each.job_id, str(each.gpus), "-" if each.saved_kg is None else f"{each.saved_kg:+,.2f}", each.why]
        for each in found[:top]
    ]
    more = [f"and {len(found) - top:,} more: --top lists them"] if len(found) > top else []
    return "\n".join([head, "", table(["job", "GPUs", "kg saved", f"under {other}"], rows), *more])


def _payload(each: Otherwise, world: World) -> Mapping[str, object]:
    """A job as JSON says it."""
    return {
        "job_id": each.job_id,
        "gpus": each.gpus,
        "saved_kg": each.saved_kg,
        "later_h": each.later_h,
        "why": each.why,
        "one": _side(each.one, world),
        "other": _side(each.other, world),
    }


def _side(side: Side, world: World) -> Mapping[str, object]:
    """One policy's part as JSON says it."""
    from scheduler.domain.instant import format_instant

    return {
        "cluster": side.cluster,
        "start": format_instant(world.table.moment(side.start_us)),
        "finish": format_instant(world.table.moment(side.finish_us)),
        "suspends": side.suspends,
        "moves": side.moves,
        "emissions_kg": side.emitted_kg,
        "late_at_admission": side.late,
    }
