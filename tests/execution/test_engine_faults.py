"""The engine when things break: silence, refusals, restarts, lost answers, missing and bad evidence."""

from __future__ import annotations

from pathlib import Path

from scheduler.cluster_ports import Observation
from scheduler.domain.placement import Placement
from scheduler.records.evidence import outcome_name
from scheduler.records.rows import JobState
from tests.execution.engine_world import (
    FIRST,
    HOUR,
    START,
    NewWorld,
    lost_answer,
    stretch,
)


def test_what_stays_pending_is_withdrawn_and_goes_elsewhere_only_once_it_is_over(new_world: NewWorld) -> None:
    """A stop of a pending job lies: it may still start, so nothing else is sent before the cluster says it is over."""
    world = new_world(stretch("one", 0, 3), replans=(Placement(segments=(stretch("two", 0, 3),)),))
    world.one.queues = True
    world.at(0)
    world.at(50 / 3600)
    assert world.one.stopped == []
    for second in (70, 80, 200, 1000):
        world.at(second / 3600)
    assert (world.one.stopped, world.two.started) == ([FIRST], [])
    world.one.status[FIRST] = "stopped"
    world.at(1010 / 3600)
    world.at(1020 / 3600)
    assert world.two.started == ["cs-abcdefgh-s1-a2"]
    assert (world.job.state, world.job.interruptions) == (JobState.RUNNING, 0)


def test_an_intent_whose_cluster_was_restarted_is_not_sent_again_before_its_lease(new_world: NewWorld) -> None:
    """The old cluster may have taken it and died with the training alive: the same id would start a second copy."""
    world = new_world(stretch("one", 0, 3), replans=(Placement(segments=(stretch("two", 0, 6),)),))
    submit, world.one.submit = world.one.submit, lost_answer  # type: ignore[method-assign]  # the fake is the test's own
    world.at(0)
    assert [s.phase for s in world.segments] == ["intended"]
    world.one.submit = submit  # type: ignore[method-assign]  # the same
    world.one.session = "another"
    world.at(0.1)
    assert world.one.started == []
    world.at(17.1 / 60)
    world.at(0.3)
    assert (world.one.started, world.two.started) == ([], ["cs-abcdefgh-s1-a2"])


def test_the_copy_on_the_storage_stands_in_for_a_cluster_that_forgot(new_world: NewWorld, tmp_path: Path) -> None:
    """A restarted cluster knows nothing of the job; what its agent wrote beside the checkpoint closes it at once."""
    checkpoint = tmp_path / "saves" / "a"
    world = new_world(stretch("one", 0, 3), checkpoint={"dir": str(checkpoint)})
    world.at(0)
    world.at(0.1)
    world.one.end(FIRST, "succeeded", START + HOUR)
    beside = tmp_path / "saves" / "a.carbonsched"
    beside.mkdir(parents=True)
    (beside / outcome_name(FIRST)).write_bytes(world.one.files.pop(outcome_name(FIRST)))
    del world.one.status[FIRST]
    world.at(1)
    assert world.job.state is JobState.SUCCEEDED


def test_an_unreachable_cluster_loses_nothing(new_world: NewWorld) -> None:
    """Its jobs are kept, however long it is silent, and go on where they were."""
    world = new_world(stretch("one", 0, 3))
    world.at(0)
    world.at(0.1)
    world.one.cut = True
    for hours_h in (0.2, 1, 2, 5):
        world.at(hours_h)
    assert (world.job.state, world.job.reason) == (
        JobState.RUNNING,
        "fake does not answer; silent since 2026-03-01T00:12:00Z",
    )
    world.one.cut = False
    world.one.end(FIRST, "succeeded", START + 3 * HOUR)
    world.at(6)
    assert (world.job.state, world.one.started) == (JobState.SUCCEEDED, [FIRST])


def test_a_silent_cluster_is_asked_less_and_less(new_world: NewWorld) -> None:
    """Between two tries the pause doubles, so a dead cluster does not slow the others down."""
    world = new_world(stretch("one", 0, 3))
    world.at(0)
    asked = []
    observe = world.one.observe

    def counted(sid: str) -> Observation:
        """Note the moment."""
        asked.append(world.clock.monotonic_s())
        return observe(sid)

    world.one.observe = counted  # type: ignore[method-assign]  # the fake is the test's own
    world.one.cut = True
    for second in range(1, 60):
        world.at(second / 3600)
    assert len(asked) <= 6


