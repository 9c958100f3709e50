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
import shutil
import signal
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from scheduler.execution.agent import carbonsched_evidence_v1 as evidence
    from scheduler.execution.agent import carbonsched_process_v1 as process
    from scheduler.execution.agent.carbonsched_lease_v1 import Lease
    from scheduler.execution.agent.carbonsched_meter_v1 import Meter
    from scheduler.execution.agent.carbonsched_saves_v1 import CopiedSaves, Saves
    from scheduler.execution.agent.carbonsched_storage_v1 import Order, Storage
else:
    sys.path.insert(0, str(Path(__file__).resolve().parent))  # python -I leaves it out; only our own files lie there
    import carbonsched_evidence_v1 as evidence
    import carbonsched_process_v1 as process
    from carbonsched_lease_v1 import Lease
    from carbonsched_meter_v1 import Meter
    from carbonsched_saves_v1 import CopiedSaves, Saves
    from carbonsched_storage_v1 import Order, Storage

Signals = process.Signals  # these for what the agent starts in place of a training
spawn, parents, descendants, complain = process.spawn, process.parents, process.descendants, evidence.complain
prctl, PR_SET_CHILD_SUBREAPER = process.prctl, process.PR_SET_CHILD_SUBREAPER
SETTINGS_ENV = "CARBONSCHED_AGENT"
NOT_RUN = 75  # EX_TEMPFAIL of sysexits.h: a fence or a stop kept the training from starting
HIDDEN = 125  # in place of 126 and 127, by which a shell says that it could not run the agent at all
SETTLE_S = 10.0  # one process stuck in the kernel after SIGKILL must not hide the outcome
PART_S = 10.0  # for the last words to the storage; with the one above less than Ray waits beyond the grace
RAYS_OWN = ("PYTHONBREAKPOINT", "SPT_NOENV", "OMP_NUM_THREADS")  # set for Ray's workers; one thread is too few here


@dataclass(frozen=True)
class Settings:
    """What the scheduler asks of this attempt."""

    sid: str
    command: str | list[str]  # text for /bin/sh, or words run as they are
    checkpoint_dir: str  # on this node; only this attempt's where `storage` is given
    fence: int  # a higher one beside the checkpoint means that this attempt is superseded
    grace_s: float  # between a stop and SIGKILL [s]
    sample_every_s: float  # between two samples [s]
    progress: float | None  # fraction done before [-]
    lease_s: float = 900.0  # how long the fence may be out of reach, or Ray's process above gone [s]
    keep: Sequence[str] = ()  # names of Ray's variables that the training gets all the same
    storage: str = ""  # URI below which the checkpoint is copied; empty where its folder is on the storage itself
    copy_every_s: float = 600.0  # least time between two copies [s]
    copies: int = 1  # that are kept beside the newest
    patience_s: float = 60.0  # how long the storage may be out of reach at the start [s]
    meter: str = ""  # what is metered: this node, all on which Ray gave the job GPUs, or nothing
    gpus: int = 0  # that the job has, 0 where that is not known


