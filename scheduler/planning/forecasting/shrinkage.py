"""Regression on few days: shrunk towards what the zones have in common, and that towards no correction at all."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

LEAST: Final = 1e-12
"""Stands in for a noise of zero, so that a series without error can be divided by its own. [g2/kWh2]"""
FORGET_DAYS: Final = 365.0
"""After this many days a sample weighs half: the same season of last year still counts. [days]"""


def shrunk(gram: Floats, cross: Floats, noise: Floats, prior_sd: float) -> Floats:
    """Coefficients of each zone, shape [Z, ..., K, M].

    Args:
        gram: sums of x x' over the samples, shape [Z, ..., K, K]. [g2/kWh2]
        cross: sums of x y', shape [Z, ..., K, M]. [g2/kWh2]
        noise: variance of y, shape [Z, ...]. [g2/kWh2]
        prior_sd: how far a coefficient is expected from its prior; features and targets share one unit. [-]

    Notes:
        With v the noise and s the spread, b0 = (sum_z G_z / v_z + I / s2)^-1 sum_z R_z / v_z and
        b_z = b0 + (G_z + v_z / s2 I)^-1 (R_z - G_z b0): ridge regression as the mean of a posterior (Hoerl and Kennard,
        Technometrics 12(1), 1970, DOI 10.1080/00401706.1970.10488634), its prior mean learnt from all zones together
        (Lindley and Smith, J. R. Stat. Soc. B 34(1), 1972, DOI 10.1111/j.2517-6161.1972.tb00885.x).
    """
    unit = np.eye(gram.shape[-1])
    known = np.maximum(noise, LEAST)[..., None, None]
    common = np.linalg.solve((gram / known).sum(0) + unit / prior_sd**2, (cross / known).sum(0))
    own = np.linalg.solve(gram + known / prior_sd**2 * unit, cross - gram @ common)
    return np.asarray(common + own, dtype=np.float64)
