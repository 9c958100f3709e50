"""The checkpoint's folder: on the storage itself, or fetched from there and copied back in generations."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from scheduler.execution.agent import carbonsched_evidence_v1 as evidence
    from scheduler.execution.agent.carbonsched_lease_v1 import answered
    from scheduler.execution.agent.carbonsched_process_v1 import Signals
    from scheduler.execution.agent.carbonsched_storage_v1 import Storage
else:
    import carbonsched_evidence_v1 as evidence
    from carbonsched_lease_v1 import answered

AGAIN_S = 2.0  # between two tries of a copy that failed
FETCHED_WITHIN_S = 24 * 3600.0  # a storage that says nothing fails long before, by its library's patience


class Saves:
    """What is safe of a training: all that lies in its folder, where the storage is mounted there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.said, self.why = "in_place", ""
        self.failing_mono = math.inf  # since when the last copy fails
        self.read_s = self.written_s = 0.0  # that fetching and copying took

    @property
    def saved_unix(self) -> float | None:
        """When the newest file that is safe was written. [s since 1970]"""
        return evidence.newest_save(self.folder)

    @property
    def ears(self) -> list[int]:
        """What can be read once something changed."""
        return []

    @property
    def settled(self) -> bool:
        """Whether there is nothing left to do at the end."""
        return True

    def fetch(self, _heard: Signals, _patience_s: float, _halt: Callable[[], object]) -> str:
        """Make the folder ready; returns what is wrong. Raises OSError."""
        self.folder.mkdir(parents=True, exist_ok=True)
        return ""

    def step(self, *, last: bool) -> None:
        """Go on with what is to be copied; `last` once no process writes to the folder any more."""

    def hurry(self) -> None:
        """The training is over: what is left to copy is copied now."""

    def give_up(self, why: str) -> None:
        """Leave it as it is, at the end."""


class CopiedSaves(Saves):
    """What is safe of a training that saves itself on its node: what was copied from there.

    Args:
        every_s: least time between two copies while the training runs. [s]
    """

    def __init__(self, folder: Path, storage: Storage, every_s: float) -> None:
        super().__init__(folder)
        self.said = "nothing"
        self._storage, self._every_s = storage, every_s
        self._safe_unix: float | None = None
        self._copying_unix: float | None = None
        self._next_mono = time.monotonic() + every_s
        self._settled = self._last = self._hurried = False

    @property
    def saved_unix(self) -> float | None:
        """When the newest file that is safe was written. [s since 1970]"""
        return self._safe_unix

    @property
    def ears(self) -> list[int]:
        """What can be read once something changed."""
        return self._storage.ears

    @property
    def settled(self) -> bool:
        """Whether the folder as it is now is safe, or there is nothing in it."""
        return self._settled

    def fetch(self, heard: Signals, patience_s: float, halt: Callable[[], object]) -> str:
        """Fill the folder with the newest whole copy; returns what is wrong after `patience_s` [s] of failures.

        Args:
            heard: a signal ends a pause between two tries.
            halt: asked at least once a second; whether to give up at once.
        """
        began = time.monotonic()
        end = began + patience_s
        while True:
            limit = began + FETCHED_WITHIN_S
            said = answered(self._storage, heard, limit, "fetch", halt=halt, folder=str(self.folder))
            if not said["error"]:
                break
            if time.monotonic() >= end or halt():
                return str(said["error"])
            heard.wait(AGAIN_S)
        self.read_s = time.monotonic() - began
        for torn in said["torn"] if isinstance(said["torn"], list) else []:
            evidence.complain(f"a torn copy of the checkpoint is not used: {torn}")
        self._safe_unix = evidence.newest_save(self.folder)
        return ""

    def step(self, *, last: bool) -> None:
        """Take the answer to a copy that is under way, or begin one where the folder changed and it is time."""
        now = time.monotonic()
        if self._storage.busy:
            self._note(self._storage.answer(), now)
        elif now >= self._next_mono and not self._settled:
            newest = evidence.newest_save(self.folder)
            if last or newest != self._safe_unix:
                self._copying_unix, self._last = newest, last
                self._storage.ask("copy", folder=str(self.folder))
            else:
                self._next_mono = now + self._every_s

    def hurry(self) -> None:
        """The training is over: what is left to copy is copied now."""
        self._hurried, self._next_mono = True, 0.0

    def give_up(self, why: str) -> None:
        """Leave the last copy undone."""
        self.said, self.why = "not_copied", self.why or why
        self._storage.end()

    def _note(self, said: dict[str, object] | None, now: float) -> None:
        """Note how a copy went."""
        if said is None:
            return
        self.written_s += now - self._storage.asked_mono
        failed = str(said["error"])
        self._next_mono = now + (AGAIN_S if failed or self._last else 0.0 if self._hurried else self._every_s)
        if failed:
            evidence.complain(f"the checkpoint could not be copied: {failed}")
        elif said["marked"]:
            self._safe_unix = self._copying_unix
        if not self._last:
            return
        self.why = failed or str(said["why"])
        if self.why not in ("", "empty"):
            self.failing_mono = min(self.failing_mono, now)
        else:
            self.said, self._settled = "nothing" if self.why else "copied", True
