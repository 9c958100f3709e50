"""Meters the GPUs that Ray gave a training on several nodes: one collector on each node, however many ranks it has.

The agent starts it beside the training and asks it like the meter of one node. It joins the cluster's own Ray, hears
from each raylet which GPUs are held by workers of the drivers below the agent, and has a collector on that node read
these and no others. Who gives GPUs back is read once more, for what it drew since the reading before.
"""

from __future__ import annotations

import importlib
import json
import logging
import os
import re
import signal
import site
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, cast

if TYPE_CHECKING:
    from scheduler.execution.agent import carbonsched_driver_v1 as driver
    from scheduler.execution.agent import carbonsched_nvml_v1 as nvml
    from scheduler.execution.agent import carbonsched_process_v1 as process
else:
    sys.path.insert(0, str(Path(__file__).resolve().parent))  # python -I leaves it out; only our own files lie there
    sys.path.append(site.getusersitepackages())  # this too, where Ray may lie
    import carbonsched_driver_v1 as driver
    import carbonsched_nvml_v1 as nvml
    import carbonsched_process_v1 as process

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

FILES = ".carbonsched"  # of the agent, in the package that each node has
READ_S = 2.0  # how long a collector that does not answer is waited for; a hung driver is one node's matter
START_S = 30.0  # how long collectors may take to start
GPU = re.compile(r"GPU(_group(_\d+)?_[0-9a-f]+)?")  # Ray's names of the resource, in and out of a placement group

Shares = dict[str, float]
"""Part of each of a node's GPUs that the job holds, by Ray's number of it."""


class Collector:
    """The actor on one node.

    Ray ships it by value, so it uses nothing of this file but what is imported by name from elsewhere.
    """

    def __init__(self, files: str, node: str) -> None:
        sys.path.insert(0, files)
        reader = importlib.import_module("carbonsched_nvml_v1")
        began = Path("/proc/self/environ").read_bytes().decode(errors="replace").split("\0")
        visible = dict(word.split("=", 1) for word in began if "=" in word).get(reader.VISIBLE)  # as the raylet found
        self.nvml, self.off = reader.opened(visible, 0, node)

    def ready(self) -> bool:
        """Whether it has begun."""
        return True

    def read(self, shares: Mapping[str, float]) -> tuple[str, list[dict[str, object]]]:
        """Why nothing can be read here, and the readings."""
        return self.off, self.nvml.read(shares) if self.nvml is not None else []


class Read(Protocol):
    """`Collector.read` as it is called from here."""

    def remote(self, shares: Mapping[str, float]) -> ray.ObjectRef[tuple[str, list[dict[str, object]]]]:
        """Ask for it."""


class Ready(Protocol):
    """`Collector.ready` as it is called from here."""

    def remote(self) -> ray.ObjectRef[bool]:
        """Ask for it."""


class Handle(Protocol):
    """A collector as it is called from here; Ray's own types do not say as much."""

    read: Read
    ready: Ready


