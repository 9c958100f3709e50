"""The heart of a replay: a job that is alone in a trace gets exactly the plan, and the kilograms, that `plan` gives."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from policies.carbon_aware import CarbonAware
from policies.lowest_carbon_region import LowestCarbonRegion
from policies.lowest_carbon_window import LowestCarbonWindow
from policies.run_now import RunNow
from policies.wait_awhile import WaitAwhile
from scheduler.domain.basis import DEFAULT_BASIS
from scheduler.domain.cluster import Cluster
from scheduler.domain.emissions import LINES
from scheduler.domain.intensity import IntensitySeries, Provenance
from scheduler.domain.job import Job
from scheduler.planning.plan import NoPlan
from scheduler.planning.planner import make_plan
from scheduler.planning.situation import Situation
from scheduler.ports import Policy
from scheduler.problem.problem import Interruption
from scheduler.simulation.bill import bill
from scheduler.simulation.forecasts import Perfect
from scheduler.simulation.replay import replay
from scheduler.simulation.request import Request
from scheduler.simulation.screening import screened
from scheduler.simulation.table import table_of
from scheduler.simulation.world import World

FRIDAY: Final = datetime(2026, 3, 27, tzinfo=UTC)
"""Clocks change on the Sunday after it."""
HOUR: Final = timedelta(hours=1)
HOURS: Final = 72
ZONES: Final = ("FR", "DE", "CA-QC")
POLICIES: Final[dict[str, Policy]] = {
    each.name: each for each in (CarbonAware(), RunNow(), LowestCarbonWindow(), LowestCarbonRegion(), WaitAwhile())
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A job, the clusters and the grid, as a plan and as a replay take them."""

    clusters: list[Cluster]
    grid: dict[str, IntensitySeries]
    request: Request
    job: Job


CLOSURES = st.one_of(
    st.fixed_dictionaries(
        {"every": st.sampled_from(["day", "fri", ["sat", "sun"]])},
        optional={
            "hours": st.sampled_from(["02:30-03:30", "08:00-12:00", "22:15-06:00", "13:07-24:00"]),
            "gpus": st.sampled_from([1, 4, 8]),
        },
    ),
    st.builds(
        lambda start_h, span_h: {
            "since": (FRIDAY + start_h * HOUR).isoformat(), "until": (FRIDAY + (start_h + span_h) * HOUR).isoformat()
        },
        st.sampled_from([0.0, 3.0, 5.51, 20.0]), st.sampled_from([1.0, 4.25, 30.0]),
    ),
)  # fmt: skip


@st.composite
def clusters(draw: st.DrawFn, number: int) -> Cluster:
    """A cluster that may keep GPUs back, close, limit runs, keep paused nodes and share its storage."""
    figures: dict[str, object] = {
        "name": f"c{draw(st.integers(0, 9))}-{number}",
        "zone": draw(st.sampled_from(ZONES)),
        "gpus": draw(st.sampled_from([8, 16, 20, 32])),
        "source": "a test",
        "gpu": {"model": "A100", "tdp_w": 400, "idle_w": 63, "embodied_kg": 150},
        "node": {"gpus": draw(st.sampled_from([4, 8])), "host_w": 1600, "idle_w": 1000, "embodied_kg": 2500},
        "pue": draw(st.sampled_from([1.0, 1.2])),
        "paused_nodes": draw(st.sampled_from(["off", "held", "idle", "backfilled"])),
        "storage": [{"name": draw(st.sampled_from(["shared", f"own-{number}"])), "path": "/s"}],
        "reserve": draw(st.sampled_from([0, 0, 1, 4])),
        "walltime": draw(st.sampled_from([None, None, "6h", "20h"])),
        "calendar": {
            "tz": draw(st.sampled_from(["UTC", "Europe/Paris", "Asia/Kolkata"])),
            "closed": draw(st.lists(CLOSURES, max_size=2)),
        },
    }
    return Cluster.from_mapping(figures, what="a test")


