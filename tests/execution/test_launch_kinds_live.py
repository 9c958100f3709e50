"""Each kind of launch on real Ray clusters: it runs, is suspended with one stop, and goes on on the other cluster."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from scheduler.execution.local_ray import LocalRay
from scheduler.execution.ray_package import Snapshot, snapshot
from scheduler.execution.ray_rest import RayRest
from scheduler.ports import Launch
from scheduler.records.evidence import Outcome, outcome_name, parse_outcome
from tests.execution.clusters import Launches
from tests.execution.conftest import Until

pytestmark = pytest.mark.ray

EXAMPLES = Path(__file__).parents[2] / "examples"
WORDS = {
    "torchrun": [sys.executable, "-S", "ranks.py"],
    "ray": [sys.executable, "train_ray.py", "--steps=100", "--gpus=2"],
}
RANKS = """
import os, pathlib, signal, socket, sys, time
rank, width, folder = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"]), os.environ["CARBONSCHED_CHECKPOINT"]
meeting = os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"])
stops = []
signal.signal(signal.SIGTERM, lambda *_: stops.append(1))
lines = []
if rank == 0:
    with socket.create_server(meeting) as door:
        lines = [door.accept()[0] for _ in range(width - 1)]
while rank and not lines:
    try:
        lines = [socket.create_connection(meeting)]
    except ConnectionRefusedError:
        time.sleep(0.05)
def any_rank(mark):
    # The largest mark of all ranks, by way of rank 0.
    if rank:
        lines[0].sendall(bytes([mark]))
        return lines[0].recv(1)[0]
    most = max([mark, *(line.recv(1)[0] for line in lines)])
    for line in lines:
        line.sendall(bytes([most]))
    return most
saved = pathlib.Path(folder, "step%d" % rank)
step = int(saved.read_text()) if saved.exists() else 0
print("rank", rank, "starts at", step, "gpus", os.environ["CUDA_VISIBLE_DEVICES"], flush=True)
asked = 0
while step < 100 and not asked:
    time.sleep(float(sys.argv[1]) / 100)
    step += 1
    if rank == 0:
        pathlib.Path(os.environ["CARBONSCHED_PROGRESS"]).write_text(str(step / 100))
    asked = any_rank(len(stops))
saved.write_text(str(step))
time.sleep(0.3)
print("rank", rank, "saved", step, "stops", len(stops), flush=True)
"""
"""Ranks that meet at the master's address, and leave in the same step once any of them was told to stop."""

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
def package(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    """The example of a training on Ray, and the ranks."""
    root = tmp_path_factory.mktemp("kinds")
    folder = root / "repository"
    folder.mkdir()
    (folder / "train_ray.py").write_bytes((EXAMPLES / "train_ray.py").read_bytes())
    (folder / "ranks.py").write_text(RANKS)
    (folder / "looks.py").write_text(LOOKS)
    (folder / "lies_beside.py").write_text("NAME = 'mine'")
    return snapshot(folder, (), root / "packages")


def ended(executor: RayRest, launch: Launch) -> bool:
    """Whether the cluster says that it is over."""
    return executor.observe(launch.sid).status in ("stopped", "succeeded", "failed")


def outcome(launch: Launch) -> Outcome:
    """What the agent wrote beside the checkpoint."""
    return parse_outcome((Path(f"{launch.checkpoint_dir}.carbonsched") / outcome_name(launch.sid)).read_bytes())


def progress(launch: Launch) -> float:
    """How far the training says it is. [-]"""
    path = Path(f"{launch.checkpoint_dir}.carbonsched") / f"carbonsched-{launch.sid}.progress"
    return float(path.read_text() or 0) if path.exists() else 0.0


def stretched(launch: Launch, kind: str, seconds: int) -> Launch:
    """The launch at a pace. [s]"""
    pace = str(seconds) if kind == "torchrun" else f"--seconds={seconds}"
    return replace(launch, entrypoint=f"exec {shlex.join([*WORDS[kind], pace])}")


@pytest.fixture
def lost_address(local_ray: LocalRay) -> Iterator[None]:
    """The file by which Ray finds a cluster is not there, so that it would take any on the machine."""
    file = local_ray._temp / "f" / "ray_current_cluster"
    away = file.rename(file.with_name("away"))
    yield
    away.rename(file)


@pytest.mark.usefixtures("lost_address")
@pytest.mark.parametrize("kind", ["torchrun", "ray"])
def test_a_training_is_suspended_and_goes_on_on_the_other_cluster(
    *, quebec: RayRest, france: RayRest, launches: Launches, package: Snapshot, until: Until, kind: str
) -> None:
    """Four GPUs each; the second cluster of the machine is not mistaken for the first."""
    first = launches.new(kind=kind, gpus=4, ranks=4, package=package.path, digest=package.digest)
    france.submit(stretched(first, kind, 40))
    until(lambda: progress(first) > 0, within_s=40)
    until(lambda: (8, 4) == (quebec.probe().gpus_free, france.probe().gpus_free))
    france.stop(first.sid)
    until(lambda: ended(france, first), within_s=30)
    suspended = outcome(first)
    assert ("stopped", 0) == (suspended.reason, suspended.exit_code)
    assert suspended.progress is not None
    assert 0 < suspended.progress < 1
    second = replace(first, sid=first.sid.replace("-s1-", "-s2-"), fence=2, progress=suspended.progress)
    launches.made.append(second)
    quebec.submit(stretched(second, kind, 0))
    until(lambda: ended(quebec, second), within_s=40)
    done = outcome(second)
    assert ("exited", 0, 1.0) == (done.reason, done.exit_code, done.progress)
    step = round(100 * suspended.progress)
    printed = france.logs(first.sid), quebec.logs(second.sid)
    if kind == "ray":
        assert f"saved at step {step}" in printed[0]
        assert f"resumed at step {step}" in printed[1]
    for rank in range(4 if kind == "torchrun" else 0):
        assert f"rank {rank} starts at 0 gpus 0,1,2,3" in printed[0]
        assert f"rank {rank} saved {step} stops 1" in printed[0]
        assert f"rank {rank} starts at {step} gpus 0,1,2,3" in printed[1]


def test_a_drivers_worker_finds_its_gpus_its_variables_and_its_modules(
    quebec: RayRest, launches: Launches, package: Snapshot, until: Until
) -> None:
    """What the driver has, less what is the agent's."""
    words = (sys.executable, "looks.py")
    launch = launches.new(
        kind="ray", gpus=3, entrypoint=words, env={"GREETING": "hi"}, package=package.path, digest=package.digest
    )
    until(lambda: quebec.probe().gpus_free == 8)
    quebec.submit(launch)
    until(lambda: ended(quebec, launch), within_s=40)
    printed = [line for line in quebec.logs(launch.sid).splitlines() if line.startswith("worker ")]
    assert [["mine", launch.checkpoint_dir, None, "0,1,2", "hi"]] == [json.loads(line[7:]) for line in printed]
