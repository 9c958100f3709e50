"""What is asked of Ray for a training of several processes on several nodes."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Final

from scheduler.cluster_ports import Launch

LEADER_CPUS: Final = 0.1
"""Reserved for the process that leads the nodes: it waits, and prints what they print."""

ROOM_WITHIN: Final = timedelta(seconds=60)
"""How long whole nodes are waited for that were free just before; then somebody else has them."""


def gang_order(launch: Launch, pin: Mapping[str, float], room_within: timedelta) -> dict[str, object]:
    """What the leader is told, its share of what is reserved taken from every node's.

    Args:
        launch: over several nodes; what it reserves is for all of them together.
        pin: what to ask of each node besides its GPUs, so that it is of the right model.
        room_within: how long nodes that are not free are waited for.
    """
    nodes = launch.nodes
    bundle: dict[str, float] = {"GPU": launch.gpus // nodes, **pin}
    if launch.cpus is not None:
        bundle["CPU"] = max(0.0, launch.cpus / nodes - LEADER_CPUS)
    if launch.memory_bytes is not None:
        bundle["memory"] = launch.memory_bytes // nodes
    return {
        "command": launch.entrypoint,
        "ranks": launch.ranks // nodes,
        "nodes": nodes,
        "bundle": bundle,
        "grace_s": launch.grace.total_seconds(),
        "room_s": room_within.total_seconds(),
        "keep": list(launch.env),
    }