@st.composite
def grids(draw: st.DrawFn) -> dict[str, IntensitySeries]:
    """Noise, or few levels and so many ties, in hours or less, with gaps."""
    minutes = draw(st.sampled_from([60, 60, 30, 15]))
    rng = np.random.default_rng(draw(st.integers(0, 1 << 32)))
    count = HOURS * 60 // minutes
    values = {zone: rng.uniform(10, 600, count) for zone in ZONES}
    if draw(st.booleans()):
        values = {zone: rng.choice([100.0, 200.0, 300.0], count) for zone in ZONES}
    if draw(st.sampled_from([True, False, False])):
        values["FR"][rng.integers(count) :][:5] = np.nan
    return {
        zone: IntensitySeries(
            zone=zone, basis=DEFAULT_BASIS, start=FRIDAY, step=timedelta(minutes=minutes), g_per_kwh=values[zone],
            kind="observed", source=Provenance(name="a test"),
        )
        for zone in ZONES
    }  # fmt: skip


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """A job that comes, lasts and is due on slots or off them, in a small world."""
    count = draw(st.integers(1, 3))
    places = [draw(clusters(number)) for number in range(count)]
    seconds = st.one_of(st.sampled_from([0.0, 3600.0, 7200.0, 36000.0]), st.floats(0, 70000))
    submitted = FRIDAY + timedelta(seconds=draw(seconds))
    length = timedelta(seconds=600 + draw(seconds))
    deadline = submitted + length + timedelta(seconds=draw(seconds))
    gpus = draw(st.sampled_from([1, 4, 8, 8, 12, 16, 20]))
    gpu_w = draw(st.sampled_from([None, 63.0, 250.5]))
    restart, checkpoint = (timedelta(minutes=draw(st.sampled_from([0, 0, 7.5, 60]))) for _ in range(2))
    suspends = draw(st.sampled_from([None, None, 1]))
    home, least = draw(st.sampled_from(places)).name, draw(st.sampled_from([0, 0, 5]))
    said: dict[str, object] = {
        "name": "j", "entrypoint": "true", "gpus": gpus, "duration": f"{length.total_seconds():.6f}s", "home": home,
        "launch": "ray", "deadline": deadline.isoformat(), "min_saving": least, "gpu_w": gpu_w,
    }  # fmt: skip
    rules = None
    if draw(st.sampled_from([True, True, False])):
        rules = Interruption(checkpoint_h=checkpoint / HOUR, max_suspends=suspends)
        pause = {"restart": restart.total_seconds(), "checkpoint": checkpoint.total_seconds()}
        said["interruptible"] = {key: f"{value:.6f}s" for key, value in pause.items()} | {"max_suspends": suspends}
    request = Request(
        job_id="j", submitted=submitted, length=length, gpus=gpus, deadline=deadline, home=home, interruption=rules,
        restart=restart if rules else timedelta(0), gpu_w=gpu_w, min_saving_pct=least,
    )  # fmt: skip
    return Case(clusters=places, grid=draw(grids()), request=request, job=Job.from_mapping(said, what="a test"))


@settings(max_examples=80, deadline=None)
@given(case=cases(), name=st.sampled_from(sorted(POLICIES)))
def test_a_job_alone_gets_exactly_what_plan_gives(case: Case, name: str) -> None:
    """The same stretches to the microsecond and kilograms by line; where `plan` finds none, it is through late."""
    world, request = World(case.clusters, table_of(case.grid)), case.request
    kept, _ = screened(world, [request])
    if not kept:
        return
    plan = make_plan(
        Situation(job=case.job, clusters=case.clusters, intensity=case.grid, now=request.submitted),
        POLICIES, name, explain=False,
    )  # fmt: skip

    runs = replay(world, kept, POLICIES[name], Perfect(world.table))

    if isinstance(plan, NoPlan):
        assert [True] == [run.late_at_admission for run in runs]
        assert world.table.us(request.deadline) < runs[0].finish_us
        return
    segments = plan.chosen.placement.segments
    planned = [(world.names.index(s.cluster), world.table.us(s.start), world.table.us(s.end)) for s in segments]
    assert planned == list(runs[0].stretches)
    price, emitted_kg = plan.chosen.prices["central"], bill(world, kept, runs).emissions_kg[0]
    if price.unpriced_gpu_h == 0:
        expected_kg = [price.emissions.as_dict()[line] for line in LINES]
        np.testing.assert_allclose(emitted_kg, expected_kg, rtol=1e-9, atol=1e-12)
    else:
        assert np.isnan(emitted_kg).any()
