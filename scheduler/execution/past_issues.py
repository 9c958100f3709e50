"""Which of a provider's past forecasts are worth asking for, so that its bias is known before a month has gone by.

One issue a day is what a correction learns from, of an hour of the day near to now. Those that were kept as they came
are not asked for, nor is any day twice; only a few at a time, the newest first, because somebody may be waiting.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from scheduler.domain.intensity import IntensitySeries
from scheduler.execution.freshness import whole_hour
from scheduler.planning.forecasting.hourly import NEAREST_H
from scheduler.planning.forecasting.issue_features import BIAS_ISSUES
from scheduler.ports import Check

AT_ONCE: Final = 9
"""A week of issues whose outcome is known makes the first correction, a day or two more are not over. [-]"""
PATIENCE_S: Final = 10.0
"""After this no further one is asked for until the next time. [s]"""


def unasked(now: datetime, kept: Sequence[IntensitySeries], checks: Sequence[Check]) -> list[datetime]:
    """The instants of past issues to ask for now, the newest first.

    Args:
        now: the current instant; kept: the issues that are there; checks: when was asked for which.
    """
    there = [issue.issued_at for issue in kept if issue.issued_at is not None]
    there += [check.start for check in checks]
    days = (whole_hour(now) - timedelta(days=day) for day in range(1, BIAS_ISSUES + 1))
    near = timedelta(hours=NEAREST_H)
    return [moment for moment in days if all(abs(moment - known) > near for known in there)][:AT_ONCE]
