"""What every executor must do, asked of the cluster in memory and of a real one."""

from __future__ import annotations

from dataclasses import replace

import pytest

from scheduler.cluster_ports import Executor, Launch
from scheduler.domain.errors import ClusterRefused
from scheduler.execution.clock import SystemClock
from scheduler.execution.dry_run import DryRun
from scheduler.records.evidence import Outcome, outcome_name, parse_outcome, parse_samples, samples_name
from tests.execution.clusters import Bench, DryBench, Launches, RayBench, metadata
from tests.execution.conftest import Until


@pytest.fixture(params=["dry run", pytest.param("ray", marks=pytest.mark.ray)])
def bench(request: pytest.FixtureRequest) -> Bench:
    """Each executor in turn."""
    if request.param == "ray":
        return RayBench(request.getfixturevalue("quebec"))
    return DryBench(DryRun(clock=SystemClock()))


def status(executor: Executor, launch: Launch) -> str:
    """What the executor says of a launch."""
    return executor.observe(launch.sid).status


def outcome(executor: Executor, launch: Launch) -> Outcome:
    """The outcome that can be read by now."""
    raw = executor.evidence(executor.observe(launch.sid).node_id, outcome_name(launch.sid))
    assert raw is not None
    return parse_outcome(raw)


def test_a_launch_runs_and_says_where(bench: Bench, launches: Launches, until: Until) -> None:
    """Its node and its metadata can be seen while it runs, and its GPUs are taken until it ends."""
    executor, launch = bench.executor, launches.new(gpus=3)
    until(lambda: executor.probe().free_by_node == (8,))
    before = executor.probe()
    assert (8, 8) == (before.gpus_total, before.gpus_free)
    executor.submit(launch)
    until(lambda: status(executor, launch) == "running", within_s=30)
    seen = executor.observe(launch.sid)
    assert seen.node_id
    assert launch.metadata.items() <= seen.metadata.items()
    until(lambda: executor.probe().free_by_node == (5,))
    assert (before.session, 8, 5) == (executor.probe().session, executor.probe().gpus_total, executor.probe().gpus_free)
    executor.stop(launch.sid)
    until(lambda: executor.probe().gpus_free == 8)


def test_a_launch_that_ends_well_succeeds(bench: Bench, launches: Launches, until: Until) -> None:
    """Its outcome and its samples can be read, whole and by their last lines."""
    executor, launch = bench.executor, launches.new()
    executor.submit(launch)
    until(lambda: bench.begun(launch), within_s=30)
    until(lambda: executor.logs(launch.sid))
    bench.end(launch, 0)
    until(lambda: status(executor, launch) == "succeeded")
    ended = outcome(executor, launch)
    assert (launch.sid, 1, 0, "exited", None) == (
        ended.sid, ended.fence, ended.exit_code, ended.reason, ended.stop_received_at,
    )  # fmt: skip
    assert ended.started_at <= ended.ended_at
    node_id = executor.observe(launch.sid).node_id
    raw = executor.evidence(node_id, samples_name(launch.sid))
    assert raw is not None
    assert 2 <= len(parse_samples(raw))
    assert raw.splitlines(keepends=True)[-1] == executor.evidence(node_id, samples_name(launch.sid), tail=1)


def test_a_launch_that_fails_says_its_exit_code(bench: Bench, launches: Launches, until: Until) -> None:
    """To the cluster and in its outcome."""
    executor, launch = bench.executor, launches.new()
    executor.submit(launch)
    until(lambda: bench.begun(launch), within_s=30)
    bench.end(launch, 3)
    until(lambda: status(executor, launch) == "failed")
    assert (3, 3) == (executor.observe(launch.sid).exit_code, outcome(executor, launch).exit_code)


def test_a_stopped_launch_has_an_outcome(bench: Bench, launches: Launches, until: Until) -> None:
    """Asked twice it stops once; what it exits with is its own affair."""
    executor, launch = bench.executor, launches.new()
    executor.submit(launch)
    until(lambda: bench.begun(launch), within_s=30)
    executor.stop(launch.sid)
    executor.stop(launch.sid)
    until(lambda: status(executor, launch) == "stopped")
    ended = outcome(executor, launch)
    assert ("stopped", 0) == (ended.reason, ended.exit_code)
    assert ended.stop_received_at is not None
    executor.stop(launch.sid)
    assert "stopped" == status(executor, launch)


def test_a_second_submission_changes_nothing(bench: Bench, launches: Launches, until: Until) -> None:
    """The same launch is adopted, running or ended; another one of that id is refused."""
    executor, launch = bench.executor, launches.new()
    executor.submit(launch)
    executor.submit(launch)
    until(lambda: bench.begun(launch), within_s=30)
    executor.submit(launch)
    bench.end(launch, 0)
    until(lambda: status(executor, launch) == "succeeded")
    executor.submit(launch)
    assert "succeeded" == status(executor, launch)
    other = replace(launch, metadata=metadata(launch, carbonsched_spec_sha256="1" * 64))
    with pytest.raises(ClusterRefused, match="another job of the id"):
        executor.submit(other)


def test_what_was_never_submitted_is_absent(bench: Bench, launches: Launches) -> None:
    """It prints nothing, and to stop it changes nothing."""
    executor, launch = bench.executor, launches.new()
    executor.stop(launch.sid)
    assert ("absent", "") == (status(executor, launch), executor.logs(launch.sid))


def test_evidence_that_is_not_there_is_none(bench: Bench, launches: Launches, until: Until) -> None:
    """Of an attempt without an outcome, and of a node that is gone."""
    executor, launch = bench.executor, launches.new()
    executor.submit(launch)
    until(lambda: executor.observe(launch.sid).node_id, within_s=30)
    node_id = executor.observe(launch.sid).node_id
    assert None is executor.evidence(node_id, outcome_name(launch.sid))
    assert None is executor.evidence("f" * 56, samples_name(launch.sid))
    executor.stop(launch.sid)
    until(lambda: status(executor, launch) == "stopped", within_s=30)
