"""The agent that runs on the clusters, and where its files lie in this installation."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

AGENT_FILE: Final = "carbonsched_agent_v1.py"
"""Name of the agent's file; a change of its files' meaning gets a new one, so that old attempts keep theirs."""

RANKS_FILE: Final = "carbonsched_ranks_v1.py"
"""Starts a training of several processes, beside the agent."""

NODE_FILE: Final = "carbonsched_node_v1.py"
"""Runs the ranks of one node of a training that goes over several, beside the agent."""

GANG_FILE: Final = "carbonsched_gang_v1.py"
"""Has a training of several processes run on several nodes, beside the agent."""

LEADER_FILE: Final = "carbonsched_leader_v1.py"
"""Hears the nodes of such a training, beside the agent."""

DRIVER_FILE: Final = "carbonsched_driver_v1.py"
"""Becomes the driver of a training that uses Ray itself, beside the agent."""

COLLECTORS_FILE: Final = "carbonsched_collectors_v1.py"
"""Meters the GPUs that Ray gave a training on several nodes, beside the agent."""

METER_NODE: Final = "node"
"""Tells the agent to meter the GPUs of its own node."""

METER_NODES: Final = "nodes"
"""Tells the agent to meter the GPUs that Ray gave the job, on whatever nodes."""

SETTINGS_ENV: Final = "CARBONSCHED_AGENT"
"""Environment variable that holds the agent's settings as JSON."""


def agent_sources() -> Mapping[str, bytes]:
    """The files that are shipped with each job, by name."""
    return {path.name: path.read_bytes() for path in sorted(Path(__file__).parent.glob("carbonsched_*_v1.py"))}
