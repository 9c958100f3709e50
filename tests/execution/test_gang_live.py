"""Several processes on each of two nodes of a real Ray cluster: they meet, are stopped once each, and fail as one."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from scheduler.cluster_ports import Launch
from scheduler.execution.local_ray import LocalRay
from scheduler.execution.ray_package import Snapshot, snapshot
from scheduler.execution.ray_rest import RayRest
from scheduler.records.evidence import Outcome, outcome_name, parse_outcome
from tests.execution.agent_node import alive
from tests.execution.clusters import Launches
from tests.execution.conftest import Until, connected, tidied, wait_until
from tests.execution.meeting_ranks import RANKS
from tests.execution.second_node import second_node

pytestmark = pytest.mark.ray

WAITS = """
import json, os, pathlib, signal, sys, time
rank, folder = os.environ["RANK"], pathlib.Path(os.environ["CARBONSCHED_CHECKPOINT"])
stops = []
signal.signal(signal.SIGTERM, lambda *_: stops.append(1))
above = open("/proc/%d/stat" % os.getppid()).read().rpartition(")")[2].split()[1]
told = {**os.environ, "pid": os.getpid(), "keeper": int(above)}
(folder / ("ready" + rank)).write_text(json.dumps(told))
while not stops:
    time.sleep(0.02)
    if (folder / ("fail" + rank)).exists():
        sys.exit(7)
time.sleep(0.5)
(folder / ("saved" + rank)).write_text(str(len(stops)))
"""
"""A rank that tells what it finds, and waits for a stop or for the order to fail."""


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    """The ranks."""
    root = tmp_path_factory.mktemp("gang")
    folder = root / "repository"
    folder.mkdir()
    (folder / "ranks.py").write_text(RANKS)
    (folder / "waits.py").write_text(WAITS)
    return snapshot(folder, (), root / "packages")


@pytest.fixture(scope="module")
def wide(local_ray: LocalRay, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RayRest]:
    """The cluster in Quebec with a second node."""
    executor = connected(local_ray, "quebec")
    with second_node(local_ray, "quebec", tmp_path_factory.mktemp("second") / "log"):
        wait_until(lambda: executor.probe().free_by_node == (8, 8), within_s=40)
        yield executor
    wait_until(lambda: executor.probe().gpus_total == 8, within_s=40)


@pytest.fixture
def gang(wide: RayRest, launches: Launches, package: Snapshot) -> Iterator[Launch]:
    """A launch of two ranks on each of two nodes."""
    for _ in tidied(wide, launches):
        yield launches.new(
            kind="torchrun", gpus=4, ranks=4, nodes=2, package=package.path, digest=package.digest,
            entrypoint=(sys.executable, "-S", "waits.py"), env={"GREETING": "hi"},
        )  # fmt: skip


def over(executor: RayRest, launch: Launch) -> bool:
    """Whether the cluster says that it is over."""
    return executor.observe(launch.sid).status in ("stopped", "succeeded", "failed")


def outcome(launch: Launch) -> Outcome:
    """What the agent wrote beside the checkpoint."""
    return parse_outcome((Path(f"{launch.checkpoint_dir}.carbonsched") / outcome_name(launch.sid)).read_bytes())


def found(launch: Launch) -> list[dict[str, str]]:
    """What each rank found, in their order; empty until all are ready."""
    files = [Path(launch.checkpoint_dir) / f"ready{rank}" for rank in range(4)]
    return [json.loads(file.read_text()) for file in files if file.exists() and file.stat().st_size]


def saved(launch: Launch) -> dict[str, str]:
    """How many stops each rank that saved itself saw."""
    return {file.name: file.read_text() for file in Path(launch.checkpoint_dir).glob("saved*")}


def test_ranks_on_two_nodes_meet_and_a_stop_reaches_each_once(wide: RayRest, gang: Launch, until: Until) -> None:
    """They leave in the same step; the log says whose line is whose."""
    launch = replace(gang, entrypoint=f"exec {shlex.join([sys.executable, '-S', 'ranks.py', '40'])}")
    wide.submit(launch)
    until(lambda: "[3] rank 3 of 4 starts at 0 gpus 2" in wide.logs(launch.sid), within_s=40)
    until(lambda: wide.probe().free_by_node == (6, 6))
    wide.stop(launch.sid)
    until(lambda: over(wide, launch), within_s=30)
    ended = outcome(launch)
    assert ("stopped", 0) == (ended.reason, ended.exit_code)
    step = round(100 * (ended.progress or 0))
    printed = wide.logs(launch.sid).splitlines()
    assert [f"[{rank}] rank {rank} saved {step} stops 1" for rank in range(4)] == sorted(
        line for line in printed if "saved" in line
    )
    assert step > 0


def test_each_rank_is_told_what_torchrun_would_and_a_failing_one_has_the_others_stopped(
    wide: RayRest, gang: Launch, until: Until
) -> None:
    """On the other node too; its code is the job's. Nothing of Ray's reaches them, the token least of all."""
    wide.submit(gang)
    until(lambda: len(found(gang)) == 4, within_s=40)
    told = found(gang)
    names = ("RANK", "LOCAL_RANK", "NODE_RANK", "GROUP_RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE", "GREETING")
    assert [(str(r), str(r % 2), str(r // 2), str(r // 2), "4", "2", "hi") for r in range(4)] == [
        tuple(map(each.get, names)) for each in told
    ]
    assert 1 == len({(each["MASTER_ADDR"], each["MASTER_PORT"]) for each in told})
    assert all(re.fullmatch(r"\d,\d", each["CUDA_VISIBLE_DEVICES"]) for each in told)
    assert [] == [name for each in told for name in each if name.startswith("RAY_") or name == "CARBONSCHED_AGENT"]
    (Path(gang.checkpoint_dir) / "fail3").touch()
    until(lambda: over(wide, gang), within_s=30)
    assert {"saved0": "1", "saved1": "1", "saved2": "1"} == saved(gang)
    assert ("exited", 7, None) == (outcome(gang).reason, outcome(gang).exit_code, outcome(gang).stop_received_at)
    assert "rank 3 ended with 7: the others are stopped" in wide.logs(gang.sid)


def test_a_node_that_is_lost_is_no_failure_of_the_training(wide: RayRest, gang: Launch, until: Until) -> None:
    """Its ranks die with what stood above them, the others save themselves, and the outcome says what happened."""
    wide.submit(gang)
    until(lambda: len(found(gang)) == 4, within_s=40)
    third = found(gang)[2]
    os.kill(int(third["keeper"]), signal.SIGKILL)
    until(lambda: over(wide, gang), within_s=40)
    assert {"saved0": "1", "saved1": "1"} == saved(gang)
    assert not alive(int(third["pid"]))
    ended = outcome(gang)
    assert ("lost_node", None) == (ended.reason, ended.exit_code)
    assert ended.error.startswith("node 1 was lost")


def test_nodes_that_are_not_free_are_given_up(wide: RayRest, gang: Launch, until: Until) -> None:
    """Ray queues nothing for us: two nodes of sixteen are not there, and the outcome says so."""
    impatient = replace(wide, room_within=timedelta(seconds=1))
    impatient.submit(replace(gang, gpus=32))
    until(lambda: over(wide, gang), within_s=30)
    ended = outcome(gang)
    assert ("not_started", None, "2 x 16 GPUs were not free within 1 s") == (
        ended.reason, ended.exit_code, ended.error,
    )  # fmt: skip
    until(lambda: wide.probe().free_by_node == (8, 8))
