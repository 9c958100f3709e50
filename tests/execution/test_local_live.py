"""Local clusters of real Ray: what is there while they are up, and what nobody can see."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from scheduler.execution import local_process
from scheduler.execution.local_ray import LocalRay
from scheduler.execution.ray_rest import RayRest
from tests.execution.clusters import Launches
from tests.execution.conftest import Until

pytestmark = pytest.mark.ray


def test_both_clusters_are_up_with_their_declared_gpus(local_ray: LocalRay) -> None:
    """A second `up` finds them so and starts nothing."""
    before = local_ray.status()
    assert [("quebec", True, 8, ""), ("france", True, 8, "")] == [
        (c.name, c.up, c.gpus_total, c.problem) for c in before
    ]
    said: list[str] = []
    assert [c.session for c in before] == [c.session for c in local_ray.up(said.append)]
    assert [f"{c.name} is already up at {c.address}" for c in before] == said


def test_no_token_is_in_any_environment(local_ray: LocalRay) -> None:
    """Every job inherits Ray's environment; the token is in a file of mode 0600."""
    folder = local_ray.state_dir / "local"
    for name in ("quebec", "france"):
        token = (folder / f"{name}.token").read_bytes()
        kept = json.loads((folder / f"{name}.json").read_text())
        first = local_process.Process(kept["pid"], kept["started"])
        members = local_process.family(first, kept["mark"])
        assert 8 < len(members)
        for member in members:
            environ = Path(f"/proc/{member.pid}/environ")
            assert not environ.exists() or token not in environ.read_bytes()


def test_a_job_runs_on_the_cluster_it_was_given_to(
    quebec: RayRest, france: RayRest, launches: Launches, until: Until
) -> None:
    """Two clusters on one machine do not mix theirs up."""
    for here, there in ((quebec, france), (france, quebec)):
        launch = launches.new()
        here.submit(launch)
        until((Path(launch.checkpoint_dir) / "started").exists, within_s=30)
        assert ("running", "absent") == (here.observe(launch.sid).status, there.observe(launch.sid).status)
        until(lambda here=here: here.probe().gpus_free == 6)  # type: ignore[misc]  # bound now
        assert 8 == there.probe().gpus_free
        here.stop(launch.sid)
        until(lambda here=here: here.probe().gpus_free == 8)  # type: ignore[misc]  # bound now
