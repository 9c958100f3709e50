"""Two real local Ray clusters for the stories, started and stopped by the commands a user would type."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from cli.child import command

ROOT = Path(__file__).parents[2]
SLEEPER = """\
import os, pathlib, signal, sys, time
asked = []
signal.signal(signal.SIGTERM, lambda *_: asked.append(time.time()))
length, code = float(sys.argv[1]), int(sys.argv[2])
folder = pathlib.Path(os.environ["CARBONSCHED_CHECKPOINT"])
saved = folder / "done"
done = float(saved.read_text()) if saved.exists() else 0.0
print("starts at", round(done, 3), flush=True)
while done < length and not asked:
    time.sleep(0.1)
    done += 0.1
    pathlib.Path(os.environ["CARBONSCHED_PROGRESS"]).write_text(str(min(1.0, done / length)))
time.sleep(0.3)
saved.write_text(str(done))
print("signals", len(asked), flush=True)
sys.exit(code)
"""


@dataclass(frozen=True)
class Done:
    """What a command printed, and its exit code."""

    code: int
    out: str
    err: str

    @property
    def data(self) -> Any:  # noqa: ANN401  # JSON as it comes
        """What it printed, as JSON."""
        return json.loads(self.out)


@dataclass(frozen=True)
class Desk:
    """A user's desk: a folder with a job, a state folder, and the command line."""

    folder: Path
    environ: Mapping[str, str]

    @property
    def state(self) -> Path:
        """The state folder."""
        return self.folder / "state"

    def run(self, *arguments: str, timeout_s: float = 120.0) -> Done:
        """Run a command to its end."""
        done = subprocess.run(
            [*command(), *arguments], cwd=self.folder, env=self.environ, capture_output=True, text=True,
            timeout=timeout_s, check=False,
        )  # fmt: skip
        return Done(done.returncode, done.stdout, done.stderr)

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Run a command beside the test, in a session of its own as a terminal would."""
        return subprocess.Popen(
            [*command(), *arguments], cwd=self.folder, env=self.environ, text=True, start_new_session=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip

    def submit(self, name: str, length_s: float, code: int = 0, **sets: str) -> str:
        """Submit a training of some seconds that ends with a code; its id."""
        given = {
            "name": name,
            "entrypoint": f"python sleeper.py {length_s} {code}",
            "duration": f"{length_s}s",
            **sets,
        }
        words = [word for key, value in given.items() for word in ("--set", f"{key}={value}")]
        done = self.run("submit", "job.yaml", *words, "-q")
        assert done.code == 0, done.err
        return done.out.strip()

    def job(self, job_id: str) -> dict[str, Any]:
        """The entry of `describe --json`."""
        return self.run("describe", job_id, "--json").data  # type: ignore[no-any-return]  # JSON as it comes

    def until(self, job_id: str, states: set[str], within_s: float = 60.0) -> dict[str, Any]:
        """Wait until a job is in one of some states."""
        end = time.monotonic() + within_s
        while True:
            job = self.job(job_id)
            if job["state"] in states:
                return job
            assert time.monotonic() < end, f"{job_id} is {job['state']} ({job['reason']}), not {states}"
            time.sleep(0.3)

    def scheduler(self) -> int | None:
        """The process that runs the loop."""
        return self.run("status", "--json").data["scheduler"]["pid"]  # type: ignore[no-any-return]  # the same


Table = Callable[..., Path]


@pytest.fixture(scope="session")
def desk() -> Iterator[Desk]:
    """The desk, with both clusters up; in the end nothing of it is left running."""
    folder = Path(tempfile.mkdtemp(prefix="cs-story-"))
    home = folder / "home"
    home.mkdir()
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("CARBONSCHED_", "RAY_"))}
    environ = kept | {
        "HOME": str(home),
        "CARBONSCHED_STATE_DIR": str(folder / "state"),
        "CARBONSCHED_TICK": "0.5s",
        "CARBONSCHED_SAMPLE_EVERY": "1s",
        "CARBONSCHED_DEADLINE_MARGIN": "5s",
    }
    desk = Desk(folder, environ)
    (folder / "sleeper.py").write_text(SLEEPER)
    (folder / "job.yaml").write_text(
        "name: story\nentrypoint: python sleeper.py 5 0\nworking_dir: .\nexcludes: [state, home]\ngpus: 2\n"
        "duration: 5s\ndeadline: 10m\nhome: france\ninterruptible: {checkpoint: 1s, restart: 1s}\n"
    )
    try:
        up = desk.run("local", "up", timeout_s=180)
        assert up.code == 0, up.err
        yield desk
    finally:
        pid = desk.scheduler()
        if pid is not None:
            os.kill(pid, signal.SIGTERM)
        down = desk.run("local", "down")
        left = [line for line in _processes() if str(folder) in line and str(os.getpid()) not in line.split()[:1]]
        shutil.rmtree(folder)
    assert down.code == 0, down.err
    assert [] == left


def _processes() -> list[str]:
    """Every process with its command and, where it can be read, the folder it works in."""
    listed = subprocess.run(["ps", "-wweo", "pid,args"], capture_output=True, text=True, check=True).stdout
    return [line for line in listed.splitlines()[1:] if " ps " not in line and "pytest" not in line]


@pytest.fixture
def table(desk: Desk) -> Table:
    """Writes an intensity table of five-second slots that starts now."""

    def write(name: str, **zones: list[float]) -> Path:
        start = datetime.now(UTC).replace(microsecond=0)
        header = ",".join(zone.replace("_", "-") for zone in zones)
        rows = [
            f"{(start + timedelta(seconds=5 * slot)).isoformat()}," + ",".join(str(value) for value in values)
            for slot, values in enumerate(zip(*zones.values(), strict=True))
        ]
        path = desk.folder / f"{name}.csv"
        path.write_text("\n".join((f"utc,{header}", *rows)) + "\n")
        return path

    return write