def test_a_refusal_is_said_and_tried_again(new_world: NewWorld) -> None:
    """A wrong token is the operator's to mend: the job waits and says why."""
    world = new_world(stretch("one", 0, 3))
    world.one.refuses = "one refuses the token"
    world.at(0)
    assert (world.job.state, world.job.reason) == (JobState.LAUNCHING, "one refuses the token")
    world.one.refuses = ""
    world.at(0.1)
    world.at(0.2)
    assert world.job.state is JobState.RUNNING


def test_an_exit_code_fails_the_job(new_world: NewWorld) -> None:
    """A failure of its own is final without retries."""
    world = new_world(stretch("one", 0, 3))
    world.at(0)
    world.at(0.1)
    world.one.end(FIRST, "failed", START + HOUR, exit_code=3)
    world.at(1)
    assert (world.job.state, world.job.reason) == (JobState.FAILED, "exit code 3")


def test_no_outcome_waits_for_the_lease_then_tries_again_under_a_higher_fence(new_world: NewWorld) -> None:
    """A supervisor that died may have left the training alive: only lease and grace make it safe to start another."""
    world = new_world(stretch("one", 0, 3), replans=(Placement(segments=(stretch("two", 0, 6),)),))
    world.at(0)
    world.at(0.1)
    world.one.status[FIRST] = "failed"
    world.at(0.2)
    assert (world.job.state, world.two.started) == (JobState.RUNNING, [])
    world.at(0.2 + 16.9 / 60)
    assert world.two.started == []
    world.at(0.2 + 17.1 / 60)
    world.at(0.6)
    assert (world.job.state, world.two.started) == (JobState.RUNNING, ["cs-abcdefgh-s1-a2"])
    assert world.segments[1].fence > world.segments[0].fence
    assert [s.end for s in world.segments] == ["unknown", ""]


def test_an_outcome_that_no_agent_wrote_counts_as_unread(new_world: NewWorld) -> None:
    """Garbage in its place holds nobody up for ever: the lease decides, as where there is none."""
    world = new_world(stretch("one", 0, 3), replans=(Placement(segments=(stretch("two", 0, 6),)),))
    world.at(0)
    world.at(0.1)
    world.one.status[FIRST] = "failed"
    world.one.files[outcome_name(FIRST)] = b"<html>"
    world.at(0.2)
    assert world.job.state is JobState.RUNNING
    world.at(0.2 + 17.1 / 60)
    assert world.segments[0].end == "unknown"


def test_a_bad_environment_fails_at_once(new_world: NewWorld) -> None:
    """Where the cluster says that the entrypoint never ran, nobody waits for a lease."""
    world = new_world(stretch("one", 0, 3))
    world.at(0)
    world.one.status[FIRST] = "failed"
    world.one.error_type = "RUNTIME_ENV_SETUP_FAILURE"
    world.at(0.1)
    assert (world.job.state, world.segments[0].end) == (JobState.FAILED, "never_started")


def test_a_supervisor_that_never_came_is_tried_again(new_world: NewWorld) -> None:
    """The cluster's own failure to start costs an interruption, not a failure."""
    world = new_world(stretch("one", 0, 3), replans=(Placement(segments=(stretch("one", 0, 3),)),))
    world.at(0)
    world.one.status[FIRST] = "failed"
    world.one.error_type = "JOB_SUPERVISOR_ACTOR_START_TIMEOUT"
    world.at(0.1)
    assert (world.job.failures, world.job.interruptions) == (0, 1)


def test_a_dead_supervisor_may_have_left_the_training_alive(new_world: NewWorld) -> None:
    """Ray calls the job failed, but only outcome or lease says that it is over."""
    world = new_world(stretch("one", 0, 3))
    world.at(0)
    world.at(0.1)
    world.one.status[FIRST] = "failed"
    world.one.error_type = "JOB_SUPERVISOR_ACTOR_DIED"
    world.at(0.2)
    assert (world.job.state, world.segments[0].phase) == (JobState.RUNNING, "granted")
