"""How long a job takes by its past runs, for one that does not say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from scheduler.domain.duration import format_duration

_UNKNOWN_SPREAD: Final = 0.25
"""Margin of a single run, as a share of it; it falls with the number of runs, and is this project's choice. [-]"""
_SECOND: Final = timedelta(seconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Learnt:
    """A duration by GPU model, and what to keep free before a deadline because runs differ.

    Args:
        durations: GPU model -> one uninterrupted run on it.
        margin: kept free before the deadline, as far as there is slack.
        runs: how many past runs it is made from.
    """

    durations: Mapping[str, timedelta]
    margin: timedelta
    runs: int

    @property
    def note(self) -> str:
        """What was learnt, in one line."""
        spans = dict.fromkeys(self.durations.values())
        each = [f"{format_duration(span)} on {model}" for model, span in sorted(self.durations.items())]
        told = format_duration(next(iter(spans))) if len(spans) == 1 else ", ".join(each)
        count = f"{self.runs} run{'' if self.runs == 1 else 's'}"
        return f"duration learnt from {count}: {told}, margin {format_duration(self.margin)}"


def learnt_from(lengths: Mapping[str, Sequence[timedelta]]) -> Learnt | None:
    """What past runs teach, by GPU model; None where there are none.

    Notes:
        duration = the median; margin = the largest over the models of max(longest - median, median / (4 n)), n runs:
        the fewer runs, the less is known of how they differ.
    """
    known = {model: sorted(spans) for model, spans in lengths.items() if spans}
    if not known:
        return None
    middle = {model: _whole_seconds(_median(spans)) for model, spans in known.items()}
    margins = [
        max(spans[-1] - middle[model], middle[model] * _UNKNOWN_SPREAD / len(spans)) for model, spans in known.items()
    ]
    return Learnt(
        durations=middle, margin=_whole_seconds(max(margins)), runs=sum(len(spans) for spans in known.values())
    )


def _median(spans: Sequence[timedelta]) -> timedelta:
    """The middle of times in order, or between the two middle ones."""
    half = len(spans) // 2
    return spans[half] if len(spans) % 2 else (spans[half - 1] + spans[half]) / 2


def _whole_seconds(span: timedelta) -> timedelta:
    """A time in whole seconds, and at least one."""
    return max(_SECOND, _SECOND * round(span / _SECOND))
