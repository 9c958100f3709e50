"""Several processes on real clusters: suspended with one stop, they go on elsewhere at another width."""

from __future__ import annotations

import json
import runpy
import shlex
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from scheduler.execution.local_ray import LocalRay
from scheduler.execution.ray_package import snapshot
from scheduler.execution.ray_rest import RayRest
from scheduler.records.evidence import outcome_name, parse_outcome
from scheduler.records.rows import FINAL, JobState
from tests.examples.kinds import example
from tests.execution.clusters import Launches
from tests.execution.conftest import Until
from tests.execution.meeting_ranks import RANKS
from tests.execution.real_world import RealWorld, real_world

pytestmark = pytest.mark.ray

EXAMPLES = Path(__file__).parents[2] / "examples"

LOOKS = """
import json, ray
def look():
    import os, lies_beside
    names = ("CARBONSCHED_CHECKPOINT", "CARBONSCHED_AGENT", "CUDA_VISIBLE_DEVICES", "GREETING")
    return [lies_beside.NAME, *map(os.environ.get, names)]
ray.init(log_to_driver=False)
print("worker", json.dumps(ray.get(ray.remote(num_cpus=0, num_gpus=3)(look).remote())), flush=True)
"""
"""A driver whose worker tells what it finds."""


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The trainings."""
    folder = tmp_path_factory.mktemp("kinds")
    (folder / "train_ray_train.py").write_bytes((EXAMPLES / "train_ray_train.py").read_bytes())
    (folder / "ranks.py").write_text(RANKS)
    (folder / "looks.py").write_text(LOOKS)
    (folder / "driver.py").write_text(example("ray"))
    (folder / "lies_beside.py").write_text("NAME = 'mine'")
    return folder


@pytest.fixture
def lost_address(local_ray: LocalRay) -> Iterator[None]:
    """The file by which Ray finds a cluster is not there, so that it would take any on the machine."""
    file = local_ray._temp / "f" / "ray_current_cluster"
    away = file.rename(file.with_name("away"))
    yield
    away.rename(file)


def passes(world: RealWorld, until: Callable[[], object], within_s: float = 90.0) -> None:
    """Let the engine pass again and again until something is so."""
    end = time.monotonic() + within_s
    while not until():
        assert time.monotonic() < end, (world.job, world.segments)
        world.engine.step()
        time.sleep(0.1)


def moved(world: RealWorld) -> int:
    """Run the first stretch until there is progress, then the second to its end; returns the step of the move."""
    first, second = (world.executors[name] for name in ("france", "quebec"))
    disk = world.engine.sites.named("france").cluster.storage[0]
    passes(world, lambda: [*Path(disk.path or "").glob(f"{world.job_id}/*/*s1-a1.progress")])
    passes(world, lambda: (8, 4) == (second.probe().gpus_free, first.probe().gpus_free))
    world.clock.ahead = world.segments[0].planned_end - world.clock.now()
    passes(world, lambda: [s for s in world.segments if s.end == "suspended"])
    assert 0 < world.job.progress < 1
    step = round(100 * world.job.progress)
    passes(world, lambda: world.job.state in FINAL)
    assert (JobState.SUCCEEDED, ["suspended", "finished"]) == (world.job.state, [s.end for s in world.segments])
    assert [("france", 4), ("quebec", 2)] == [(s.cluster, s.gpus) for s in world.segments]
    seen = world.engine.lookout.harvester.seen(world.job_id, world.segments)
    assert seen.checkpoint is not None
    assert seen.restart is not None
    assert 0 < seen.checkpoint.total_seconds() < 20
    assert 0 < seen.restart.total_seconds() < 40
    return step


@pytest.mark.usefixtures("lost_address")
def test_ranks_go_on_at_half_the_width_on_the_other_cluster(
    local_ray: LocalRay, repository: Path, tmp_path: Path
) -> None:
    """Four on one, two on the other, each told its width; the second cluster is not mistaken for the first."""
    spec = {
        "name": "a", "launch": "torchrun", "gpus": 4, "duration": "1h", "interruptible": {"grace": "20s"},
        "entrypoint": f"exec {shlex.join([sys.executable, '-S', 'ranks.py'])} $((40 * (2 - CARBONSCHED_SEGMENT)))",
    }  # fmt: skip
    world = real_world(tmp_path, local_ray, spec, repository, [("france", 4), ("quebec", 2)])
    step = moved(world)
    first, second = (world.log(segment).splitlines() for segment in world.segments)
    assert [f"rank {rank} of 4 starts at 0 gpus 4 told 4" for rank in range(4)] == sorted(
        line for line in first if "starts" in line
    )
    assert [f"rank {rank} saved {step} stops 1" for rank in range(4)] == sorted(
        line for line in first if "saved" in line
    )
    assert [f"rank {rank} of 2 starts at {step} gpus 2 told 2" for rank in range(2)] == sorted(
        line for line in second if "starts" in line
    )


@pytest.mark.soak
def test_ray_train_goes_on_at_half_the_width_on_the_other_cluster(
    local_ray: LocalRay, repository: Path, tmp_path: Path
) -> None:
    """Two workers without torch, at the step where they stopped, and as if they never had to the last bit."""
    train = f"exec {sys.executable} train_ray_train.py --steps=100"
    spec = {
        "name": "a", "launch": "ray", "gpus": 4, "duration": "1h", "interruptible": {"grace": "20s"},
        "entrypoint": f"{train} --seconds=$((30 * (2 - CARBONSCHED_SEGMENT)))",
        "env": {"RAY_TRAIN_V2_ENABLED": "1", "RAY_TRAIN_HEALTH_CHECK_INTERVAL_S": "0.2"},
    }  # fmt: skip
    world = real_world(tmp_path, local_ray, spec, repository, [("france", 4), ("quebec", 2)])
    step = moved(world)
    first, second = map(world.log, world.segments)
    assert "2 workers with 2 GPUs each" in first
    assert f"trained from step 0 to {step}, " in first
    assert "2 workers with 1 GPUs each" in second
    assert f"trained from step {step} to 100, " in second
    alone = runpy.run_path(str(EXAMPLES / "train_ray_train.py"))
    weights = np.zeros(alone["FEATURES"])
    for _ in range(100):
        slopes = [alone["loss_and_slope"](weights, rank)[1] for rank in range(2)]
        weights = weights - alone["RATE"] * np.mean(slopes, axis=0)
    kept = sorted(local_ray.state_dir.glob(f"local/storage/{world.job_id}/checkpoint/training/*/weights.npz"))
    with np.load(kept[-1]) as saved:
        assert (100, weights.tobytes()) == (int(saved["step"]), saved["weights"].tobytes())


def test_a_drivers_worker_finds_its_gpus_its_variables_and_its_modules(
    quebec: RayRest, launches: Launches, repository: Path, tmp_path: Path, until: Until
) -> None:
    """What the driver has, less what is the agent's; and the driver that newcomers paste trains to its end."""
    package = snapshot(repository, (), tmp_path)
    launch = launches.new(
        kind="ray", gpus=3, entrypoint=f"{sys.executable} looks.py && exec {sys.executable} driver.py",
        env={"GREETING": "hi", "CARBONSCHED_GPUS": "2"}, package=package.path, digest=package.digest,
    )  # fmt: skip
    until(lambda: quebec.probe().gpus_free == 8)
    quebec.submit(launch)
    until(lambda: quebec.observe(launch.sid).status in ("stopped", "succeeded", "failed"), within_s=90)
    printed = [line for line in quebec.logs(launch.sid).splitlines() if line.startswith("worker ")]
    assert [["mine", launch.checkpoint_dir, None, "0,1,2", "hi"]] == [json.loads(line[7:]) for line in printed]
    outcome = (Path(f"{launch.checkpoint_dir}.carbonsched") / outcome_name(launch.sid)).read_bytes()
    assert (0, 1.0) == (parse_outcome(outcome).exit_code, parse_outcome(outcome).progress)
    assert "100" == (Path(launch.checkpoint_dir) / "step.txt").read_text()