class Run:
    """One training from its start to the end of its last process."""

    def __init__(self, settings: Settings, heard: process.Signals, guard: process.Guard) -> None:
        self.settings, self.heard, self.guard = settings, heard, guard
        self.started_unix, self.started_mono = time.time(), time.monotonic()
        self.checkpoint = Path(settings.checkpoint_dir).expanduser()
        beside = self.checkpoint.with_name(f"{self.checkpoint.name}.carbonsched")
        self.progress_path = beside / f"carbonsched-{settings.sid}.progress"
        self.evidence = evidence.Evidence(settings.sid, [*evidence.ray_log_folder(settings.sid), beside])
        self.every_s = max(0.1, settings.sample_every_s)
        far = settings.storage
        order = Order(
            beside=f"{far}/checkpoint.carbonsched" if far else str(beside),
            generations=f"{far}/checkpoint" if far else "",
            number=settings.fence,
            every_s=self.every_s,
            keep=settings.copies,
        )
        self.storages = [Storage(order, process.tied) for _ in range(2 if far else 1)]  # a copy holds up no renewal
        for storage in self.storages:
            storage.begin()
        self.lease = Lease(self.storages[0], settings.lease_s)
        folder = self.checkpoint
        self.saves = CopiedSaves(folder, self.storages[1], settings.copy_every_s) if far else Saves(folder)
        self.meter = Meter(settings.meter, settings.gpus, self.every_s, process.tied)
        self.helpers: list[Storage | Meter] = [*self.storages, self.meter]
        self.progress: float | None = None
        self.main = 0
        self.code: int | None = None
        self.trained_unix: float | None = None
        self.trained_mono = self.trained_s = 0.0
        self.ended_mono = self.ordered_mono = math.inf
        self.reason = self.error = ""

    def to_end(self) -> int:
        """Start the training, see it through, write the outcome; returns the agent's exit status."""
        self._start()
        if not self.reason:
            self._sample()
            self._watch()
            self.trained_s = time.monotonic() - self.trained_mono
            self.meter.ask()
            self.meter.wait(self.heard.wait)
            self._sample()
            self._believe()
            self._save()
        self.meter.end()
        self.evidence.outcome(self._outcome())
        self._part()
        if self.code is None:
            return NOT_RUN
        status = 128 - self.code if self.code < 0 else self.code
        return HIDDEN if status in (126, 127) else status

    def _start(self) -> None:
        """Claim the fence, fetch the checkpoint and start the training; sets the reason where it may not or cannot."""
        try:
            for folder in (self.checkpoint.parent, self.progress_path.parent):
                folder.mkdir(parents=True, exist_ok=True)
            self.reason, self.error = self.lease.claim(self.heard, self.settings.patience_s)
            if not self.reason:
                self.error = self.saves.fetch(self.heard, self.settings.patience_s, self._halted)
                self.reason = self.lease.verdict() or "not_started" if self.error else ""
            if not self.error and self.settings.storage:  # a fetch may take long, and others may have come meanwhile
                self.reason, self.error = self.lease.claim(self.heard, self.settings.patience_s)
            if not self.reason:
                self.meter.ready(self.heard.wait)
            if self.heard.stop_unix is not None and self.reason in ("", "not_started"):
                self.reason, self.error = "not_started", "stopped before it began"
        except OSError as exc:
            self.reason, self.error = "not_started", f"the checkpoint's folder cannot be used: {exc}"
        if self.reason:
            return
        command = self.settings.command
        began, self.trained_mono = time.time(), time.monotonic()
        try:
            words = ["/bin/sh", "-c", command] if isinstance(command, str) else command
            self.main = process.spawn(words, self._environ())
            self.trained_unix = began
        except OSError as exc:
            self.code = 126 if isinstance(exc, PermissionError) else 127
            self.reason, self.error = "not_started", f"the command cannot be run: {exc}"

    def _halted(self) -> bool:
        """Whether the training is not to start any more; keeps the fence meanwhile."""
        return self.heard.stop_unix is not None or self.lease.keep(self.every_s) != ""

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
        tick, due = self.started_mono + self.every_s, False
        while True:
            self._reap()
            now = time.monotonic()
            patience = min(self.heard.stop_mono, self.ordered_mono, self.ended_mono) + self.settings.grace_s
            if (self.code is not None and not self._left()) or now >= patience + SETTLE_S:
                return
            if now >= patience:
                self.error = self.error or f"what still ran after the grace of {self.settings.grace_s:g} s was killed"
                self._signal(signal.SIGKILL)
            if now >= tick:
                tick, due = now + self.every_s, True
                self.meter.ask()
                self.lease.renew()
            if self.meter.step() or (due and not self.meter.waiting):
                due = False
                self._sample()
            self._obey()
            self.saves.step(last=False)
            if self.code is None and now < patience:
                ears = [ear for helper in self.helpers for ear in helper.ears]
                self.heard.wait(min(tick, patience, self.meter.next_mono) - now, *ears)
            else:
                time.sleep(0.1)  # who is left behind a shell is found by looking, not by a signal

    def _believe(self) -> None:
        """Take the word of what led the nodes of a training that they were not to be had, or lost: no fault of its."""
        with contextlib.suppress(OSError, ValueError, KeyError):
            told = json.loads(self.progress_path.with_suffix(".nodes").read_text(encoding="utf-8"))
            self.reason, self.error, self.code = self.reason or told["reason"], told["error"], None

    def _obey(self) -> None:
        """End the training, once, where it may no longer run: at once where a save would undo a later attempt's."""
        why = self.lease.verdict()
        if not why or self.reason in (why, "fenced"):
            return
        self.reason, self.ordered_mono = why, time.monotonic()
        if why == "fenced":
            self.ordered_mono -= self.settings.grace_s
            self.error = "a later attempt holds the fence: killed at once"
        elif self.heard.stop_unix is None:
            self._signal(signal.SIGTERM)

    def _save(self) -> None:
        """See the last copy of the checkpoint through, tried again until the grace is over; its fence is kept."""
        self.saves.hurry()
        while not self.saves.settled:
            now = time.monotonic()
            limit = min(self.heard.stop_mono, self.ordered_mono, self.saves.failing_mono) + self.settings.grace_s
            if now >= limit or self.lease.keep(self.every_s) == "fenced":
                self.saves.give_up("a later attempt holds the fence" if now < limit else "the grace was over")
                lost = f"what it saved last was not copied and lies in {self.checkpoint} on {os.uname().nodename}"
                self.error = "; ".join(filter(None, (self.error, f"{lost}: {self.saves.why}")))
                return
            self.saves.step(last=True)
            ears = [ear for storage in self.storages for ear in storage.ears]
            self.heard.wait(min(0.5, limit - now), *ears)

    def _traffic(self) -> dict[str, float] | None:
        """What travelled to the storage and from there, the last words included; None where it is mounted."""
        if not self.settings.storage:
            return None
        spent = {name: sum(storage.spent[name] for storage in self.storages) for name in self.storages[0].spent}
        spent["written_requests"] += len(self.evidence.files()) + 1
        return {**spent, "read_s": round(self.saves.read_s, 3), "written_s": round(self.saves.written_s, 3)}

    def _part(self) -> None:
        """Leave the storage in order, and nothing on the node that is safe elsewhere."""
        far = bool(self.settings.storage)
        self.lease.part(self.heard, self.evidence.files() if far else [], PART_S)
        for storage in self.storages:
            storage.end()
        if far and self.saves.said in ("copied", "nothing"):
            shutil.rmtree(self.checkpoint, ignore_errors=True)

    def _reap(self) -> None:
        """Collect every process that ended, the training's own exit code among them."""
        with contextlib.suppress(ChildProcessError):
            while (ended := os.waitpid(-1, os.WNOHANG))[0]:
                if ended[0] == self.main:
                    self.code, self.ended_mono = os.waitstatus_to_exitcode(ended[1]), time.monotonic()

    def _left(self) -> list[int]:
        """The training's processes that are still there."""
        return descendants({self.guard.pid}.union(*(helper.pids for helper in self.helpers)))

    def _signal(self, number: signal.Signals) -> None:
        """Send one signal to each of the training's processes."""
        for pid in self._left():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    def _sample(self) -> None:
        """Keep one reading."""
        progress = evidence.read_progress(self.progress_path)
        self.progress = self.progress if progress is None else progress
        fields = self.meter.fields()
        self.evidence.sample(time.monotonic() - self.started_mono, progress, self.saves.saved_unix, fields)

    def _outcome(self) -> dict[str, object]:
        """How it ended; a stop counts only if the training had not ended by itself before."""
        cut = self.ended_mono >= self.heard.stop_mono or (self.code or 0) < 0
        stop_unix = self.heard.stop_unix if cut else None
        return {
            "v": evidence.PROTOCOL,
            "sid": self.settings.sid,
            "fence": self.settings.fence,
            "started_unix": self.started_unix,
            "ended_unix": time.time(),
            "trained_unix": self.trained_unix,
            "trained_s": self.trained_s,
            "duration_s": time.monotonic() - self.started_mono,
            "exit_code": self.code,
            "reason": self.reason or ("exited" if stop_unix is None else "stopped"),
            "stop_received_unix": stop_unix,
            "progress_before": self.settings.progress,
            "progress": self.progress,
            "saved_unix": self.saves.saved_unix,
            "saved": self.saves.said,
            "storage": self._traffic(),
            "samples": self.evidence.samples,
            **self.meter.outcome(),
            "error": self.error,
        }


def main() -> int:
    """Run the segment that the environment describes; returns the exit status."""
    if SETTINGS_ENV not in os.environ:
        sys.exit(f"carbonsched: {SETTINGS_ENV} is not set: this file is started by carbonsched")
    settings = Settings(**json.loads(os.environ.pop(SETTINGS_ENV)))  # taken out: the training never sees them
    heard, guard = process.Signals(), process.Guard()
    prctl(PR_SET_CHILD_SUBREAPER, 1)  # what a shell leaves behind becomes ours to wait for
    status = Run(settings, heard, guard).to_end()
    guard.dismiss()
    return status


if __name__ == "__main__":
    sys.exit(main())
