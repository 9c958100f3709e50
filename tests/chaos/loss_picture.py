"""A loss curve as SVG, coloured by the cluster that made each part of it, over that of a training left in peace."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

_WIDTH, _HEIGHT, _LEFT, _RIGHT, _TOP, _BOTTOM = 860, 420, 64, 28, 76, 56
_COLOURS: Final = ("#0b6e4f", "#c1440e")
_INK, _PALE = "#222222", "#dddddd"
_SMOOTH: Final = 12


@dataclass(frozen=True, slots=True)
class Stretch:
    """Steps that one segment made: from `begin` until before `end`."""

    cluster: str
    begin: int
    end: int


def drawn(moved: Sequence[float], still: Sequence[float], stretches: Sequence[Stretch]) -> str:
    """The picture.

    Args:
        moved: loss of each step of the training that was moved; still: of the one left in peace. [nats]
        stretches: which steps were made where, in their order.
    """
    names = list(dict.fromkeys(each.cluster for each in stretches))
    colours = {name: _COLOURS[number % len(_COLOURS)] for number, name in enumerate(names)}
    curve, calm = _smooth(moved), _smooth(still)
    scale = _Scale(len(moved), max(curve), min(curve))
    parts = [*_axes(scale), _line([(n, y) for n, y in enumerate(calm)], scale, colour="#b0b0b0", width=6)]
    for number, each in enumerate(stretches):
        points = [(n, curve[n]) for n in range(max(0, each.begin - 1), each.end)]
        parts.append(_line(points, scale, colour=colours[each.cluster], width=2))
        if number:
            x = scale.x(each.begin)
            parts.append(f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{_TOP}" y2="{_HEIGHT - _BOTTOM}" stroke="#999999" '
                         'stroke-dasharray="3 4"/>')  # fmt: skip
    same = "equal to the last bit" if list(moved) == list(still) else "NOT equal"
    moves = sum(one.cluster != two.cluster for one, two in pairwise(stretches))
    title = f"One training, {len(stretches)} segments, {moves} moves; all {len(moved)} losses {same}"
    parts += [_text(_LEFT, 26, title, size=17), *_legend(colours)]
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" font-family="sans-serif">'
    return "\n".join([head, f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="#ffffff"/>', *parts, "</svg>", ""])


@dataclass(frozen=True, slots=True)
class _Scale:
    """From steps and losses to the picture."""

    steps: int
    highest: float
    lowest: float

    def x(self, step: float) -> float:
        """Where a step is. [px]"""
        return _LEFT + step / self.steps * (_WIDTH - _LEFT - _RIGHT)

    def y(self, loss: float) -> float:
        """Where a loss is. [px]"""
        span = (self.highest - self.lowest) or 1.0
        return _TOP + (self.highest - loss) / span * (_HEIGHT - _TOP - _BOTTOM)


def _smooth(losses: Sequence[float]) -> list[float]:
    """The mean of each loss and those just before it, for the eye; what is compared is each single one. [nats]"""
    return [sum(losses[max(0, n - _SMOOTH + 1) : n + 1]) / len(losses[max(0, n - _SMOOTH + 1) : n + 1])
            for n in range(len(losses))]  # fmt: skip


def _axes(scale: _Scale) -> list[str]:
    """Lines and numbers."""
    parts = [_text(_WIDTH / 2, _HEIGHT - 12, "step", anchor="middle"), _text(8, _TOP - 14, "loss [nats]")]
    for tick in range(5):
        loss = scale.lowest + (scale.highest - scale.lowest) * tick / 4
        step = round(scale.steps * tick / 4)
        x, y = scale.x(step), scale.y(loss)
        parts.append(f'<line x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}" stroke="{_PALE}"/>')
        parts.append(_text(_LEFT - 8, y + 4, f"{loss:.2f}", anchor="end"))
        parts.append(_text(x, _HEIGHT - _BOTTOM + 20, str(step), anchor="middle"))
    return parts


def _legend(colours: dict[str, str]) -> list[str]:
    """What the colours say."""
    parts, x = [], float(_LEFT)
    for name, colour in [*colours.items(), ("in peace", "#b0b0b0")]:
        parts.append(f'<rect x="{x:.0f}" y="40" width="22" height="6" fill="{colour}"/>')
        parts.append(_text(x + 28, 48, name))
        x += 60 + 8 * len(name)
    parts.append(_text(x, 48, "dashed: a move"))
    return parts


def _line(points: Sequence[tuple[int, float]], scale: _Scale, *, colour: str, width: float) -> str:
    """A line through steps and losses."""
    places = " ".join(f"{scale.x(step):.1f},{scale.y(loss):.1f}" for step, loss in points)
    return f'<polyline points="{places}" fill="none" stroke="{colour}" stroke-width="{width}"/>'


def _text(x: float, y: float, text: str, *, size: int = 13, anchor: str = "start") -> str:
    """A word at a place."""
    return f'<text x="{x:.0f}" y="{y:.0f}" font-size="{size}" text-anchor="{anchor}" fill="{_INK}">{text}</text>'
