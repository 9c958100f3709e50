"""Plans in pieces where an hour of work has a value: what they cost at least less that of their work, all at once.

With a value of lambda grams for an hour of work it does not matter how much of it a plan does (Lagrangian relaxation,
as in `bound`). The cheapest way to have run one piece more by each border then follows from that with one less by
running minima, over all borders, rows and values together; it ends when one more betters none.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from scheduler.problem.draft import Draft
from scheduler.problem.pieces import Pieces
from scheduler.problem.surface import INSTANT_TOLERANCE_H, Floats, Ints

_MOST: Final = 40
"""Pieces that are looked at; plans of more have no bound."""
_SAME: Final = 1e-12
"""Values that differ by less than this share are one. [-]"""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Layer:
    """Plans that have run a number of pieces and wait, by border, row that they resume on and value, [N+1, C, K].

    Args:
        wait_g: cost so far less the value of the work. [g]
        work_h: that work. [h]
        ended: where the last piece ended, as a flat index; began: border at which a piece that ended there began.
    """

    wait_g: Floats
    work_h: Floats
    ended: Ints | None = None
    began: Ints | None = None


class Relaxed:
    """Plans in pieces at some values of work.

    Args:
        pieces: what they can be; value_g: of an hour of work, shape [K]. [g/h]
    """

    def __init__(self, pieces: Pieces, value_g: Floats) -> None:
        self._pieces, self._value_g = pieces, value_g
        t_h, row_g = pieces.on.t_h, pieces.speed[:, None] * value_g
        run_g = pieces.run_g[:, :, None] - t_h[:, None, None] * row_g
        hold_g = np.where(pieces.holds[:, None], pieces.hold_g[:, :, None], 0.0)
        # No plan with room comes to so much, and none without to less: all that runs, is held and is worth anything.
        every_g = float(pieces.run_g[-1].sum() + hold_g[-1].sum() + 2 * row_g.max() * (t_h[-1] + pieces.work_h))
        self._none_g = 2 * every_g + 1.0
        shut_g = 2 * self._none_g * pieces.shut[:, :, None]
        self._run_g: Floats = run_g + shut_g
        self._hold_g: Floats = np.where(pieces.holds[:, None], hold_g + shut_g, 0.0)
        self._load_g, self._save_g = pieces.restart_h[:, None] * row_g, pieces.checkpoint_h * row_g
        self._size = run_g[0].size
        self._base: Ints = np.arange(self._size).reshape(run_g[0].shape)
        self._border: Ints = np.arange(len(t_h))[:, None, None]
        self._layers: list[Layer] = []

    def least_g(self, *, traced: bool) -> Floats:
        """What no plan with a suspend costs less than at each value, shape [K]; -inf where that is not known. [g]

        Args:
            traced: whether `draft` is asked for behind this.
        """
        pieces, fresh = self._pieces, self._pieces.resumes is None
        known_g, least_g = self._first_wait_g(), np.full(self._value_g.shape, np.inf)
        self._layers = [Layer(wait_g=known_g, work_h=np.zeros_like(known_g))]
        start_g = self._first_start_g() if fresh else self._start_g(known_g)
        for number in range(_MOST):
            best_g = np.minimum.accumulate(start_g, axis=0)
            if number or not fresh:
                ends_g = best_g + np.minimum(self._run_g[:-1], self._run_g[1:])  # in between it is linear
                least_g = np.minimum(least_g, ends_g.min(axis=(0, 1)))
            if number == pieces.most:
                break
            layer = self._next(start_g, best_g, is_first=fresh and not number, traced=traced)
            if not (layer.wait_g < known_g - _SAME * self._none_g).any():
                break
            self._layers.append(layer)
            known_g, start_g = np.minimum(known_g, layer.wait_g), self._start_g(layer.wait_g)
        else:
            least_g[:] = -np.inf
        return np.asarray(least_g + pieces.work_h * self._value_g)

    def draft(self) -> Draft | None:
        """The cheapest plan of all that do just the work: a way of the above to a last piece, which does what is left.

        None where none of them has room.
        """
        pieces, on, best = self._pieces, self._pieces.on, None
        room_h = on.t_h[on.room_to[pieces.rows][:, :-1].T][:, :, None] + INSTANT_TOLERANCE_H
        for number, layer in enumerate(self._layers):
            left_h = pieces.work_h - layer.work_h[:-1]
            end_h = on.t_h[:-1, None, None] + (pieces.restart_h[:, None] + left_h / pieces.speed[:, None])
            fits = (left_h > INSTANT_TOLERANCE_H) & (layer.wait_g[:-1] < self._none_g) & (end_h <= room_h)
            which = np.flatnonzero(fits & pieces.startable[:, :, None])
            if not len(which):
                continue
            border, at = np.divmod(which, self._size)
            row, value = np.divmod(at, len(self._value_g))
            end_h = end_h.ravel()[which]
            cost_g = layer.wait_g.ravel()[which] + self._value_g[value] * layer.work_h.ravel()[which]
            cost_g = cost_g + on.run_to(pieces.rows[row], end_h) - pieces.run_g[border, row]
            least = int(cost_g.argmin())
            if best is None or cost_g[least] < best[0]:
                best = float(cost_g[least]), number, int(which[least]), float(end_h[least])
        return None if best is None else self._draft(*best)

    def _draft(self, cost_g: float, number: int, at: int, end_h: float) -> Draft:
        """The plan that comes by a layer to a last piece from a flat index on."""
        t_h, rows, count = self._pieces.on.t_h, self._pieces.rows, len(self._value_g)
        stretches = [(int(rows[at % self._size // count]), float(t_h[at // self._size]), end_h)]
        for layer in self._layers[number:0:-1]:
            assert layer.ended is not None  # noqa: S101  # all but the first say so
            assert layer.began is not None  # noqa: S101  # the same
            ended = int(layer.ended.flat[at])
            began = int(layer.began.flat[ended])
            row = int(rows[ended % self._size // count])
            stretches.append((row, float(t_h[began]), float(t_h[ended // self._size])))
            at = began * self._size + ended % self._size
        return Draft(cost_g=cost_g, stretches=tuple(reversed(stretches)))

    def _first_wait_g(self) -> Floats:
        """How a job waits that was suspended before hour 0; inf for one that was not. [g]"""
        pieces = self._pieces
        if pieces.resumes is None:
            return np.full_like(self._run_g, np.inf)
        wait_g = np.where(pieces.own[:, None], self._hold_g, 0.0)
        wait_g = np.where(pieces.resumes[:, None], wait_g, np.inf)
        return np.broadcast_to(wait_g, self._run_g.shape).copy()

    def _first_start_g(self) -> Floats:
        """The integral of running up to where the very first piece begins, taken off; inf where it cannot. [g]"""
        return np.where(self._pieces.begins[:, :, None], -self._run_g[:-1], np.inf)

    def _start_g(self, wait_g: Floats) -> Floats:
        """The same of a piece that resumes behind a wait. [g]"""
        begun_g = wait_g[:-1] - self._run_g[:-1] + self._load_g
        return np.where(self._pieces.startable[:, :, None], begun_g, np.inf)

    def _next(self, start_g: Floats, best_g: Floats, *, is_first: bool, traced: bool) -> Layer:
        """The plans of one piece more, of which the cheapest begun by each border is known."""
        pieces, before = self._pieces, self._layers[-1]
        latest = pieces.latest_first if is_first else pieces.latest
        from_ = np.maximum(latest, 0)[:, :, None] * self._size + self._base
        ended_g = best_g.ravel().take(from_) + self._run_g + self._save_g
        ended_g = np.where(latest[:, :, None] < 0, np.inf, ended_g)
        wait_g, ended = self._waits(ended_g, traced=traced)
        if ended is None:
            return Layer(wait_g=wait_g, work_h=before.work_h)
        began = _reached(start_g, best_g, self._border[:-1]).ravel().take(from_)
        lost_h = pieces.checkpoint_h + (0.0 if is_first else pieces.restart_h[:, None])
        useful_h = pieces.on.t_h[:, None, None] - pieces.on.t_h[began] - lost_h
        work_h = before.work_h.ravel().take(began * self._size + self._base) + pieces.speed[:, None] * useful_h
        return Layer(wait_g=wait_g, work_h=work_h.ravel().take(ended), ended=ended, began=began)

    def _waits(self, ended_g: Floats, *, traced: bool) -> tuple[Floats, Ints | None]:
        """What the waits behind pieces that end at each border have cost, and of which piece each is.

        A resume where it was suspended leaves at least a slot between; one elsewhere ends the hold.
        """
        kept_g = ended_g - self._hold_g
        best_g = np.minimum.accumulate(kept_g, axis=0)
        wait_g = np.full_like(ended_g, np.inf)
        wait_g[1:] = best_g[:-1] + self._hold_g[1:]
        ended = None
        if traced:
            ended = np.broadcast_to(self._base, wait_g.shape).copy()
            ended[1:] += _reached(kept_g, best_g, self._border)[:-1] * self._size
        if not self._pieces.ways.any():
            return wait_g, ended
        best_g = np.minimum.accumulate(ended_g, axis=0)
        last = _reached(ended_g, best_g, self._border) * self._size + self._base if traced else None
        for left, joined in np.argwhere(self._pieces.ways).tolist():
            is_less = best_g[:, left] < wait_g[:, joined]
            wait_g[:, joined] = np.where(is_less, best_g[:, left], wait_g[:, joined])
            if ended is not None and last is not None:
                ended[:, joined] = np.where(is_less, last[:, left], ended[:, joined])
        return wait_g, ended


def _reached(values: Floats, best: Floats, border: Ints) -> Ints:
    """The border at which each running minimum was reached last."""
    return np.asarray(np.maximum.accumulate(np.where(values == best, border, 0), axis=0))
