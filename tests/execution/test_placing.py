"""Plans for stored jobs: the first one, the ones after it, and when an older one is kept."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from intensity_sources.registry import find_sources
from policies.registry import installed
from scheduler.domain.cluster import Cluster
from scheduler.domain.errors import Infeasible
from scheduler.domain.instant import format_instant
from scheduler.domain.job import Job
from scheduler.domain.placement import Segment
from scheduler.execution.grid import Grid
from scheduler.execution.placing import PlanningPlacer
from scheduler.records.counterfactual import register
from scheduler.records.evidence import Outcome
from scheduler.records.rows import JobRow, JobState, SegmentRow

START = datetime(2026, 3, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)


def cluster(name: str, zone: str) -> Cluster:
    """A cluster that switches its nodes off between jobs."""
    return Cluster.from_mapping(
        {
            "name": name, "zone": zone, "gpus": 8, "source": "made up", "pue": 1.0, "paused_nodes": "off",
            "gpu": {"model": "A100", "tdp_w": 400, "idle_w": 63, "embodied_kg": 150},
            "node": {"gpus": 8, "host_w": 1600, "idle_w": 1000, "embodied_kg": 2500},
            "storage": [{"name": "shared", "path": "/shared"}],
        },
        what=name,
    )  # fmt: skip


@pytest.fixture
def reference(tmp_path: Path) -> dict[str, str]:
    """A day in which Quebec is clean from the sixth hour on."""
    rows = [f"{format_instant(START + hour * HOUR)},{100},{20 if 6 <= hour < 12 else 400}" for hour in range(48)]
    path = tmp_path / "grid.csv"
    path.write_text("\n".join(["utc,FR,CA-QC", *rows]) + "\n")
    return {"source": "csv-file", "path": str(path)}


@pytest.fixture
def placer() -> PlanningPlacer:
    """Two clusters that share a storage."""
    found, _ = installed().policies()
    return PlanningPlacer(
        clusters={"fr": cluster("fr", "FR"), "qc": cluster("qc", "CA-QC")},
        grid=Grid(sources=find_sources()),
        policies={policy.name: policy for policy in found},
        default_slack=timedelta(0),
        home="fr",
        least_margin=timedelta(minutes=2),
    )


def stored(reference: dict[str, str], progress: float = 0.0, **changes: object) -> JobRow:
    """A job of three hours that may be suspended, with a day to do it."""
    spec = {"name": "a", "entrypoint": "train", "gpus": 8, "duration": "3h", "deadline": "24h", "interruptible": True}
    job = Job.from_mapping(spec | changes, what="job")
    return JobRow(
        id="abcdefgh", key=None, job=job, spec_sha256="", package=None, intensity=reference,
        counterfactual=register(job, "fr", START, START), state=JobState.QUEUED, wanted="run", reason="",
        progress=progress, failures=0, interruptions=0, submitted_at=START, deadline_at=START + 24 * HOUR,
        finished_at=None,
    )  # fmt: skip


def ran(cluster_name: str, end: str, n: int = 1) -> SegmentRow:
    """A segment that is over."""
    return SegmentRow(
        fence=n, job_id="abcdefgh", plan_id=1, n=n, attempt=1, sid=f"s{n}", cluster=cluster_name, gpus=8,
        planned_end=START + HOUR, is_last=False, phase="over", stop_asked_at=None, intended_at=START, granted_at=START,
        seen_at=START, released_at=START + HOUR, node_id="n", end=end,  # type: ignore[arg-type]  # one of its words
    )  # fmt: skip


def spans(segments: Sequence[Segment]) -> list[tuple[str, float, float]]:
    """Cluster, start and end in hours after the start. [h]"""
    return [(s.cluster, (s.start - START) / HOUR, (s.end - START) / HOUR) for s in segments]


def test_a_first_plan_waits_for_the_clean_hours(placer: PlanningPlacer, reference: dict[str, str]) -> None:
    """It moves to Quebec's clean hours, and keeps the clusters as declared beside it."""
    placed = placer.submitted(stored(reference).job, reference, now=START, taken=())
    assert [("qc", 6, 9)] == spans(placed.plan.chosen.placement.segments)
    assert {"fr", "qc"} == set(placed.document["clusters"])  # type: ignore[call-overload]  # a mapping in the document