class Collectors:
    """The driver's side."""

    def __init__(self) -> None:
        self.handles: dict[str, Handle] = {}
        self.held: dict[str, Shares] = {}  # at the reading before
        self.last: dict[str, list[dict[str, object]]] = {}
        self.off: dict[str, str] = {}
        self.jobs: set[str] = set()
        self.grpc_error: type[Exception] = importlib.import_module("grpc").RpcError

    def read(self) -> dict[str, object]:
        """A reading of each GPU that the job has, or had at the reading before."""
        self._find_jobs()
        now = {node["NodeID"]: self._held(node) for node in ray.nodes() if node["Alive"]}  # type: ignore[no-untyped-call]  # Ray's own
        wanted = {node: {**self.held.get(node, {}), **now.get(node, {})} for node in {*now, *self.held}}
        wanted = {node: shares for node, shares in wanted.items() if shares}
        self._begin(wanted)
        asked = {self.handles[node].read.remote(shares): node for node, shares in wanted.items()}
        self.held = {node: shares for node, shares in now.items() if shares}
        found = [one for node in self._answers(asked).values() for one in node]
        off = self.off if found == [] and self.off.keys() >= self.held.keys() else {}
        return {"error": "", "off": " and ".join(sorted({*off.values()})), "gpus": found}

    def _answers(
        self, asked: dict[ray.ObjectRef[tuple[str, list[dict[str, object]]]], str]
    ) -> dict[str, list[dict[str, object]]]:
        """What each node's collector read; of one that is gone or hangs, that it was not read."""
        ready, _ = ray.wait([*asked], num_returns=len(asked), timeout=READ_S) if asked else ([], [])
        read: dict[str, list[dict[str, object]]] = {}
        for ref, node in asked.items():
            try:
                off, gpus = ray.get(ref) if ref in ready else ("", [])
            except ray.exceptions.RayError:
                off, gpus = "", []
                del self.handles[node]  # the next reading begins another
            if off:
                self.off[node] = off
            read[node] = gpus or [{**one, "mj": None, "mw": None, "flag": "lost"} for one in self.last.get(node, [])]
            self.last[node] = read[node]
        return read

    def _begin(self, nodes: Iterable[str]) -> None:
        """See that each node has a collector; none is asked before all have started, so that all read at one time."""
        coming = []
        for node in nodes:
            if node not in self.handles:
                place = NodeAffinitySchedulingStrategy(node, soft=False)
                made = ray.remote(Collector).options(num_cpus=0, num_gpus=0, scheduling_strategy=place)
                self.handles[node] = cast("Handle", made.remote(FILES, node[:12]))
                coming.append(self.handles[node].ready.remote())
        if coming:
            ray.wait(coming, num_returns=len(coming), timeout=START_S)

    def _find_jobs(self) -> None:
        """Note the drivers below the agent: a driver that is over still has the GPUs of the reading before."""
        below = {*process.descendants(above=os.getppid())}
        here = ray.util.get_node_ip_address()  # type: ignore[no-untyped-call]  # Ray's own
        jobs = ray._private.state.jobs()  # type: ignore[no-untyped-call]  # noqa: SLF001  # no other list has the pids
        for job in jobs:
            if job["DriverPid"] in below and job["DriverIPAddress"] == here:
                self.jobs.add(job["JobID"])

    def _held(self, node: Mapping[str, object]) -> Shares:
        """Which GPUs of a node the job's workers hold, and how much of each; as before where the node does not say."""
        api = importlib.import_module("ray._private.internal_api")  # what Ray's dashboard asks as well
        try:
            said = api.node_stats(node["NodeManagerAddress"], node["NodeManagerPort"], include_memory_info=False)
        except self.grpc_error:
            return self.held.get(str(node["NodeID"]), {})
        shares: Shares = {}
        for worker in said.core_workers_stats:
            held = {}
            for name, allocated in worker.used_resources.items():
                if GPU.fullmatch(name) and worker.job_id.hex() in self.jobs:
                    held.update({str(slot.slot): slot.allocation for slot in allocated.resource_slots})
            for slot, share in held.items():
                shares[slot] = min(1.0, shares.get(slot, 0.0) + share)
        return shares


def where_needed(text: str) -> str:
    """What Ray tells a driver, with nothing to be unpacked on a node before a collector is there: others may be."""
    config = json.loads(text)
    config.setdefault("runtime_env", {}).setdefault("config", {})["eager_install"] = False
    return json.dumps(config)


def main() -> int:
    """Read when asked, until the agent is gone; returns the exit status."""
    out = nvml.channel()
    sys.stdin.readline()
    if address := driver.own_address():
        os.environ[driver.ADDRESS] = address
    if driver.JOB_CONFIG in os.environ:
        os.environ[driver.JOB_CONFIG] = where_needed(os.environ[driver.JOB_CONFIG])
    try:
        ray.init(log_to_driver=False, logging_level=logging.ERROR)
    except (ConnectionError, RuntimeError) as exc:
        why = f"Ray could not be joined: {type(exc).__name__}"
        nvml.serve(out, lambda _what: {"error": "", "off": why, "gpus": []})
        return 0
    for number in process.STOPS:
        signal.signal(number, signal.SIG_IGN)  # Ray has a handler of its own for one of them
    collectors = Collectors()
    nvml.serve(out, lambda _what: collectors.read())
    return 0


if __name__ == "__main__":
    sys.exit(main())
