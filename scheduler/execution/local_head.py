"""One local Ray head: started with every port and flag explicit, awaited, and stopped with all it started."""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import timedelta
from http import HTTPStatus
from pathlib import Path
from typing import Final

from pydantic import RootModel

from scheduler.domain.cluster import RayAddress
from scheduler.domain.errors import CarbonschedError, ClusterUnreachable
from scheduler.execution import local_process
from scheduler.execution.local_cluster_file import GPUS, cluster_text
from scheduler.execution.local_ports import Ports
from scheduler.execution.local_process import MARK_ENV, Process
from scheduler.execution.ray_http import RayHttp
from scheduler.execution.ray_token import resolve_token
from scheduler.execution.ray_wire import JobAnswer, NodesAnswer
from scheduler.ports import Clock

READY_WITHIN: Final = timedelta(seconds=90)
"""A head is ready 6 to 16 s after its start, measured with Ray 2.60 on two cores."""

SAVE_WITHIN: Final = timedelta(seconds=30)
"""How long running jobs are given to save themselves before their cluster ends."""

END_WITHIN: Final = timedelta(seconds=20)
"""Ray's processes are gone 4 to 6 s after SIGTERM, measured with Ray 2.60."""

_POLL: Final = timedelta(milliseconds=200)
_CPUS: Final = 4  # Ray starts so many idle workers with the head
_OBJECT_STORE_BYTES: Final = 100 * 2**20
_LOG_LINES: Final = 5
_FOREIGN: Final = re.compile(r"RAY_.*|PYTHON(PATH|HOME|STARTUP)|CUDA_VISIBLE_DEVICES|OMP_NUM_THREADS")
"""What of our shell would speak for Ray, or keep it from telling each job what it was given."""
_LOOPBACK: Final = "127.0.0.1,localhost"
_COLOURS: Final = re.compile(r"\x1b\[[0-9;]*m")

Say = Callable[[str], None]


class _Job(JobAnswer):
    """A job in the list of all."""

    submission_id: str | None = None


class _Jobs(RootModel[list[_Job]]):
    """GET /api/jobs/."""


