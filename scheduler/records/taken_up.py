"""Work that an interrupted attempt had saved and the next one took up: it was of use, and home would have done it too.

Only progress that was told proves that. Where it was not told, all that an interrupted attempt did counts as in vain,
which is against the tool.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime

from scheduler.records.attempts import Attempt
from scheduler.records.evidence import BadEvidence, Sample

SamplesOf = Callable[[str], Sequence[Sample]]


def taken_up(attempts: Sequence[Attempt], samples_of: SamplesOf) -> tuple[Attempt, ...]:
    """The attempts, an interrupted one with the instant up to which its work was kept.

    Args:
        attempts: in order of time.
        samples_of: what an attempt's agent said, by sid; asked only of those beside an interruption.
    """
    found = list(attempts)
    for index, (lost, after) in enumerate(itertools.pairwise(attempts)):
        if lost.wasted:
            try:
                kept = kept_until(lost, samples_of(lost.sid), samples_of(after.sid))
            except BadEvidence:
                continue  # told where the attempt is read, and what cannot be read proves nothing
            found[index] = replace(lost, kept_until=kept)
    return tuple(found)


def kept_until(lost: Attempt, said: Sequence[Sample], after: Sequence[Sample]) -> datetime | None:
    """When the last save was written whose progress the next attempt began with, by our clock; None where none was.

    Args:
        lost: the attempt that was interrupted; said: its samples.
        after: those of the next one.
    """
    saved = next((sample.saved_at for sample in reversed(said) if sample.saved_at is not None), None)
    began = next((sample.progress for sample in after if sample.progress is not None), None)
    if saved is None or began is None:
        return None
    told = [sample.progress for sample in said if sample.progress is not None and sample.at <= saved]
    if not told or not 0 < told[-1] <= began:
        return None
    return min(max(lost.ran[0], lost.ran[0] + (saved - said[0].at)), lost.ran[1])
