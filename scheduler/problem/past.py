"""What running a job would have emitted in the weeks before: all that a policy without a forecast knows of a grid."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

import numpy as np

from scheduler.domain.cluster import Cluster
from scheduler.domain.estimate import Level
from scheduler.domain.instant import hours_between
from scheduler.domain.intensity import IntensitySeries
from scheduler.domain.job import Job
from scheduler.problem.problem import Objective, Past
from scheduler.problem.rates import job_gpu_hour, row_intensity
from scheduler.problem.slots import microseconds
from scheduler.problem.surface import RUN_LINES, Floats

PAST: Final = timedelta(weeks=4)
"""How far back it looks: long enough for the weather to change, short enough to stay in the season; our choice."""
_HOUR: Final = timedelta(hours=1)


def past_of(
    job: Job,
    clusters: Sequence[Cluster],
    history: Mapping[str, IntensitySeries],
    now: datetime,
    now_rate: Floats,
    *,
    objective: Objective,
    level: Level,
) -> Past:
    """The hours before `now`, and when to decide again: with the next whole hour, as the grid's figures do.

    Args:
        job: what would have run; clusters: where, by row.
        history: zone -> what was observed of it; a zone that is not there is unknown.
        now: the moment of decision; now_rate: what running minimises then, shape [C]. [g/GPU-h]
        objective: what is minimised; level: corner of the uncertain figures.
    """
    origin = now.replace(minute=0, second=0, microsecond=0)
    hours = np.arange(-(PAST // _HOUR), 1, dtype=np.int64)
    edges_us = hours * microseconds(origin, origin + _HOUR)
    lines = [line for line in RUN_LINES if objective == "lifecycle" or line != "embodied"]
    rates = []
    for cluster in clusters:
        g_per_kwh = row_intensity(cluster, history, origin, edges_us, level)
        by_line = job_gpu_hour(job, cluster, level).running(g_per_kwh)
        rates.append(sum((by_line[line] for line in lines), start=np.zeros_like(g_per_kwh)))
    return Past(run_rate=np.stack(rates), now_rate=now_rate, next_h=hours_between(now, origin + _HOUR))
