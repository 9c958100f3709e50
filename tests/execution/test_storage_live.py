"""A training that moves between two real Ray clusters by a storage that neither of them mounts."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from scheduler.domain.cluster import Cluster
from scheduler.execution.agent.carbonsched_place_v1 import place
from scheduler.execution.ray_rest import RayRest
from scheduler.execution.storage import storage_of
from scheduler.records.evidence import outcome_name, parse_outcome
from tests.execution.buckets import S3
from tests.execution.clusters import Launches
from tests.execution.conftest import Until
from tests.records.cases import make_cluster, make_job

pytestmark = pytest.mark.ray


def test_a_training_moves_between_clusters_by_a_bucket(
    quebec: RayRest, france: RayRest, launches: Launches, s3: S3, until: Until
) -> None:
    """Suspended on one, resumed on the other in a fresh folder with all that it saved; its evidence is there too."""
    disk = launches.storage / "disks"
    first = launches.new(env=s3.env, storage_uri=s3.uri, checkpoint_dir=str(disk / "one" / "checkpoint"))
    quebec.submit(first)
    until((disk / "one" / "checkpoint" / "started").exists, within_s=30)
    quebec.stop(first.sid)
    until(lambda: quebec.observe(first.sid).status == "stopped", within_s=30)
    assert not (disk / "one" / "checkpoint").exists()
    moved = disk / "other" / "checkpoint"
    sid = first.sid.replace("-s1-", "-s2-")
    second = replace(first, sid=sid, fence=2, checkpoint_dir=str(moved), entrypoint="cat $CARBONSCHED_CHECKPOINT/saved")
    launches.made.append(second)
    france.submit(second)
    until(lambda: france.observe(second.sid).status == "succeeded", within_s=30)
    assert france.logs(second.sid).endswith("1")
    cluster = Cluster.model_validate(
        {**make_cluster("france").model_dump(), "storage": [{"name": "far", "uri": s3.uri.rpartition("/")[0]}]}
    )
    storage = storage_of(s3.uri.rpartition("/")[2], make_job(), cluster)
    assert storage is not None
    outcomes = [parse_outcome(storage.read(outcome_name(launch.sid)) or b"") for launch in (first, second)]
    assert [("stopped", "copied"), ("exited", "copied")] == [(o.reason, o.saved) for o in outcomes]
    assert [True, True] == [o.traffic is not None and o.traffic.written_requests > 0 for o in outcomes]
    marker = json.loads(place(f"{s3.uri}/checkpoint").read("00000001-000001.json") or b"")
    assert {"saved", "started"} == {file["name"] for file in marker["files"]}
