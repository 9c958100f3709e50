"""Runs one segment of a training on a cluster's node and leaves evidence of it: samples and an outcome.

It stands alone, in the syntax and standard library of Python 3.9, because it runs as ``python -I`` under
whatever Python the cluster has. Ray's stop signals every process of the job itself, so the agent never
passes a signal on: a training that gets SIGTERM twice may take the second for "abort the save".
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

PROTOCOL = 1
SETTINGS_ENV = "CARBONSCHED_AGENT"
NOT_RUN = 75  # EX_TEMPFAIL of sysexits.h: a fence or a stop kept the training from starting
HIDDEN = 125  # in place of 126 and 127, by which a shell says that it could not run the agent at all
SETTLE_S = 10.0  # one process stuck in the kernel after SIGKILL must not hide the outcome
STOPS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
RAYS_OWN = ("PYTHONBREAKPOINT", "SPT_NOENV", "OMP_NUM_THREADS")  # set for Ray's workers; one thread is too few here
PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36  # linux/prctl.h
UNMETERED = {"energy_j": None, "energy_source": "model"}


@dataclass(frozen=True)
class Settings:
    """What the scheduler asks of this attempt."""

    sid: str
    command: str | list[str]  # text for /bin/sh, or words run as they are
    checkpoint_dir: str
    fence: int  # a higher one beside the checkpoint means that this attempt is superseded
    grace_s: float  # between a stop and SIGKILL [s]
    sample_every_s: float  # between two samples [s]
    progress: float | None  # fraction done before [-]
    lease_s: float = 900.0  # how long the fence may be out of reach [s]
    keep: Sequence[str] = ()  # names of Ray's variables that the training gets all the same


class Signals:
    """The first stop that was heard, and a wait that any signal ends."""

    def __init__(self) -> None:
        self.stop_unix: float | None = None
        self.stop_mono = math.inf
        self._ear, mouth = os.pipe()
        os.set_blocking(mouth, False)
        signal.set_wakeup_fd(mouth, warn_on_full_buffer=False)
        for number in STOPS:
            signal.signal(number, self._note)
        signal.signal(signal.SIGCHLD, lambda _number, _frame: None)

    def _note(self, _number: int, _frame: FrameType | None) -> None:
        """Remember when the first stop came."""
        if self.stop_unix is None:
            self.stop_unix, self.stop_mono = time.time(), time.monotonic()

    def wait(self, seconds: float) -> None:
        """Return after `seconds` [s], or at once when a signal comes or came since the last wait."""
        if select.select([self._ear], [], [], max(0.0, seconds))[0]:
            os.read(self._ear, 4096)


class Guard:
    """A process that kills the job's process group should the agent die without a word, so that no orphan trains on.

    Only where the agent leads its group, as under Ray: any other group is somebody else's.
    """

    def __init__(self) -> None:
        words = ["/bin/sh", "-c", "trap '' TERM INT HUP; read word || kill -9 0"]
        leads = os.getpgrp() == os.getpid()
        self._shell = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) if leads else None
        self.pid = self._shell.pid if self._shell else 0

    def dismiss(self) -> None:
        """End the guard: the agent is about to exit on purpose."""
        if self._shell:
            self._shell.communicate(b"well\n")


class Evidence:
    """The files that tell the scheduler what happened, each kept in every folder that can be written."""

    def __init__(self, sid: str, folders: list[Path]) -> None:
        self.samples = 0
        self._name = f"carbonsched-{sid}"
        self._folders = folders

    def sample(self, mono_s: float, progress: float | None) -> None:
        """Append one reading, `mono_s` [s] after the agent's start."""
        line = {"v": PROTOCOL, "n": self.samples, "t_unix": time.time(), "mono_s": round(mono_s, 3)}
        text = json.dumps({**line, **UNMETERED, "progress": progress})
        self.samples += 1
        self._keep("samples.jsonl", lambda path: append(path, f"{text}\n"))

    def outcome(self, fields: Mapping[str, object]) -> None:
        """Write how it ended, whole or not at all."""
        self._keep("outcome.json", lambda path: write_whole(path, json.dumps(fields)))

    def _keep(self, kind: str, write: Callable[[Path], None]) -> None:
        """Write into each folder; one that fails takes nothing from the others, nor from the training."""
        for folder in self._folders:
            try:
                write(folder / f"{self._name}.{kind}")
            except OSError as exc:  # noqa: PERF203  # each folder on its own
                complain(f"{kind} could not be kept: {exc}")


