"""A second node of a local cluster: another raylet on this machine, for trainings that go over several nodes."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from scheduler.execution.local_cluster_file import GPUS
from scheduler.execution.local_ports import free_block
from scheduler.execution.local_ray import LocalRay
from tests.execution.agent_node import tree

_HEADS_OWN = ("--port", "--dashboard-port", "--ray-client-server-port")


@contextlib.contextmanager
def second_node(local: LocalRay, name: str, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A raylet with as many declared GPUs as the head that it joins; ended, with all below it, by pid."""
    heads = {head.name: head for head in local._heads()}
    head, remembered = heads[name], heads[name]._remembered()
    assert remembered is not None
    with free_block([other.base for other in heads.values() if other.base]) as ports, log.open("wb") as out:
        words = [
            *(
                sys.executable,
                "-m",
                "ray.scripts.scripts",
                "start",
                f"--address=127.0.0.1:{remembered.base}",
                "--block",
            ),
            *(flag for flag in ports.flags() if flag.partition("=")[0] not in _HEADS_OWN),
            *("--disable-usage-stats", "--node-ip-address=127.0.0.1", "--num-cpus=4", f"--num-gpus={GPUS}"),
            *("--resources=" + json.dumps({"A100": GPUS}), "--object-store-memory=104857600"),
        ]
        raylet = subprocess.Popen(
            words,
            cwd=head.temp,
            env=head._environ(ports, local.environ, remembered.mark),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            yield raylet
        finally:
            below = tree(raylet.pid)
            raylet.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                raylet.wait(timeout=15)
            for pid in [*below, raylet.pid]:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            raylet.wait()
