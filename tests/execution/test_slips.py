"""What slipped: a suspend that nobody was there for, and a deadline that passed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from scheduler.execution.slips import LATE, MISSED, Slips
from scheduler.records.rows import JobState, SegmentRow
from scheduler.records.state_folder import StateFolder
from scheduler.records.store import Store, open_store
from tests.execution.fake_clock import FakeClock
from tests.records.cases import document as plan_document
from tests.records.cases import make_cluster, make_job, make_row, make_segment

START = datetime(2024, 3, 5, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
SUSPEND_AT = START + 59 * MINUTE
"""A minute of saving before the planned end."""


@dataclass
class World:
    """A job that runs and is to be suspended after an hour."""

    store: Store
    clock: FakeClock

    def slips(self) -> Slips:
        """As a new scheduler has them."""
        return Slips(store=self.store, clock=self.clock, tick=timedelta(seconds=2))

    def passes(self, slips: Slips, at: datetime, *, stops: bool = False, ends: bool = False) -> None:
        """A pass that finds the job alive and stops it, or over, or neither."""
        self.clock.at = at
        slips.before()
        with self.store.writing() as tx:
            fence = tx.segments("j1")[0].fence
            if stops:
                tx.set_segment(fence, stop_asked_at=at)
            if ends:
                tx.set_segment(fence, phase="over", end="finished")
        slips.after()
        with self.store.writing() as tx:
            tx.set_scheduler(1, START, at)

    def events(self, kind: str) -> list[str]:
        """Texts of the job's events of a kind."""
        with self.store.reading() as tx:
            return [event.text for event in tx.events("j1") if event.kind == kind]


@pytest.fixture
def world(tmp_path: Path) -> World:
    """It runs; its deadline is two days ahead."""
    store = open_store(StateFolder(tmp_path / "state"))
    row = replace(make_row(make_job(interruptible={"checkpoint": "1m"})), state=JobState.RUNNING, finished_at=None)
    with store.writing() as tx:
        tx.add_job(row)
        plan_id = tx.add_plan("j1", START, plan_document([make_cluster()], [("france", 0, 1), ("france", 2, 4)]))
        tx.add_segment(running(plan_id))
    return World(store, FakeClock(START))


def running(plan_id: int) -> SegmentRow:
    """The first of two segments, which runs."""
    return make_segment(
        job_id="j1", plan_id=plan_id, sid="cs-j1-s1-a1", cluster="france", planned_end=START + 60 * MINUTE,
        intended_at=START, granted_at=START, seen_at=START, released_at=None, phase="granted", is_last=False, end="",
        stop_asked_at=None,
    )  # fmt: skip


def test_a_suspend_that_was_slept_over_is_said(world: World) -> None:
    """The laptop slept from before the suspend until 12 minutes after it."""
    slips = world.slips()
    world.passes(slips, SUSPEND_AT - MINUTE)
    world.passes(slips, SUSPEND_AT + 12 * MINUTE, stops=True)
    world.passes(slips, SUSPEND_AT + 13 * MINUTE)
    assert ["missed its suspend at 2024-03-05T00:59:00Z by 12m: the scheduler was not running"] == world.events(MISSED)


def test_a_scheduler_that_was_down_says_so_at_its_start(world: World) -> None:
    """The last pass of the one before it is in the store."""
    world.passes(world.slips(), SUSPEND_AT - MINUTE)
    world.passes(world.slips(), SUSPEND_AT + 2 * MINUTE, stops=True)
    assert 1 == len(world.events(MISSED))


def test_a_stop_that_reaches_its_cluster_later_is_said_then(world: World) -> None:
    """After a sleep the network is often the last to wake: how late it was is known once the stop was asked for."""
    slips = world.slips()
    world.passes(slips, SUSPEND_AT - MINUTE)
    world.passes(slips, SUSPEND_AT + 12 * MINUTE)
    assert [] == world.events(MISSED)
    world.passes(slips, SUSPEND_AT + 12 * MINUTE + timedelta(seconds=2), stops=True)
    assert "by 12m2s:" in world.events(MISSED)[0]


def test_a_job_that_ended_meanwhile_missed_nothing(world: World) -> None:
    """It may have ended before its suspend."""
    slips = world.slips()
    world.passes(slips, SUSPEND_AT - MINUTE)
    world.passes(slips, SUSPEND_AT + 12 * MINUTE, ends=True)
    assert [] == world.events(MISSED)


@pytest.mark.parametrize(
    ("last", "then"),
    [
        (SUSPEND_AT - timedelta(seconds=2), SUSPEND_AT + timedelta(seconds=2)),
        (SUSPEND_AT - timedelta(seconds=40), SUSPEND_AT + timedelta(seconds=50)),
        (SUSPEND_AT + timedelta(seconds=1), SUSPEND_AT + 5 * MINUTE),
    ],
)
def test_a_suspend_in_time_is_no_news(world: World, last: datetime, then: datetime) -> None:
    """Neither is one that is less than a minute late, or that was known of before the gap."""
    slips = world.slips()
    world.passes(slips, last)
    world.passes(slips, then, stops=True)
    assert [] == world.events(MISSED)


def test_the_last_segment_has_no_suspend_to_miss(world: World) -> None:
    """It ends when the work ends."""
    with world.store.writing() as tx:
        tx.set_segment(tx.segments("j1")[0].fence, is_last=True)
    slips = world.slips()
    world.passes(slips, SUSPEND_AT - MINUTE)
    world.passes(slips, SUSPEND_AT + 12 * MINUTE, stops=True)
    assert [] == world.events(MISSED)


def test_the_first_pass_of_all_missed_nothing(world: World) -> None:
    """No scheduler ran before, so none was away."""
    world.passes(world.slips(), SUSPEND_AT + 12 * MINUTE, stops=True)
    assert [] == world.events(MISSED)


def test_a_passed_deadline_is_said_once(world: World) -> None:
    """Also after a restart; a job that ended in time is never late."""
    slips = world.slips()
    deadline = START + timedelta(days=2)
    world.passes(slips, deadline)
    assert [] == world.events(LATE)
    for _ in range(3):
        world.passes(slips, deadline + MINUTE)
    world.passes(world.slips(), deadline + 2 * MINUTE)
    assert ["its deadline of 2024-03-07T00:00:00Z has passed"] == world.events(LATE)


def test_a_plan_that_cannot_keep_the_deadline_is_late_at_once(world: World) -> None:
    """People hear of it while something can be done, and not again when the deadline passes."""
    slips = world.slips()
    world.passes(slips, START)
    with world.store.writing() as tx:
        tx.add_event("j1", START, "planned", "late: no room before the deadline")
    world.passes(slips, START + MINUTE)
    world.passes(slips, START + timedelta(days=3))
    assert ["late: no room before the deadline"] == world.events(LATE)
