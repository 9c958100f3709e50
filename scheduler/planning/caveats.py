"""What a reader has to know to judge a plan: hours unknown, weak claims, figures assumed, keys not acted on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np

from scheduler.domain.cluster import DEFAULT_PUE, Cluster
from scheduler.domain.job import Job
from scheduler.domain.placement import Placement
from scheduler.domain.units import kg_from_g
from scheduler.lifecycle.model import TRANSFER_KWH_PER_GB
from scheduler.planning.provisional import provisional
from scheduler.planning.situation import Situation
from scheduler.problem.assemble import Assembled, listed_widths
from scheduler.problem.candidates import width_on
from scheduler.problem.surface import INSTANT_TOLERANCE_H, Floats

QUEBEC: Final = "CA-QC"
"""Its storable hydro is sold to the US north-east when Quebec itself uses less, so load moved there raises thermal
generation next door: WattTime puts Hydro-Quebec's marginal rate near 458 g/kWh (watttime.org, marginal CO2)."""


def caveats(situation: Situation, assembled: Assembled, chosen: Placement) -> tuple[str, ...]:
    """The warnings of a plan, the weightiest first."""
    used = [cluster for cluster in assembled.ground.rows if cluster.name in {s.cluster for s in chosen.segments}]
    return (
        *_passed_over(situation, assembled),
        *_lacking(situation),
        *_unknown_hours(assembled),
        *provisional(situation, assembled, chosen),
        *_flat(assembled),
        *_weak_claims(assembled, used),
        *_assumed(situation, assembled),
        *_one_width(situation.job, chosen),
        *_lost_widths(situation.job, assembled),
        *_ignored_keys(situation.job),
        *_ignored_cluster_keys(assembled.ground.candidates),
        *_first_copy(situation.job, assembled, chosen),
    )


def _passed_over(situation: Situation, assembled: Assembled) -> Iterator[str]:
    """Sources that another one stands in for, and whatever else a source has to say of its figures."""
    zones_by_note: dict[str, list[str]] = {}
    for zone in _by_zone(assembled):
        for note in situation.intensity[zone].notes:
            zones_by_note.setdefault(note, []).append(zone)
    for note, zones in zones_by_note.items():
        yield f"intensity of {', '.join(zones)}: {note}"


def _lacking(situation: Situation) -> Iterator[str]:
    """Zones of which nothing is known, by the reason."""
    zones_by_reason: dict[str, list[str]] = {}
    for zone, reason in situation.lacking.items():
        zones_by_reason.setdefault(reason, []).append(zone)
    for reason, zones in zones_by_reason.items():
        yield f"there is no intensity of {', '.join(zones)}: {reason}"


def _unknown_hours(assembled: Assembled) -> Iterator[str]:
    """Zones whose intensity does not cover the window."""
    problem = assembled.problem
    edges_h = problem.surface.edges_h
    inside = (edges_h[1:] > problem.earliest_h) & (edges_h[:-1] < problem.deadline_h)
    hours_h = problem.surface.slot_h * inside
    zones_by_hours: dict[str, list[str]] = {}
    for zone, g_per_kwh in _by_zone(assembled).items():
        unknown_h = float(hours_h[np.isnan(g_per_kwh)].sum())
        if unknown_h > INSTANT_TOLERANCE_H:
            zones_by_hours.setdefault(f"{unknown_h:.4g} of the {hours_h.sum():.4g} h", []).append(zone)
    for share, zones in zones_by_hours.items():
        yield (
            f"the intensity of {', '.join(zones)} is unknown in {share} up to the deadline: "
            "those hours serve only to keep it"
        )


def _flat(assembled: Assembled) -> Iterator[str]:
    """Zones in which no time of the window is better than another."""
    flat = [
        zone
        for zone, g_per_kwh in _by_zone(assembled).items()
        if np.isfinite(g_per_kwh).any() and np.nanmin(g_per_kwh) == np.nanmax(g_per_kwh)
    ]
    if flat:
        yield f"waiting is expected to gain 0 %: the intensity of {', '.join(flat)} does not vary in this table"


def _weak_claims(assembled: Assembled, used: list[Cluster]) -> Iterator[str]:
    """Moves whose gain on paper need not be one in the air."""
    home_zones = {cluster.zone for cluster in assembled.ground.rows if cluster.name == assembled.ground.home}
    moved_in = any(cluster.zone == QUEBEC for cluster in used) and QUEBEC not in home_zones
    if moved_in and assembled.basis.signal == "average":
        yield (
            f"on average intensities a move to {QUEBEC} is a weak claim: hydro not used there is exported and "
            "displaces fossil generation in the US north-east"
        )