def test_what_is_left_is_planned_from_where_it_lies(placer: PlanningPlacer, reference: dict[str, str]) -> None:
    """Two thirds done on fr: one hour is left, wherever it is cleanest, with its restart."""
    row = stored(reference, progress=2 / 3, interruptible={"restart": "30m"})
    placed = placer.place(row, [ran("fr", "suspended")], now=START + 4 * HOUR, taken=())
    assert [("qc", 6, 7.5)] == spans(placed.plan.chosen.placement.segments)


def test_a_job_that_can_no_longer_keep_its_deadline_runs_at_once_and_says_so(
    placer: PlanningPlacer, reference: dict[str, str]
) -> None:
    """An hour before the deadline with three to go: now, on the cleanest cluster there is."""
    placed = placer.place(stored(reference), [], now=START + 23 * HOUR, taken=())
    assert [("fr", 23, 26)] == spans(placed.plan.chosen.placement.segments)
    assert placed.reason.startswith("late: ")


def test_a_late_job_waits_for_room_where_there_is_none(placer: PlanningPlacer, reference: dict[str, str]) -> None:
    """Both clusters are taken for two hours: it starts right after."""
    now = START + 23 * HOUR
    taken = [Segment(cluster=name, start=now, end=now + 2 * HOUR, gpus=8) for name in ("fr", "qc")]
    placed = placer.place(stored(reference), [], now=now, taken=taken)
    assert spans(placed.plan.chosen.placement.segments)[0][1] == 25


@pytest.mark.parametrize(("limit", "suspends"), [(1, 0), (2, 1)])
def test_suspends_that_were_count_towards_their_limit(
    placer: PlanningPlacer, reference: dict[str, str], limit: int, suspends: int
) -> None:
    """It was suspended once: of two suspends one is left, of one none."""
    rates = [(400, 20 if hour in {6, 7, 12, 13} else 400) for hour in range(48)]
    rows = [f"{format_instant(START + hour * HOUR)},{fr},{qc}" for hour, (fr, qc) in enumerate(rates)]
    Path(reference["path"]).write_text("\n".join(["utc,FR,CA-QC", *rows]) + "\n")
    row = stored(reference, progress=1 / 5, duration="5h", interruptible={"max_suspends": limit})
    placed = placer.place(row, [ran("qc", "suspended")], now=START + 4 * HOUR, taken=())
    assert suspends == placed.plan.chosen.placement.suspends


def test_an_impossible_job_is_refused_at_submission(placer: PlanningPlacer, reference: dict[str, str]) -> None:
    """Nothing is promised that cannot be kept."""
    job = stored(reference, deadline="2h").job
    with pytest.raises(Infeasible, match="cannot be done"):
        placer.submitted(job, reference, now=START, taken=())


def test_a_good_older_plan_is_kept(placer: PlanningPlacer, reference: dict[str, str]) -> None:
    """The optimum is still the optimum: nothing changes."""
    ahead = [Segment(cluster="qc", start=START + 6 * HOUR, end=START + 9 * HOUR, gpus=8)]
    assert placer.better(stored(reference), [], ahead, now=START + 2 * HOUR, taken=()) is None


def test_a_gain_too_small_does_not_change_a_plan(placer: PlanningPlacer, reference: dict[str, str]) -> None:
    """It is the cleaner hour by 2 g/kWh that the older plan lacks, and ends no later for it."""
    path = Path(reference["path"])
    path.write_text(path.read_text().replace("T06:00:00Z,100,20", "T06:00:00Z,100,22"))
    ahead = [Segment(cluster="qc", start=START + 6 * HOUR, end=START + 9 * HOUR, gpus=8)]
    assert placer.better(stored(reference), [], ahead, now=START + 2 * HOUR, taken=()) is None


@pytest.mark.parametrize(("start_h", "becomes"), [(9, [("qc", 6, 9)]), (6.25, [("qc", 6, 9)]), (6 + 1 / 8, None)])
def test_an_earlier_end_at_the_same_cost_is_taken(
    placer: PlanningPlacer, reference: dict[str, str], start_h: float, becomes: list[tuple[str, float, float]] | None
) -> None:
    """Any three of the six clean hours are as good, so room that came free lets it end sooner; not by minutes."""
    ahead = [Segment(cluster="qc", start=START + start_h * HOUR, end=START + (start_h + 3) * HOUR, gpus=8)]
    better = placer.better(stored(reference), [], ahead, now=START + 2 * HOUR, taken=())
    assert becomes == (None if better is None else spans(better.plan.chosen.placement.segments))


