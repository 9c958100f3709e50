"""The run that a job would have had at home: its useful work in one piece, between one boot and one teardown.

What the useful work does not hold is charged to the real side alone: what the infrastructure made the job repeat,
and the saves, restarts and lost work of suspends that the plan asked for. What its own code or a person did to
it, it would have suffered at home as well. Energy goes with the work: what was metered of it is laid there too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from scheduler.domain.cluster import Cluster
from scheduler.domain.job import Interruptible, Job
from scheduler.records.attempts import Attempt, Interval
from scheduler.records.energy import EnergyCurve
from scheduler.records.evidence import Traffic

_NONE = timedelta(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class HomeRun:
    """Useful work laid out somewhere else than where, or when, it ran.

    Args:
        pieces: one for each attempt that did some of it, end to end; at least one, of no length where nothing did.
        by_ratio: of each piece the GPU model that its metered energy was taken over from by a ratio, else empty.
    """

    pieces: tuple[Attempt, ...]
    by_ratio: tuple[str, ...]

    @property
    def reserved(self) -> Interval:
        """From boot to teardown."""
        return self.pieces[0].reserved[0], self.pieces[-1].reserved[1]

    @property
    def ran(self) -> Interval:
        """The work itself."""
        return self.pieces[0].ran[0], self.pieces[-1].ran[1]

    @property
    def gpus(self) -> int:
        """The most that it takes at once."""
        return max(piece.gpus for piece in self.pieces)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Part:
    """The useful part of an attempt, of which `start` and `end` are the ends, and its number among them."""

    number: int
    attempt: Attempt
    start: datetime
    end: datetime


def home_run(job: Job, attempts: Sequence[Attempt], home: Cluster, start: datetime) -> HomeRun | None:
    """The useful work at home, reserved from `start` on; None where the hardware cannot be compared.

    It boots as the first attempt did that was not in vain, and is torn down as the last one was. On other hardware
    its length counts in the ratio of the durations that the job stated before, and its metered energy in that of
    lengths and powers.
    """
    if any(_ratio(job, each.cluster, home) is None for each in attempts):
        return None  # also where only time in vain was spent on such hardware: its part in time cannot be told
    return _laid(job, attempts, [home] * len(attempts), start)


def chosen_run(job: Job, attempts: Sequence[Attempt], start: datetime) -> HomeRun:
    """The useful work where it ran, but reserved from `start` on and in one piece."""
    laid = _laid(job, attempts, [each.cluster for each in attempts], start)
    assert laid is not None  # noqa: S101  # hardware compares with itself
    return laid


def at_home_then(job: Job, attempts: Sequence[Attempt], home: Cluster) -> HomeRun | None:
    """What happened, at the instants at which it did, with all its cuts and repeats, but at home."""
    ratios = [_ratio(job, each.cluster, home) for each in attempts]
    moved = [
        _moved(job, each, home, ratio, each.ran, each.ran[0])
        for each, ratio in zip(attempts, ratios, strict=True)
        if ratio is not None
    ]
    if len(moved) < len(attempts):
        return None
    pieces = [
        replace(
            piece,
            reserved=(each.reserved[0], piece.ran[1] + (each.reserved[1] - each.ran[1])),
            ended_by=each.ended_by,
            known_by=each.known_by,
            traffic=each.traffic,
        )
        for piece, each in zip(moved, attempts, strict=True)
    ]
    return HomeRun(pieces=tuple(pieces), by_ratio=tuple(_from(each, home) for each in attempts))


def as_long_as_it_ran(job: Job, attempts: Sequence[Attempt], start: datetime) -> Interval:
    """How long it would have held home's GPUs where the hardware cannot be compared: the best that is known."""
    parts = _useful(job, attempts)
    length = sum((part.end - part.start for part in parts), _NONE)
    boot, teardown = _ends(attempts)
    return start, start + boot + length + teardown


def _laid(job: Job, attempts: Sequence[Attempt], clusters: Sequence[Cluster], start: datetime) -> HomeRun | None:
    """The useful part of each attempt on its cluster, end to end from `start` on."""
    boot, teardown = _ends(attempts)
    pieces: list[Attempt] = []
    names: list[str] = []
    at = start + boot
    for part in _useful(job, attempts) or [_nothing(attempts[0])]:
        cluster = clusters[part.number]
        ratio = _ratio(job, part.attempt.cluster, cluster)
        if ratio is None:
            return None
        pieces.append(_moved(job, part.attempt, cluster, ratio, (part.start, part.end), at))
        names.append(_from(part.attempt, cluster))
        at = pieces[-1].ran[1]
    pieces[0] = replace(pieces[0], reserved=(start, pieces[0].reserved[1]), traffic=_fetched(attempts[0].traffic))
    last = pieces[-1]
    sent = _sent(attempts[-1].traffic, last.traffic)
    pieces[-1] = replace(last, reserved=(last.reserved[0], at + teardown), traffic=sent)
    return HomeRun(pieces=tuple(pieces), by_ratio=tuple(names))


