"""Runs a training as several processes on each of several nodes, as torchrun would: all of them or none.

The agent starts it in place of the training. It joins the cluster's own Ray, reserves whole nodes, has an actor on each
run that node's ranks, prints what they print, and passes a stop on: Ray kills actors hard, so this process is the one
that hears of it. Nodes that are not there in time are given up, for Ray must not queue for us. Where nodes are lacking
or lost it says so in a file beside the progress: then nothing of the user's has failed.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import site
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from scheduler.execution.agent import carbonsched_agent_v1 as agent
    from scheduler.execution.agent import carbonsched_driver_v1 as driver
    from scheduler.execution.agent import carbonsched_evidence_v1 as evidence
    from scheduler.execution.agent import carbonsched_ranks_v1 as ranks
    from scheduler.execution.agent.carbonsched_leader_v1 import Handle, Lacking, Leader
else:
    sys.path.insert(0, str(Path(__file__).resolve().parent))  # python -I leaves it out; only our own files lie there
    sys.path.append(site.getusersitepackages())  # this too, where Ray may lie
    import carbonsched_agent_v1 as agent
    import carbonsched_driver_v1 as driver
    import carbonsched_evidence_v1 as evidence
    import carbonsched_ranks_v1 as ranks
    from carbonsched_leader_v1 import Handle, Lacking, Leader

import ray
from ray.util.placement_group import PlacementGroup, placement_group, remove_placement_group
from ray.util.scheduling_strategies import PlacementGroupSchedulingStrategy

NODE_FILE = ".carbonsched/carbonsched_node_v1.py"
START_S = 900.0  # an environment may be built on each node first; Ray itself gives up after so long [s]
KEPT_LINES = 10_000  # that a node may be ahead of the job's log


@dataclass(frozen=True)
class Gang:
    """What is to run, and on what."""

    command: str | list[str]  # text for /bin/sh, or words run as they are
    ranks: int  # on each node
    nodes: int
    bundle: Mapping[str, float]  # what is reserved on each node, in Ray's words
    grace_s: float
    room_s: float  # how long the nodes are waited for [s]
    keep: Sequence[str]  # names of the job's own variables


class Keeper:
    """The actor on one node: starts what runs its ranks, hands on what that says, and tells it to stop.

    Ray ships it by value, so it uses nothing of this file but what is imported by name from elsewhere.
    """

    def __init__(self, kept_lines: int) -> None:
        self.kept_lines = kept_lines
        self.said: list[bytes] = []
        self.told = (-1, b"")
        self.over = False
        self.changed = threading.Condition()

    def meeting(self) -> tuple[str, int]:
        """This node's address, and a port there that nobody listens on."""
        with socket.socket() as probe:
            probe.bind(("", 0))
            return ray.util.get_node_ip_address(), int(probe.getsockname()[1])  # type: ignore[no-untyped-call]  # Ray's own

    def begin(self, words: Sequence[str], environ: Mapping[str, str], foreign: Sequence[str]) -> None:
        """Start this node's ranks, with the variables of this node less what is Ray's or `foreign`, and those given."""
        for folder in (Path(environ["CARBONSCHED_CHECKPOINT"]), Path(environ["CARBONSCHED_PROGRESS"]).parent):
            folder.mkdir(parents=True, exist_ok=True)
        own = {name: v for name, v in os.environ.items() if not name.startswith("RAY_") and name not in foreign}
        self.node = subprocess.Popen(
            [sys.executable, "-I", *words],
            env={**own, **environ},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        threading.Thread(target=self._read, daemon=True).start()

    def news(self, number: int, wait_s: float) -> tuple[bytes, bool]:
        """What was said since the news before `number`, the same each time it is asked; and whether that was all."""
        with self.changed:
            if number != self.told[0]:
                self.changed.wait_for(lambda: self.said or self.over, wait_s)
                self.told = number, b"".join(self.said)
                self.said.clear()
                self.changed.notify_all()
            return self.told[1], self.over and not self.said

    def stop(self) -> None:
        """Have each rank told to stop; a second time changes nothing."""
        if self.node.stdin is not None and self.node.poll() is None:
            self.node.stdin.write(b"stop\n")
            self.node.stdin.flush()

    def _read(self) -> None:
        """Keep what is said until it is asked for, and see to it that nothing outlives the one who said it."""
        for line in self.node.stdout or ():
            with self.changed:
                self.changed.wait_for(lambda: len(self.said) < self.kept_lines)
                self.said.append(line)
                self.changed.notify_all()
        os.waitid(os.P_PID, self.node.pid, os.WEXITED | os.WNOWAIT)
        os.killpg(self.node.pid, signal.SIGKILL)  # not reaped yet, so the group is still its own
        self.node.wait()
        with self.changed:
            self.over = True
            self.changed.notify_all()


def reserved(gang: Gang, heard: agent.Signals) -> PlacementGroup:
    """Whole nodes for all ranks, each on its own where there are as many of that size."""
    gpus = gang.bundle["GPU"]
    nodes = ray.nodes()  # type: ignore[no-untyped-call]  # Ray's own
    wide = [node for node in nodes if node["Alive"] and node["Resources"].get("GPU", 0) >= gpus]
    spread = "STRICT_SPREAD" if len(wide) >= gang.nodes else "PACK"
    group: PlacementGroup = placement_group([dict(gang.bundle)] * gang.nodes, strategy=spread)
    end = time.monotonic() + gang.room_s
    while not group.wait(1):
        late = time.monotonic() >= end
        if late or heard.stop_unix is not None:
            remove_placement_group(group)
            said = f"{gang.nodes} x {gpus:g} GPUs were not free within {gang.room_s:g} s"
            raise Lacking("not_started", said if late else "stopped before it began")
    return group


def actors(gang: Gang, group: PlacementGroup, heard: agent.Signals) -> list[Handle]:
    """One actor on each node, every one of them up."""
    made: list[Handle] = []
    for node in range(gang.nodes):
        place = PlacementGroupSchedulingStrategy(placement_group=group, placement_group_bundle_index=node)
        others = {name: much for name, much in gang.bundle.items() if name not in ("CPU", "GPU", "memory")}
        options = {"num_cpus": 0, "num_gpus": gang.bundle["GPU"], "resources": others, "max_concurrency": 4}
        keeper = ray.remote(Keeper).options(scheduling_strategy=place, **options).remote(KEPT_LINES)
        made.append(cast("Handle", keeper))
    coming = [keeper.meeting.remote() for keeper in made]
    end = time.monotonic() + START_S
    while coming:
        try:
            ready, coming = ray.wait(coming, timeout=0.5)
            ray.get(ready)
        except ray.exceptions.RayError as exc:
            raise Lacking("not_started", f"a node's actor did not start: {' '.join(str(exc).split())[:200]}") from exc
        if heard.stop_unix is not None or time.monotonic() >= end:
            raise Lacking("not_started", "stopped before it began" if heard.stop_unix else "the actors did not start")
    return made


def begun(gang: Gang, keepers: Sequence[Handle]) -> None:
    """Start the ranks on every node; they meet on the first one."""
    address, port = ray.get(keepers[0].meeting.remote())
    mine = {n: v for n, v in os.environ.items() if n.startswith("CARBONSCHED_") or n in gang.keep}
    environ = {"MASTER_ADDR": address, "MASTER_PORT": str(port), **mine}
    foreign = (*agent.RAYS_OWN, *driver.FOR_US)
    starts = []
    for node, keeper in enumerate(keepers):
        order = {"command": gang.command, "ranks": gang.ranks, "grace_s": gang.grace_s}
        words = [NODE_FILE, json.dumps({**order, "node": node, "nodes": gang.nodes})]
        starts.append(keeper.begin.remote(words, environ, foreign))
    try:
        ray.get(starts)
    except ray.exceptions.RayError as exc:
        raise Lacking("lost_node", f"the ranks could not be started: {' '.join(str(exc).split())[-200:]}") from exc


def led(gang: Gang) -> int:
    """Join Ray and run the gang to its end; returns its code."""
    if address := driver.own_address():
        os.environ[driver.ADDRESS] = address
    try:
        ray.init(log_to_driver=False, logging_level=logging.ERROR)
    except (ConnectionError, RuntimeError) as exc:
        raise Lacking("not_started", f"Ray could not be joined: {' '.join(str(exc).split())[:200]}") from exc
    heard = agent.Signals()  # after ray.init, which has a handler of its own for SIGTERM
    group = reserved(gang, heard)
    keepers = actors(gang, group, heard)
    begun(gang, keepers)
    code = Leader(keepers, heard).to_end()
    remove_placement_group(group)
    return code


def main() -> int:
    """Run what the first argument says; returns the exit status, or dies of the signal that a rank died of."""
    try:
        return ranks.leave(led(Gang(**json.loads(sys.argv[1]))))
    except Lacking as exc:
        reason, error = exc.args
        agent.complain(error)
        path = Path(os.environ["CARBONSCHED_PROGRESS"]).with_suffix(".nodes")
        evidence.write_whole(path, json.dumps({"reason": reason, "error": error}))
        return agent.NOT_RUN


if __name__ == "__main__":
    sys.exit(main())
