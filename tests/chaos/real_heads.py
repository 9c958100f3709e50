"""Two local clusters of our own, and a head that dies by -9 and is started again on its ports."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from scheduler.execution import local_process
from scheduler.execution.clock import SystemClock
from scheduler.execution.local_head import LocalHead
from scheduler.execution.local_ports import Ports
from scheduler.execution.local_ray import LocalRay
from tests.story.conftest import Desk

_SPARED = ("carbonsched_agent", "train.py", "read word")
"""What outlives a head: the agent, its training, and its guard."""


@dataclass(frozen=True, slots=True)
class Heads:
    """The heads of one state folder."""

    local: LocalRay

    def restart(self, name: str) -> int:
        """Kill a head's GCS by -9, sweep what Ray left, and start it on the same ports; how many trainings lived on."""
        head = next(each for each in self.local._heads() if each.name == name)
        running = head._remembered()
        assert running is not None
        family = local_process.family(running.process, running.mark)
        for pid, command in _commands().items():
            if "gcs_server" in command and str(head.temp) in command:
                os.kill(pid, signal.SIGKILL)
        _gone(head)
        time.sleep(2)
        commands, outlived = _commands(), 0
        for process in family:
            command = commands.get(process.pid, "")
            outlived += "python train.py" in command and "/bin/sh" not in command
            if local_process.runs(process) and not any(word in command for word in _SPARED):
                os.kill(process.pid, signal.SIGKILL)
        head.start(Ports(running.base), self.local.environ)
        head.wait_ready()
        return outlived


def _gone(head: LocalHead) -> None:
    """Wait until a head has ended by itself."""
    end = time.monotonic() + 10
    while head.alive and time.monotonic() < end:
        time.sleep(0.1)


def _commands() -> dict[int, str]:
    """Every process and its command line."""
    listed = subprocess.run(["ps", "-eo", "pid=,args="], capture_output=True, text=True, check=True).stdout
    return {int(line.split(maxsplit=1)[0]): line for line in listed.splitlines()}


@contextmanager
def own_desk() -> Iterator[tuple[Desk, Heads, Mapping[str, Path]]]:
    """A desk with two clusters, and in the end nothing of it."""
    folder = Path(tempfile.mkdtemp(prefix="cs-chaos-"))
    (folder / "home").mkdir()
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("CARBONSCHED_", "RAY_"))}
    environ = kept | {
        "HOME": str(folder / "home"),
        "CARBONSCHED_STATE_DIR": str(folder / "state"),
        "CARBONSCHED_TICK": "0.5s",
        "CARBONSCHED_SAMPLE_EVERY": "1s",
        "CARBONSCHED_DEADLINE_MARGIN": "5s",
    }
    desk = Desk(folder, environ)
    heads = Heads(LocalRay(state_dir=folder / "state", environ=environ, clock=SystemClock()))
    try:
        up = desk.run("local", "up", timeout_s=180)
        assert up.code == 0, up.err
        yield desk, heads, {path.stem: path for path in (folder / "state" / "local" / "clusters").glob("*.yaml")}
    finally:
        desk.run("local", "down")
        shutil.rmtree(folder, ignore_errors=True)
