"""The readings of meters in an attempt's samples, as arrays: a row a GPU, a column a line.

They are parsed a piece at a time straight into arrays, so that a million samples never lie in memory as objects.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Annotated, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from scheduler.records.evidence import PROTOCOL, BadEvidence, NewerAgent

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

_PIECE: Final = 8 << 20
"""How much is parsed at a time. [bytes]"""
_CUTS: Final = frozenset(("reset", "leapt", "restarted"))
"""Flags of a reading that does not go on from the one before."""


class _Gpu(msgspec.Struct, gc=False):
    """One GPU in a line, as far as it is needed; `flag` holds words between commas."""

    node: str
    uuid: str
    j: float | None = None
    p_j: float | None = None
    flag: str = ""
    rest_w: float | None = None


class _Line(msgspec.Struct, gc=False):
    """A line of samples, as far as it is needed."""

    v: int
    n: Annotated[int, msgspec.Meta(ge=0, lt=1 << 53)]
    t_unix: float
    mono_s: float = 0.0
    gpus: tuple[_Gpu, ...] = ()


_LINES: Final = msgspec.json.Decoder(_Line)


@dataclass(frozen=True, slots=True, kw_only=True)
class Readings:
    """What was read, in the order of the lines' numbers, each line once; G GPUs, N lines.

    Args:
        t_unix: the node's clock, shape [N]. [s]
        at_s: the node's monotonic clock, strictly increasing, shape [N]. [s]
        counter_j: by the GPU's own counter, cumulative, NaN where there is no reading, shape [G, N]. [J]
        power_j: polled power integrated, likewise, shape [G, N]. [J]
        cut: whether a reading does not go on from the one before, shape [G, N].
        flags: what was said of each GPU, shape [G].
        rest_w: what each drew at rest before the training, NaN where that is not known, shape [G]. [W]
        widest: most GPUs in one line.
    """

    t_unix: Floats
    at_s: Floats
    counter_j: Floats
    power_j: Floats
    cut: Flags
    flags: tuple[frozenset[str], ...]
    rest_w: Floats
    widest: int


def readings(raw: bytes) -> Readings | None:
    """The readings in `raw`; None where no line has one. A torn last line is left for the next reading.

    Raises:
        BadEvidence: a line is not what an agent writes.
    """
    clocks: list[Floats] = []
    values: list[Floats] = []
    rows: dict[tuple[str, str], int] = {}
    said: list[tuple[int, int, str]] = []
    rest: dict[int, float] = {}
    base = widest = 0
    for lines in _parsed(raw):
        columns = [line.n for line in lines], [line.t_unix for line in lines], [line.mono_s for line in lines]
        clocks.append(np.array(columns, dtype=np.float64))
        gpus = list(chain.from_iterable(line.gpus for line in lines))
        counts = [len(line.gpus) for line in lines]
        ids = [rows.setdefault((gpu.node, gpu.uuid), len(rows)) for gpu in gpus]
        at = np.repeat(np.arange(base, base + len(lines)), counts)
        values.append(np.array([ids, at, [gpu.j for gpu in gpus], [gpu.p_j for gpu in gpus]], dtype=np.float64))
        said += [(ids[k], int(at[k]), gpu.flag) for k, gpu in enumerate(gpus) if gpu.flag]
        rest |= {ids[k]: gpu.rest_w for k, gpu in enumerate(gpus) if gpu.rest_w is not None}
        base, widest = base + len(lines), max(widest, *counts)
    return _table(np.concatenate(clocks, axis=1), np.concatenate(values, axis=1), said, rest, widest) if rows else None


def _table(
    clocks: Floats, values: Floats, said: Sequence[tuple[int, int, str]], rest: dict[int, float], widest: int
) -> Readings:
    """Readings laid out by GPU and line, and the lines put in order."""
    ids, at = values[:2].astype(np.int64)
    shape = (int(ids.max()) + 1, clocks.shape[1])
    counter_j, power_j = np.full(shape, np.nan), np.full(shape, np.nan)
    counter_j[ids, at], power_j[ids, at] = values[2:]
    if not np.isfinite(clocks).all() or np.isinf(values).any() or (values < 0).any():
        raise BadEvidence("a sample is not what an agent writes: a time or an energy that cannot be")
    cut = np.zeros(shape, dtype=np.bool_)
    flags: list[set[str]] = [set() for _ in range(shape[0])]
    for row, line, words in said:
        flags[row].update(words.split(","))
        cut[row, line] = not _CUTS.isdisjoint(words.split(","))
    order = _ordered(clocks[0], clocks[2])
    return Readings(
        t_unix=clocks[1, order],
        at_s=clocks[2, order],
        counter_j=counter_j[:, order],
        power_j=power_j[:, order],
        cut=cut[:, order],
        flags=tuple(map(frozenset, flags)),
        rest_w=np.array([rest.get(row, np.nan) for row in range(shape[0])]),
        widest=widest,
    )


def _ordered(n: Floats, mono_s: Floats) -> NDArray[np.intp]:
    """The lines by number, the first of those that share one, and of these only such as time went on in."""
    order = np.argsort(n, kind="stable")
    order = order[np.diff(n[order], prepend=-1.0) > 0]
    before = np.maximum.accumulate(mono_s[order])[:-1]
    return order[np.concatenate(([True], mono_s[order][1:] > before))]


def _parsed(raw: bytes) -> Iterator[list[_Line]]:
    """The whole lines of `raw`, some megabytes of them at a time."""
    view, begin, end = memoryview(raw), 0, raw.rfind(b"\n") + 1
    while begin < end:
        stop = (raw.rfind(b"\n", begin, begin + _PIECE) if end - begin > _PIECE else end - 1) + 1
        stop = stop or raw.find(b"\n", begin) + 1
        try:
            lines = _LINES.decode_lines(view[begin:stop])
        except (msgspec.DecodeError, RecursionError) as exc:
            raise BadEvidence(f"a sample is not what an agent writes: {exc}") from exc
        for version in {line.v for line in lines} - {PROTOCOL}:
            if version > PROTOCOL:
                raise NewerAgent.of("a line of samples", version)
            raise BadEvidence(f"a line of samples is not of agent protocol {PROTOCOL}, but {version}")
        yield lines
        begin = stop
