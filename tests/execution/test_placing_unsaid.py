"""Plans for stored jobs that say no duration, or whose policy sees no forecast."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from intensity_sources.registry import find_sources
from policies.registry import installed
from scheduler.domain.basis import MARGINAL_BASIS
from scheduler.domain.cluster import Cluster
from scheduler.domain.errors import InvalidInput
from scheduler.domain.instant import format_instant
from scheduler.domain.job import Job
from scheduler.domain.placement import Segment
from scheduler.execution.grid import Grid
from scheduler.execution.placing import PlanningPlacer
from scheduler.problem.learnt import learnt_from
from scheduler.records.counterfactual import register
from scheduler.records.rows import JobRow, JobState, SegmentRow

START = datetime(2026, 3, 8, tzinfo=UTC)
HOUR = timedelta(hours=1)
LEARNT = learnt_from({"A100": [3 * HOUR, 3 * HOUR, 4 * HOUR]})
SPEC = {"name": "a", "entrypoint": "train", "gpus": 8, "deadline": "24h", "interruptible": True}


def cluster(name: str, zone: str, model: str = "A100") -> Cluster:
    """A cluster that switches its nodes off between jobs."""
    return Cluster.from_mapping(
        {
            "name": name, "zone": zone, "gpus": 8, "source": "made up", "pue": 1.0, "paused_nodes": "off",
            "gpu": {"model": model, "tdp_w": 400, "idle_w": 63, "embodied_kg": 150},
            "node": {"gpus": 8, "host_w": 1600, "idle_w": 1000, "embodied_kg": 2500},
        },
        what=name,
    )  # fmt: skip


@pytest.fixture
def reference(tmp_path: Path) -> dict[str, str]:
    """Nine days: France swings by the day of the past week, is dirty today until six, and Quebec is clean."""
    rows = []
    for hour in range(-168, 48):
        france = 100 + 100 * (hour % 24 < 12) if hour < 0 else 200 if hour < 6 else 90
        rows.append(f"{format_instant(START + hour * HOUR)},{france},20")
    path = tmp_path / "grid.csv"
    path.write_text("\n".join(["utc,FR,CA-QC", *rows]) + "\n")
    return {"source": "csv-file", "path": str(path)}


@pytest.fixture
def placer() -> PlanningPlacer:
    """A home of A100s, and a cleaner cluster of H100s, on which the job never ran."""
    found, _ = installed().policies()
    return PlanningPlacer(
        clusters={"fr": cluster("fr", "FR"), "qc": cluster("qc", "CA-QC", "H100")},
        grid=Grid(sources=find_sources()),
        policies={policy.name: policy for policy in found},
        default_slack=timedelta(0),
        home="fr",
        least_margin=timedelta(minutes=2),
        past_runs=lambda _job: LEARNT,
    )


def job(**changes: object) -> Job:
    """A job that says no duration."""
    return Job.from_mapping(SPEC | changes, what="job")


def stored(the_job: Job, reference: Mapping[str, str]) -> JobRow:
    """The same as it is stored."""
    return JobRow(
        id="abcdefgh", key=None, job=the_job, spec_sha256="", package=None, intensity=reference,
        counterfactual=register(the_job, "fr", START, START), state=JobState.PLANNED, wanted="run", reason="",
        progress=0.0, failures=0, interruptions=0, submitted_at=START, deadline_at=START + 24 * HOUR, finished_at=None,
    )  # fmt: skip


def test_what_past_runs_took_is_planned_with_their_margin(placer: PlanningPlacer, reference: dict[str, str]) -> None:
    """Three hours, and the longest took one more, which is kept before the deadline; said in the plan."""
    placed = placer.submitted(job(policy="carbon-time"), reference, now=START, taken=())
    assert 3 * HOUR == placed.plan.assembled.ground.duration
    assert START + 23 * HOUR - 0.02 * 24 * HOUR == placed.plan.assembled.limits.deadline
    assert "duration learnt from 3 runs: 3h, margin 1h" in placed.plan.warnings
    assert {"runs": 3, "duration_s": {"A100": 10800.0}, "margin_s": 3600.0} == placed.document["learnt"]
    assert ["no past run of a was on GPU H100"] == [each.reason for each in placed.plan.rejected]


def test_a_duration_that_is_stated_stands(placer: PlanningPlacer, reference: dict[str, str]) -> None:
    """Nobody asks the past then."""
    placed = placer.submitted(job(duration="5h"), reference, now=START, taken=())
    assert 5 * HOUR == placed.plan.assembled.ground.duration
    assert placed.document["learnt"] is None


def test_without_past_runs_it_stays_an_error(placer: PlanningPlacer, reference: dict[str, str]) -> None:
    """No duration is made up."""
    with pytest.raises(InvalidInput, match="states no duration and has no past run"):
        replace(placer, past_runs=lambda _job: None).submitted(job(), reference, now=START, taken=())


def test_a_deadline_that_was_promised_stays_whatever_is_learnt(
    placer: PlanningPlacer, reference: dict[str, str]
) -> None:
    """It came from the duration of then; another one moves the plan, not the promise."""
    row = stored(job(deadline=None), reference)
    slower = replace(placer, past_runs=lambda _job: learnt_from({"A100": [9 * HOUR]}))
    assert START + 24 * HOUR == slower.place(row, [], now=START, taken=()).plan.deadline


def test_a_run_is_measured_by_what_was_learnt(placer: PlanningPlacer) -> None:
    """One uninterrupted run is three hours there."""
    segment = SegmentRow(
        fence=1, job_id="abcdefgh", plan_id=1, n=1, attempt=1, sid="s1", cluster="fr", gpus=8, planned_end=START,
        is_last=True, phase="over", stop_asked_at=None, intended_at=START, granted_at=START, seen_at=START,
        released_at=START, node_id="n", end="finished",
    )  # fmt: skip
    assert 3 * HOUR == placer.whole(job(), segment)


def test_a_policy_without_forecast_waits_for_its_next_decision(
    placer: PlanningPlacer, reference: dict[str, str]
) -> None:
    """200 g/kWh is the most of the past week: it waits, an hour at a time, and runs at 90 without having known."""
    row = stored(job(duration="3h", policy="threshold"), reference)
    first = placer.submitted(row.job, reference, now=START + 0.5 * HOUR, taken=())
    assert (START + HOUR, "fr") == (first.plan.chosen.placement.start, first.plan.chosen.placement.segments[0].cluster)
    assert format_instant(START + HOUR) == first.document["next_decision"]
    later = placer.better(row, [], first.plan.chosen.placement.segments, now=START + HOUR, taken=())
    assert later is not None
    assert START + 2 * HOUR == later.plan.chosen.placement.start
    clean = placer.better(row, [], later.plan.chosen.placement.segments, now=START + 6 * HOUR, taken=())
    assert clean is not None
    assert START + 6 * HOUR == clean.plan.chosen.placement.start


def test_its_decision_does_not_hang_on_the_rest_of_the_table(placer: PlanningPlacer, reference: dict[str, str]) -> None:
    """Other figures from the next hour on change nothing."""
    row = stored(job(duration="3h", policy="threshold"), reference)
    before = placer.submitted(row.job, reference, now=START, taken=()).plan.chosen.placement
    path = Path(reference["path"])
    lines = path.read_text().splitlines()
    path.write_text("\n".join([*lines[:170], *(f"{line.split(',')[0]},7,900" for line in lines[170:])]) + "\n")
    assert before == placer.submitted(row.job, reference, now=START, taken=()).plan.chosen.placement


def test_a_move_that_the_margin_opposes_is_left_out_for_stored_jobs_too(
    placer: PlanningPlacer, reference: dict[str, str]
) -> None:
    """By the yearly tables Germany's margin is four times that of France."""
    path = Path(reference["path"])
    path.write_text(path.read_text().replace("CA-QC", "DE"))
    shared = replace(
        placer,
        clusters={"fr": cluster("fr", "FR"), "de": cluster("de", "DE")},
        other=Grid(sources=find_sources(), basis=MARGINAL_BASIS),
    )
    asked = job(duration="3h")
    stays = shared.submitted(asked, reference, now=START, taken=())
    moves = replace(shared, allow_opposed=True).submitted(asked, reference, now=START, taken=())
    assert {"fr"} == {each.cluster for each in stays.plan.chosen.placement.segments}
    assert {"de"} == {each.cluster for each in moves.plan.chosen.placement.segments}


def test_a_job_with_a_live_reservation_of_others_still_waits_its_hour(
    placer: PlanningPlacer, reference: dict[str, str]
) -> None:
    """What others hold then is in the way of the wait: it starts behind them, and decides again before."""
    taken = [Segment(cluster="fr", start=START + HOUR, end=START + 4 * HOUR, gpus=8)]
    placed = placer.submitted(job(duration="3h", policy="threshold"), reference, now=START, taken=taken)
    assert START + 4 * HOUR == placed.plan.chosen.placement.start
    assert format_instant(START + HOUR) == placed.document["next_decision"]
