"""The right to train: the fence, kept through the storage's process, and a Ray above that is still there."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from scheduler.execution.agent import carbonsched_evidence_v1 as evidence
    from scheduler.execution.agent.carbonsched_process_v1 import Signals
    from scheduler.execution.agent.carbonsched_storage_v1 import Storage
else:
    import carbonsched_evidence_v1 as evidence

ANSWER_S = 60.0  # who has not answered by then never will: the storage's process is started anew
LATE = "no answer in time"
AGAIN_S = 1.0  # between two questions of an agent that waits to begin


class Lease:
    """What lets one attempt train.

    Args:
        lease_s: how long the fence may be out of reach, or Ray gone, before the training is stopped. [s]
    """

    def __init__(self, storage: Storage, lease_s: float) -> None:
        self._storage, self._lease_s = storage, lease_s
        self._parent = os.getppid()
        self._renewed_mono = time.monotonic()
        self._orphaned_mono = math.inf
        self._asked_mono = -math.inf
        self._outranked = False

    def claim(self, heard: Signals, patience_s: float) -> tuple[str, str]:
        """Wait until no training of a lower fence can run; returns the reason and the error where this one may not.

        Args:
            heard: a stop ends the wait.
            patience_s: how long the storage may fail. [s]
        """
        end, why, waits = time.monotonic() + patience_s, "", False
        while True:
            said = answered(self._storage, heard, end, "claim", halt=lambda: heard.stop_unix is not None)
            now = time.monotonic()
            if said["error"]:
                why = why if why and said["error"] == LATE else str(said["error"])
                if now >= end and heard.stop_unix is None:
                    return "not_started", f"the storage {self._storage.where} cannot be used: {why}"
            else:
                end, self._renewed_mono = now + patience_s, now
                if said["higher"]:
                    return "fenced", "a later attempt holds the fence"
                if not said["blocked"]:
                    return "", ""
                if not waits:
                    evidence.complain("an earlier attempt of this job may still run: it is waited for")
                waits = True
            if heard.stop_unix is not None:
                return "not_started", "stopped before it began"
            heard.wait(min(AGAIN_S, max(0.0, end - now)))

    def renew(self) -> None:
        """Ask for a renewal, unless one is under way."""
        self._asked_mono = time.monotonic()
        if not self._storage.busy:
            self._storage.ask("renew")

    def keep(self, every_s: float) -> str:
        """Renew it where `every_s` [s] have passed since that was tried; the verdict."""
        if time.monotonic() >= self._asked_mono + every_s:
            self.renew()
        return self.verdict()

    def verdict(self) -> str:
        """Why the training may no longer run: "fenced", "lost_lease", or nothing."""
        now = time.monotonic()
        said = self._storage.answer()
        if said is None and self._storage.busy and now - self._storage.asked_mono > ANSWER_S:
            self._storage.end()
            said = {"error": f"no answer within {ANSWER_S:g} s"}
        if said is not None and "higher" in said:
            self._renewed_mono, self._outranked = self._storage.asked_mono, bool(said["higher"])
        elif said is not None and said["error"]:
            evidence.complain(f"the fence could not be renewed for {now - self._renewed_mono:.0f} s: {said['error']}")
        if os.getppid() != self._parent and now < self._orphaned_mono:
            self._orphaned_mono = now
            evidence.complain(f"Ray's process above is gone: the training is stopped in {self._lease_s:.0f} s")
        if self._outranked:
            return "fenced"
        return "lost_lease" if now - min(self._renewed_mono, self._orphaned_mono) > self._lease_s else ""

    def part(self, heard: Signals, files: list[str], within_s: float) -> None:
        """Keep copies of the evidence and release the fence, as far as that takes no longer than `within_s` [s]."""
        end = time.monotonic() + within_s
        kept = answered(self._storage, heard, end, "keep", files=files)
        for said in (kept, answered(self._storage, heard, end, "release")):
            if said["error"]:
                evidence.complain(f"the storage could not be left in order: {said['error']}")
        self._storage.end()


def answered(
    storage: Storage, heard: Signals, end: float, what: str, *, halt: Callable[[], object] = bool, **words: object
) -> dict[str, object]:
    """What the storage answers until `end` on the monotonic clock, or until `halt` says so."""
    asked = False
    while True:
        if not storage.busy and not asked:
            storage.ask(what, **words)
            asked = True
        said = storage.answer()
        if said is not None and asked:
            return said
        left = end - time.monotonic()
        if left <= 0 or halt():
            storage.end()
            return {"error": LATE}
        heard.wait(min(AGAIN_S, left), *storage.ears)
