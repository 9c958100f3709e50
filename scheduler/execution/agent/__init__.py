"""The agent that runs on the clusters, and where its files lie in this installation."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

AGENT_FILE: Final = "carbonsched_agent_v1.py"
"""Name of the agent's file; a change of its files' meaning gets a new one, so that old attempts keep theirs."""

RANKS_FILE: Final = "carbonsched_ranks_v1.py"
"""Starts a training of several processes, beside the agent."""

DRIVER_FILE: Final = "carbonsched_driver_v1.py"
"""Becomes the driver of a training that uses Ray itself, beside the agent."""

SETTINGS_ENV: Final = "CARBONSCHED_AGENT"
"""Environment variable that holds the agent's settings as JSON."""


def agent_sources() -> Mapping[str, bytes]:
    """The files that are shipped with each job, by name."""
    folder = Path(__file__).parent
    return {name: (folder / name).read_bytes() for name in (AGENT_FILE, DRIVER_FILE, RANKS_FILE)}
