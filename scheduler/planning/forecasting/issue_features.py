"""What is known when a provider issues a forecast, lead by lead: its own course, the issue before, the zone's past."""

from __future__ import annotations

from typing import Final

import numpy as np

from scheduler.planning.forecasting.history import from_history
from scheduler.planning.forecasting.profile import DAY_H
from scheduler.planning.forecasting.shrinkage import Floats

BIAS_ISSUES: Final = 28
"""The bias of a lead is the mean error of this many issues: four whole weeks."""
CORRECTED_H: Final = 72
"""Leads beyond this get the bias alone. [h]"""
BLOCK_H: Final = 3
"""The course of an issue enters by means of this length. [h]"""
BLENDED: Final = 2
"""The first features: the issue's own course, and how far the history's forecast is from it."""
BESIDE_H: Final = 3
"""A front that comes early or late shows in the hours so far before and after. [h]"""


def without_bias(outcomes: Floats, issued: Floats) -> Floats:
    """Each issue less the mean error at each lead of the issues whose outcome was known by then.

    Args:
        outcomes: what came at each lead, NaN where unknown, shape [Z, I, L]. [g/kWh]
        issued: what was issued, a day apart, oldest first, NaN where missing, shape [Z, I, L]. [g/kWh]

    Notes:
        f'(i, l) = f(i, l) + mean of y(j, l) - f(j, l) over the last `BIAS_ISSUES` issues j with j + l < i in time.
    """
    missed = outcomes - issued
    total = _over_known(np.nan_to_num(missed))
    return np.asarray(issued + total / np.maximum(known_before(outcomes, issued), 1.0))


def known_before(outcomes: Floats, issued: Floats) -> Floats:
    """How many issues the mean error at each lead of each issue is of, shape [Z, I, L]."""
    return _over_known(np.isfinite(outcomes - issued).astype(np.float64))


def _over_known(values: Floats) -> Floats:
    """Sums over the last `BIAS_ISSUES` issues whose outcome at that lead was known when an issue was made."""
    zones, count, leads = values.shape
    sums = np.concatenate([np.zeros((zones, 1, leads)), values.cumsum(1)], axis=1)
    found = np.zeros(values.shape)
    for lead in range(0, leads, DAY_H):
        span = slice(lead, lead + DAY_H)
        last = np.maximum(np.arange(count) - lead // DAY_H, 0)
        found[:, :, span] = sums[:, last, span] - sums[:, np.maximum(last - BIAS_ISSUES, 0), span]
    return found


def issue_features(days: Floats, unbiased: Floats, first: int) -> Floats:
    """Features of each lead of each issue, shape [Z, I, l, K]. [g/kWh]

    Args:
        days: intensity in days that end when the last issue was made or later, shape [Z, D, 24]. [g/kWh]
        unbiased: the issues less their bias, of a day at least, issue i made after `first` + i days, shape [Z, I, L].
            [g/kWh]
        first: the number of days before the first issue.
    """
    zones, count, leads = unbiased.shape
    near = min(CORRECTED_H, leads - leads % DAY_H)
    last = first + count - 1
    own_past, profile = from_history(days[:, :last], first, leads)
    usual = profile.daily[:, :, np.arange(leads) % DAY_H]
    course = np.nan_to_num(unbiased - usual)
    here = course[:, :, :near]
    before = _before(unbiased, usual, course)
    own_day = np.repeat(_means(here, DAY_H), DAY_H, axis=2)
    around = np.pad(course, ((0, 0), (0, 0), (BESIDE_H, BESIDE_H)), mode="edge")
    history = np.nan_to_num(own_past - usual)[:, :, :near]
    local = [here, history - here, own_day - here, before[:, :, :near] - here]
    local += [around[:, :, shift : shift + near] - here for shift in (0, 2 * BESIDE_H)]
    changed = (before - course)[:, :, :near]
    today = profile.anomaly[:, :, -1]
    shared = [_means(here, BLOCK_H), _means(changed, BLOCK_H), today[..., -BESIDE_H:].mean(2, keepdims=True)]
    shared += [today.mean(2, keepdims=True), _missed_yesterday(days, unbiased, first)]
    whole = np.concatenate(shared, axis=2)
    spread = np.broadcast_to(whole[:, :, None], (zones, count, near, whole.shape[2]))
    return np.concatenate([np.stack(local, axis=3), spread], axis=3)


def _before(unbiased: Floats, usual: Floats, course: Floats) -> Floats:
    """What the issue before said of the same hours, beside the usual; this issue where it said nothing. [g/kWh]"""
    before = course.copy()
    said = unbiased[:, :-1, DAY_H:] - usual[:, 1:, :-DAY_H]
    before[:, 1:, :-DAY_H] = np.where(np.isnan(said), course[:, 1:, :-DAY_H], said)
    return before


def _means(course: Floats, length: int) -> Floats:
    """Means over blocks of leads. [g/kWh]"""
    zones, count, leads = course.shape
    return np.asarray(course.reshape(zones, count, leads // length, length).mean(3))


def _missed_yesterday(days: Floats, unbiased: Floats, first: int) -> Floats:
    """The mean error of the issue before over the day it has been out, shape [Z, I, 1]. [g/kWh]"""
    zones, count, _ = unbiased.shape
    missed = np.zeros((zones, count, 1))
    came = days[:, first : first + count - 1]
    missed[:, 1:, 0] = np.nan_to_num(came - unbiased[:, :-1, :DAY_H]).mean(2)
    return missed