def test_a_plan_keeps_how_early_its_stops_are_asked_for(placer: PlanningPlacer, reference: dict[str, str]) -> None:
    """It was made with the time of a save as it was seen, which is not the one that the job states."""
    row = stored(reference, interruptible={"checkpoint": "6m"})
    assert 360.0 == placer.place(row, [], now=START, taken=()).document["checkpoint_s"]


def test_a_plan_that_became_much_worse_is_replaced(placer: PlanningPlacer, reference: dict[str, str]) -> None:
    """Planned for dirty hours by an old forecast: the clean ones are taken instead."""
    ahead = [Segment(cluster="qc", start=START + 13 * HOUR, end=START + 16 * HOUR, gpus=8)]
    better = placer.better(stored(reference), [], ahead, now=START + 2 * HOUR, taken=())
    assert better is not None
    assert [("qc", 6, 9)] == spans(better.plan.chosen.placement.segments)


def test_a_plan_whose_room_is_gone_is_replaced(placer: PlanningPlacer, reference: dict[str, str]) -> None:
    """Somebody else holds the cluster then."""
    ahead = [Segment(cluster="qc", start=START + 6 * HOUR, end=START + 9 * HOUR, gpus=8)]
    taken = [Segment(cluster="qc", start=START + 6 * HOUR, end=START + 8 * HOUR, gpus=8)]
    better = placer.better(stored(reference), [], ahead, now=START + 2 * HOUR, taken=taken)
    assert better is not None
    assert [("qc", 8, 11)] == spans(better.plan.chosen.placement.segments)


def test_a_run_that_fell_behind_is_planned_anew_when_its_deadline_is_in_danger(
    placer: PlanningPlacer, reference: dict[str, str]
) -> None:
    """Nothing was done in the first segment, and the last one would now end after the deadline."""
    row = stored(reference, deadline="10h")
    ahead = [Segment(cluster="qc", start=START + 8 * HOUR, end=START + 9 * HOUR, gpus=8)]
    better = placer.better(row, [ran("fr", "suspended")], ahead, now=START + 2 * HOUR, taken=())
    assert better is not None
    assert better.plan.chosen.placement.finish <= START + 10 * HOUR


def test_progress_by_the_clock_leaves_out_restart_and_save(placer: PlanningPlacer, reference: dict[str, str]) -> None:
    """An hour of a resumed segment with a restart of half an hour and a save of six minutes did 0.4 h of three."""
    row = stored(reference, progress=0.5, interruptible={"restart": "30m", "checkpoint": "6m"})
    outcome = Outcome(
        sid="s2", fence=2, started_at=START, ended_at=START + HOUR, duration_s=3600.0, exit_code=0, reason="stopped",
        stop_received_at=START, progress=None, energy_j=None, energy_source="model", error="",
    )  # fmt: skip
    assert placer.worked(row, ran("fr", "suspended", n=2), outcome) == pytest.approx(0.5 + 0.4 / 3)


def test_lateness_is_said_only_where_nothing_keeps_the_deadline(
    placer: PlanningPlacer, reference: dict[str, str]
) -> None:
    """Nine hours before the deadline three hours of work fit; two hours before it they do not."""
    row = stored(reference)
    assert "" == placer.lateness(row, [], now=START + 15 * HOUR, taken=())
    assert "cannot be done" in placer.lateness(row, [], now=START + 22 * HOUR, taken=())


def test_a_run_takes_as_long_as_its_width_says(placer: PlanningPlacer, reference: dict[str, str]) -> None:
    """Half as fast on four GPUs as on eight; a job that may not be resized takes what it states."""
    elastic = {"min_gpus": 4, "max_gpus": 8, "speedup": {4: 0.5, 8: 1.0}}
    four = replace(ran("fr", ""), gpus=4)
    assert 6 * HOUR == placer.whole(stored(reference, elastic=elastic).job, four)
    assert 3 * HOUR == placer.whole(stored(reference, elastic=elastic).job, ran("fr", ""))
    assert 3 * HOUR == placer.whole(stored(reference).job, four)


def test_a_table_that_changes_gives_another_stamp(placer: PlanningPlacer, reference: dict[str, str]) -> None:
    """What was planned on it is looked at again then."""
    first = placer.freshen(reference, START + 24 * HOUR, now=START)
    assert first == placer.freshen(reference, START + 24 * HOUR, now=START)
    path = Path(reference["path"])
    path.write_text(path.read_text().replace("400", "300"))
    os.utime(path, ns=(1, 1))
    assert first != placer.freshen(reference, START + 24 * HOUR, now=START)
