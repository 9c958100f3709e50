"""A node's folder with the agent in it, and the ways in which Ray treats what runs there."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

SID: Final = "cs-7f3a-s2-a1"

COUNTS_STOPS: Final = """
import os, signal, sys, time
stops = []
signal.signal(signal.SIGTERM, lambda *_: stops.append(1))
folder = os.environ["CARBONSCHED_CHECKPOINT"]
open(os.path.join(folder, "ready"), "w").close()
while not stops:
    time.sleep(0.01)
time.sleep(float(sys.argv[1]))
with open(os.path.join(folder, "saved"), "w") as saved:
    saved.write(str(len(stops)))
"""
"""A training that needs a while to save itself and writes how many SIGTERMs it saw meanwhile."""


class Node:
    """A folder tree as Ray unpacks it, with the agent in it."""

    def __init__(self, root: Path, agent: Path) -> None:
        self.root = root
        self.checkpoint = root / "storage" / "job" / "checkpoint"
        self.beside = root / "storage" / "job" / "checkpoint.carbonsched"
        self.logs = root / "session" / "logs"
        self.processes: list[subprocess.Popen[bytes]] = []
        for folder in (root / "package" / ".carbonsched", root / "package" / "work", self.logs):
            folder.mkdir(parents=True)
        self.agent = root / "package" / ".carbonsched" / agent.name
        for file in agent.parent.glob("carbonsched_*.py"):
            (self.agent.parent / file.name).write_bytes(file.read_bytes())
        self.log = self.logs / f"job-driver-{SID}.log"

    def start(
        self,
        command: str | list[str],
        *,
        env: Mapping[str, str] | None = None,
        log: Path | None = None,
        leads: bool = True,
        **settings: object,
    ) -> subprocess.Popen[bytes]:
        """Start the agent as Ray does: leader of a session unless told otherwise, its output in the job's log."""
        asked = {
            "sid": SID,
            "command": command,
            "checkpoint_dir": str(self.checkpoint),
            "fence": 5,
            "grace_s": 20.0,
            "sample_every_s": 0.1,
            "progress": 0.25,
            **settings,
        }
        with (log or self.log).open("ab") as out:
            process = subprocess.Popen(
                [sys.executable, "-I", str(self.agent)],
                cwd=self.root / "package",
                env={**os.environ, **(env or {}), "CARBONSCHED_AGENT": json.dumps(asked)},
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=leads,
            )
        self.processes.append(process)
        return process

    def run(self, command: str | list[str], **settings: object) -> int:
        """Run the agent to its end; returns its exit status."""
        return self.start(command, **settings).wait(timeout=30)  # type: ignore[arg-type]  # env and log go by name

    @property
    def outcome(self) -> dict[str, object]:
        """The outcome, the same in both places."""
        written, copy = ((f / f"carbonsched-{SID}.outcome.json").read_text() for f in (self.logs, self.beside))
        assert written == copy
        loaded: dict[str, object] = json.loads(written)
        return loaded

    @property
    def samples(self) -> list[dict[str, object]]:
        """The samples, the same in both places."""
        written, copy = ((f / f"carbonsched-{SID}.samples.jsonl").read_text() for f in (self.logs, self.beside))
        assert written == copy
        return [json.loads(line) for line in written.splitlines()]


def stop_like_ray(agent: subprocess.Popen[bytes], number: signal.Signals = signal.SIGTERM) -> None:
    """Signal the entrypoint and all its children, each once, in that order."""
    pids = [agent.pid, *tree(agent.pid)]
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):  # one that the signal before it has just ended
            os.kill(pid, number)


def tree(pid: int) -> list[int]:
    """Every process below `pid`."""
    listing = subprocess.run(["ps", "-A", "-o", "pid=,ppid="], capture_output=True, text=True, check=True).stdout
    parent = {int(row.split()[0]): int(row.split()[1]) for row in listing.splitlines()}
    found = [pid]
    for one in found:
        found += [child for child, above in parent.items() if above == one]
    return found[1:]


def python(code: str, *args: str) -> list[str]:
    """A command that runs `code`."""
    return [sys.executable, "-S", "-c", code, *args]


def alive(pid: int) -> bool:
    """Whether a process runs; one that only waits to be reaped does not."""
    state = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False).stdout
    return bool(state.strip()) and not state.startswith("Z")
