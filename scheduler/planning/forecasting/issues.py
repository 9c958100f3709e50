"""A provider's issues corrected by what its own past issues missed, lead by lead, and blended with the history."""

from __future__ import annotations

from typing import Final

import numpy as np

from scheduler.planning.forecasting.issue_features import BLENDED, issue_features, known_before, without_bias
from scheduler.planning.forecasting.profile import DAY_H
from scheduler.planning.forecasting.shrinkage import FORGET_DAYS, Floats, shrunk

PRIOR_SD: Final = 0.2
"""How far a coefficient is expected from 0, see `shrunk`. [-]

The benchmark hardly depends on it: from 0.1 to 0.45 what is kept moves by half a percentage point."""
PLAIN_SHARE: Final = 0.3
"""Weight of the regression on few features: a mean of two that err otherwise errs less than either. [-]"""
FEWEST_ISSUES: Final = 7
"""Under a week of known issues the bias of each lead is all that is taken from them."""
NEAR_LEADS: Final = 3
"""A lead learns from those so far beside it on the same day, less with distance. [h]"""
SINCE_H: Final = 3
"""The error since an issue is the mean of so many hours, and is carried on in steps of as many. [h]"""
SINCE_DAYS: Final = 2
"""How long that error is carried on. [days]"""


def outcomes_of(days: Floats, first: int, count: int, leads: int) -> Floats:
    """What came at each lead of issues a day apart, NaN where it is not known yet, shape [Z, I, L]. [g/kWh]"""
    zones = days.shape[0]
    short = max(0, first + count + leads // DAY_H + 1 - days.shape[1])
    hours = np.concatenate([days, np.full((zones, short, DAY_H), np.nan)], axis=1).reshape(zones, -1)
    return hours[:, DAY_H * (first + np.arange(count))[:, None] + np.arange(leads)]


def corrected(days: Floats, issued: Floats, first: int) -> Floats:
    """Every issue as it would have been corrected when it was made, shape [Z, I, L]. [g/kWh]

    Args:
        days: intensity in days that end when the last issue was made or later; NaN where unknown, shape [Z, D, 24].
        issued: what was issued, a day apart, oldest first, NaN where missing, shape [Z, I, L]. [g/kWh]
        first: the number of days before the first issue, at least a week.

    Notes:
        With f' the issue less its bias, f''(l) = f'(l) + x' b(l): ridge regression of what f' missed on its own
        course, the issue before, the history's forecast and the last day, learnt from issues whose outcome at that
        lead was known. Three tenths of x' b come from a regression on the course and the history's forecast
        alone. The error of a forecast is regressed on forecasts, as in model output statistics (Glahn and
        Lowry, J. Appl. Meteorol. 11(8), 1972) and combined forecasts (Granger and Ramanathan, J. Forecasting 3(2),
        1984, DOI 10.1002/for.3980030207).
    """
    count, leads = issued.shape[1:]
    outcomes = outcomes_of(days, first, count, leads)
    unbiased = without_bias(outcomes, issued)
    if leads >= DAY_H:
        features = issue_features(days, unbiased, first)
        near = features.shape[2]
        missed = np.where(known_before(outcomes, issued) > 0, outcomes - unbiased, np.nan)[:, :, :near]
        rich, plain = _learnt(features, missed), _learnt(features[..., :BLENDED], missed)
        unbiased[:, :, :near] += (1 - PLAIN_SHARE) * rich + PLAIN_SHARE * plain
    return np.maximum(unbiased, 0.0)


def _learnt(features: Floats, missed: Floats) -> Floats:
    """What is added to each issue, learnt from what those known before it missed, shape [Z, I, l]. [g/kWh]"""
    zones, count, near, width = features.shape
    gram, cross = np.zeros((zones, near, width, width)), np.zeros((zones, near, width, 1))
    squares, weight, keep = np.zeros((zones, near)), np.zeros((zones, near)), 0.5 ** (1 / FORGET_DAYS)
    known = np.isfinite(missed)
    y = np.where(known, missed, 0.0)
    x = features * known[..., None]
    kernel, added = _kernel(near), np.zeros((zones, count, near))
    for issue in range(1, count):
        gram, cross, squares, weight = keep * gram, keep * cross, keep * squares, keep * weight
        for day in range(min(near // DAY_H, issue)):
            past, span = issue - 1 - day, slice(DAY_H * day, DAY_H * (day + 1))
            one = x[:, past, span]
            gram[:, span] += one[..., :, None] * one[..., None, :]
            cross[:, span, :, 0] += one * y[:, past, span, None]
            squares[:, span] += y[:, past, span] ** 2
            weight[:, span] += known[:, past, span]
        if issue < FEWEST_ISSUES:
            continue
        noise = (squares @ kernel.T) / np.maximum(weight @ kernel.T, 1.0)
        slopes = shrunk(_blurred(kernel, gram), _blurred(kernel, cross), noise, PRIOR_SD)[..., 0]
        added[:, issue] = np.einsum("zlk,zlk->zl", features[:, issue], slopes)
    return added


def _kernel(leads: int) -> Floats:
    """How much each lead learns from each other, rows of sum 1. [-]"""
    lead = np.arange(leads)
    distance = np.abs(lead[:, None] - lead)
    weights = np.maximum(NEAR_LEADS + 1.0 - distance, 0.0) * (lead[:, None] // DAY_H == lead // DAY_H)
    rows: Floats = weights / weights.sum(1, keepdims=True)
    return rows


def _blurred(kernel: Floats, sums: Floats) -> Floats:
    """Sums by lead, shared with the leads beside it."""
    return np.asarray(np.einsum("ab,zbij->zaij", kernel, sums, optimize=True))


def with_errors_since(days: Floats, forecasts: Floats, first: int, hours: int) -> Floats:
    """Issues some hours after they were made, moved by what they have missed since, shape [Z, I, L - hours]. [g/kWh]

    Args:
        days: as for `corrected`; the hours since the last issue lie in its last day.
        forecasts: the corrected issues, shape [Z, I, L]. [g/kWh]
        first: the number of days before the first issue.
        hours: how long they have been out, at least 1 and less than a day. [h]

    Notes:
        f(l) + e c(l), e being the mean error of the last 3 hours and c(l) = sum e y / (sum e^2 + v / s2) over the past
        issues, y being what they missed later: an autoregression of the error with a coefficient for each lead.
    """
    count, leads = forecasts.shape[1:]
    missed = outcomes_of(days, first, count, leads) - forecasts
    recent = missed[:, :, max(0, hours - SINCE_H) : hours]
    error = np.nan_to_num(recent).sum(2) / np.maximum(np.isfinite(recent).sum(2), 1)
    steps = min(SINCE_DAYS * DAY_H, leads - hours) // SINCE_H
    later = missed[:, :, hours : hours + steps * SINCE_H].reshape(*missed.shape[:2], steps, SINCE_H)
    known = np.asarray(np.isfinite(later).all(3))
    target = np.where(known, later.mean(3), 0.0)
    out = forecasts[:, :, hours:].copy()
    keep, product = 0.5 ** (1 / FORGET_DAYS), np.zeros((missed.shape[0], steps))
    square, noise, weight = product.copy(), product.copy(), product.copy()
    for issue in range(SINCE_DAYS + 1, count):
        past = issue - SINCE_DAYS - 1
        product = keep * product + error[:, past, None] * target[:, past]
        square = keep * square + error[:, past, None] ** 2 * known[:, past]
        noise, weight = keep * noise + target[:, past] ** 2, keep * weight + known[:, past]
        if issue >= FEWEST_ISSUES:
            spread = noise / np.maximum(weight, 1.0) / PRIOR_SD**2
            slope = np.divide(product, square + spread, out=np.zeros_like(product), where=square + spread > 0)
            out[:, issue, : steps * SINCE_H] += np.repeat(error[:, issue, None] * slope, SINCE_H, axis=1)
    return np.maximum(out, 0.0)