class Fence:
    """The number beside the checkpoint: whoever sees a higher one than its own stops."""

    def __init__(self, folder: Path, number: int, lease_s: float) -> None:
        self._path, self._number, self._lease_s = folder / "carbonsched-fence", number, lease_s
        self._renewed = time.monotonic()

    def renew(self) -> bool:
        """Put the own number there, or touch it; False where a higher one stands. Raises OSError, ValueError."""
        try:
            standing = int(self._path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            standing = -1
        if standing > self._number:
            return False
        if standing < self._number:
            write_whole(self._path, str(self._number))
        else:
            os.utime(self._path)
        self._renewed = time.monotonic()
        return True

    def verdict(self) -> str:
        """Why the training may no longer run: "fenced", "lost_lease", or nothing."""
        try:
            return "" if self.renew() else "fenced"
        except (OSError, ValueError) as exc:
            out_of_reach_s = time.monotonic() - self._renewed
            complain(f"the fence could not be renewed for {out_of_reach_s:.0f} s: {exc}")
            return "lost_lease" if out_of_reach_s > self._lease_s else ""


class Run:
    """One training from its start to the end of its last process."""

    def __init__(self, settings: Settings, heard: Signals, guard: Guard) -> None:
        self.settings, self.heard, self.guard = settings, heard, guard
        self.started_unix, self.started_mono = time.time(), time.monotonic()
        self.checkpoint = Path(settings.checkpoint_dir).expanduser()
        beside = self.checkpoint.with_name(f"{self.checkpoint.name}.carbonsched")
        self.progress_path = beside / f"carbonsched-{settings.sid}.progress"
        self.fence = Fence(beside, settings.fence, settings.lease_s)
        self.evidence = Evidence(settings.sid, [*ray_log_folder(settings.sid), beside])
        self.progress: float | None = None
        self.main = 0
        self.code: int | None = None
        self.ended_mono = self.ordered_mono = math.inf
        self.reason = self.error = ""

    def to_end(self) -> int:
        """Start the training, see it through, write the outcome; returns the agent's exit status."""
        self._start()
        if not self.reason:
            self._sample()
            self._watch()
            self._sample()
        self.evidence.outcome(self._outcome())
        if self.code is None:
            return NOT_RUN
        status = 128 - self.code if self.code < 0 else self.code
        return HIDDEN if status in (126, 127) else status

    def _start(self) -> None:
        """Claim the fence and start the training; sets the reason where it may not or cannot run."""
        try:
            for folder in (self.checkpoint, self.progress_path.parent):
                folder.mkdir(parents=True, exist_ok=True)
            if not self.fence.renew():
                self.reason, self.error = "fenced", "a later attempt holds the fence"
            elif self.heard.stop_unix is not None:
                self.reason, self.error = "not_started", "stopped before it began"
        except (OSError, ValueError) as exc:
            self.reason, self.error = "not_started", f"the checkpoint's folder cannot be used: {exc}"
        if self.reason:
            return
        command = self.settings.command
        try:
            self.main = spawn(["/bin/sh", "-c", command] if isinstance(command, str) else command, self._environ())
        except OSError as exc:
            self.code = 126 if isinstance(exc, PermissionError) else 127
            self.reason, self.error = "not_started", f"the command cannot be run: {exc}"

    def _environ(self) -> dict[str, str]:
        """The training's environment: the job's, without what steers Ray, with where to save and report."""
        strange = {n for n in os.environ if n.startswith("RAY_") or n in RAYS_OWN} - set(self.settings.keep)
        named = re.fullmatch(r"cs-(.+)-s(\d+)-a\d+", self.settings.sid)
        return {
            **{name: value for name, value in os.environ.items() if name not in strange},
            "CARBONSCHED_JOB": named[1] if named else self.settings.sid,
            "CARBONSCHED_SEGMENT": named[2] if named else "",
            "CARBONSCHED_CHECKPOINT": str(self.checkpoint),
            "CARBONSCHED_PROGRESS": str(self.progress_path),
        }

    def _watch(self) -> None:
        """Sample and keep the fence until the last process is gone, by SIGKILL where the grace is over."""
        every_s = max(0.1, self.settings.sample_every_s)
        tick = self.started_mono + every_s
        while True:
            self._reap()
            now = time.monotonic()
            patience = min(self.heard.stop_mono, self.ordered_mono, self.ended_mono) + self.settings.grace_s
            if (self.code is not None and not self._left()) or now >= patience + SETTLE_S:
                return
            if now >= patience:
                self.error = f"what still ran after the grace of {self.settings.grace_s:g} s was killed"
                self._signal(signal.SIGKILL)
            if now >= tick:
                tick = now + every_s
                self._sample()
                self._obey_fence()
            if self.code is None and now < patience:
                self.heard.wait(min(tick, patience) - now)
            else:
                time.sleep(0.1)  # who is left behind a shell is found by looking, not by a signal

    def _obey_fence(self) -> None:
        """Order the training to stop, once, when the fence says so."""
        why = "" if self.reason else self.fence.verdict()
        if why:
            self.reason, self.ordered_mono = why, time.monotonic()
            if self.heard.stop_unix is None:
                self._signal(signal.SIGTERM)

    def _reap(self) -> None:
        """Collect every process that ended, the training's own exit code among them."""
        with contextlib.suppress(ChildProcessError):
            while (ended := os.waitpid(-1, os.WNOHANG))[0]:
                if ended[0] == self.main:
                    self.code, self.ended_mono = os.waitstatus_to_exitcode(ended[1]), time.monotonic()

    def _left(self) -> list[int]:
        """The training's processes that are still there."""
        return [pid for pid in descendants() if pid != self.guard.pid]

    def _signal(self, number: signal.Signals) -> None:
        """Send one signal to each of the training's processes."""
        for pid in self._left():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    def _sample(self) -> None:
        """Keep one reading."""
        progress = read_progress(self.progress_path)
        self.progress = self.progress if progress is None else progress
        self.evidence.sample(time.monotonic() - self.started_mono, progress)

    def _outcome(self) -> dict[str, object]:
        """How it ended; a stop counts only if the training had not ended by itself before."""
        cut = self.ended_mono >= self.heard.stop_mono or (self.code or 0) < 0
        stop_unix = self.heard.stop_unix if cut else None
        return {
            "v": PROTOCOL,
            "sid": self.settings.sid,
            "fence": self.settings.fence,
            "started_unix": self.started_unix,
            "ended_unix": time.time(),
            "duration_s": time.monotonic() - self.started_mono,
            "exit_code": self.code,
            "reason": self.reason or ("exited" if stop_unix is None else "stopped"),
            "stop_received_unix": stop_unix,
            "progress_before": self.settings.progress,
            "progress": self.progress,
            "samples": self.evidence.samples,
            **UNMETERED,
            "error": self.error,
        }


def spawn(command: list[str], environ: Mapping[str, str]) -> int:
    """Start the training in the agent's process group; returns its pid."""
    work = Path(__file__).resolve().parent.parent / "work"
    work.mkdir(exist_ok=True)

    def prepare() -> None:
        """Tie the training's life to the agent's and give it signals as a fresh process has them."""
        prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        for number in (*STOPS, signal.SIGCHLD):
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPS)

    signal.pthread_sigmask(signal.SIG_BLOCK, STOPS)  # no stop may fall between fork and exec
    try:
        training = subprocess.Popen(command, cwd=work, env=environ, preexec_fn=prepare)  # noqa: PLW1509  # no threads
        training.returncode = 0  # reaped by Run, with all that the training leaves behind
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPS)
    return training.pid


