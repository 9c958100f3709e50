"""Ends without an outcome: leases while clocks jump, fences raised before an end is stored, refused evidence."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import pytest

from scheduler.domain.errors import ClusterRefused, ClusterUnreachable
from scheduler.domain.placement import Placement
from scheduler.records.evidence import outcome_name
from scheduler.records.rows import JobState
from tests.execution.engine_world import FIRST, HOUR, START, NewWorld, World, lost_answer, stretch

MINUTE = timedelta(minutes=1)
GIVEN_UP = "over on one, its outcome unread: given up at "


def over(new_world: NewWorld, **changes: object) -> World:
    """A job whose cluster says after six minutes that it failed, and nothing more; it may go on elsewhere."""
    world = new_world(stretch("one", 0, 3), replans=(Placement(segments=(stretch("two", 0, 9),)),), **changes)
    world.at(0)
    world.at(0.05)
    world.one.status[FIRST] = "failed"
    world.at(0.1)
    return world


def passes(world: World, minutes: float) -> None:
    """Time passes by both clocks, with a look at its end."""
    world.clock.at += minutes * MINUTE
    world.engine.step()


@pytest.mark.parametrize("jump", [HOUR, timedelta(0), 30 * HOUR])
def test_a_wall_clock_that_jumps_ahead_ends_no_lease(new_world: NewWorld, jump: timedelta) -> None:
    """Fifteen minutes and a grace of two have to pass on the clock that never jumps."""
    world = over(new_world)
    assert GIVEN_UP + "2026-03-01T00:23:00Z" == world.job.reason
    world.clock.jump(jump)
    passes(world, 16)
    assert ([""], []) == ([s.end for s in world.segments], world.two.started)
    passes(world, 1.1)
    passes(world, 0.1)
    assert ["unknown", ""] == [s.end for s in world.segments]


def test_a_wall_clock_that_jumps_back_makes_a_lease_longer_and_tells_until_when(new_world: NewWorld) -> None:
    """By the wall the training may have been alive a moment ago for another hour: whichever is later counts."""
    world = over(new_world)
    world.clock.jump(-HOUR)
    passes(world, 1)
    assert world.job.reason.startswith(GIVEN_UP)
    passes(world, 60)
    assert [""] == [s.end for s in world.segments]
    passes(world, 20)
    assert "unknown" == world.segments[0].end


def test_until_when_it_waits_is_told_once(new_world: NewWorld) -> None:
    """At every look the clocks agree to the second only roughly: the same moment stays, and is no new event."""
    world = over(new_world)
    for _ in range(20):
        world.clock.jump(timedelta(milliseconds=190))
        passes(world, 0.2)
    assert 1 == len(world.events("waits"))


def test_a_scheduler_that_starts_anew_counts_anew(new_world: NewWorld) -> None:
    """It cannot know how long the segment has been over: it waits a whole lease from what it sees itself."""
    world = over(new_world)
    passes(world, 10)
    world.engine = world.reborn()
    passes(world, 10)
    assert [""] == [s.end for s in world.segments]
    passes(world, 17)
    passes(world, 0.1)
    assert "unknown" == world.segments[0].end


def test_one_that_is_seen_alive_again_has_its_lease_back(new_world: NewWorld) -> None:
    """A head that restarted may forget a job for a moment: what counted towards its end counts no more."""
    world = over(new_world)
    passes(world, 10)
    world.one.status[FIRST] = "running"
    passes(world, 5)
    world.one.status[FIRST] = "failed"
    passes(world, 10)
    passes(world, 6)
    assert ([""], JobState.RUNNING) == ([s.end for s in world.segments], world.job.state)


def test_a_launch_may_land_for_a_minute_whatever_the_wall_clock_says(new_world: NewWorld) -> None:
    """It was cancelled while its answer was lost; a jump of an hour does not make it impossible that it lands."""
    world = new_world(stretch("one", 0, 3))
    world.one.submit = lost_answer  # type: ignore[method-assign]  # the fake is the test's own
    world.at(0)
    world.want("cancel")
    world.clock.jump(HOUR)
    passes(world, 0.5)
    states = [world.job.state]
    passes(world, 0.6)
    assert [JobState.LAUNCHING, JobState.CANCELLED] == [*states, world.job.state]


def cancelled_after(world: World, seconds_s: float) -> JobState:
    """The state of a job whose launch failed, so long after it was cancelled."""
    world.want("cancel")
    passes(world, seconds_s / 60)
    return world.job.state


def test_a_launch_that_was_never_sent_lands_nowhere(new_world: NewWorld) -> None:
    """Its secret is not there: nothing was asked of the cluster, and a cancel waits for nothing."""
    world = new_world(stretch("one", 0, 3), secrets=["ABSENT"])
    world.at(0)
    passes(world, 0.1)
    assert (JobState.LAUNCHING, "the secret 'ABSENT' is not set") == (world.job.state, world.job.reason)
    assert JobState.CANCELLED == cancelled_after(world, 1)


def test_a_launch_that_was_refused_lands_nowhere(new_world: NewWorld) -> None:
    """Its cluster answered: that was no lost answer."""
    world = new_world(stretch("one", 0, 3))
    world.one.refuses = "cluster one answered 400"
    world.at(0)
    passes(world, 0.1)
    assert JobState.CANCELLED == cancelled_after(world, 1)


def test_a_refusal_says_nothing_of_a_launch_whose_answer_was_lost_before(new_world: NewWorld) -> None:
    """The first may land though the second was refused."""
    world = new_world(stretch("one", 0, 3))
    submit, world.one.submit = world.one.submit, lost_answer  # type: ignore[method-assign]  # the fake is the test's own
    world.at(0)
    world.one.submit, world.one.refuses = submit, "cluster one answered 400"  # type: ignore[method-assign]  # the same
    passes(world, 0.1)
    assert "cluster one answered 400" == world.job.reason
    assert JobState.LAUNCHING == cancelled_after(world, 1)
    assert JobState.CANCELLED == cancelled_after(world, 60)


def test_what_another_process_sent_may_land(new_world: NewWorld) -> None:
    """One that starts anew cannot know whether the launch was on its way when the other one died."""
    world = new_world(stretch("one", 0, 3), secrets=["ABSENT"])
    world.at(0)
    world.engine = world.reborn()
    assert JobState.LAUNCHING == cancelled_after(world, 1)
    assert JobState.LAUNCHING == cancelled_after(world, 50)
    assert JobState.CANCELLED == cancelled_after(world, 11)


def test_a_cluster_that_was_silent_for_an_hour_and_forgot_its_jobs_is_given_a_whole_lease(new_world: NewWorld) -> None:
    """It may have died a moment ago, and the agent noticed only then: the hour of silence counts for nothing."""
    world = new_world(stretch("one", 0, 3), replans=(Placement(segments=(stretch("two", 0, 9),)),))
    world.at(0)
    world.at(0.05)
    world.one.cut = True
    for _ in range(12):
        passes(world, 5)
    world.one.cut, world.one.session = False, "another"
    world.one.status.clear()
    passes(world, 1)
    passes(world, 16.9)
    assert ([""], []) == ([s.end for s in world.segments], world.two.started)
    passes(world, 0.2)
    passes(world, 0.1)
    assert ("unknown", ["cs-abcdefgh-s1-a2"]) == (world.segments[0].end, world.two.started)


def fences(tmp_path: Path) -> list[int]:
    """The fences beside the checkpoint."""
    return sorted(int(each.suffix[1:]) for each in (tmp_path / "saves" / "a.carbonsched").glob("carbonsched-fence.*"))


def test_the_fence_is_above_an_attempt_that_nobody_saw_end(new_world: NewWorld, tmp_path: Path) -> None:
    """Its training may live on where nobody looks: it stops at its next look at the storage."""
    (tmp_path / "saves").mkdir()
    world = over(new_world, checkpoint={"dir": str(tmp_path / "saves" / "a")})
    assert [] == fences(tmp_path)
    passes(world, 17.1)
    assert [world.segments[0].fence + 1] == fences(tmp_path)
    assert [] == world.events("fence")


def test_a_job_that_was_cancelled_leaves_its_fence_up(new_world: NewWorld, tmp_path: Path) -> None:
    """Its launch never was seen, and may come yet: no later attempt would stop it."""
    (tmp_path / "saves").mkdir()
    world = new_world(stretch("one", 0, 3), checkpoint={"dir": str(tmp_path / "saves" / "a")})
    world.one.submit = lost_answer  # type: ignore[method-assign]  # the fake is the test's own
    world.at(0)
    world.want("cancel")
    passes(world, 1.1)
    assert (JobState.CANCELLED, [world.segments[0].fence + 1]) == (world.job.state, fences(tmp_path))


def test_an_outcome_needs_no_fence(new_world: NewWorld, tmp_path: Path) -> None:
    """Its agent said that the training is over."""
    (tmp_path / "saves").mkdir()
    world = new_world(stretch("one", 0, 3), checkpoint={"dir": str(tmp_path / "saves" / "a")})
    world.at(0)
    world.at(0.1)
    world.one.end(FIRST, "succeeded", START + HOUR)
    world.at(1)
    assert (JobState.SUCCEEDED, []) == (world.job.state, fences(tmp_path))


def test_a_storage_out_of_reach_is_said_and_holds_up_nothing(new_world: NewWorld) -> None:
    """The lease has run out all the same: the agent stops by itself when it cannot renew."""
    world = over(new_world)
    passes(world, 17.1)
    assert "unknown" == world.segments[0].end
    assert ["segment 1: the fence was not raised: its storage is not reached from here"] == world.events("fence")


def test_a_storage_that_fails_is_said_by_its_name(new_world: NewWorld, tmp_path: Path) -> None:
    """A file lies where its folder should be."""
    (tmp_path / "saves").mkdir()
    (tmp_path / "saves" / "a.carbonsched").write_text("not a folder")
    world = over(new_world, checkpoint={"dir": str(tmp_path / "saves" / "a")})
    passes(world, 17.1)
    [said] = world.events("fence")
    assert "unknown" == world.segments[0].end
    assert "does not answer" in said


def refused(node_id: str, name: str, *, tail: int | None = None) -> bytes | None:
    """A proxy that lets nobody read logs."""
    raise ClusterRefused("cluster one refused the token")


def silent(node_id: str, name: str, *, tail: int | None = None) -> bytes | None:
    """A log server that is down."""
    raise ClusterUnreachable("cluster one: no answer within 15 s")


@pytest.mark.parametrize("evidence", [refused, silent])
def test_evidence_that_is_refused_is_given_up_with_the_lease(new_world: NewWorld, evidence: object) -> None:
    """It waits no longer than where there is none, and says why, then and in the end."""
    world = new_world(stretch("one", 0, 3), replans=(Placement(segments=(stretch("two", 0, 9),)),))
    world.at(0)
    world.at(0.05)
    world.one.evidence = evidence  # type: ignore[assignment]  # the fake is the test's own
    world.one.status[FIRST] = "succeeded"
    world.at(0.1)
    assert "its outcome unread (cluster one" in world.job.reason
    passes(world, 17.1)
    assert "unknown" == world.segments[0].end
    assert any("its outcome could not be read: cluster one" in text for text in world.events("queued"))


def test_refused_evidence_is_read_from_the_copy(new_world: NewWorld, tmp_path: Path) -> None:
    """What the agent wrote beside the checkpoint says that it succeeded, at once."""
    folder = tmp_path / "saves" / "a.carbonsched"
    folder.mkdir(parents=True)
    world = new_world(stretch("one", 0, 3), checkpoint={"dir": str(tmp_path / "saves" / "a")})
    world.at(0)
    world.at(0.1)
    world.one.end(FIRST, "succeeded", START + HOUR)
    (folder / outcome_name(FIRST)).write_bytes(world.one.files[outcome_name(FIRST)])
    world.one.evidence = refused  # type: ignore[method-assign]  # the fake is the test's own
    world.at(1)
    assert JobState.SUCCEEDED is world.job.state


def test_unread_evidence_is_asked_for_now_and_then(new_world: NewWorld) -> None:
    """A refusal is not repeated at every look."""
    asked: list[datetime] = []
    world = new_world(stretch("one", 0, 3))
    world.at(0)
    world.at(0.05)

    def counted(node_id: str, name: str, *, tail: int | None = None) -> bytes | None:
        """Note it, and say no."""
        asked.append(world.clock.at)
        raise ClusterRefused("no")

    world.one.evidence = counted  # type: ignore[method-assign]  # the fake is the test's own
    world.one.status[FIRST] = "succeeded"
    for _ in range(60):
        passes(world, 1 / 60)
    assert len(asked) <= 3
