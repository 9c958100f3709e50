"""What the design rests on, seen on real Ray clusters: one stop, one start, evidence, and no orphans."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import requests

from scheduler.cluster_ports import Launch
from scheduler.domain.errors import ClusterRefused, ClusterUnreachable
from scheduler.execution.local_ray import LocalRay
from scheduler.execution.ray_http import RayHttp
from scheduler.execution.ray_rest import RayRest
from scheduler.records.evidence import outcome_name, parse_outcome, parse_samples, samples_name
from tests.execution.clusters import Launches
from tests.execution.conftest import Until

pytestmark = pytest.mark.ray


def started(launch: Launch) -> bool:
    """Whether the training is ready for a stop."""
    return (Path(launch.checkpoint_dir) / "started").exists()


def saved(launch: Launch) -> str:
    """How many SIGTERMs the training saw by the end of its save."""
    return (Path(launch.checkpoint_dir) / "saved").read_text()


def ended(executor: RayRest, launch: Launch) -> bool:
    """Whether the cluster says that it is over."""
    return executor.observe(launch.sid).status in ("stopped", "succeeded", "failed")


def run(executor: RayRest, launch: Launch, until: Until) -> str:
    """Run a launch that ends by itself; returns what it printed."""
    executor.submit(launch)
    until(lambda: ended(executor, launch), within_s=30)
    return executor.logs(launch.sid)


def test_a_stop_leaves_a_save_its_grace_and_signals_once(quebec: RayRest, launches: Launches, until: Until) -> None:
    """Four seconds are more than the three after which Ray would kill by itself; the evidence tells the rest."""
    launch = launches.shell("true", "touch never", env={"SAVES_FOR": "4"})
    quebec.submit(launch)
    until(lambda: started(launch), within_s=30)
    quebec.stop(launch.sid)
    until(lambda: ended(quebec, launch), within_s=30)
    assert "1" == saved(launch)
    node_id = quebec.observe(launch.sid).node_id
    raw, samples = (quebec.evidence(node_id, name(launch.sid)) for name in (outcome_name, samples_name))
    assert raw is not None
    assert samples is not None
    outcome = parse_outcome(raw)
    assert ("stopped", -15, 0.5) == (outcome.reason, outcome.exit_code, outcome.progress)
    assert 4 <= outcome.duration_s
    assert 15 <= len(parse_samples(samples))
    beside = Path(f"{launch.checkpoint_dir}.carbonsched")
    assert (raw, samples) == tuple((beside / name(launch.sid)).read_bytes() for name in (outcome_name, samples_name))


def test_what_ignores_its_stop_is_killed_by_the_agent_which_tells(
    quebec: RayRest, launches: Launches, until: Until
) -> None:
    """Ray would kill the agent too, and nobody would know how it ended."""
    launch = launches.new(env={"SAVES_FOR": "60"}, grace=timedelta(seconds=1))
    quebec.submit(launch)
    until(lambda: started(launch), within_s=30)
    quebec.stop(launch.sid)
    until(lambda: ended(quebec, launch), within_s=30)
    raw = quebec.evidence(quebec.observe(launch.sid).node_id, outcome_name(launch.sid))
    assert raw is not None
    assert (-9, "stopped") == (parse_outcome(raw).exit_code, parse_outcome(raw).reason)


def test_a_training_sees_its_gpus_and_nothing_of_rays(france: RayRest, launches: Launches, until: Until) -> None:
    """Neither the cluster's token nor the way to a cluster, and all the processors."""
    launch = launches.new(entrypoint="env", env={"GREETING": "bonjour"}, gpus=3)
    printed = run(france, launch, until).splitlines()
    seen = dict(line.split("=", 1) for line in printed if "=" in line)
    assert [] == [name for name in seen if name.startswith("RAY_") or name == "OMP_NUM_THREADS"]
    assert ("0,1,2", "bonjour", "1") == tuple(
        seen[name] for name in ("CUDA_VISIBLE_DEVICES", "GREETING", "CARBONSCHED_SEGMENT")
    )


def test_processors_that_are_reserved_are_the_threads_that_are_used(
    france: RayRest, launches: Launches, until: Until
) -> None:
    """Ray says it in OMP_NUM_THREADS, and then it is meant."""
    assert "threads 2" in run(france, launches.new(entrypoint="echo threads $OMP_NUM_THREADS", cpus=2.0), until)


