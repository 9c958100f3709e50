"""Executors to test, a training that obeys the test, and launches of it."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Final, Protocol

from scheduler.cluster_ports import Executor, Launch
from scheduler.execution.dry_run import DryRun
from scheduler.execution.ray_package import Snapshot
from scheduler.execution.ray_rest import RayRest

OBEDIENT: Final = """
import os, signal, sys, time
folder = os.environ["CARBONSCHED_CHECKPOINT"]
stops = []
signal.signal(signal.SIGTERM, lambda *_: stops.append(1))
def write(name, text):
    with open(os.path.join(folder, name), "a") as out:
        out.write(text)
write("started", "x")
with open(os.environ["CARBONSCHED_PROGRESS"], "w") as out:
    out.write("0.5")
print("obeys", flush=True)
end = os.path.join(folder, "end")
while not stops and not os.path.exists(end):
    time.sleep(0.02)
if stops:
    time.sleep(float(os.environ.get("SAVES_FOR", "0")))
    write("saved", str(len(stops)))
    sys.exit(0)
sys.exit(int(open(end).read()))
"""
"""It runs until the file ``end`` holds its exit code or a stop comes, then saves and writes how many stops it saw."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Launches:
    """Makes launches of the obedient training, each with ids and a checkpoint of its own."""

    storage: Path
    package: Snapshot
    made: list[Launch] = field(default_factory=list)

    def new(self, **changes: object) -> Launch:
        """A launch unlike any before."""
        job = f"t{len(self.made)}"
        launch = Launch(
            sid=f"cs-{job}-s1-a1",
            kind="script",
            entrypoint=(sys.executable, "-S", "obedient.py"),
            env={},
            runtime_env={},
            ranks=2,
            gpus=2,
            cpus=None,
            memory_bytes=None,
            gpu_model="A100",
            package=self.package.path,
            digest=self.package.digest,
            checkpoint_dir=str(self.storage / job / "checkpoint"),
            fence=1,
            grace=timedelta(seconds=20),
            sample_every=timedelta(seconds=0.2),
            progress=0.0,
            metadata={"carbonsched_job": job, "carbonsched_spec_sha256": "0" * 64},
        )
        self.made.append(replace(launch, **changes))  # type: ignore[arg-type]  # a test may change any field
        return self.made[-1]

    def shell(self, before: str, after: str, **changes: object) -> Launch:
        """The training behind a shell, between two other commands."""
        return self.new(entrypoint=f"{before}; {shlex.quote(sys.executable)} -S obedient.py && {after}", **changes)


class Bench(Protocol):
    """An executor under test, and a hand on what runs on it."""

    @property
    def executor(self) -> Executor:
        """What is tested."""

    def begun(self, launch: Launch) -> bool:
        """Whether the training runs, ready for a stop."""

    def end(self, launch: Launch, exit_code: int) -> None:
        """Let the training exit."""


@dataclass(frozen=True, slots=True)
class DryBench:
    """The cluster in memory."""

    executor: DryRun

    def begun(self, launch: Launch) -> bool:
        """Whether the training runs, ready for a stop."""
        return self.executor.observe(launch.sid).status == "running"

    def end(self, launch: Launch, exit_code: int) -> None:
        """Let the training exit."""
        self.executor.finish(launch.sid, exit_code=exit_code)


@dataclass(frozen=True, slots=True)
class RayBench:
    """A real Ray cluster."""

    executor: RayRest

    def begun(self, launch: Launch) -> bool:
        """Whether the training runs, ready for a stop."""
        return (Path(launch.checkpoint_dir) / "started").exists()

    def end(self, launch: Launch, exit_code: int) -> None:
        """Let the training exit."""
        (Path(launch.checkpoint_dir) / "end").write_text(str(exit_code))


def metadata(launch: Launch, **changes: str) -> Mapping[str, str]:
    """The launch's metadata with some of it changed."""
    return {**launch.metadata, **changes}
