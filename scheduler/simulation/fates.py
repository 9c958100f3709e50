"""What chance makes of the jobs of a trace: how wrong their durations were told, which fail, and what they draw.

Everything is drawn from the seed and the job's own id, so that it is the same under every policy and setting.
"""

from __future__ import annotations

import hashlib
import math
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import pairwise
from statistics import NormalDist
from typing import Final

from scheduler.domain.errors import InvalidInput
from scheduler.simulation.request import Request

_DRAWS: Final = 1 << 53
_LEAST: Final = timedelta(seconds=1)
"""No run is shorter."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Power:
    """A measured distribution of the power of one GPU.

    Args:
        share: cumulated, rising to 1. [-]
        power_w: up to that share. [W]
    """

    share: tuple[float, ...]
    power_w: tuple[float, ...]

    def __post_init__(self) -> None:
        """Refuse what is no distribution."""
        rises = all(a <= b for each in (self.share, self.power_w) for a, b in pairwise(each))
        if not self.share or not rises or self.share[0] < 0 or not math.isclose(self.share[-1], 1, abs_tol=0.005):
            raise InvalidInput(
                "a distribution of power rises from 0 to 100 %", hint="sort its rows by cdf_pct: W rise with it"
            )

    def at(self, share: float) -> float:
        """The power that a share of the samples lies under, to the watt. [W]"""
        return float(round(self.power_w[min(bisect_left(self.share, share), len(self.share) - 1)]))


@dataclass(frozen=True, slots=True, kw_only=True)
class Fates:
    """What chance does.

    Args:
        seed: of all draws.
        duration_error: standard deviation of the logarithm of what a duration was told as over what it is. [-]
        failures: share of the jobs that end by themselves before they are done, at any point of their work. [-]
        power: of the jobs that say none, None for the nameplate.
        least_w: a GPU at work draws no less: the idle power of the clusters. [W]
    """

    seed: int = 0
    duration_error: float = 0.0
    failures: float = 0.0
    power: Power | None = None
    least_w: float = 0.0

    def __post_init__(self) -> None:
        """Refuse what cannot be drawn."""
        if not 0 <= self.duration_error <= 2:  # noqa: PLR2004  # a factor of seven either way
            raise InvalidInput(
                f"a duration error of {self.duration_error:g} cannot be meant", hint="write 0.2 for about 20 %"
            )
        if not 0 <= self.failures < 1:
            raise InvalidInput(f"a share of failures of {self.failures:g} is not in [0, 1)", hint="write 0.1 for 10 %")

    def of(self, requests: Sequence[Request]) -> list[Request]:
        """The jobs with their fates; what a job says itself stays as it says."""
        if not (self.duration_error or self.failures or self.power):
            return list(requests)
        return [self._one(request) for request in requests]

    def _one(self, request: Request) -> Request:
        """One job.

        Notes:
            estimate = duration x exp(s z) with z normal: the median is right, and the deadline stays where it is.
        """
        told, length, failed = request.estimate, request.length, request.failed
        if self.duration_error:
            factor = math.exp(self.duration_error * NormalDist().inv_cdf(self._drawn(request, "duration")))
            told = max(_LEAST, request.expected * factor)
        if self.failures and not failed and self._drawn(request, "failure") < self.failures:
            told = request.expected if told is None else told
            length, failed = max(_LEAST, length * self._drawn(request, "end")), True
        power_w = request.gpu_w
        if power_w is None and self.power is not None:
            power_w = max(self.least_w, self.power.at(self._drawn(request, "power")))
        return replace(request, estimate=told, length=min(length, request.length), failed=failed, gpu_w=power_w)

    def _drawn(self, request: Request, what: str) -> float:
        """A number of the job's own, even in (0, 1)."""
        digest = hashlib.blake2b(f"{self.seed}/{what}/{request.job_id}".encode(), digest_size=8).digest()
        return ((int.from_bytes(digest) >> 11) + 0.5) / _DRAWS