def _assumed(situation: Situation, assembled: Assembled) -> Iterator[str]:
    """Figures that stand in for ones that nobody stated, and hardware that nobody owns."""
    for cluster in assembled.ground.candidates:
        if cluster.pue is None:
            low, high = DEFAULT_PUE.low, DEFAULT_PUE.high
            yield f"{cluster.name} states no PUE: {DEFAULT_PUE.central:g} [{low:g}, {high:g}] stands in"
        if not cluster.source:
            yield f"{cluster.name} states no source for its figures"
        if cluster.simulated:
            yield f"{cluster.name} is simulated: the hardware it declares is not there"
        width = width_on(situation.job, cluster)
        if width != situation.job.gpus:
            yield f"exclusive: on {cluster.name} the job pays for {width} GPUs and uses {situation.job.gpus}"
    if isinstance(situation.job.gpu_w, dict):
        models = dict.fromkeys(cluster.gpu.model for cluster in assembled.ground.candidates)
        missing = [model for model in models if model not in situation.job.gpu_w]
        if missing:
            yield f"gpu_w has no figure for {', '.join(missing)}: the nameplate power stands in"
    estimated = [
        zone
        for zone in _by_zone(assembled)
        if any(piece.kind == "estimated" for piece in situation.intensity[zone].origins)
        and np.isfinite(situation.intensity[zone].g_per_kwh).any()
    ]
    if estimated:
        yield f"the intensity of {', '.join(estimated)} is estimated, not observed or forecast hour by hour"


def _one_width(job: Job, chosen: Placement) -> Iterator[str]:
    """That a job with several widths was planned at its own by a policy that knows no other."""
    if job.elastic is not None and job.policy != "elastic" and {s.gpus for s in chosen.segments} == {job.gpus}:
        yield f"only the policy elastic changes the width: the job is planned at {job.gpus} GPUs"


def _lost_widths(job: Job, assembled: Assembled) -> Iterator[str]:
    """Widths that the job lists and no cluster can run, or not at the cost of a GPU that its own width has there."""
    planned = {width.gpus for width in assembled.problem.widths}
    lost = [str(gpus) for gpus in listed_widths(job) if gpus not in planned]
    if lost:
        yield (
            f"elastic: no allowed cluster runs the job at {' or '.join(lost)} GPUs within its walltime, or its GPUs "
            "carry another share of their nodes there: not planned"
        )


def _ignored_keys(job: Job) -> Iterator[str]:
    """Keys of the job that nothing acts on yet."""
    for key, said in (("after", job.after), ("max_cost", job.max_cost), ("preempt", job.preempt)):
        if said:
            yield f"{key} is not acted on yet"


def _ignored_cluster_keys(clusters: tuple[Cluster, ...]) -> Iterator[str]:
    """Keys of the candidates that nothing acts on yet."""
    for cluster in clusters:
        if cluster.quotas:
            yield f"{cluster.name}: quotas are not acted on yet"


def _first_copy(job: Job, assembled: Assembled, chosen: Placement) -> Iterator[str]:
    """The first copy of the data, which no line counts yet."""
    first = chosen.segments[0].cluster
    if job.data.size_gb <= 0 or job.data.at == first:
        return
    ends = [row for row, cluster in enumerate(assembled.ground.rows) if cluster.name in (first, job.data.at)]
    known = assembled.g_per_kwh[ends]
    energy_kwh = job.data.size_gb * TRANSFER_KWH_PER_GB.central
    worth = ""
    if np.isfinite(known).any():
        worth = f", {kg_from_g(energy_kwh * float(known[np.isfinite(known)].mean())):.3g} kg at its zones' mean"
    yield f"the first copy of {job.data.size_gb:g} GB of data to {first} is not counted: {energy_kwh:.3g} kWh{worth}"


def _by_zone(assembled: Assembled) -> dict[str, Floats]:
    """The intensity of each candidate's zone, in the order of the clusters. [g/kWh]"""
    return {
        cluster.zone: g_per_kwh
        for cluster, g_per_kwh in zip(assembled.ground.candidates, assembled.g_per_kwh, strict=False)
    }
