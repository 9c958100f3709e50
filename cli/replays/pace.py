"""How far replays are and how long they will take, from how fast those like them went in this run."""

from __future__ import annotations

from collections.abc import Sequence

from cli.replays.work import Order


class Pace:
    """Some replays, each as far as it has come.

    Args:
        orders: all that are to be made.
    """

    def __init__(self, orders: Sequence[Order]) -> None:
        self._orders = orders
        self._share = dict.fromkeys(orders, 0.0)
        self._s_per_job: dict[tuple[str, bool, bool], float] = {}
        self.finished = 0

    def far(self, order: Order, jobs: int, took_s: float) -> None:
        """One has placed so many jobs in that time. [s]"""
        if jobs:
            self._share[order] = share = order.share(jobs)
            self._s_per_job[order.kind] = took_s / (share * order.jobs)

    def done(self, order: Order, took_s: float) -> None:
        """One is done. [s]"""
        self.far(order, order.jobs, took_s)
        self.finished += 1

    def again(self, order: Order) -> None:
        """One is begun from nothing, and takes what its kind has taken so far."""
        self._share[order] = 0.0

    def left_s(self, order: Order) -> float:
        """What one still takes. [s]"""
        return (1 - self._share[order]) * order.jobs * self._rate(order)

    def _rate(self, order: Order) -> float:
        """What a job of its kind takes; else of its policy's slowest kind, else of the slowest of all known. [s]"""
        if order.kind in self._s_per_job:
            return self._s_per_job[order.kind]
        of_policy = [took_s for (name, *_), took_s in self._s_per_job.items() if name == order.policy.name]
        return max(of_policy or self._s_per_job.values(), default=0.0)

    def work_s(self) -> float:
        """What all still take one after the other. [s]"""
        return sum(self.left_s(order) for order in self._orders)

    def whole_s(self) -> float:
        """What all take one after the other, the finished ones included. [s]"""
        return sum(order.jobs * self._rate(order) for order in self._orders)

    def known_s(self) -> float:
        """What those still take of whose kind one has begun. [s]"""
        return sum(self.left_s(order) for order in self._orders if order.kind in self._s_per_job)

    def text(self, width: int) -> str:
        """How far all are, and how long they will take once something is known of each policy.

        Args:
            width: how many are made at once.
        """
        said = f"{self.finished} of {len(self._orders)} replays done"
        open_ones = [order for order in self._orders if self._share[order] < 1]
        told = {name for name, *_ in self._s_per_job}
        if not open_ones or any(order.policy.name not in told for order in open_ones):
            return said
        longest_s = max(self.left_s(order) for order in open_ones)
        return f"{said}, about {max(longest_s, self.work_s() / max(width, 1)):.0f} s left"
