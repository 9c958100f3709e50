"""Two local clusters of our own, and a head that dies by -9 and is started again on its ports."""

from __future__ import annotations

import contextlib
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
from typing import Final, Literal

from scheduler.domain.errors import CarbonschedError
from scheduler.execution import local_process
from scheduler.execution.clock import SystemClock
from scheduler.execution.local_head import LocalHead
from scheduler.execution.local_ports import Ports
from scheduler.execution.local_ray import LocalRay
from tests.story.conftest import Desk

Victim = Literal["gcs", "raylet", "dashboard"]

_SPARED = ("carbonsched_agent", "train.py", "read word")
"""What outlives a head: the agent, its training, and its guard."""
_WORDS: Final[dict[Victim, str]] = {
    "gcs": "gcs_server", "raylet": "/raylet/raylet", "dashboard": "dashboard/dashboard.py",
}  # fmt: skip
_STARTS: Final = 4
"""Tries to start a head on the ports of the dead one."""
_WATCHER: Final = "while kill -s 0"
"""In Ray's shell that kills an entrypoint's process group once its supervisor is gone; without it there are orphans."""


@dataclass(frozen=True, slots=True)
class Heads:
    """The heads of one state folder."""

    local: LocalRay

    def restart(self, name: str, victim: Victim, *, orphans: bool) -> int:
        """Kill a process of a head by -9, sweep what Ray left, and start it on the same ports; how many trainings live.

        Args:
            victim: which process of it dies.
            orphans: whether its supervisors die too, and what would end their entrypoints with them, as where the
                system kills for want of memory: only then do trainings live on.
        """
        head = next(each for each in self.local._heads() if each.name == name)
        running = head._remembered()
        assert running is not None
        family = local_process.family(running.process, running.mark)
        if orphans:
            _orphan({process.pid for process in family})
        for pid, command in _commands().items():
            if _WORDS[victim] in command and str(head.temp) in command:
                _kill(pid)
        _gone(head)
        time.sleep(2)
        commands, outlived = _commands(), 0
        for process in family:
            command = commands.get(process.pid, "")
            outlived += "python train.py" in command and "/bin/sh" not in command
            if local_process.runs(process) and not any(word in command for word in _SPARED):
                _kill(process.pid)
        for left in reversed(range(_STARTS)):
            try:
                head.start(Ports(running.base), self.local.environ)
                head.wait_ready()
            except CarbonschedError:  # the system may hold a port of the dead head for a moment
                if not left:
                    raise
                time.sleep(3)
            else:
                break
        return outlived


def _orphan(family: set[int]) -> None:
    """Kill a head's supervisors, and first what waits for their end to end their entrypoints."""
    commands = {pid: command for pid, command in _commands().items() if pid in family}
    watchers = [pid for pid, command in commands.items() if _WATCHER in command]
    for pid in (*watchers, *(pid for pid, command in commands.items() if "ray::JobSupervisor" in command)):
        _kill(pid)


def _kill(pid: int) -> None:
    """Kill a process by -9, which may have ended meanwhile."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def _gone(head: LocalHead) -> None:
    """Wait until a head has ended by itself."""
    end = time.monotonic() + 10
    while head.alive and time.monotonic() < end:
        time.sleep(0.1)


def _commands() -> dict[int, str]:
    """Every process and its command line."""
    listed = subprocess.run(["ps", "-wweo", "pid=,args="], capture_output=True, text=True, check=True).stdout
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
        pid = desk.scheduler()
        if pid is not None:
            _kill(pid)
        desk.run("local", "down")
        shutil.rmtree(folder, ignore_errors=True)