def descendants() -> list[int]:
    """The processes below this one, at any depth."""
    children: dict[int, list[int]] = {}
    for pid, parent in parents():
        children.setdefault(parent, []).append(pid)
    found, row = [], [os.getpid()]
    while row:
        row = [child for pid in row for child in children.get(pid, [])]
        found += row
    return found


def parents() -> list[tuple[int, int]]:
    """Every process of the machine and its parent."""
    if sys.platform != "linux":
        with subprocess.Popen(["/bin/ps", "-A", "-o", "pid=,ppid="], stdout=subprocess.PIPE, text=True) as ps:
            rows = [tuple(map(int, line.split())) for line in ps.communicate()[0].splitlines()]
        return [(pid, parent) for pid, parent in rows if pid != ps.pid]
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it may end while we look
            found.append((int(folder.name), int((folder / "stat").read_bytes().rpartition(b")")[2].split()[1])))
    return found


def prctl(option: int, value: int) -> None:
    """Set a property of this process, where the system has such a thing."""
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


def ray_log_folder(sid: str) -> list[Path]:
    """The folder of Ray's session that holds the log this process prints to; none outside Ray."""
    with contextlib.suppress(OSError):
        if sys.platform == "darwin":
            import fcntl  # 50 is F_GETPATH

            log = Path(fcntl.fcntl(1, 50, bytes(1024)).rstrip(b"\0").decode())
        else:
            log = Path("/proc/self/fd/1").readlink()
        return [log.parent] if log.name == f"job-driver-{sid}.log" else []
    return []


def read_progress(path: Path) -> float | None:
    """The fraction done that the training wrote; None where it wrote nothing that could be one. [-]"""
    with contextlib.suppress(OSError, ValueError):
        progress = float(path.read_text(encoding="utf-8"))
        return progress if 0.0 <= progress <= 1.0 else None
    return None


def append(path: Path, text: str) -> None:
    """Add to the end of a file."""
    with path.open("a", encoding="utf-8") as stream:
        stream.write(text)


def write_whole(path: Path, text: str) -> None:
    """Write a file so that a reader finds the old one or the new one, never a part."""
    part = path.with_name(f".{path.name}.{os.getpid()}")
    with part.open("w", encoding="utf-8") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
    part.replace(path)


def complain(text: str) -> None:
    """Say what went wrong where the job's log shows it; the training goes on."""
    sys.stderr.write(f"carbonsched: {text}\n")


def main() -> int:
    """Run the segment that the environment describes; returns the exit status."""
    if SETTINGS_ENV not in os.environ:
        sys.exit(f"carbonsched: {SETTINGS_ENV} is not set: this file is started by carbonsched")
    settings = Settings(**json.loads(os.environ.pop(SETTINGS_ENV)))  # taken out: the training never sees them
    heard, guard = Signals(), Guard()
    prctl(PR_SET_CHILD_SUBREAPER, 1)  # what a shell leaves behind becomes ours to wait for
    status = Run(settings, heard, guard).to_end()
    guard.dismiss()
    return status


if __name__ == "__main__":
    sys.exit(main())