def test_a_job_without_a_folder_runs_in_an_empty_one(france: RayRest, launches: Launches, until: Until) -> None:
    """Only the agent is shipped, and it is not in the way."""
    launch = launches.new(entrypoint="echo holds $(ls -A | wc -l)", package=None, digest=None)
    assert "holds 0" in run(france, launch, until)


def test_many_submissions_at_once_start_it_once(quebec: RayRest, launches: Launches, until: Until) -> None:
    """All are told that it is there; Ray itself answers 500 to all but one."""
    launch = launches.new()
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda _: quebec.submit(launch), range(6)))
    until(lambda: started(launch), within_s=30)
    quebec.stop(launch.sid)
    until(lambda: ended(quebec, launch), within_s=30)
    assert "x" == (Path(launch.checkpoint_dir) / "started").read_text()


class Deaf(requests.Session):
    """A session that sends each POST and never hears its answer."""

    def request(self, method: str | bytes, url: str | bytes, *args: object, **options: object) -> requests.Response:
        """Send it, and lose what comes back."""
        answer = super().request(method, url, *args, **options)  # type: ignore[arg-type]  # passed on as they are
        if method == "POST":
            raise requests.ReadTimeout
        return answer


def test_a_submission_whose_answer_was_lost_is_adopted(quebec: RayRest, launches: Launches, until: Until) -> None:
    """Ray creates a job although the request timed out; it runs once, and nobody needs to know."""
    launch = launches.new()
    http = quebec.http
    deaf = RayHttp(name=http.name, ray=http.ray, token=http.token, clock=http.clock, session=Deaf())
    replace(quebec, http=deaf).submit(launch)
    until(lambda: started(launch), within_s=30)
    quebec.stop(launch.sid)
    until(lambda: ended(quebec, launch), within_s=30)
    assert "1" == saved(launch)


def test_no_training_outlives_the_death_of_its_supervisor(quebec: RayRest, launches: Launches, until: Until) -> None:
    """Ray says failed at once; a retry must not find the training still there."""
    launch = launches.shell("true", "true")
    quebec.submit(launch)
    until(lambda: started(launch), within_s=30)
    training = pids(launch)
    agent = parents()[parents()[training[-1]]]
    os.kill(parents()[agent], signal.SIGKILL)
    until(lambda: quebec.observe(launch.sid).status == "failed", within_s=30)
    until(lambda: not pids(launch))
    assert "JOB_SUPERVISOR_ACTOR_DIED" == quebec.observe(launch.sid).error_type


def pids(launch: Launch) -> list[int]:
    """The processes whose environment names the launch's checkpoint, the training last."""
    mark = f"CARBONSCHED_CHECKPOINT={launch.checkpoint_dir}".encode()
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if mark in (folder / "environ").read_bytes().split(b"\0"):
                found.append(int(folder.name))
        except OSError:
            continue
    return sorted(found)


def parents() -> Mapping[int, int]:
    """The parent of every process."""
    listing = subprocess.run(["ps", "-A", "-o", "pid=,ppid="], capture_output=True, text=True, check=True).stdout
    return {int(row.split()[0]): int(row.split()[1]) for row in listing.splitlines()}


@pytest.mark.parametrize(("token", "said"), [(None, "wants a token"), ("wrong", "refused the token")])
def test_a_cluster_keeps_strangers_out(local_ray: LocalRay, quebec: RayRest, token: str | None, said: str) -> None:
    """And the error says where a token is looked for."""
    http = RayHttp(name="quebec", ray=quebec.http.ray, token=token, clock=quebec.http.clock)
    with pytest.raises(ClusterRefused, match=said) as raised:
        replace(quebec, http=http).probe()
    assert str(local_ray.state_dir / "local" / "quebec.token") in raised.value.hint


def test_the_port_of_another_service_is_unreachable(quebec: RayRest) -> None:
    """The head's own port is what people mistake for the dashboard's."""
    address = quebec.http.ray.address
    port = int(address.rpartition(":")[2]) - 1
    ray = quebec.http.ray.model_copy(update={"address": f"http://127.0.0.1:{port}"})
    http = RayHttp(name="quebec", ray=ray, token=quebec.http.token, clock=quebec.http.clock)
    with pytest.raises(ClusterUnreachable, match=f"cluster 'quebec' at http://127.0.0.1:{port}"):
        replace(quebec, http=http).probe()
