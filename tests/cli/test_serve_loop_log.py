"""The loop's log, and what it survives: bugs in a job, bugs outside of jobs, trouble that lasts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from io import StringIO

import pytest

from cli import serve_log
from scheduler.cluster_ports import Observation
from scheduler.domain.errors import StoreError
from scheduler.execution.dry_run import DryRun
from scheduler.execution.slips import Slips
from scheduler.records.rows import JobState
from tests.cli.loop_world import World, lines
from tests.cli.loop_world import log as log  # noqa: PLC0414  # a fixture
from tests.cli.loop_world import world as world  # noqa: PLC0414  # the same
from tests.records.cases import T0


class Buggy(DryRun):
    """A cluster whose answer meets a bug of ours."""

    def observe(self, sid: str) -> Observation:
        """Meet it."""
        raise ZeroDivisionError(sid)


def test_every_event_is_a_line_once(world: World, log: StringIO) -> None:
    """With the job, the kind and the event's own time; a second loop does not tell the past again."""
    world.submit("aaaa", "one")
    world.run_for(70)
    assert JobState.SUCCEEDED is world.job("aaaa").state
    told = [(line["job"], line["event"]) for line in lines(log)]
    assert [("aaaa", "launching"), ("aaaa", "running"), ("aaaa", "succeeded")] == told
    assert {"time": "2024-03-05T00:00:00Z", "level": "info", "job": "aaaa", "event": "launching"}.items() <= lines(log)[
        0
    ].items()
    world.run_for(70)
    assert 3 == len(lines(log))


def test_a_bug_holds_up_its_own_job_and_is_told(world: World, log: StringIO) -> None:
    """The other job runs and ends; the first waits with its reason, is tried again, and goes on once it can."""
    world.two = Buggy(clock=world.clock)
    world.submit("aaaa", "two")
    world.submit("bbbb", "one")
    world.run_for(70)
    assert JobState.SUCCEEDED is world.job("bbbb").state
    assert world.job("aaaa").reason.startswith("internal error: ZeroDivisionError at test_serve_loop_log.py:")
    bugs = [line for line in lines(log) if "traceback" in line]
    assert {"aaaa"} == {bug["job"] for bug in bugs}
    assert "ZeroDivisionError" in bugs[0]["traceback"]
    assert 3 <= len(bugs) <= 5
    world.two = DryRun(clock=world.clock, runs_for=lambda _: timedelta(minutes=1))
    world.run_for(130)
    assert (JobState.SUCCEEDED, "") == (world.job("aaaa").state, world.job("aaaa").reason)


def test_a_bug_outside_of_jobs_does_not_end_the_loop(world: World, log: StringIO) -> None:
    """It is logged with its traceback, and the next pass does the work."""
    world.submit("aaaa", "one")
    loop = world.loop()
    world.clock.at_each = lambda: world.stopping.append(15) if world.clock.monotonic_s() > 100 else None
    slips, calls = loop.slips, iter([RuntimeError("a bug"), KeyError("another")])
    loop.slips = Failing(slips, calls)  # type: ignore[assignment]  # all that is used of it
    loop.run()
    assert JobState.SUCCEEDED is world.job("aaaa").state
    traced = [line["traceback"] for line in lines(log) if "traceback" in line]
    assert ["RuntimeError: a bug", "KeyError: 'another'"] == [text.splitlines()[-1] for text in traced]


@dataclass
class Failing:
    """Fails before a pass as often as there are errors."""

    inner: Slips
    errors: Iterator[Exception]

    def before(self) -> None:
        """Fail, or be as always."""
        for error in self.errors:
            raise error
        self.inner.before()

    def after(self) -> None:
        """As always."""
        self.inner.after()


def test_trouble_that_lasts_is_told_once(world: World, log: StringIO) -> None:
    """A full disk fails every pass: one line, and the loop goes on when there is room again."""
    world.submit("aaaa", "one")
    loop = world.loop()
    world.clock.at_each = lambda: world.stopping.append(15) if world.clock.monotonic_s() > 100 else None
    loop.slips = Failing(loop.slips, iter([StoreError("disk full", hint="free some")] * 3))  # type: ignore[assignment]  # the same
    loop.run()
    assert JobState.SUCCEEDED is world.job("aaaa").state
    assert 1 == sum(line["text"] == "disk full (free some)" for line in lines(log))


@pytest.mark.parametrize(
    ("kind", "level"),
    [("running", "info"), ("waits", "warning"), ("lost", "warning"), ("not notified:lost", "warning")],
)
def test_what_may_need_a_person_is_a_warning(world: World, log: StringIO, kind: str, level: str) -> None:
    """So that a log can be filtered by its level."""
    world.submit("aaaa", "one")
    with world.store.writing() as tx:
        tx.add_event("aaaa", T0, kind, "two\nlines")
    with world.store.reading() as tx:
        serve_log.tell(tx.events_after(0)[-1])
    expected = {"time": "2024-03-05T00:00:00Z", "level": level, "job": "aaaa", "event": kind, "text": "two lines"}
    assert [expected] == lines(log)


def test_text_is_a_line_for_people(world: World, log: StringIO) -> None:
    """Time, level, job, event, text."""
    stream = StringIO()
    serve_log.configure(stream)
    world.submit("aaaa", "one")
    with world.store.writing() as tx:
        tx.add_event("aaaa", T0, "running", "segment 1 on one")
    with world.store.reading() as tx:
        serve_log.tell(tx.events_after(0)[-1])
    assert "2024-03-05T00:00:00Z info    aaaa running: segment 1 on one\n" == stream.getvalue()
