"""The cluster in memory, where it must be like the real one though nobody waits for it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from scheduler.domain.errors import ClusterUnreachable, UnknownName
from scheduler.execution.dry_run import NODE_ID, DryRun
from scheduler.records.evidence import outcome_name, parse_outcome, parse_samples, samples_name
from tests.execution.clusters import Launches


class Hands:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.at = datetime(2026, 3, 1, tzinfo=UTC)

    def now(self) -> datetime:
        """Where the hands stand."""
        return self.at

    def monotonic_s(self) -> float:
        """The same in seconds. [s]"""
        return self.at.timestamp()

    def sleep(self, duration: timedelta) -> None:
        """Move them."""
        self.at += duration


@pytest.fixture
def hands() -> Hands:
    """Time in the test's hands."""
    return Hands()


def test_a_job_ends_when_its_time_is_over(hands: Hands, launches: Launches) -> None:
    """At that moment and not when somebody looks, with the outcome an agent would have written."""
    dry, launch = DryRun(clock=hands, runs_for=lambda _: timedelta(hours=2)), launches.new()
    dry.submit(launch)
    hands.sleep(timedelta(hours=1))
    assert "running" == dry.observe(launch.sid).status
    hands.sleep(timedelta(hours=5))
    assert "succeeded" == dry.observe(launch.sid).status
    raw, samples = (dry.evidence(NODE_ID, name(launch.sid)) for name in (outcome_name, samples_name))
    assert raw is not None
    assert samples is not None
    outcome = parse_outcome(raw)
    start = datetime(2026, 3, 1, tzinfo=UTC)
    assert (start, start + timedelta(hours=2), 7200.0, 1.0) == (
        outcome.started_at, outcome.ended_at, outcome.duration_s, outcome.progress,
    )  # fmt: skip
    assert [start, start + timedelta(hours=2)] == [sample.at for sample in parse_samples(samples)]


def test_what_does_not_fit_on_a_node_waits(hands: Hands, launches: Launches) -> None:
    """Eight GPUs free on two nodes are not eight on one; it starts when there is room."""
    dry = DryRun(clock=hands, gpus_by_node=(8, 4))
    first, second, third = launches.new(gpus=4), launches.new(gpus=8), launches.new(gpus=4)
    for launch in (first, second, third):
        dry.submit(launch)
    assert ["running", "pending", "running"] == [dry.observe(x.sid).status for x in (first, second, third)]
    assert (4, 0) == dry.probe().free_by_node
    dry.finish(first.sid)
    assert "pending" == dry.observe(second.sid).status
    dry.finish(third.sid)
    assert "running" == dry.observe(second.sid).status


def test_a_stop_does_not_cancel_what_waits(hands: Hands, launches: Launches) -> None:
    """As in Ray it begins first, and is stopped then."""
    dry, first, second = DryRun(clock=hands), launches.new(gpus=8), launches.new(gpus=8)
    dry.submit(first)
    dry.submit(second)
    dry.stop(second.sid)
    assert "pending" == dry.observe(second.sid).status
    dry.finish(first.sid)
    assert "stopped" == dry.observe(second.sid).status
    assert None is not dry.evidence(NODE_ID, outcome_name(second.sid))


def test_a_cluster_that_was_cut_off_answers_nothing_and_works_on(hands: Hands, launches: Launches) -> None:
    """Unreachable is not lost."""
    dry, launch = DryRun(clock=hands, runs_for=lambda _: timedelta(hours=1)), launches.new()
    dry.submit(launch)
    dry.reachable = False
    for ask in (dry.probe, lambda: dry.observe(launch.sid), lambda: dry.logs(launch.sid)):
        with pytest.raises(ClusterUnreachable):
            ask()
    hands.sleep(timedelta(hours=2))
    dry.reachable = True
    assert "succeeded" == dry.observe(launch.sid).status


def test_a_job_that_was_killed_leaves_no_outcome(hands: Hands, launches: Launches) -> None:
    """As when its supervisor dies."""
    dry, launch = DryRun(clock=hands), launches.new()
    dry.submit(launch)
    dry.kill(launch.sid)
    seen = dry.observe(launch.sid)
    assert ("failed", "JOB_SUPERVISOR_ACTOR_DIED") == (seen.status, seen.error_type)
    assert None is dry.evidence(NODE_ID, outcome_name(launch.sid))
    assert 8 == dry.probe().gpus_free


def test_a_drivers_workers_stand_on_any_node(hands: Hands, launches: Launches) -> None:
    """A script of as many GPUs waits for one node; the driver takes what is free, and gives it back."""
    dry = DryRun(clock=hands, gpus_by_node=(8, 8))
    for launch in (launches.new(gpus=4), driver := launches.new(kind="ray", gpus=10), script := launches.new(gpus=6)):
        dry.submit(launch)
    assert ("running", "pending") == (dry.observe(driver.sid).status, dry.observe(script.sid).status)
    assert (2, 0) == dry.probe().free_by_node
    dry.finish(driver.sid)
    assert ("running", (4, 2)) == (dry.observe(script.sid).status, dry.probe().free_by_node)


def test_a_restart_forgets_every_job(hands: Hands, launches: Launches) -> None:
    """And shows in the name of the session."""
    dry, launch = DryRun(clock=hands), launches.new()
    dry.submit(launch)
    before = dry.probe().session
    dry.restart()
    assert ("absent", True) == (dry.observe(launch.sid).status, before != dry.probe().session)


def test_only_what_runs_can_be_ended(hands: Hands) -> None:
    """A test that names the wrong job is told which there are."""
    with pytest.raises(UnknownName, match="unknown running job 'a'"):
        DryRun(clock=hands).finish("a")
