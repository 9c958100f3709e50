"""Reaches a job's storage by a process of its own, so that a storage that hangs never holds up the agent."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from scheduler.execution.agent import carbonsched_copies_v1 as copies
    from scheduler.execution.agent import carbonsched_fence_v1 as fence
    from scheduler.execution.agent import carbonsched_place_v1 as place
    from scheduler.execution.agent.carbonsched_helper_v1 import DIED, Helper
else:
    sys.path.insert(0, str(Path(__file__).resolve().parent))  # python -I leaves it out; only our own files lie there
    import carbonsched_copies_v1 as copies
    import carbonsched_fence_v1 as fence
    import carbonsched_place_v1 as place
    from carbonsched_helper_v1 import DIED, Helper

COUNTED = ("read_bytes", "read_requests", "written_bytes", "written_requests")


@dataclass(frozen=True)
class Order:
    """What is to be reached."""

    beside: str  # path or URI of the folder of fences and evidence
    generations: str  # path or URI of the checkpoint's copies; empty where it lies on the storage itself
    number: int
    every_s: float  # between two renewals of the fence [s]
    keep: int  # generations beside the newest


class Storage(Helper):
    """The agent's side: one question at a time, and what it cost.

    Args:
        prepare: makes the process one that ends with the agent.
    """

    def __init__(self, order: Order, prepare: Callable[[], None]) -> None:
        super().__init__([str(Path(__file__).resolve())], asdict(order), prepare)
        self.where = order.beside
        self.spent: dict[str, float] = dict.fromkeys(COUNTED, 0)

    def answer(self) -> dict[str, object] | None:
        """What it says, its "error" empty where all is well; None while nothing was asked or there is no answer yet."""
        said = super().answer()
        if said == DIED:
            return {"error": "the process that reaches the storage died"}
        spent = said.pop("spent") if said else {}
        for name, much in spent.items():  # type: ignore[attr-defined]  # from our own process
            self.spent[name] += much
        return said


class Server:
    """The process's side."""

    def __init__(self, order: Order) -> None:
        self._order = order
        self._beside: place.Place | None = None
        self._generations: place.Place | None = None
        self._copies: copies.Copies | None = None

    def answer(self, what: str, words: Mapping[str, str]) -> dict[str, object]:
        """Do what was asked; an error is an answer."""
        try:
            said = {**getattr(self, f"_{what}")(**words), "error": ""}
        except OSError as exc:
            said = {"error": str(exc) or repr(exc)}
        return {**said, "spent": self._spent()}

    def get_ready(self) -> None:
        """Load what it takes to reach the storage; whether that is there shows in the first answer."""
        with contextlib.suppress(OSError):
            self._at_beside()

    def _claim(self) -> dict[str, object]:
        """Claim or keep the fence; whether a higher one stands, and whether a lower one has yet to be waited for."""
        mine = self._fence()
        if not mine.renew():
            return {"higher": True}
        blocked = mine.blocked()
        if not blocked:
            mine.tidy()
        return {"higher": False, "blocked": blocked}

    def _renew(self) -> dict[str, object]:
        """Keep the fence; whether a higher one stands."""
        return {"higher": not self._fence().renew()}

    def _release(self) -> dict[str, object]:
        """Say that the training is over."""
        self._fence().release()
        return {}

    def _keep(self, files: list[str]) -> dict[str, object]:
        """Copy files of evidence there."""
        for file in map(Path, files):
            if file.exists():
                self._at_beside().put(file, file.name)
        return {}

    def _fetch(self, folder: str) -> dict[str, object]:
        """Fill the checkpoint's folder with the newest whole generation."""
        return self._made_copies().fetch(Path(folder))

    def _copy(self, folder: str) -> dict[str, object]:
        """Make a generation of the checkpoint's folder."""
        return self._made_copies().copy(Path(folder), lambda: outranked(self._at_beside(), self._order.number))

    def _at_beside(self) -> place.Place:
        """Where fences and evidence lie."""
        self._beside = self._beside or place.place(self._order.beside)
        return self._beside

    def _fence(self) -> fence.Fence:
        """The own fence."""
        return fence.Fence(self._at_beside(), self._order.number, self._order.every_s)

    def _made_copies(self) -> copies.Copies:
        """The generations, which remember what was copied last."""
        if self._copies is None:
            self._generations = place.place(self._order.generations)
            self._copies = copies.Copies(self._generations, self._order.number, self._order.keep)
        return self._copies

    def _spent(self) -> dict[str, int]:
        """What was read and written since the last answer."""
        spent = dict.fromkeys(COUNTED, 0)
        for where in filter(None, (self._beside, self._generations)):
            for name in COUNTED:
                spent[name] += getattr(where, name)
                setattr(where, name, 0)
        return spent


def outranked(where: place.Place, number: int) -> bool:
    """Whether a higher fence stands. Raises OSError."""
    return any(other > number for other in fence.standing(where))


def main() -> int:
    """Answer until the agent is gone; returns the exit status."""
    logging.disable()  # what is wrong is in the answer; the libraries fill the job's log with tracebacks
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    server = Server(Order(**json.loads(sys.stdin.readline())))
    server.get_ready()
    for line in sys.stdin:
        asked = json.loads(line)
        answers.write(json.dumps(server.answer(asked.pop("what"), asked)) + "\n")
        answers.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
