"""`carbonsched policy shadow`: what a policy in the shadow would have done, beside the plans that bound the jobs.

Both plans are priced on one surface: on the forecasts of the instant at which they were made, and, once all hours of
both have come, on what was observed. Both are modelled; what a job really emitted is in its report.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from datetime import datetime

    from scheduler.domain.placement import Placement
    from scheduler.records.rows import JobRow
    from scheduler.records.shadows import ShadowRow
    from scheduler.records.store import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class Beside:
    """One job under the plan that bound it and under the shadow's.

    Args:
        observed_kg, live_observed_kg: what the shadow's plan and the job's emit on what came; None while a part of
            either lies ahead, or is not known. [kg]
        simulated: whether either is on hardware that is not there.
    """

    row: ShadowRow
    job: JobRow
    observed_kg: float | None
    live_observed_kg: float | None
    simulated: bool

    @property
    def otherwise(self) -> bool:
        """Whether the shadow places it otherwise."""
        return self.row.placement != self.row.live_placement


def shadow(
    policy: Annotated[str | None, typer.Option(help="This policy alone [default: all that were a shadow].")] = None,
    since: Annotated[
        str | None, typer.Option(help="Jobs submitted from this ISO time on [default: the first].")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, with every job.")] = False,
) -> None:
    """Show what `serve --shadow POLICY` would have done with each job, beside the plan that it was given.

    \b
    Examples:
      carbonsched policy shadow
      carbonsched policy shadow --policy lowest-carbon-window --json
    """
    from cli import wiring
    from cli.console import emit, emit_json
    from scheduler.domain.instant import parse_instant

    first = None if since is None else parse_instant(since, what="--since")
    found = _found(wiring.store(), policy, first)
    policies = list(dict.fromkeys(each.row.policy for each in found))
    if as_json:
        emit_json({"shadows": [_payload(name, [e for e in found if e.row.policy == name]) for name in policies]})
        return
    if not found:
        emit("nothing was planned in the shadow: carbonsched serve --shadow POLICY does it from then on")
    for name in policies:
        emit(_text(name, [each for each in found if each.row.policy == name]))


def _found(store: Store, policy: str | None, since: datetime | None) -> list[Beside]:
    """Every job that a shadow planned, in the order in which it did."""
    from scheduler.records.shadows import shadows

    with store.reading() as tx:
        rows = shadows(tx, policy=policy)
        jobs = {row.id: row for row in tx.jobs()}
    return [
        _beside(row, jobs[row.job_id]) for row in rows if since is None or jobs[row.job_id].submitted_at >= since
    ]  # fmt: skip


def _beside(row: ShadowRow, job: JobRow) -> Beside:
    """One job, priced on what came where all of that has."""
    from scheduler.records.gather import clusters_of
    from scheduler.records.rows import PlanRow

    clusters = clusters_of(PlanRow(id=0, job_id=row.job_id, made_at=row.made_at, document=row.document))
    both = (*row.placement.segments, *row.live_placement.segments)
    observed_kg, live_kg = _observed(row, job)
    return Beside(
        row=row,
        job=job,
        observed_kg=observed_kg,
        live_observed_kg=live_kg,
        simulated=any(clusters[each.cluster].simulated for each in both if each.cluster in clusters),
    )


def _observed(row: ShadowRow, job: JobRow) -> tuple[float | None, float | None]:
    """What the shadow's plan and the job's emit on what was observed. [kg]"""
    from cli import wiring
    from scheduler.domain.errors import Infeasible, InvalidInput, SourceUnavailable
    from scheduler.execution.improving import borders
    from scheduler.execution.shadow import total_kg
    from scheduler.planning.situation import Situation
    from scheduler.records.gather import clusters_of
    from scheduler.records.rows import PlanRow

    ours, theirs = row.placement, row.live_placement
    end = max(ours.finish, theirs.finish)
    if end > wiring.now():
        return None, None
    clusters = clusters_of(PlanRow(id=0, job_id=row.job_id, made_at=row.made_at, document=row.document))
    zones, grid = sorted({each.zone for each in clusters.values()}), wiring.shared_grid()
    try:
        with suppress(SourceUnavailable):  # what it said before is still there
            grid.freshen(job.intensity, zones, row.made_at, end)
        came = grid.observed(job.intensity, zones, row.made_at, end).series
        situation = Situation(
            job=job.job if job.job.duration or job.job.deadline else job.job.model_copy(update={"deadline": end}),
            clusters=tuple(clusters.values()),
            intensity=came,
            now=row.made_at,
            submitted_at=job.submitted_at,
            operator_home=job.counterfactual["home"],
            learnt=None if job.job.duration is not None else wiring.past_runs()(job.job),
            until=end,
            moments=borders((*ours.segments, *theirs.segments)),
        )
        surface = situation.at("central").problem
    except (InvalidInput, Infeasible, SourceUnavailable):
        return None, None
    return total_kg(surface, ours), total_kg(surface, theirs)


def _sum(found: Sequence[Beside], *, came: bool) -> tuple[int, float, float]:
    """Jobs of which both figures are known, and the sums of the shadow's and of theirs. [kg]"""
    pairs = [
        (each.observed_kg, each.live_observed_kg) if came else (each.row.planned_kg, each.row.live_planned_kg)
        for each in found
    ]
    known = [(ours, theirs) for ours, theirs in pairs if ours is not None and theirs is not None]
    return len(known), sum(ours for ours, _ in known), sum(theirs for _, theirs in known)