def _moved(job: Job, each: Attempt, cluster: Cluster, ratio: float, part: Interval, at: datetime) -> Attempt:  # noqa: PLR0917  # private
    """A part of an attempt on another cluster from an instant on."""
    ends = at, at + (part[1] - part[0]) * ratio
    return replace(
        each,
        sid="counterfactual",
        cluster=cluster,
        reserved=ends,
        ran=ends,
        known_by="outcome",
        ended_by="itself",
        traffic=None,
        energy=None if each.energy is None else _curve(job, each, each.energy, cluster, ratio, part[0], at),
        crowded=tuple(
            (at + (first - part[0]) * ratio, at + (last - part[0]) * ratio, hosts)
            for first, last, hosts in each.crowded
        ),
        taken_at=None,
        kept_until=None,
    )


def _curve(  # noqa: PLR0917  # private, and each is another thing
    job: Job, each: Attempt, curve: EnergyCurve, cluster: Cluster, ratio: float, of: datetime, at: datetime
) -> EnergyCurve:
    """What was metered, so that the instant `of` comes to lie at `at`, in the ratio of lengths and powers.

    A GPU of the same model draws the same for the same work, and rests at what was metered of it at rest.
    """
    start = at - (of - curve.start) * ratio
    if each.cluster.gpu.model == cluster.gpu.model:
        return replace(curve, start=start)
    powers = _run_w(job, cluster) / _run_w(job, each.cluster)
    return replace(curve, start=start, at_h=curve.at_h * ratio, gpu_kwh=curve.gpu_kwh * (ratio * powers), idle_w=None)


def _useful(job: Job, attempts: Sequence[Attempt]) -> list[_Part]:
    """The useful part of each attempt that had one."""
    pause = job.interruptible or Interruptible()
    # Work since the last periodic save is done again: how much is unknown, so the most that it can be is taken.
    saving = pause.checkpoint + (pause.every or _NONE if pause.save == "periodic" else _NONE)
    found, restarts = [], False
    for number, each in enumerate(attempts):
        start = each.ran[0] + (pause.restart if restarts else _NONE)
        end = each.ran[1] - (saving if each.ended_by == "plan" else _NONE)
        if each.wasted:
            end = each.kept_until or start
        if end > start:
            found.append(_Part(number=number, attempt=each, start=start, end=end))
        restarts = restarts or each.cut
    return found


def _nothing(first: Attempt) -> _Part:
    """The useful work of a job that did none."""
    return _Part(number=0, attempt=first, start=first.ran[0], end=first.ran[0])


def _ends(attempts: Sequence[Attempt]) -> tuple[timedelta, timedelta]:
    """How long its boot and its teardown took, where it was not in vain."""
    kept = [each for each in attempts if not each.wasted] or [attempts[0]]
    return kept[0].ran[0] - kept[0].reserved[0], kept[-1].reserved[1] - kept[-1].ran[1]


def _fetched(traffic: Traffic | None) -> Traffic | None:
    """What a first start had from a storage that is not mounted: home's would have had it too."""
    return traffic and replace(traffic, written_bytes=0, written_s=0.0, written_requests=0)


def _sent(traffic: Traffic | None, had: Traffic | None) -> Traffic | None:
    """What a last end sent to such a storage, beside what the same piece had from there."""
    if traffic is None:
        return had
    read = (0, 0.0, 0) if had is None else (had.read_bytes, had.read_s, had.read_requests)
    return replace(traffic, read_bytes=read[0], read_s=read[1], read_requests=read[2])


def _from(each: Attempt, cluster: Cluster) -> str:
    """The GPU model that an attempt's energy is taken over from, empty where it is of the same."""
    return "" if each.cluster.gpu.model == cluster.gpu.model else each.cluster.gpu.model


def _run_w(job: Job, cluster: Cluster) -> float:
    """Power of a GPU at work as the job or the cluster stated it before. [W]"""
    stated = job.gpu_power_w(cluster)
    return cluster.gpu.tdp_w.central if stated is None else stated


def _ratio(job: Job, there: Cluster, home: Cluster) -> float | None:
    """Time at home over time there; None where the job stated no duration for one of the two. [-]"""
    if there.gpu.model == home.gpu.model:
        return 1.0
    at_home, abroad = job.duration_on(home.gpu.model), job.duration_on(there.gpu.model)
    if not isinstance(job.duration, dict) or at_home is None or abroad is None:
        return None
    return at_home / abroad
