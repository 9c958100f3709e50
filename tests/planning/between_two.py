"""Problems of jobs between Paris and Montreal."""

from __future__ import annotations

from scheduler.domain.cluster import Cluster
from scheduler.domain.job import Job
from scheduler.problem.assemble import Assembled, assemble
from tests.planning.worlds import T0, cluster, flat, job

PARIS, MONTREAL = cluster(), cluster("montreal", "CA-QC")
GRID = {"FR": flat("FR", 60), "CA-QC": flat("CA-QC", 30)}


def made(the_job: Job | None = None, given: list[Cluster] | None = None, /, **options: object) -> Assembled:
    """The problem of a job between Paris and Montreal at midnight."""
    chosen = options.pop("clusters", None) or given or [PARIS, MONTREAL]
    grid = options.pop("grid", GRID)
    now = options.pop("now", T0)
    return assemble(the_job or job(), chosen, grid, now, **options)  # type: ignore[arg-type]  # options by name


def reasons(the_job: Job, *others: Cluster, **options: object) -> dict[str, str]:
    """Why each cluster beside Paris and Montreal is left out."""
    found = made(the_job, [PARIS, MONTREAL, *others], **options)
    return {rejected.cluster: rejected.reason for rejected in found.rejected}
