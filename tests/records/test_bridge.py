"""The bridge between two periods: four effects that are the whole of the change, each told by its own cause."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scheduler.records.bridge import Bridge, Footing, bridge, footing

SOME = st.floats(1e-3, 1e6) | st.just(0.0)
FOOTINGS = st.builds(
    Footing, gpu_h=SOME, facility_kwh=SOME, operational_kg=SOME, embodied_kg=SOME, idle_kwh=SOME, idle_kg=SOME
)


def make(
    gpu_h: float = 100.0, kwh_each: float = 0.6, g_per_kwh: float = 50.0, embodied_g_each: float = 10.0
) -> Footing:
    """A period of so many GPU-hours at so much each."""
    return Footing(
        gpu_h=gpu_h,
        facility_kwh=gpu_h * kwh_each,
        operational_kg=gpu_h * kwh_each * g_per_kwh / 1000,
        embodied_kg=gpu_h * embodied_g_each / 1000,
    )


def effects(made: Bridge) -> tuple[float, float, float, float]:
    """Activity, efficiency, grid, method. [kg]"""
    return made.activity, made.efficiency, made.grid, made.method


@settings(max_examples=200)
@given(published=FOOTINGS, restated=FOOTINGS, later=FOOTINGS)
def test_the_effects_are_the_whole_of_the_change(published: Footing, restated: Footing, later: Footing) -> None:
    """For any three periods, empty ones too."""
    made = bridge(published, restated, later)
    scale = max(1.0, published.total_kg, later.total_kg, *map(abs, effects(made)))
    assert later.total_kg - published.total_kg == pytest.approx(sum(effects(made)), abs=1e-9 * scale)


@pytest.mark.parametrize(
    ("later", "name"),
    [
        (make(gpu_h=130), "activity"),
        (make(kwh_each=0.5), "efficiency"),
        (make(embodied_g_each=12), "efficiency"),
        (make(g_per_kwh=30), "grid"),
    ],
)
def test_what_alone_has_changed_is_all_of_it(later: Footing, name: str) -> None:
    """The other three are 0."""
    made = bridge(make(), make(), later)
    told = dict(zip(("activity", "efficiency", "grid", "method"), effects(made), strict=True))
    assert later.total_kg - make().total_kg == pytest.approx(told.pop(name))
    assert [0.0] * 3 == pytest.approx(list(told.values()), abs=1e-12)


def test_a_restated_past_is_the_method() -> None:
    """What was published then, and would be today, of the same months."""
    made = bridge(make(g_per_kwh=40), make(), make())
    assert (0.0, 0.0, 0.0, 100 * 0.6 * 10 / 1000) == pytest.approx(effects(made))


def test_two_factors_share_what_they_make_together() -> None:
    """A hand case: 10 x 1 becomes 20 x 3 by activity and grid alone, +25 and +25 of 50."""
    before = Footing(gpu_h=10, facility_kwh=10, operational_kg=10, embodied_kg=0)
    after = Footing(gpu_h=20, facility_kwh=20, operational_kg=60, embodied_kg=0)
    assert (20.0, 0.0, 30.0, 0.0) == pytest.approx(effects(bridge(before, before, after)))


def test_from_nothing_to_something_is_activity() -> None:
    """There was no efficiency and no grid to compare with; the same the other way round."""
    empty, full = make(gpu_h=0), make()
    for one, other in itertools.permutations((empty, full)):
        assert (other.total_kg - one.total_kg, 0.0, 0.0, 0.0) == pytest.approx(effects(bridge(one, one, other)))


def test_idle_hardware_of_nobody_is_efficiency_and_grid() -> None:
    """However much or little was computed beside it."""
    before = Footing(gpu_h=10, facility_kwh=10, operational_kg=10, embodied_kg=0, idle_kwh=100, idle_kg=10)
    after = Footing(gpu_h=0, facility_kwh=0, operational_kg=0, embodied_kg=0, idle_kwh=200, idle_kg=10)
    assert (-10.0, 7.5, -7.5, 0.0) == pytest.approx(effects(bridge(before, before, after)))


def test_a_footing_is_read_from_the_figures_of_a_period() -> None:
    """Embodied, and what was nobody's, apart from all the rest."""
    figures = {
        "gpu_hours": 5, "facility_energy_kwh": 6.5, "unallocated": {"a": {"facility_energy_kwh": 4.0, "kg": 0.5}},
        "emissions_kg": {"embodied": 1.0, "dynamic": 2.5, "unallocated": 0.5, "total": 4.0},
    }  # fmt: skip
    right = Footing(gpu_h=5, facility_kwh=2.5, operational_kg=2.5, embodied_kg=1.0, idle_kwh=4.0, idle_kg=0.5)
    assert right == footing(figures)
