"""What the tests of this folder share: waiting for what happens in another process, and real clusters."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

import pytest

from tests.execution.agent_node import Node, tree


class Until(Protocol):
    """Waits until something is so."""

    def __call__(self, condition: Callable[[], object], *, within_s: float = 15.0) -> None:
        """Return once `condition` holds; fail the test after `within_s` [s]."""


@pytest.fixture
def until() -> Until:
    """Waiting for another process."""
    return wait_until


def wait_until(condition: Callable[[], object], *, within_s: float = 15.0) -> None:
    """Return once `condition` holds; fail the test after `within_s` [s]."""
    end = time.monotonic() + within_s
    while not condition():
        if time.monotonic() > end:
            pytest.fail(f"it did not happen within {within_s:g} s: {condition!r}")
        time.sleep(0.02)


@pytest.fixture
def agent_path() -> Path:
    """The agent's file in the source tree."""
    return Path(__file__).parents[2] / "scheduler" / "execution" / "agent" / "carbonsched_agent_v1.py"


@pytest.fixture
def node(tmp_path: Path, agent_path: Path) -> Iterator[Node]:
    """A node; whatever a failed test left running is killed."""
    made = Node(tmp_path, agent_path)
    yield made
    for process in made.processes:
        if process.poll() is None:
            for pid in [*tree(process.pid), process.pid]:
                os.kill(pid, signal.SIGKILL)
            process.wait()