@dataclass(frozen=True, slots=True)
class _Running:
    """What is remembered of a head that was started."""

    pid: int
    started: str
    mark: str
    base: int

    @property
    def process(self) -> Process:
        """Its first process."""
        return Process(self.pid, self.started)


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalHead:
    """One cluster on this machine.

    Args:
        name, zone: of the cluster.
        folder: where what it needs to be found again is kept.
        temp: Ray's own folder, short, below a private one.
        python: interpreter that has Ray.
    """

    name: str
    zone: str
    folder: Path
    temp: Path
    python: str
    clock: Clock

    @property
    def cluster_file(self) -> Path:
        """Its cluster file, there while it is up."""
        return self.folder / "clusters" / f"{self.name}.yaml"

    @property
    def log(self) -> Path:
        """What `ray start` says."""
        return self.folder / f"{self.name}.log"

    @property
    def address(self) -> str:
        """The dashboard of the head that was started; empty where none was."""
        running = self._remembered()
        return f"http://127.0.0.1:{Ports(running.base).dashboard}" if running else ""

    @property
    def alive(self) -> bool:
        """Whether the head that was started still runs."""
        running = self._remembered()
        return running is not None and local_process.runs(running.process)

    @property
    def base(self) -> int | None:
        """First port of its block, None where it was not started."""
        running = self._remembered()
        return running.base if running else None

    def start(self, ports: Ports, environ: Mapping[str, str]) -> None:
        """Start it, remember it, and write its cluster file; does not wait until it is ready."""
        self.temp.mkdir(mode=0o700, exist_ok=True)
        _write_private(self._token_file, secrets.token_urlsafe(32))
        intended = _Running(0, "", secrets.token_hex(8), ports.base)
        self._remember(intended)  # should we be killed right after the start, its mark is known
        with self.log.open("wb") as log:
            head = subprocess.Popen(
                self._command(ports),
                cwd=self.temp,
                env=self._environ(ports, environ, intended.mark),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C is for us, who then stop it in order
            )
        process = local_process.process_of(head.pid)
        head.returncode = 0  # it outlives us; were it to end first, the next look finds it gone
        if process is None:
            raise self._failure("it ended at once")
        self._remember(replace(intended, pid=process.pid, started=process.started))

    def wait_ready(self) -> None:
        """Wait until it takes jobs, then write its cluster file: the dashboard answers seconds before its agent."""
        running = self._remembered()
        if running is None:
            raise self._failure("it was not started")
        end_s = self.clock.monotonic_s() + READY_WITHIN.total_seconds()
        while not self._takes_jobs(Ports(running.base)):
            if not self.alive:
                raise self._failure("it ended while starting")
            if self.clock.monotonic_s() > end_s:
                raise self._failure(f"it was not ready within {READY_WITHIN.seconds} s")
            self.clock.sleep(_POLL)
        self.cluster_file.parent.mkdir(mode=0o700, exist_ok=True)
        text = cluster_text(
            self.name,
            self.zone,
            address=self.address,
            token_file=self._token_file,
            storage=self.folder / "storage",
            python=self.python,
        )
        self.cluster_file.write_text(text, encoding="utf-8")

    def stop(self, say: Say) -> bool:
        """Stop its jobs, then it and whatever it started, and remove its files; False where it was not started."""
        running = self._remembered()
        if running is None:
            return False
        if self.alive and self.cluster_file.exists():
            self._stop_jobs(running, say)
        local_process.end(running.process, running.mark, self.clock, within=END_WITHIN)
        shutil.rmtree(self.temp, ignore_errors=True)
        for path in (self.cluster_file, self._token_file, self._memory):
            path.unlink(missing_ok=True)
        return True

    @property
    def _token_file(self) -> Path:
        """The file that holds its token."""
        return self.folder / f"{self.name}.token"

    @property
    def _memory(self) -> Path:
        """The file that says which process it is."""
        return self.folder / f"{self.name}.json"

    def _remember(self, running: _Running) -> None:
        """Keep what is needed to find it again."""
        _write_private(self._memory, json.dumps(asdict(running)))

    def _remembered(self) -> _Running | None:
        """The head that was started last, whether it still runs or not."""
        try:
            return _Running(**json.loads(self._memory.read_text(encoding="utf-8")))
        except FileNotFoundError:
            return None
        except (OSError, ValueError, TypeError) as exc:
            raise CarbonschedError(f"{self._memory} cannot be read: {exc}", hint="remove it") from exc

    def _command(self, ports: Ports) -> list[str]:
        """`ray start` with nothing left to chance."""
        return [
            *(self.python, "-m", "ray.scripts.scripts", "start", "--head", "--block", "--disable-usage-stats"),
            *ports.flags(),
            "--node-ip-address=127.0.0.1",
            "--dashboard-host=127.0.0.1",
            f"--num-cpus={_CPUS}",
            f"--num-gpus={GPUS}",
            "--resources=" + json.dumps({"A100": GPUS}),
            f"--object-store-memory={_OBJECT_STORE_BYTES}",
            f"--temp-dir={self.temp}",
            "--include-log-monitor=false",  # it is for the prints of tasks and actors; a script's log needs none
        ]

    def _environ(self, ports: Ports, environ: Mapping[str, str], mark: str) -> dict[str, str]:
        """Our environment less what would steer Ray, with its token by file so that no job inherits it."""
        kept = {name: value for name, value in environ.items() if not _FOREIGN.fullmatch(name)}
        direct = ",".join(filter(None, (environ.get("NO_PROXY") or environ.get("no_proxy"), _LOOPBACK)))
        return {
            **kept,
            **ports.environ(),
            "PATH": os.pathsep.join(filter(None, (str(Path(self.python).parent), environ.get("PATH")))),
            "TMPDIR": str(self.temp),  # Ray's dashboard leaves folders in it when it is stopped
            "NO_PROXY": direct,
            "no_proxy": direct,
            "AUTOSCALER_UPDATE_INTERVAL_S": "1",  # how old the count of free GPUs may be
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN_PATH": str(self._token_file),
            MARK_ENV: mark,
        }

    def _http(self, port: int) -> RayHttp:
        """The way to one of its ports."""
        ray = RayAddress(address=f"http://127.0.0.1:{port}", token_file=str(self._token_file))
        return RayHttp(name=self.name, ray=ray, token=resolve_token(ray, {}), clock=self.clock)

    def _takes_jobs(self, ports: Ports) -> bool:
        """Whether its dashboard and its agent answer, and its GPUs are known to be free."""
        try:
            http = self._http(ports.dashboard)
            nodes = http.parsed(http.call("GET", "/nodes", params={"view": "summary"}), NodesAnswer)
            agent = self._http(ports.agent).call("GET", "/api/local_raylet_healthz")
        except ClusterUnreachable:
            return False
        return agent.status == HTTPStatus.OK and nodes.tells_use

    def _stop_jobs(self, running: _Running, say: Say) -> None:
        """Let running jobs save themselves: a head that ends first takes them down without it."""
        end_s = self.clock.monotonic_s() + SAVE_WITHIN.total_seconds()
        try:
            http = self._http(Ports(running.base).dashboard)
            open_jobs = self._jobs(http, "PENDING", "RUNNING")
            for sid in open_jobs:
                http.call("POST", f"/api/jobs/{sid}/stop", repeatable=True)
            if open_jobs:
                say(f"{self.name}: asked {len(open_jobs)} running to save and stop")
            while open_jobs := self._jobs(http, "RUNNING"):
                if self.clock.monotonic_s() > end_s:
                    say(f"{self.name}: {len(open_jobs)} still running after {SAVE_WITHIN.seconds} s, killed")
                    return
                self.clock.sleep(_POLL)
        except CarbonschedError as exc:
            say(f"{exc.message}; its jobs are killed")

    @staticmethod
    def _jobs(http: RayHttp, *statuses: str) -> list[str]:
        """The jobs that stand so."""
        jobs = http.parsed(http.call("GET", "/api/jobs/", repeatable=True), _Jobs).root
        return [job.submission_id for job in jobs if job.submission_id and job.status in statuses]

    def _failure(self, why: str) -> CarbonschedError:
        """The error for a head that did not come up, with the end of what it said."""
        text = _COLOURS.sub("", self.log.read_text(encoding="utf-8", errors="replace")) if self.log.exists() else ""
        said = [line.strip() for line in text.splitlines() if line.strip()][-_LOG_LINES:]
        return CarbonschedError(
            f"the local cluster {self.name!r} did not start: {why}; it said: {' | '.join(said) or 'nothing'}",
            hint=f"the whole of it: {self.log}",
        )


def _write_private(path: Path, text: str) -> None:
    """Write a file that only this account may read, whole or not at all."""
    part = path.with_suffix(".part")
    part.unlink(missing_ok=True)
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as stream:
        stream.write(text)
    part.replace(path)
