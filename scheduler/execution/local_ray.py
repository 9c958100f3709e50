"""Two real Ray clusters on this machine, one in each of two grid zones: to try everything without a data centre.

The zones are real, the GPUs are declared. What it starts it can find again and end, whatever happened in
between, and nothing of anybody else's is touched.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from filelock import FileLock, Timeout

from scheduler.domain.cluster import Cluster
from scheduler.domain.errors import CarbonschedError
from scheduler.execution.local_cluster_file import GPUS
from scheduler.execution.local_head import LocalHead, Say
from scheduler.execution.local_ports import free_block
from scheduler.execution.local_preflight import available_bytes, check_memory, check_ray, private_folder
from scheduler.execution.ray_rest import RayRest
from scheduler.ports import Clock

CLUSTERS: Final = {"quebec": "CA-QC", "france": "FR"}
"""The local clusters and their zones: two clean grids whose hours differ."""

_TEMP_ROOT: Final = Path("/tmp")  # noqa: S108  # short, which $TMPDIR is not on macOS; what lies below is private


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalCluster:
    """How one local cluster stands.

    Args:
        file: its cluster file, there while it is up.
        session: name of the Ray session; empty while it is down.
        gpus_total, gpus_free: declared GPUs. [GPUs]
        problem: why it is not as it should be, empty where it is.
    """

    name: str
    zone: str
    up: bool
    address: str
    file: Path
    session: str
    gpus_total: int
    gpus_free: int
    problem: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalRay:
    """The local clusters of one state folder.

    Args:
        state_dir: the state folder; everything kept lies below ``local`` in it.
        environ: what the clusters, hence the trainings, inherit.
        preflight: raises where they cannot run here.
        temp_root: where the folder for Ray's sockets is made.
        python: interpreter that has Ray.
    """

    state_dir: Path
    environ: Mapping[str, str]
    clock: Clock
    preflight: Callable[[], None] | None = None
    temp_root: Path = _TEMP_ROOT
    python: str = sys.executable

    def up(self, say: Say = lambda _text: None) -> tuple[LocalCluster, ...]:
        """Start what is not up, one after the other; if one fails, what this call started is stopped again.

        Raises:
            CarbonschedError: something is missing, another call is at work, or one did not come up.
        """
        with self._locked():
            down = [head for head in self._heads() if not head.alive]
            if down:
                (self.preflight or _preflight)()
                private_folder(self._temp)
            for head in self._heads():
                if head.alive:
                    head.wait_ready()
                    say(f"{head.name} is already up at {head.address}")
            with ExitStack() as undo:
                undo.callback(self._drop_temp)
                for head in down:
                    self._start(head, undo, say)
                undo.pop_all()
            return self.status()

    def down(self, say: Say = lambda _text: None) -> tuple[str, ...]:
        """Stop what is up and remove what it left; returns the names of what was stopped."""
        with self._locked():
            heads = self._heads()
            for head in heads:
                if head.alive:
                    say(f"stopping {head.name}")
            with ThreadPoolExecutor(len(heads)) as pool:  # each waits up to half a minute for its jobs to save
                ended = list(pool.map(lambda head: head.stop(say), heads))
            self._drop_temp()
            return tuple(head.name for head, was_up in zip(heads, ended, strict=True) if was_up)

    def status(self) -> tuple[LocalCluster, ...]:
        """How each of them stands."""
        return tuple(self._standing(head) for head in self._heads())

    @property
    def _folder(self) -> Path:
        """Where everything kept lies."""
        return self.state_dir / "local"

    @property
    def _temp(self) -> Path:
        """A short folder of this account and this state folder alone, for Ray's sockets."""
        whose = f"{os.getuid()}:{self.state_dir.resolve()}"
        return self.temp_root / f"cs-{hashlib.sha256(whose.encode()).hexdigest()[:8]}"

    def _drop_temp(self) -> None:
        """Remove the folder for Ray's sockets unless a cluster still uses it."""
        if not any(head.alive for head in self._heads()):
            shutil.rmtree(self._temp, ignore_errors=True)

    def _heads(self) -> list[LocalHead]:
        """The heads, started or not."""
        return [
            LocalHead(
                name=name,
                zone=zone,
                folder=self._folder,
                temp=self._temp / name[0],
                python=self.python,
                clock=self.clock,
            )
            for name, zone in CLUSTERS.items()
        ]

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """One call at a time."""
        for folder in (self.state_dir, self._folder, self._folder / "storage"):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            with FileLock(self._folder / "lock", timeout=0):
                yield
        except Timeout as exc:
            raise CarbonschedError(
                "another carbonsched is starting or stopping the local clusters", hint="wait until it is done"
            ) from exc

    def _start(self, head: LocalHead, undo: ExitStack, say: Say) -> None:
        """Start one head and wait for it; `undo` stops it again."""
        head.stop(say)  # what a head that died left behind
        taken = [other.base for other in self._heads() if other.base is not None]
        begun_s = self.clock.monotonic_s()
        with free_block(taken) as ports:
            say(f"starting {head.name} ({head.zone}) at http://127.0.0.1:{ports.dashboard}")
            undo.callback(head.stop, say)
            head.start(ports, self.environ)
            head.wait_ready()
        took_s = self.clock.monotonic_s() - begun_s
        say(f"{head.name} is up after {took_s:.0f} s; its {GPUS} A100 are declared, not real")

    def _standing(self, head: LocalHead) -> LocalCluster:
        """How one head stands, asked of itself."""
        session, total, free, problem = "", 0, 0, ""
        up = head.alive and head.cluster_file.exists()
        if up:
            try:
                cluster = Cluster.from_yaml(head.cluster_file.read_text(encoding="utf-8"), what=str(head.cluster_file))
                capacity = RayRest.connect(cluster, {}, clock=self.clock).probe()
                session, total, free = capacity.session, capacity.gpus_total, capacity.gpus_free
            except CarbonschedError as exc:
                problem = exc.message
        elif head.alive:
            problem = "it is starting, or its start was cut short; up finishes it"
        elif head.address:
            problem = f"it ended by itself; {head.log} may say why"
        return LocalCluster(
            name=head.name,
            zone=head.zone,
            up=up,
            address=head.address,
            file=head.cluster_file,
            session=session,
            gpus_total=total,
            gpus_free=free,
            problem=problem,
        )


def _preflight() -> None:
    """Everything that can be known before the first process is started."""
    check_ray()
    check_memory(available_bytes())
