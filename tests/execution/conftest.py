"""What the tests of this folder share: waiting for what happens in another process, and real clusters."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

import pytest
import responses

from scheduler.domain.cluster import Cluster, RayAddress
from scheduler.execution.clock import SystemClock
from scheduler.execution.local_ray import LocalRay
from scheduler.execution.ray_http import RayHttp
from scheduler.execution.ray_package import snapshot
from scheduler.execution.ray_rest import RayRest
from scheduler.records.evidence import outcome_name
from tests.execution.agent_node import Node, tree
from tests.execution.buckets import s3 as s3  # noqa: PLC0414  # a fixture of the whole folder
from tests.execution.buckets import s3_server as s3_server  # noqa: PLC0414  # the same
from tests.execution.clusters import OBEDIENT, Launches
from tests.execution.engine_world import new_world as new_world  # noqa: PLC0414  # a fixture of the whole folder
from tests.execution.ray_answers import URL, FastClock


class Until(Protocol):
    """Waits until something is so."""

    def __call__(self, condition: Callable[[], object], *, within_s: float = 15.0) -> None:
        """Return once `condition` holds; fail the test after `within_s` [s]."""


@pytest.fixture
def until() -> Until:
    """Waiting for another process."""
    return wait_until


def wait_until(condition: Callable[[], object], *, within_s: float = 15.0) -> None:
    """Return once `condition` holds; fail the test after `within_s` [s]."""
    end = time.monotonic() + within_s
    while not condition():
        if time.monotonic() > end:
            pytest.fail(f"it did not happen within {within_s:g} s: {condition!r}")
        time.sleep(0.02)


@pytest.fixture
def agent_path() -> Path:
    """The agent's file in the source tree."""
    return Path(__file__).parents[2] / "scheduler" / "execution" / "agent" / "carbonsched_agent_v1.py"


@pytest.fixture
def node(tmp_path: Path, agent_path: Path) -> Iterator[Node]:
    """A node; whatever a failed test left running is killed."""
    made = Node(tmp_path, agent_path)
    yield made
    for process in made.processes:
        if process.poll() is None:
            for pid in [*tree(process.pid), process.pid]:
                with contextlib.suppress(ProcessLookupError):  # it ended by itself meanwhile
                    os.kill(pid, signal.SIGKILL)
            process.wait()


@pytest.fixture
def clock() -> FastClock:
    """Time that nobody waits for."""
    return FastClock()


@pytest.fixture
def executor(clock: FastClock) -> RayRest:
    """A cluster whose answers the test gives."""
    ray = RayAddress(address=URL, token_env="QC_TOKEN")
    return RayRest(http=RayHttp(name="quebec", ray=ray, token="t0ken", clock=clock), python="python3")


@pytest.fixture
def answers() -> Iterator[responses.RequestsMock]:
    """The cluster's answers; each must be asked for, with our token and nothing left out."""
    with responses.RequestsMock(assert_all_requests_are_fired=True) as mock:
        yield mock


@pytest.fixture(scope="session")
def launches(tmp_path_factory: pytest.TempPathFactory) -> Launches:
    """Launches of a training in a folder that also holds what would break an agent less careful."""
    root = tmp_path_factory.mktemp("launches")
    folder = root / "repository"
    folder.mkdir()
    (folder / "obedient.py").write_text(OBEDIENT)
    (folder / "queue.py").write_text("raise SystemExit('the user has a queue.py')")
    return Launches(storage=root / "storage", package=snapshot(folder, (), root / "packages"))


@pytest.fixture(scope="session")
def local_ray(tmp_path_factory: pytest.TempPathFactory, launches: Launches) -> Iterator[LocalRay]:
    """Both local clusters, started once for all tests; they end with a training running, which saves itself."""
    root = tmp_path_factory.mktemp("local")
    home = root / "home"
    home.mkdir()
    local = LocalRay(state_dir=root / "state", environ={**os.environ, "HOME": str(home)}, clock=SystemClock())
    try:
        local.up()
        yield local
        last = launches.new(env={"SAVES_FOR": "1"})
        connected(local, "quebec").submit(last)
        wait_until((Path(last.checkpoint_dir) / "started").exists, within_s=30)
    finally:
        local.down()
    assert "1" == (Path(last.checkpoint_dir) / "saved").read_text()
    assert (Path(f"{last.checkpoint_dir}.carbonsched") / outcome_name(last.sid)).exists()
    assert [] == [*home.iterdir()], "Ray wrote to the home folder"


@pytest.fixture
def quebec(local_ray: LocalRay, launches: Launches) -> Iterator[RayRest]:
    """The cluster in Quebec; what a test launches there is stopped with it."""
    yield from tidied(connected(local_ray, "quebec"), launches)


@pytest.fixture
def france(local_ray: LocalRay, launches: Launches) -> Iterator[RayRest]:
    """The cluster in France; what a test launches there is stopped with it."""
    yield from tidied(connected(local_ray, "france"), launches)


def tidied(executor: RayRest, launches: Launches) -> Iterator[RayRest]:
    """The executor; afterwards every launch made meanwhile is stopped, so that no test takes another's GPUs."""
    before = len(launches.made)
    yield executor
    for launch in launches.made[before:]:
        executor.stop(launch.sid)


def connected(local_ray: LocalRay, name: str) -> RayRest:
    """An executor made from the cluster's file, as the command line makes it."""
    file = next(cluster.file for cluster in local_ray.status() if cluster.name == name)
    return RayRest.connect(Cluster.from_yaml(file.read_text(), what=str(file)), {})
