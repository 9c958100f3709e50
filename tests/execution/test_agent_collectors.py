"""Trainings over two nodes of a real Ray cluster are metered once a GPU, whatever the number of their ranks."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from scheduler.cluster_ports import Launch
from scheduler.execution.local_ray import LocalRay
from scheduler.execution.ray_package import AGENT_FOLDER, Snapshot, snapshot
from scheduler.execution.ray_rest import RayRest
from scheduler.records.energy import EnergyCurve, energy_curve
from scheduler.records.evidence import outcome_name, samples_name
from tests.execution import fake_pynvml
from tests.execution.clusters import Launches
from tests.execution.conftest import Until, connected, tidied, wait_until
from tests.execution.nvml_world import NvmlWorld, one
from tests.execution.second_node import second_node

pytestmark = pytest.mark.ray

POWER_W = 100.0

SPREADS = """
import os, sys, time, ray
ray.init(log_to_driver=False)
from ray.util.placement_group import placement_group
from ray.util.scheduling_strategies import PlacementGroupSchedulingStrategy
workers, end = int(sys.argv[1]), os.path.join(os.environ["CARBONSCHED_CHECKPOINT"], "end")
group = placement_group([{"GPU": 2}] * 2, strategy="STRICT_SPREAD")
ray.get(group.ready())
class Worker:
    def work(self):
        while not os.path.exists(end):
            time.sleep(0.1)
made = [
    ray.remote(num_cpus=0, num_gpus=4 / workers)(Worker).options(scheduling_strategy=PlacementGroupSchedulingStrategy(
        placement_group=group, placement_group_bundle_index=number % 2)).remote()
    for number in range(workers)
]
ray.get([worker.work.remote() for worker in made])
"""
"""A driver whose workers hold two GPUs on each of two nodes, however many they are."""


WAITS = 'while [ ! -e "$CARBONSCHED_CHECKPOINT/end" ]; do sleep 0.1; done'
"""A rank that waits for its end."""


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    """The driver, and a fake NVML beside the agent."""
    root = tmp_path_factory.mktemp("metered")
    folder = root / "repository"
    folder.mkdir()
    (folder / "spreads.py").write_text(SPREADS)
    made = snapshot(folder, (), root / "packages")
    path = root / "with_nvml.zip"
    shutil.copy(made.path, path)
    with zipfile.ZipFile(path, "a") as held:
        held.write(fake_pynvml.__file__, f"{AGENT_FOLDER}/pynvml.py")
    return replace(made, path=path, digest=hashlib.sha256(path.read_bytes()).hexdigest())


@pytest.fixture(scope="module")
def wide(local_ray: LocalRay, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RayRest]:
    """The cluster in Quebec with a second node."""
    executor = connected(local_ray, "quebec")
    with second_node(local_ray, "quebec", tmp_path_factory.mktemp("second") / "log"):
        wait_until(lambda: executor.probe().free_by_node == (8, 8), within_s=40)
        yield executor
    wait_until(lambda: executor.probe().gpus_total == 8, within_s=40)


@pytest.fixture
def world(tmp_path: Path) -> NvmlWorld:
    """Eight GPUs, the same on both nodes: by UUID alone they could not be told apart."""
    return NvmlWorld(tmp_path, *[one(f"GPU-{number}", POWER_W) for number in range(8)])


@pytest.fixture
def metered(wide: RayRest, launches: Launches, package: Snapshot, world: NvmlWorld) -> Iterator[Launch]:
    """A launch of four GPUs on two nodes that is metered."""
    for _ in tidied(wide, launches):
        yield launches.new(
            kind="ray", gpus=4, package=package.path, digest=package.digest, env=world.env, metered=True,
        )  # fmt: skip


def metered_lines(launch: Launch) -> int:
    """How many samples hold a reading of all four GPUs."""
    path = Path(f"{launch.checkpoint_dir}.carbonsched") / samples_name(launch.sid)
    lines = path.read_bytes().split(b"\n")[:-1] if path.exists() else []
    read = [[gpu["j"] for gpu in json.loads(line).get("gpus", [])] for line in lines]
    return sum(len(each) == 4 and None not in each for each in read)


def kill_a_collector() -> None:
    """Kill the collector of one node: the youngest, for those of the test before may still be about."""
    listing = subprocess.run(
        ["ps", "-A", "-o", "etimes=,pid=,args="], capture_output=True, text=True, check=True
    ).stdout
    rows = [row.split() for row in listing.splitlines() if "ray::Collector" in row]
    os.kill(int(min(rows, key=lambda row: int(row[0]))[1]), signal.SIGKILL)


def ran(executor: RayRest, launch: Launch, until: Until, *, killing: bool) -> tuple[EnergyCurve, dict[str, object]]:
    """Run it until it was metered several times, and to its end; what was metered, and the outcome."""
    executor.submit(launch)
    until(lambda: metered_lines(launch) >= 4, within_s=60)
    if killing:
        kill_a_collector()
        seen = metered_lines(launch)
        until(lambda: metered_lines(launch) >= seen + 6, within_s=60)
    (Path(launch.checkpoint_dir) / "end").touch()
    until(lambda: executor.observe(launch.sid).status in ("stopped", "succeeded", "failed"), within_s=60)
    beside = Path(f"{launch.checkpoint_dir}.carbonsched")
    curve = energy_curve((beside / samples_name(launch.sid)).read_bytes(), gpus=4)
    assert curve is not None, executor.logs(launch.sid)
    outcome: dict[str, object] = json.loads((beside / outcome_name(launch.sid)).read_text())
    return curve, outcome


def watts(curve: EnergyCurve) -> float:
    """Mean power of the time in which every GPU was metered. [W]"""
    whole = curve.measured == 1.0
    hours = (curve.at_h[1:] - curve.at_h[:-1])[whole].sum()
    return float((curve.gpu_kwh[1:] - curve.gpu_kwh[:-1])[whole].sum() * 1000 / hours)


# The gang comes first: both nodes of this machine unpack into one folder, the second under the feet of who is there.
WAYS = {
    "four ranks of a gang": {"kind": "torchrun", "ranks": 4, "nodes": 2, "entrypoint": WAITS},
    "two workers": {"entrypoint": (sys.executable, "spreads.py", "2")},
    "four workers, and a collector killed": {"entrypoint": (sys.executable, "spreads.py", "4")},
}


@pytest.mark.parametrize(
    "way", [way if way == "two workers" else pytest.param(way, marks=pytest.mark.soak) for way in WAYS]
)
def test_each_gpu_is_metered_once_however_many_ranks_hold_it(
    wide: RayRest, metered: Launch, world: NvmlWorld, way: str, until: Until
) -> None:
    """Four GPUs on two nodes, keyed by node and UUID; nobody else's are looked at."""
    killing = "killed" in way
    curve, outcome = ran(wide, replace(metered, **WAYS[way]), until, killing=killing)  # type: ignore[arg-type]  # by name
    assert killing == any("its collector did not answer" in note for note in curve.notes), curve.notes
    assert (4, "nvml_counter", "") == (curve.gpus, curve.source, outcome["unmetered"])
    assert 4 * POWER_W == pytest.approx(watts(curve), rel=0.1)
    assert {"GPU-0", "GPU-1"} == world.read
