"""The past that a policy without forecast is shown: what running would have emitted, hour by hour, up to now."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest

from scheduler.domain.intensity import IntensitySeries
from scheduler.problem.assemble import assemble
from scheduler.problem.past import PAST
from scheduler.problem.problem import Past
from tests.planning.worlds import T0, cluster, flat, job, series

KWH, EMBODIED_G = 0.72, 462_500 / (6 * 8760 * 0.85)
"""Of the worked case, a GPU-hour."""
PARIS, MONTREAL = cluster(), cluster("montreal", "CA-QC")


def past_of(history: dict[str, IntensitySeries], *, minutes: int = 0, objective: str = "lifecycle") -> Past:
    """The past of a job between two clusters, some minutes after midnight."""
    now = {"FR": flat("FR", 60), "CA-QC": flat("CA-QC", 30)}
    found = assemble(
        job(deadline="20h", objective=objective),
        [PARIS, MONTREAL],
        now,
        T0 + timedelta(minutes=minutes),
        history=history,
    ).problem.past
    assert found is not None
    return found


def before(zone: str, values: list[float]) -> IntensitySeries:
    """Hours that end at midnight."""
    return series(zone, values, start=T0 - timedelta(hours=len(values)), kind="observed")


def test_hours_before_now_as_what_running_would_have_emitted() -> None:
    """The last three hours of France; the weeks before them, and Quebec, are unknown."""
    found = past_of({"FR": before("FR", [10, 20, 40])})
    assert (2, PAST // timedelta(hours=1)) == found.run_rate.shape
    assert [KWH * g + EMBODIED_G for g in (10, 20, 40)] == pytest.approx(found.run_rate[0, -3:].tolist())
    assert np.isnan(found.run_rate[0, :-3]).all()
    assert np.isnan(found.run_rate[1]).all()


def test_the_current_rate_is_on_the_same_terms() -> None:
    """60 and 30 g/kWh now; without the embodied part where that is not minimised."""
    assert [KWH * 60 + EMBODIED_G, KWH * 30 + EMBODIED_G] == pytest.approx(past_of({}).now_rate.tolist())
    found = past_of({"FR": before("FR", [10])}, objective="operational")
    assert (KWH * 10, KWH * 60) == pytest.approx((found.run_rate[0, -1], found.now_rate[0]))


def test_it_is_decided_again_at_the_next_whole_hour() -> None:
    """With the hours that have ended by now, and nothing of the one under way."""
    found = past_of({"FR": before("FR", [10, 20])}, minutes=45)
    assert 0.25 == pytest.approx(found.next_h)
    assert KWH * 20 + EMBODIED_G == pytest.approx(found.run_rate[0, -1])


def test_without_history_there_is_no_past() -> None:
    """No policy asked for it."""
    grid = {"FR": flat("FR", 60)}
    assert assemble(job(deadline="20h"), [PARIS], grid, T0).problem.past is None
