"""How far a plan is sure: where forecasts end, where slots were made longer, where clusters were left aside."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

import numpy as np

from scheduler.domain.duration import format_duration
from scheduler.domain.instant import format_instant
from scheduler.domain.intensity import IntensitySeries
from scheduler.domain.placement import Placement
from scheduler.domain.units import G_PER_KG
from scheduler.planning.forecasting.outlook import OWN
from scheduler.planning.situation import Situation
from scheduler.problem.assemble import Assembled
from scheduler.problem.coarse import least_on_finer_g
from scheduler.problem.pricing import price
from scheduler.problem.promising import combines_all, most_rows
from scheduler.problem.slots import FINEST_STEP, default_step


def provisional(situation: Situation, assembled: Assembled, chosen: Placement) -> Iterator[str]:
    """What of a plan may come out differently once more is known or looked at."""
    yield from _behind_the_forecast(situation, assembled, chosen)
    yield from _coarse(situation, assembled, chosen)
    if not combines_all(assembled.problem):
        rows, most = len(assembled.ground.rows), most_rows(len(assembled.problem.surface.slot_h))
        yield (
            f"of {rows} clusters the {min(rows, most)} that promise most were combined in pieces; "
            "a run in one piece was tried on every one"
        )


def forecast_end(series: IntensitySeries) -> datetime | None:
    """Where a provider's forecast ends and nothing, or our own, goes on; None for a series that is no forecast."""
    if not any(piece.kind == "forecast" for piece in series.origins):
        return None
    theirs = [piece for piece in series.origins if piece.source.name != OWN]
    known = np.flatnonzero(np.isfinite(series.g_per_kwh))
    if not theirs or not len(known):
        return series.origins[0].start
    return min(max(piece.end for piece in theirs), series.start + (int(known[-1]) + 1) * series.step)


def _behind_the_forecast(situation: Situation, assembled: Assembled, chosen: Placement) -> Iterator[str]:
    """The part of a plan that lies behind what a provider forecast."""
    zones_by_end: dict[datetime, list[str]] = {}
    for zone in sorted({c.zone for c in assembled.ground.candidates if c.name in {s.cluster for s in chosen.segments}}):
        end = forecast_end(situation.intensity[zone])
        if end is not None and end < chosen.finish:
            zones_by_end.setdefault(max(end, situation.now), []).append(zone)
    for end, zones in sorted(zones_by_end.items()):
        ends = f"goes to {format_instant(end)}, the plan to {format_instant(chosen.finish)}"
        yield f"the forecast of {', '.join(zones)} {ends}: the rest is provisional, planned again as more comes"


def _coarse(situation: Situation, assembled: Assembled, chosen: Placement) -> Iterator[str]:
    """That slots are longer than the figures, and what that can have cost at most."""
    zones = sorted({cluster.zone for cluster in assembled.ground.candidates})
    series = [situation.intensity[zone] for zone in zones]
    end = max(assembled.limits.deadline, situation.until or assembled.limits.deadline)
    step = situation.step or default_step(series, situation.now, end)
    finest = min((each.step for each in series), default=step)
    if step <= finest:
        return
    bound = ""
    least_g = least_on_finer_g(assembled, situation.intensity)
    total_g = G_PER_KG * price(assembled.problem, chosen).objective_kg(assembled.problem.objective)
    if least_g is not None and total_g > 0:
        most_pct = 100 * max(0.0, 1 - least_g / total_g)
        bound = f"; no plan on finer ones emits over {most_pct:.2g} % less"
    words = f"{format_duration(step)} stand in for {format_duration(finest)}"
    yield f"slots of {words}{'' if step == FINEST_STEP else ', as the deadline is far'}{bound}"
