"""The engine against a fake cluster: every way that a job can go when nothing breaks."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from scheduler.domain.errors import CarbonschedError, ClusterRefused, ClusterUnreachable
from scheduler.domain.placement import Placement
from scheduler.records.evidence import samples_name
from scheduler.records.evidence_files import EvidenceFiles
from scheduler.records.rows import JobState
from tests.execution.engine_world import (
    FIRST,
    HOUR,
    START,
    NewWorld,
    cluster,
    lost_answer,
    stretch,
)


def test_a_job_waits_for_its_start_then_runs_and_succeeds(new_world: NewWorld) -> None:
    """Nothing is sent before the planned start; the outcome ends it and its log is kept."""
    world = new_world(stretch("one", 1, 4))
    world.at(0.5)
    assert (world.job.state, world.one.started) == (JobState.PLANNED, [])
    world.at(1)
    world.at(1.01)
    assert (world.job.state, world.one.started) == (JobState.RUNNING, [FIRST])
    world.one.end(FIRST, "succeeded", START + 4 * HOUR)
    world.at(4)
    assert (world.job.state, world.job.progress, world.job.finished_at) == (JobState.SUCCEEDED, 1.0, world.clock.at)
    assert EvidenceFiles(world.store.folder).log("abcdefgh", FIRST) == f"log of {FIRST}\n"


def test_a_launch_carries_what_the_store_knows(new_world: NewWorld) -> None:
    """The fence is the segment's number, the secret is resolved, the checkpoint lies under the job's id."""
    world = new_world(stretch("one", 0, 3), secrets=["TOKEN"], env={"A": "NO"})
    world.at(0)
    launch = world.one.launches[FIRST]
    assert (launch.fence, launch.gpus) == (world.segments[0].fence, 8)
    assert {"A": "NO", "TOKEN": "s3cret"}.items() <= launch.env.items()
    assert launch.checkpoint_dir.endswith("/abcdefgh/checkpoint")
    assert "s3cret" not in world.store.folder.database.read_bytes().decode(errors="replace")


def test_a_missing_secret_is_said_and_nothing_is_sent(new_world: NewWorld) -> None:
    """The job waits with the reason; once the secret is there it starts."""
    world = new_world(stretch("one", 0, 3), secrets=["ABSENT"])
    world.at(0)
    assert (world.one.started, world.job.reason) == ([], "the secret 'ABSENT' is not set")


def test_a_plan_of_two_segments_moves(new_world: NewWorld) -> None:
    """It is stopped its checkpoint time before the first ends, and resumes on the other cluster with the next."""
    pause = {"checkpoint": "6m"}
    world = new_world(stretch("one", 0, 1), stretch("two", 2, 4), interruptible=pause)
    world.at(0)
    world.at(0.85)
    assert world.one.stopped == []
    world.at(0.9)
    assert (world.one.stopped, world.job.state) == ([FIRST], JobState.SUSPENDING)
    world.one.end(FIRST, "stopped", START + HOUR, reason="stopped", stop_received_unix=0.0, progress=0.3)
    world.at(1)
    assert (world.job.state, world.job.progress) == (JobState.SUSPENDED, 0.3)
    world.at(1.5)
    assert world.two.started == []
    world.at(2)
    world.at(2.01)
    assert (world.two.started, world.job.state) == (["cs-abcdefgh-s2-a1"], JobState.RUNNING)
    assert world.two.launches["cs-abcdefgh-s2-a1"].progress == 0.3
    world.two.end("cs-abcdefgh-s2-a1", "succeeded", START + 4 * HOUR)
    world.at(4)
    assert world.job.state is JobState.SUCCEEDED
    assert [s.end for s in world.segments] == ["suspended", "finished"]


def test_a_stop_is_asked_once(new_world: NewWorld) -> None:
    """A training that takes its time to save is not asked again."""
    world = new_world(stretch("one", 0, 1), stretch("one", 2, 4))
    for hours_h in (0, 0.1, 1, 1.01, 1.02):
        world.at(hours_h)
    assert world.one.stopped == [FIRST]


def test_a_waiting_plan_is_looked_at_every_hour_and_kept_where_it_is_as_good(new_world: NewWorld) -> None:
    """Once an hour, not in each pass, and no more within ten minutes of the start."""
    world = new_world(stretch("one", 3, 6))
    for hours_h in (0.5, 1, 1.01, 1.5, 2, 2.01, 2.9):
        world.at(hours_h)
    assert world.engine.placer.asked == [(stretch("one", 3, 6),)] * 2  # type: ignore[attr-defined]  # the fake's own


def test_a_better_plan_replaces_one_that_waits(new_world: NewWorld) -> None:
    """The new plan binds, and says that it is new."""
    world = new_world(stretch("one", 3, 6))
    world.engine.placer.improved = Placement(segments=(stretch("two", 2, 5),))  # type: ignore[attr-defined]  # the same
    world.at(1)
    world.at(2)
    assert (world.one.started, world.two.started) == ([], [FIRST])


def test_a_plan_is_looked_at_again_after_each_run(new_world: NewWorld) -> None:
    """What was really done is known once a segment has ended: the rest is planned on it."""
    world = new_world(stretch("one", 0, 1), stretch("two", 2, 4))
    world.at(0)
    world.at(0.1)
    world.at(1)
    world.one.end(FIRST, "stopped", START + HOUR, reason="stopped", stop_received_unix=0.0, progress=0.1)
    world.at(1.01)
    assert world.engine.placer.asked == [(stretch("two", 2, 4),)]  # type: ignore[attr-defined]  # the same


def test_the_next_plan_is_told_how_long_a_save_really_took(new_world: NewWorld) -> None:
    """The job states nothing; its first suspend took six minutes."""
    world = new_world(stretch("one", 0, 1), stretch("two", 2, 4))
    world.at(0)
    world.at(0.1)
    world.at(1)
    told = (START + 0.9 * HOUR).timestamp()
    world.one.end(FIRST, "stopped", START + HOUR, reason="stopped", stop_received_unix=told, progress=0.1)
    world.at(1.01)
    [job] = world.engine.placer.jobs  # type: ignore[attr-defined]  # the same
    assert job.interruptible is not None
    assert timedelta(minutes=6) == job.interruptible.checkpoint


def test_a_stop_is_asked_for_as_early_as_its_plan_took_a_save_to_be(new_world: NewWorld) -> None:
    """The plan was made with a save of a quarter of an hour, as it was seen; the job states six minutes."""
    world = new_world(stretch("one", 0, 1), stretch("two", 2, 4), interruptible={"checkpoint": "6m"})
    with world.store.writing() as tx:
        tx.connection.exec_driver_sql("UPDATE plan SET document = json_set(document, '$.checkpoint_s', 900.0)")
    world.at(0)
    world.at(0.74)
    assert [] == world.one.stopped
    world.at(0.75)
    assert [FIRST] == world.one.stopped


def test_a_stop_that_did_not_reach_the_cluster_is_asked_again(new_world: NewWorld) -> None:
    """The line was cut at the very moment: the intent stands, and the request follows when the line is back."""
    world = new_world(stretch("one", 0, 1), stretch("one", 2, 4))
    world.at(0)
    world.at(0.1)
    stop, world.one.stop = world.one.stop, _unreachable  # type: ignore[method-assign]  # the fake is the test's own
    world.at(1)
    assert (world.one.stopped, world.job.state) == ([], JobState.RUNNING)
    said = "could not be asked to stop, and is asked again: fake does not answer"
    assert said == world.job.reason
    assert said in world.events("waits")
    world.one.stop = stop  # type: ignore[method-assign]  # the same
    world.at(1.1)
    assert (world.one.stopped, world.job.state, world.job.reason) == ([FIRST], JobState.SUSPENDING, "")


def _unreachable(sid: str) -> None:
    """A cut line."""
    raise ClusterUnreachable("fake does not answer")


def test_a_run_past_its_planned_end_is_left_alone(new_world: NewWorld) -> None:
    """The last segment ends when the work ends."""
    world = new_world(stretch("one", 0, 1))
    for hours_h in (0, 0.1, 1.5, 30):
        world.at(hours_h)
    assert (world.one.stopped, world.job.state) == ([], JobState.RUNNING)


@pytest.mark.parametrize(("wanted", "state"), [("cancel", JobState.CANCELLED), ("hold", JobState.HELD)])
def test_a_person_stops_what_runs(new_world: NewWorld, wanted: str, state: JobState) -> None:
    """What runs is asked to stop, and the job is what the person wanted once it has."""
    world = new_world(stretch("one", 0, 3))
    world.at(0)
    world.at(0.1)
    world.want(wanted)
    world.at(0.2)
    assert world.one.stopped == [FIRST]
    world.one.end(FIRST, "stopped", START + 0.3 * HOUR, reason="stopped", stop_received_unix=0.0)
    world.at(0.3)
    assert (world.job.state, round(world.job.progress, 3)) == (state, 0.333)


def test_a_job_released_before_it_had_stopped_is_planned_again(new_world: NewWorld) -> None:
    """The stop is on its way and cannot be called back; its plan says nothing of how to go on."""
    world = new_world(stretch("one", 0, 3), replans=(Placement(segments=(stretch("two", 1, 3),)),))
    world.at(0)
    world.at(0.1)
    world.want("hold")
    world.at(0.2)
    world.want("run")
    world.at(0.21)
    world.one.end(FIRST, "stopped", START + 0.3 * HOUR, reason="stopped", stop_received_unix=0.0, progress=0.1)
    world.at(0.3)
    assert (world.job.state, world.job.progress) == (JobState.SUSPENDED, 0.1)
    world.at(1)
    world.at(1.1)
    assert (world.job.state, world.two.started) == (JobState.RUNNING, ["cs-abcdefgh-s2-a1"])


def test_what_was_withdrawn_and_started_all_the_same_is_planned_again(new_world: NewWorld) -> None:
    """A pending job may start just as its stop is asked for: it is stopped, and goes on by a new plan."""
    world = new_world(stretch("one", 0, 3), replans=(Placement(segments=(stretch("two", 1, 3),)),))
    world.one.queues = True
    world.at(0)
    world.at(70 / 3600)
    assert world.one.stopped == [FIRST]
    world.one.queues, world.one.status[FIRST] = False, "running"
    world.at(72 / 3600)
    world.one.end(FIRST, "stopped", START + timedelta(seconds=74), reason="stopped", stop_received_unix=0.0)
    world.at(80 / 3600)
    world.at(1)
    world.at(1.1)
    assert (world.job.state, world.two.started) == (JobState.RUNNING, ["cs-abcdefgh-s2-a1"])


def test_a_launch_that_lands_after_it_was_cancelled_is_stopped(new_world: NewWorld) -> None:
    """Its answer was lost and the cluster knew nothing yet: the job is not closed before the launch can have landed."""
    world = new_world(stretch("one", 0, 3))
    submit, world.one.submit = world.one.submit, lost_answer  # type: ignore[method-assign]  # the fake is the test's own
    world.at(0)
    world.want("cancel")
    world.at(5 / 3600)
    assert world.job.state is JobState.LAUNCHING
    [segment] = world.segments
    submit(world.engine.launcher.launch(world.job, segment, cluster("one")))
    world.at(10 / 3600)
    assert world.one.stopped == [FIRST]


def test_a_launch_that_never_landed_is_cancelled_after_a_minute(new_world: NewWorld) -> None:
    """By then nothing can be on the way any longer."""
    world = new_world(stretch("one", 0, 3))
    world.one.submit = lost_answer  # type: ignore[method-assign]  # the fake is the test's own
    world.at(0)
    world.want("cancel")
    world.at(61 / 3600)
    assert (world.job.state, world.segments[0].end) == (JobState.CANCELLED, "never_started")


@pytest.mark.parametrize("error", [ClusterUnreachable, ClusterRefused])
def test_evidence_that_cannot_be_read_holds_up_no_stop(new_world: NewWorld, error: type[CarbonschedError]) -> None:
    """A cluster whose logs fail while its jobs answer still hears what a person wants."""
    world = new_world(stretch("one", 0, 3))
    world.at(0)
    world.at(0.1)

    def fails(node_id: str, name: str, *, tail: int | None = None) -> bytes | None:
        """No file is handed out."""
        raise error("its logs fail")

    evidence, world.one.evidence = world.one.evidence, fails  # type: ignore[method-assign]  # the fake is the test's own
    world.want("cancel")
    world.at(0.2)
    assert world.one.stopped == [FIRST]
    world.one.end(FIRST, "stopped", START + 0.2 * HOUR, reason="stopped", stop_received_unix=0.0)
    world.at(0.21)
    assert (world.job.state, world.one.stopped) == (JobState.CANCELLING, [FIRST])
    world.one.evidence = evidence  # type: ignore[method-assign]  # the same
    world.at(0.3)
    assert world.job.state is JobState.CANCELLED


@pytest.mark.parametrize(("wanted", "state"), [("cancel", JobState.CANCELLED), ("hold", JobState.HELD)])
def test_a_person_stops_what_waits(new_world: NewWorld, wanted: str, state: JobState) -> None:
    """Nothing was sent, nothing is asked of the cluster."""
    world = new_world(stretch("one", 1, 4))
    world.want(wanted)
    world.at(0)
    assert (world.job.state, world.one.started, world.one.stopped) == (state, [], [])


def test_a_released_job_is_planned_again(new_world: NewWorld) -> None:
    """Held past its start, it gets a new plan when it is released."""
    world = new_world(stretch("one", 1, 4), replans=(Placement(segments=(stretch("two", 6, 9),)),))
    world.want("hold")
    world.at(2)
    world.want("run")
    world.at(5)
    assert (world.job.state, world.one.started) == (JobState.PLANNED, [])
    world.at(6)
    assert world.two.started == [FIRST]


def test_samples_are_brought_home_while_it_runs(new_world: NewWorld) -> None:
    """What the agent wrote is ours before the cluster can take it away."""
    world = new_world(stretch("one", 0, 3))
    world.at(0)
    line = {"v": 1, "n": 0, "t_unix": 0.0, "mono_s": 0.0, "energy_j": None, "energy_source": "model", "progress": 0.5}
    world.one.files[samples_name(FIRST)] = json.dumps(line).encode() + b"\n"
    world.at(0.1)
    assert [s.progress for s in EvidenceFiles(world.store.folder).samples("abcdefgh", FIRST)] == [0.5]
