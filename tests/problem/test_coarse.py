"""Windows of very many slots: coarser ones, with what that can cost at most."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from policies.elastic import Elastic
from scheduler.domain.basis import DEFAULT_BASIS
from scheduler.domain.cluster import Cluster
from scheduler.domain.errors import InvalidInput
from scheduler.domain.intensity import IntensitySeries, Provenance
from scheduler.domain.job import Job
from scheduler.problem.assemble import Assembled, assemble
from scheduler.problem.coarse import least_on_finer_g
from scheduler.problem.exact import best_draft
from scheduler.problem.pricing import price
from scheduler.problem.slots import MOST_EDGES, default_step

NOW = datetime(2026, 3, 1, tzinfo=UTC)
MACHINE = {
    "gpus": 8, "source": "invented", "pue": 1.2, "paused_nodes": "off", "storage": [{"name": "nfs", "path": "/ckpt"}],
    "gpu": {"model": "A100", "tdp_w": 400, "idle_w": 63, "embodied_kg": 150},
    "node": {"gpus": 8, "host_w": 1600, "idle_w": 1000, "embodied_kg": 2500},
}  # fmt: skip


def series(zone: str, step: timedelta, count: int) -> IntensitySeries:
    """A day's swing with noise on every interval."""
    dice = np.random.default_rng(len(zone) + count)
    hour = np.arange(count) * (step / timedelta(hours=1))
    values = 200 + 80 * np.sin(hour * np.pi / 12) + dice.uniform(-20, 20, count)
    return IntensitySeries(
        zone=zone, basis=DEFAULT_BASIS, start=NOW, step=step, g_per_kwh=values,
        kind="forecast", source=Provenance(name="invented"),
    )  # fmt: skip


def posed(intensity: IntensitySeries, step: timedelta | None = None, **more: object) -> Assembled:
    """A job of 9.7 hours that may pause, with the window of its table and `more` keys."""
    place = Cluster.from_mapping(MACHINE | {"name": "here", "zone": intensity.zone}, what="a test")
    wanted = Job.from_mapping(
        {
            "name": "train", "entrypoint": "true", "gpus": 8, "duration": "582m", "home": "here",
            "deadline": f"{(intensity.end - NOW) // timedelta(minutes=1)}m", "interruptible": {"restart": "6m"},
        }
        | more,
        what="a test",
    )  # fmt: skip
    return assemble(wanted, [place], {intensity.zone: intensity}, NOW, step=step)


@pytest.mark.parametrize(
    ("step_min", "days", "slot_min"), [(1, 1, 0), (1, 30, 5), (5, 7, 5), (5, 365, 30), (60, 365, 5), (1, 700, 60)]
)
def test_slots_are_as_fine_as_their_number_allows(step_min: int, days: int, slot_min: int) -> None:
    """A year of 5 minutes is planned on half hours, a million minutes on hours."""
    count = days * 1440 // step_min
    step = default_step([series("ZZ", timedelta(minutes=step_min), count)], NOW, NOW + timedelta(days=days))
    assert timedelta(minutes=slot_min) == step
    assert days * 1440 / max(step_min, slot_min) <= MOST_EDGES


def test_a_million_slots_become_few_in_bounded_memory() -> None:
    """694 days of minutes."""
    surface = posed(series("ZZ", timedelta(minutes=1), 1_000_000)).problem.surface
    assert len(surface.slot_h) <= MOST_EDGES + 1


def test_a_deadline_out_of_all_sight_is_refused() -> None:
    """With the way out."""
    with pytest.raises(InvalidInput) as caught:
        default_step([series("ZZ", timedelta(days=1), 30_000)], NOW, NOW + timedelta(days=30_000))
    assert caught.value.hint == "name an earlier deadline"


@pytest.mark.parametrize("step_min", [30, 60, 240])
def test_no_plan_on_finer_slots_is_under_the_bound(step_min: int) -> None:
    """Two days of 5 minutes planned on longer slots, and on their own."""
    fine = series("ZZ", timedelta(minutes=5), 576)
    coarse, own = posed(fine, timedelta(minutes=step_min)), posed(fine)
    least_g = least_on_finer_g(coarse, {"ZZ": fine})
    optimum, finest = best_draft(coarse.problem), best_draft(own.problem)
    assert least_g is not None
    assert optimum is not None
    assert finest is not None
    assert 0.5 * finest.cost_g < least_g <= finest.cost_g <= optimum.cost_g * (1 + 1e-9)


def test_the_bound_counts_every_width_that_the_job_lists() -> None:
    """Four GPUs that do nine tenths of the work of eight emit less than any plan of eight."""
    fine = series("ZZ", timedelta(minutes=5), 576)
    coarse = posed(fine, timedelta(hours=1), elastic={"min_gpus": 4, "max_gpus": 8, "speedup": {4: 0.9, 8: 1}})
    least_g, own_g = (
        least_on_finer_g(coarse, {"ZZ": fine}),
        least_on_finer_g(posed(fine, timedelta(hours=1)), {"ZZ": fine}),
    )
    emitted_g = 1000 * price(coarse.problem, Elastic().place(coarse.problem)).emissions.total
    assert least_g is not None
    assert own_g is not None
    assert least_g <= emitted_g < own_g


def test_nothing_is_bounded_where_intensities_are_unknown() -> None:
    """None, no guess."""
    gappy = series("ZZ", timedelta(minutes=5), 576)
    gappy.g_per_kwh.flags.writeable = True
    gappy.g_per_kwh[7] = np.nan
    assert least_on_finer_g(posed(gappy, timedelta(hours=1)), {"ZZ": gappy}) is None
