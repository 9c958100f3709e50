"""The agent that runs on the clusters, and where it lies in this installation."""

from __future__ import annotations

from pathlib import Path
from typing import Final

AGENT_FILE: Final = "carbonsched_agent_v1.py"
"""Name of the agent's file; a change of its files' meaning gets a new one, so that old attempts keep theirs."""

SETTINGS_ENV: Final = "CARBONSCHED_AGENT"
"""Environment variable that holds the agent's settings as JSON."""


def agent_source() -> bytes:
    """The agent's file as it is shipped with each job."""
    return (Path(__file__).parent / AGENT_FILE).read_bytes()
