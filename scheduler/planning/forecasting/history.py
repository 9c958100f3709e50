"""A forecast from the past of a zone alone: its usual day, and what today's difference from it became before."""

from __future__ import annotations

from typing import Final

import numpy as np

from scheduler.planning.forecasting.profile import DAY_H, WEEK, WEEKS, Profile, profile
from scheduler.planning.forecasting.shrinkage import FORGET_DAYS, Floats, Ints, shrunk

AHEAD_DAYS: Final = 3
"""What an anomaly becomes is learnt for this long; it is all but gone by then. [days]"""
AHEAD_H: Final = AHEAD_DAYS * DAY_H
DECAY_H: Final = 24.0
"""An anomaly falls to 1/e in this time as long as nothing was learnt: the scale of a weather system. [h]"""
PRIOR_SD: Final = 0.2
"""How far a learnt coefficient is expected from 0, see `shrunk`. [-]

From 0.1 to 0.4 what the benchmark keeps moves by less than a percentage point."""
LEARNING_DAYS: Final = WEEKS * WEEK
"""A past origin serves as a sample when it had this many days before it. [days]"""
RECENT_H: Final = 3
"""The last hours that stand for now: one alone is noise. [h]"""


def from_history(days: Floats, first: int, leads: int = AHEAD_H) -> tuple[Floats, Profile]:
    """Forecasts at the origins `first` .. D, each from the days before it alone, shape [Z, D + 1 - first, leads].

    Args:
        days: intensity by zone, day and hour, NaN where unknown, at least `WEEK` days, shape [Z, D, 24]. [g/kWh]
        first: the number of days before the first origin, at least `WEEK`.
        leads: how far to look. [h]

    Returns:
        The forecasts [g/kWh], NaN where no day knows that hour, and the profile at the same origins.

    Notes:
        f(l) = usual(l) + a exp(-(l + 1) / 24 h) + x' b(l) for l < 72 h, and from there on what is left of the last two
        terms at 72 h, decaying. a is the last hour's anomaly; x the anomalies of the last day (by hour and by 3 h) and
        the means of the last 7, the weekday and its level. b is 0 until past origins of the same hour of day, whose
        outcome was known by then, have taught otherwise: `shrunk`.
    """
    count = days.shape[1]
    start = min(LEARNING_DAYS, first)
    origins = np.arange(start, count + 1)
    shape = profile(days, origins)
    base, features = _decayed(shape), _features(shape, origins)
    future = np.concatenate([days, np.full((days.shape[0], AHEAD_DAYS, DAY_H), np.nan)], axis=1)
    outcome = np.concatenate([future[:, origins + day] for day in range(AHEAD_DAYS)], axis=2)
    learnt = _learnt(features, outcome - base, first - start)
    near = base[:, first - start :] + learnt
    usual = shape.ahead(max(leads, AHEAD_H))[:, first - start :]
    left = np.nan_to_num(near[..., -1:] - usual[..., AHEAD_H - 1 : AHEAD_H])
    beyond = np.arange(1, max(leads - AHEAD_H, 0) + 1)
    far = usual[..., AHEAD_H:] + left * np.exp(-beyond / DECAY_H)
    forecasts = np.concatenate([near, far], axis=2)[..., :leads]
    return np.maximum(forecasts, 0.0), _tail(shape, first - start)


def _decayed(shape: Profile) -> Floats:
    """The usual course with the last anomaly decaying. [g/kWh]"""
    decay = np.exp(-np.arange(1, AHEAD_H + 1) / DECAY_H)
    return shape.ahead(AHEAD_H) + shape.anomaly[:, :, -1, -1:] * decay


def _features(shape: Profile, origins: Ints) -> Floats:
    """What the days before each origin say of those after it, shape [Z, N, K]. [g/kWh]"""
    zones, count = shape.anomaly.shape[:2]
    last = shape.anomaly[:, :, -1]
    weekday = np.zeros((zones, count, WEEK))
    weekday[:, np.arange(count), origins % WEEK] = 1.0
    swing = np.nan_to_num(shape.daily).std(2)[..., None]
    thirds = last.reshape(zones, count, DAY_H // RECENT_H, RECENT_H).mean(3)
    means = shape.anomaly.mean(3)
    return np.concatenate(
        [last, thirds, means, last[:, :, -RECENT_H:], weekday * swing, shape.weekday[:, :, :AHEAD_DAYS]], axis=2
    )


def _learnt(features: Floats, missed: Floats, first: int) -> Floats:
    """What is added to the base at the samples from `first` on, each learnt from samples known before it. [g/kWh]"""
    zones, count, width = features.shape
    gram, cross = np.zeros((zones, width, width)), np.zeros((zones, width, AHEAD_H))
    squares, weight, keep = np.zeros(zones), np.zeros(zones), 0.5 ** (1 / FORGET_DAYS)
    added = np.zeros((zones, count - first, AHEAD_H))
    whole = np.asarray(np.isfinite(missed).all(2))
    for origin in range(count):
        sample = origin - AHEAD_DAYS
        if sample >= 0:
            use = whole[:, sample].astype(np.float64)
            x, y = features[:, sample] * use[:, None], np.where(use[:, None] > 0, missed[:, sample], 0.0)
            gram, cross = keep * gram + x[:, :, None] * x[:, None], keep * cross + x[:, :, None] * y[:, None]
            squares, weight = keep * squares + (y**2).mean(1), keep * weight + use
        if origin >= first and weight.any():
            slopes = shrunk(gram, cross, squares / np.maximum(weight, 1.0), PRIOR_SD)
            added[:, origin - first] = np.einsum("zk,zkl->zl", features[:, origin], slopes)
    return added


def _tail(shape: Profile, first: int) -> Profile:
    """The profile of the origins from `first` on."""
    return Profile(
        daily=shape.daily[:, first:],
        week=shape.week[:, first:],
        weekday=shape.weekday[:, first:],
        anomaly=shape.anomaly[:, first:],
    )
