"""Adds up what meters read of a job's GPUs since the agent began: by their counters, and by polled power.

A counter that falls began anew, and one that leaps read something else: what lies between two such readings is not
counted, and flagged, so that whoever accounts for it can estimate it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

MOST_W = 5000.0  # more than any board draws; a counter that says more has leapt [W]
LONG = 2.5  # periods without a reading after which polled power says nothing of what was drawn meanwhile
W_PER_MW = J_PER_MJ = 1e-3

Reading = Mapping[str, object]


@dataclass
class Gpu:
    """What one GPU drew."""

    node: str
    uuid: str
    counted_j: float | None = None
    polled_j: float | None = None
    last_mj: float | None = None
    last_at: float = 0.0  # of the counter [s]
    last_w: float | None = None
    last_polled: float = 0.0  # [s]
    metered_s: float = 0.0
    rest_w: float | None = None
    fresh: bool = False  # whether it was read since the last line
    flags: tuple[str, ...] = ()  # that the next line says
    always: tuple[str, ...] = ()  # that each line says

    def take(self, read: Reading, at_s: float, long_s: float) -> None:
        """Add a reading that was made `at_s` [s] after the agent's start."""
        mj, mw, share = (read.get(name) for name in ("mj", "mw", "share"))
        weight = share if isinstance(share, float) else 1.0
        if isinstance(mj, int):
            self._count(mj, weight, at_s)
        if isinstance(mw, int):
            self._poll(mw * W_PER_MW * weight, at_s, long_s)
        self.fresh = isinstance(mj, int) or isinstance(mw, int)
        flag = read.get("flag")
        self.always = (flag,) if isinstance(flag, str) and flag else ()
        rest_w = read.get("rest_w")
        if isinstance(rest_w, float):
            self.rest_w = rest_w

    def rejoin(self) -> None:
        """Count on from the next reading: what it drew meanwhile was not for this job."""
        self.last_mj = self.last_w = None
        self.flags += ("restarted",)

    def _count(self, mj: int, weight: float, at_s: float) -> None:
        """Add what the counter went on by."""
        self.counted_j = self.counted_j or 0.0
        if self.last_mj is not None:
            went_j = (mj - self.last_mj) * J_PER_MJ
            if went_j < 0:
                self.flags += ("reset",)
            elif went_j > MOST_W * max(1.0, at_s - self.last_at):
                self.flags += ("leapt",)
            else:
                self.counted_j += went_j * weight
                self.metered_s += at_s - self.last_at
        self.last_mj, self.last_at = mj, at_s

    def _poll(self, power_w: float, at_s: float, long_s: float) -> None:
        """Add the mean of two powers times the time between them."""
        self.polled_j = self.polled_j or 0.0
        if self.last_w is not None:
            between_s = at_s - self.last_polled
            if between_s <= long_s or self.counted_j is not None:
                self.polled_j += (self.last_w + power_w) / 2 * between_s
                self.metered_s += 0.0 if self.counted_j is not None else between_s
            else:
                self.flags += ("restarted",)
        self.last_w, self.last_polled = power_w, at_s

    @property
    def mode(self) -> str:
        """What it is metered by."""
        return "none" if self.total_j is None else "power" if self.counted_j is None else "counter"

    @property
    def total_j(self) -> float | None:
        """What it drew, by the better meter [J]."""
        return self.polled_j if self.counted_j is None else self.counted_j

    def said(self) -> dict[str, object]:
        """What a line says of it; what was not read since the line before is null."""
        flags = [*self.always, *self.flags]
        if self.total_j is None:
            flags += [] if flags else ["none"]
        elif self.counted_j is None:
            flags.append("power")
        line: dict[str, object] = {
            "node": self.node,
            "uuid": self.uuid,
            "j": _rounded(self.counted_j) if self.fresh else None,
            "p_j": _rounded(self.polled_j) if self.fresh else None,
            "w": _rounded(self.last_w) if self.fresh else None,
            "mode": self.mode,
            "flag": ",".join(dict.fromkeys(flags)),
        }
        if self.rest_w is not None:
            line["rest_w"] = _rounded(self.rest_w)
            self.rest_w = None
        self.fresh, self.flags = False, ()
        return line


class Tally:
    """What all the GPUs of a job drew.

    Args:
        gpus: how many the job has.
        every_s: between two readings [s].
    """

    def __init__(self, gpus: int, every_s: float) -> None:
        self.gpus, self._long_s = gpus, LONG * every_s
        self.known: dict[tuple[str, str], Gpu] = {}
        self._now: dict[tuple[str, str], Gpu] = {}  # by node and place: those that the job has now
        self.news = False  # whether a GPU was read that no line has told of

    def take(self, read: Sequence[Reading], at_s: float) -> None:
        """Add one reading of each GPU that the job has now, made `at_s` [s] after the agent's start."""
        now: dict[tuple[str, str], Gpu] = {}
        for one in read:
            node, place, uuid = (str(one[name]) for name in ("node", "place", "uuid"))
            before, gpu = self._now.get((node, place)), self.known.get((node, uuid))
            if gpu is None:
                gpu = self.known[node, uuid] = Gpu(node, uuid, flags=("swapped",) if before else ())
                self.news = True
            elif gpu is not before:
                gpu.rejoin()
            now[node, place] = gpu
            gpu.take(one, at_s, self._long_s)
        self._now = now

    def missed(self, flag: str) -> None:
        """Note that nothing could be read, and why."""
        for gpu in self._now.values():
            gpu.flags += (flag,)

    def lines(self) -> list[dict[str, object]]:
        """What a line says of each GPU that the job has now."""
        self.news = False
        return [gpu.said() for gpu in self._now.values()]

    @property
    def energy(self) -> dict[str, object]:
        """All that was metered of the job so far [J], and the weakest meter of it."""
        totals = [gpu for gpu in self.known.values() if gpu.total_j is not None]
        if not totals:
            return {"energy_j": None, "energy_source": "model"}
        counted = all(gpu.counted_j is not None for gpu in totals)
        joules = sum(gpu.total_j or 0.0 for gpu in totals)
        return {"energy_j": _rounded(joules), "energy_source": "nvml_counter" if counted else "nvml_power"}

    def measured(self, seconds: float) -> float:
        """Share of the time of all GPUs in `seconds` [s] that was metered [-]."""
        metered_s = sum(gpu.metered_s for gpu in self.known.values())
        most_s = max(self.gpus, len(self._now)) * seconds
        return round(min(1.0, metered_s / most_s), 4) if most_s > 0 else 0.0


def _rounded(value: float | None) -> float | None:
    """A figure without digits that no meter has."""
    return None if value is None else round(value, 3)