def _totals(found: Sequence[Beside]) -> dict[str, object]:
    """Sums over jobs of one kind."""
    planned, ours_kg, theirs_kg = _sum(found, came=False)
    came, ours_came_kg, theirs_came_kg = _sum(found, came=True)
    return {
        "jobs": len(found),
        "placed_otherwise": sum(each.otherwise for each in found),
        "planned": {"jobs": planned, "shadow_kg": ours_kg, "live_kg": theirs_kg, "saved_kg": theirs_kg - ours_kg},
        "observed": {
            "jobs": came,
            "shadow_kg": ours_came_kg,
            "live_kg": theirs_came_kg,
            "saved_kg": theirs_came_kg - ours_came_kg,
        },
    }


def _payload(name: str, found: Sequence[Beside]) -> dict[str, object]:
    """A shadow as JSON says it; simulated jobs are never summed with the others."""
    return {
        "policy": name,
        "real": _totals([each for each in found if not each.simulated]),
        "simulated": _totals([each for each in found if each.simulated]),
        "jobs": [_job(each) for each in found],
    }


def _job(each: Beside) -> dict[str, object]:
    """One job as JSON says it."""
    live = each.row.document["live"]
    assert isinstance(live, dict)  # noqa: S101  # written by the shadow
    return {
        "job_id": each.job.id,
        "name": each.job.job.name,
        "simulated": each.simulated,
        "otherwise": each.otherwise,
        "reason": each.row.document.get("reason", ""),
        "live": {
            "policy": live["policy"],
            "placement": live["placement"],
            "planned_kg": each.row.live_planned_kg,
            "observed_kg": each.live_observed_kg,
        },
        "shadow": {
            "policy": each.row.policy,
            "placement": each.row.document["placement"],
            "planned_kg": each.row.planned_kg,
            "observed_kg": each.observed_kg,
        },
    }


def _text(name: str, found: Sequence[Beside]) -> str:
    """A shadow for people: a sentence a kind of jobs, and a row a job that is placed otherwise."""
    from cli.console import table

    lines = []
    for simulated in (False, True):
        mine = [each for each in found if each.simulated is simulated]
        if mine:
            lines.append(_sentences(name, mine, "simulated jobs" if simulated else "jobs"))
    other = [each for each in found if each.otherwise]
    rows = [
        [
            each.job.id, _where(each.row.live_placement), _where(each.row.placement),
            _kg(each.row.live_planned_kg), _kg(each.row.planned_kg), _kg(each.live_observed_kg), _kg(each.observed_kg),
        ]
        for each in other
    ]  # fmt: skip
    head = ["job", "planned", f"under {name}", "kg planned", "shadow's", "kg on what came", "shadow's"]
    return "\n".join([*lines, *(["", table(head, rows)] if rows else [])])


def _sentences(name: str, found: Sequence[Beside], what: str) -> str:
    """What a shadow comes to over some jobs."""
    other = sum(each.otherwise for each in found)
    said = [f"{name} would have placed {other:,} of {len(found):,} {what} otherwise (both modelled)."]
    for came, on in ((False, "on the forecasts they were planned on"), (True, "on what came")):
        count, ours_kg, theirs_kg = _sum(found, came=came)
        if count:
            less = theirs_kg - ours_kg
            said.append(
                f"{on.capitalize()}: {ours_kg:,.3g} kg CO2e beside {theirs_kg:,.3g}, {abs(less):,.3g} kg "
                f"{'less' if less >= 0 else 'more'}, over {count:,} {what}."
            )
    return "\n".join(said)


def _where(placement: Placement) -> str:
    """Where a plan begins, and when."""
    more = f" +{placement.suspends}" if placement.suspends else ""
    return f"{placement.segments[0].cluster} {placement.start:%m-%d %H:%M}Z{more}"


def _kg(mass_kg: float | None) -> str:
    """A mass, a dash where nobody knows. [kg]"""
    return "-" if mass_kg is None else f"{mass_kg:,.3g}"
