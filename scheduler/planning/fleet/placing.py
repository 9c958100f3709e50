"""Places of the jobs of a fleet that share its room: one job at a time is put in or taken out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

import numpy as np

from scheduler.planning.fleet.costs import Costs, room_price_g
from scheduler.planning.fleet.dual import Dual
from scheduler.planning.fleet.fleet import Fleet, FleetJob, Place
from scheduler.planning.fleet.integral import Integral, integral
from scheduler.planning.fleet.room import Room
from scheduler.planning.fleet.segments import cheapest_segments
from scheduler.planning.fleet.windows import Windows
from scheduler.problem.surface import INSTANT_TOLERANCE_H, Floats

CLOSE_H: Final = 0.1
"""Time of the room's price by which a start right beside another job goes before one that leaves a gap. [h]"""


class Market:
    """What the room costs, and what each start in one piece then costs: the measure by which a job is placed.

    Args:
        dual: the fleet's jobs and starts.
        price: of the room, shape [C, S]. [g/GPU-h]
        windows: the starts to choose from; None for all.
    """

    def __init__(self, dual: Dual, price: Floats, windows: Windows | None = None) -> None:
        self.windows = dual.windows if windows is None else windows
        self.prices: Integral = integral(dual.fleet.edges_h, price)
        self.window_g: Floats = self.windows.priced_g(self.prices)


class Placing:
    """Which job is where, and what is free then.

    Args:
        dual: the jobs that choose, with their starts and the places that were found for them.
    """

    def __init__(self, dual: Dual) -> None:
        self.dual = dual
        self.fleet: Fleet = dual.fleet
        self.costs: Costs = dual.costs
        self.jobs = dual.jobs
        self.room = Room(dual.fleet)
        self.places: list[Place | None] = [None] * len(dual.jobs)
        for job in dual.fleet.jobs:
            if job.frozen and job.incumbent is not None:
                self.room.take(job, job.incumbent)

    def put(self, number: int, place: Place) -> None:
        """Put a job at a place that has room."""
        self.room.take(self.jobs[number], place)
        self.places[number] = place

    def remove(self, number: int) -> Place | None:
        """Take a job out; where it was, None where it was nowhere."""
        place = self.places[number]
        if place is not None:
            self.room.give(self.jobs[number], place)
            self.places[number] = None
        return place

    def put_all(self, places: Iterable[tuple[int, Place]]) -> None:
        """Put several jobs where they have been."""
        for number, place in places:
            self.put(number, place)

    def set_all(self, places: Sequence[Place | None]) -> None:
        """Put every job where it has been at another time, those of which that is not known nowhere."""
        for number in range(len(self.jobs)):
            self.remove(number)
        self.put_all((number, place) for number, place in enumerate(places) if place is not None)

    @property
    def cost_g(self) -> float:
        """What the jobs that are placed cost. [g]"""
        return sum(place.cost_g for place in self.places if place is not None)

    def cheapest(self, number: int, market: Market, *, exact: bool = False, close_h: float = CLOSE_H) -> Place | None:
        """The cheapest place of a job, its room's price included, in what is free; None where none is found.

        Args:
            number: of the job.
            market: what room costs.
            exact: whether every place in segments is looked at, not only those that were found before; where nothing
                else is found it is.
            close_h: time of its room's price by which a start beside another job goes before others. [h]
        """
        job = self.jobs[number]
        least_g, best = self._window(number, market, close_h)
        if job.pauses is None:
            return best
        least_g, best = self._known(number, market, least_g, best)
        if not (exact or best is None):
            return best
        solved = cheapest_segments(self.fleet, job, market.prices.rate, self.room)
        if solved is not None and solved[0] < least_g * (1 - 1e-9):
            best = self.costs.place(job, solved[1])
            if len(best.stretches) > 1:
                self.dual.pool.add([(number, best)])
        return best

    def _known(self, number: int, market: Market, least_g: float, best: Place | None) -> tuple[float, Place | None]:
        """The cheapest of the known places in segments that has room, if it is cheaper than `best`."""
        mine = [self.dual.pool.places[n] for n in self.dual.pool.of(number)]
        priced_g = [place.cost_g + room_price_g(self.jobs[number], place, market.prices) for place in mine]
        for at in np.argsort(priced_g, kind="stable"):
            if priced_g[at] >= least_g:
                break
            if self.room.holds(self.jobs[number], mine[at]):
                return float(priced_g[at]), mine[at]
        return least_g, best

    def _window(self, number: int, market: Market, close_h: float) -> tuple[float, Place | None]:
        """The cheapest start in one piece that has room, at any instant."""
        on, job = market.windows, self.jobs[number]
        some = on.of(number)
        priced_g, rows = market.window_g[some], on.row[some]
        if not len(rows):
            return np.inf, None
        turns = np.concatenate([[0], np.flatnonzero(rows[1:] != rows[:-1]) + 1, [len(rows)]])
        row_g = np.minimum.reduceat(priced_g, turns[:-1])
        best_g, best = np.inf, None
        for at in np.argsort(row_g, kind="stable"):
            if row_g[at] >= best_g:
                break
            part = slice(some.start + int(turns[at]), some.start + int(turns[at + 1]))
            row, takes = int(rows[turns[at]]), int(on.takes[part.start])
            first = part.start + int(priced_g[turns[at] : turns[at + 1]].argmin())
            if self.room.fits_one(row, takes, float(on.start_h[first]), float(on.end_h[first])):
                best_g, best = float(row_g[at]), (row, float(on.start_h[first]), float(on.end_h[first]))
            found_g, found_h = self._best_start(job, row, part, market, close_h)
            if found_g < best_g:
                best_g, best = found_g, (row, found_h, found_h + float(job.length_h[row]))
        return best_g, None if best is None else self.costs.place(job, [best])

    def _best_start(self, job: FleetJob, row: int, part: slice, market: Market, close_h: float) -> tuple[float, float]:
        """The cheapest start on one cluster where there is room: one of those known, or at the end of a gap."""
        on, takes, length_h = market.windows, int(job.takes[row]), float(job.length_h[row])
        fits = self.room.fits(row, takes, on.start_h[part], on.end_h[part])
        priced_g = np.where(fits, market.window_g[part], np.inf)
        number = int(priced_g.argmin())
        best_g, best_h = float(priced_g[number]), float(on.start_h[part][number])
        last_h = min(job.deadline_h, float(self.fleet.edges_h[-1]))
        begins, ends = self.room.gaps(row, takes, job.earliest_h, last_h)
        long = ends - begins >= length_h - INSTANT_TOLERANCE_H
        if not long.any():
            return best_g, best_h
        starts = np.concatenate([begins[long], np.maximum(ends[long] - length_h, begins[long])])
        beside = np.concatenate([begins[long] > job.earliest_h, ends[long] < last_h])
        count, ends_h = len(starts), np.concatenate([starts, starts + length_h])
        rows = np.full(2 * count, row)
        run, price = self.costs.run(job).to(rows, ends_h), market.prices.to(rows, ends_h)
        room_g = takes * (price[count:] - price[:count])
        gap_g = job.gpus * (run[count:] - run[:count]) + room_g * (1 - beside * close_h / length_h)
        number = int(gap_g.argmin())
        if gap_g[number] < best_g:
            return float(gap_g[number]), float(starts[number])
        return best_g, best_h
