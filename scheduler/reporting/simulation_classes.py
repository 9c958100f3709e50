"""The classes that jobs of a trace are told by: how many GPUs they take, and how long they run."""

from __future__ import annotations

import itertools
from typing import Final

from scheduler.reporting.simulation_figures import JobClass

WIDTHS: Final = ((1, "1 GPU"), (8, "2 to 8 GPUs"), (64, "9 to 64 GPUs"), (None, "over 64 GPUs"))
"""The most GPUs of each width."""
LENGTHS_H: Final = ((1.0, "under 1 h"), (8.0, "1 to 8 h"), (None, "from 8 h"))
"""What each length is under. [h]"""
CLASSES: Final[tuple[JobClass, ...]] = tuple(
    itertools.product((name for _, name in WIDTHS), (name for _, name in LENGTHS_H))
)
"""Narrow and short ones first."""


def class_of(gpus: int, length_h: float) -> JobClass:
    """The class of a job by its width and length. [h]"""
    width = next(name for most, name in WIDTHS if most is None or gpus <= most)
    length = next(name for under_h, name in LENGTHS_H if under_h is None or length_h < under_h)
    return width, length
