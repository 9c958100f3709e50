"""The band of a saving: every path prices the plan and its baseline together."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest

from policies.carbon_aware import CarbonAware
from policies.run_now import RunNow
from scheduler.planning.document import as_json
from scheduler.planning.forecasting.deviations import Deviations
from scheduler.planning.plan import Plan, SavingBand
from scheduler.planning.planner import make_plan
from scheduler.planning.situation import Situation
from scheduler.ports import Policy
from scheduler.problem.pricing import price
from tests.planning.forecast_worlds import Floats
from tests.planning.worlds import NAN, T0, cluster, job, series

POLICIES: dict[str, Policy] = {"run-now": RunNow(), "carbon-aware": CarbonAware()}
COURSE = [300.0] * 6 + [100.0] * 6
CLUSTERS = [cluster(), cluster("berlin", "DE")]


def plan(may_come: Deviations | None, course: list[float] | None = None, **changes: object) -> Plan:
    """A job of four hours in Paris, planned on a clean second half."""
    grid = {"FR": series("FR", course or COURSE), "DE": series("DE", [280.0] * 12)}
    options: dict[str, object] = {"deadline": "12h", "interruptible": True, "allowed": ["paris"]}
    made = make_plan(
        Situation(job=job(**(options | changes)), clusters=CLUSTERS, intensity=grid, now=T0, may_come=may_come),
        POLICIES,
    )
    assert isinstance(made, Plan)
    return made


def may_come(*paths: Floats, zone: str = "FR") -> Deviations:
    """Paths of one zone from midnight on."""
    return Deviations(start=T0, g_per_kwh={zone: np.stack(paths)})


def band_of(made: Plan) -> SavingBand:
    """The band, which is there."""
    assert made.band is not None
    return made.band


def test_no_deviation_is_the_saving_itself() -> None:
    """All quantiles are what is planned."""
    made = plan(may_come(np.zeros(12), np.zeros(12)))
    band = band_of(made)
    assert made.saving is not None
    assert [made.saving.kg] * 3 == pytest.approx([band.p5_kg, band.p50_kg, band.p95_kg])
    assert made.saving.pct == pytest.approx(band.p50_pct)
    assert 2 == band.paths


def test_an_error_of_all_hours_cancels() -> None:
    """Plan and baseline use as much electricity, so a level that is off moves neither against the other."""
    band = band_of(plan(may_come(np.full(12, -40.0), np.full(12, 70.0))))
    assert band.p5_kg == pytest.approx(band.p95_kg)


def test_an_error_of_the_hours_that_were_avoided_does_not() -> None:
    """By hand: 8 GPUs x 4 h at 0.72 kWh are 23.04 kWh; 50 g/kWh more or less on one side are 1.152 kg."""
    first = np.concatenate([np.full(6, 50.0), np.zeros(6)])
    band = band_of(plan(may_come(*[first] * 10, *[-first] * 10)))
    planned = plan(None).saving
    assert planned is not None
    assert planned.kg + 1.152 == pytest.approx(band.p95_kg, abs=1e-3)
    assert planned.kg - 1.152 == pytest.approx(band.p5_kg, abs=1e-3)


def test_each_path_is_the_price_on_that_path() -> None:
    """The same as pricing both placements on a grid that does what the path does, moves and half hours included."""
    rng = np.random.default_rng(3)
    path = rng.normal(0, 20.0, 12)
    changed = [max(g + d, 0.0) for g, d in zip(COURSE, path, strict=True)]
    made = plan(may_come(path), duration="3.5h", allowed=["paris", "berlin"])
    true = plan(None, changed, duration="3.5h", allowed=["paris", "berlin"])
    assert made.baseline is not None
    on = true.assembled.problem
    kg = [price(on, each.placement).emissions.total for each in (made.baseline, made.chosen)]
    assert kg[0] - kg[1] == pytest.approx(band_of(made).p50_kg, rel=1e-6)


def test_a_zone_that_nothing_is_known_of_stays_as_planned() -> None:
    """Deviations of another zone do not touch it."""
    made = plan(may_come(np.full(12, 90.0), zone="DE"))
    assert made.saving is not None
    assert made.saving.kg == pytest.approx(band_of(made).p50_kg)


def test_paths_that_begin_before_the_plan_are_cut_to_it() -> None:
    """What lies before now is not the plan's."""
    early = Deviations(start=T0 - timedelta(hours=3), g_per_kwh={"FR": np.concatenate([[9e9] * 3, np.zeros(12)])[None]})
    made = plan(early)
    assert made.saving is not None
    assert made.saving.kg == pytest.approx(band_of(made).p50_kg)


def test_without_an_intensity_there_is_no_band() -> None:
    """A baseline that cannot be priced has no saving to be unsure of."""
    made = plan(may_come(np.zeros(12)), [NAN] * 6 + [100.0] * 6)
    assert made.saving is None
    assert made.band is None
    assert plan(None).band is None


def test_the_document_has_the_band() -> None:
    """Null where there is none."""
    said = as_json(plan(may_come(np.zeros(12))))["saving_band"]
    assert isinstance(said, dict)
    assert {"p5_kg", "p50_kg", "p95_kg", "p5_pct", "p50_pct", "p95_pct", "paths"} == said.keys()
    assert as_json(plan(None))["saving_band"] is None
