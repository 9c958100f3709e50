"""How the energy of a job is known: by which meter or model, for how much of its time, and what is odd about it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final

import numpy as np

from scheduler.domain.instant import hours_between
from scheduler.domain.job import Job
from scheduler.domain.said import Said
from scheduler.records.attempts import Attempt

GAP_MODEL: Final = "gap_model"
"""Stands for readings that are missing: nameplate and host, so that a silence never lowers a figure."""
_NAMED_FROM: Final = 1e-3
"""A part of the boards' energy under this is the seconds before the first reading and is not named a source. [-]"""
_PAUSED: Final = {
    "held": Said(
        "{cluster}: its nodes count as held during pauses, as declared; when another job is seen there it ends"
    ),
    "idle": Said(
        "{cluster}: its nodes count as idle during pauses, as declared; when another job is seen there it ends"
    ),
}
"""What is said of nodes that a job left, by the state that counts."""
_ORDER: Final = ("nvml_counter", "nvml_power", "model_gpu_w", "model_tdp", GAP_MODEL)


def energy_source(job: Job, attempts: Sequence[Attempt], *, gap_kwh: float, gpu_kwh: float) -> str:
    """How the boards' energy at work is known, several ways joined by `and`.

    Args:
        job: what ran.
        attempts: its attempts.
        gap_kwh: what stands for missing readings; gpu_kwh: all of the boards' energy while training. [kWh]
    """
    named = {_of(job, each) for each in attempts}
    if gap_kwh > _NAMED_FROM * gpu_kwh:
        named.add(GAP_MODEL)
    return " and ".join(name for name in _ORDER if name in named)


def known_h(attempt: Attempt) -> float:
    """Hours of its reservation of which it is known when the training ran and, where a meter was, its draw. [h]"""
    if attempt.known_by == "nothing" and attempt.energy is None:
        return 0.0
    if attempt.energy is None:
        return attempt.reserved_h
    ran_h = hours_between(*attempt.ran)
    _, counted_h = attempt.energy.between(attempt.ran[0], np.array([0.0, ran_h]))
    missing_h = max(0.0, ran_h - float(counted_h[0]))
    return attempt.reserved_h - missing_h


def energy_notes(attempts: Sequence[Attempt], *, under_floor: Collection[str], held: bool) -> tuple[str, ...]:
    """What a reader of the energy must know, each thing once.

    Args:
        attempts: of the job.
        under_floor: clusters on which a meter saw less than the stated idle floor.
        held: whether nodes were kept while the job paused.
    """
    said = [note for each in attempts for note in (*each.notes, *(each.energy.notes if each.energy else ()))]
    said += [
        Said(
            "{cluster}: a meter saw less than the stated idle floor, so dynamic energy is negative there; "
            "kept as it is",
            cluster=name,
        )
        for name in sorted(under_floor)
    ]
    if held:
        paused = {each.cluster.name: each.cluster.paused_nodes for each in attempts if each.paused}
        said += [Said(_PAUSED[state], cluster=name) for name, state in sorted(paused.items()) if state in _PAUSED]
    return tuple(dict.fromkeys(said))


def _of(job: Job, attempt: Attempt) -> str:
    """How the power at work is known in one attempt."""
    if attempt.energy is not None:
        return attempt.energy.source
    return "model_tdp" if job.gpu_power_w(attempt.cluster) is None else "model_gpu_w"
