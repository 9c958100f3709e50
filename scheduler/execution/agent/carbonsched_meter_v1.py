"""Has a job's GPUs metered, and never lets that cost the training anything: a meter that dies or hangs is given up.

What is asked reads NVML on this node, or leads one collector on each node of the cluster's Ray where the training goes
over several. It may be begun anew, as the counters count on without it.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from scheduler.execution.agent import carbonsched_evidence_v1 as evidence
    from scheduler.execution.agent.carbonsched_helper_v1 import Helper
    from scheduler.execution.agent.carbonsched_tally_v1 import Tally
else:
    sys.path.insert(0, str(Path(__file__).resolve().parent))  # python -I leaves it out; only our own files lie there
    import carbonsched_evidence_v1 as evidence
    from carbonsched_helper_v1 import Helper
    from carbonsched_tally_v1 import Tally

NODE, NODES = "node", "nodes"  # what is metered: this node, or all on which Ray gave the job GPUs
READERS = {NODE: "carbonsched_nvml_v1.py", NODES: "carbonsched_collectors_v1.py"}
HANG_S = {NODE: 10.0, NODES: 60.0}  # after which a question is given up; collectors are first started
SOON_S = 3.0  # how long the training, a sample or the end waits for a reading
AGAIN_S = 600.0  # between two tries once it failed several times: a hanging driver must not cost a process a sample
TRIES = 3
LOOK_S, LOOK_PART = 2.0, 0.1  # between two looks whether Ray gave the job its GPUs: so long, or that part of the wait


class Meter:
    """The agent's side of a meter.

    Args:
        what: NODE, NODES, or empty where nothing is to be metered.
        gpus: how many the job has.
        every_s: between two readings [s].
        prepare: makes a process one that ends with the agent.
    """

    def __init__(self, what: str, gpus: int, every_s: float, prepare: Callable[[], None]) -> None:
        self.tally = Tally(gpus, every_s)
        self.off = "" if what else "not asked for"
        self._what = what
        self._began_mono = time.monotonic()
        self._failed = 0
        self._again_mono = self._look_mono = 0.0
        reader = str(Path(__file__).resolve().parent / READERS.get(what, ""))
        self._helper = Helper([reader], {"gpus": gpus}, prepare)
        if what:
            self._ask("begin")

    @property
    def pids(self) -> set[int]:
        """Processes that are no part of the training."""
        return self._helper.pids

    @property
    def ears(self) -> list[int]:
        """What can be read once there is a reading."""
        return self._helper.ears

    @property
    def waiting(self) -> bool:
        """Whether a reading is under way that is worth waiting for."""
        return bool(self._helper.busy) and time.monotonic() < self._helper.asked_mono + SOON_S

    @property
    def next_mono(self) -> float:
        """When to look after it again."""
        asked = self._helper.asked_mono
        return asked + (SOON_S if self.waiting else HANG_S[self._what]) if self._helper.busy else self._look_mono

    def ask(self) -> None:
        """Ask for a reading, unless one is under way or it is not worth a try."""
        if not self.off and not self._helper.busy and time.monotonic() >= self._again_mono:
            self._ask("read")

    def step(self) -> bool:
        """Take a reading that came, or give up one that does not; whether a GPU is new that no line has told of."""
        now = time.monotonic()
        self._look_mono = float("inf")
        if self._helper.busy:
            said = self._helper.answer()
            if said is not None:
                self._take(said, now)
            elif now >= self._helper.asked_mono + HANG_S[self._what]:
                self._helper.end()
                self._lost("it hung")
        elif self._what == NODES and not self.off and not self.tally.known and now >= self._again_mono:
            self._look_mono = self._helper.asked_mono + max(LOOK_S, LOOK_PART * (now - self._began_mono))
            if now >= self._look_mono:
                self.ask()
        return self.tally.news

    def ready(self, wait: Callable[..., None]) -> None:
        """Wait for the first reading, which is best made before the training; collectors take too long for that."""
        if self._what == NODE:
            self.wait(wait)

    def wait(self, wait: Callable[..., None]) -> None:
        """Wait for a reading that is under way, but not long."""
        while self.waiting:
            wait(max(0.0, self.next_mono - time.monotonic()), *self.ears)
            self.step()

    def end(self) -> None:
        """Have nothing read any more."""
        self._helper.end()

    def fields(self) -> dict[str, object]:
        """What a line of samples says of it, each reading once."""
        gpus = self.tally.lines()
        return {**self.tally.energy, "gpus": gpus} if gpus else self.tally.energy

    def outcome(self) -> dict[str, object]:
        """What the outcome says of it."""
        share = self.tally.measured(time.monotonic() - self._began_mono)
        return {**self.tally.energy, "measured_share": share, "unmetered": self.off}

    def _ask(self, what: str) -> None:
        """Ask, unless no process can be had for it."""
        try:
            self._helper.ask(what)
        except (OSError, subprocess.SubprocessError) as exc:
            self._helper.end()
            self._lost(f"it cannot be started: {exc}")

    def _take(self, said: dict[str, object], now: float) -> None:
        """Add what was read, or note that nothing was."""
        gpus = said.get("gpus")
        if said["error"] or not isinstance(gpus, list):
            self._lost(str(said["error"]))
            return
        self._failed, self.off = 0, str(said.get("off", ""))
        if self.off:
            self._helper.end()
            return
        self.tally.take(gpus, now - self._began_mono)

    def _lost(self, why: str) -> None:
        """Note that the meter is gone; it is begun anew with a question, but not for ever."""
        self._failed += 1
        self.tally.missed("dead")
        if self._failed == 1:
            evidence.complain(f"the meter is started anew, as {why}; the training goes on")
        if self._failed >= TRIES:
            self._again_mono = time.monotonic() + AGAIN_S
