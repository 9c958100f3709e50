"""The realised footprint where a meter was: what is measured, what is modelled, and what falls to which month."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scheduler.domain.emissions import LINES, Emissions
from scheduler.records.accounts import account
from tests.records.cases import at, make_cluster, make_job, make_series, run
from tests.records.curves import make_curve, metered

HERE = make_cluster()
SHARED = make_cluster(node={"cpus": 64})
GRID = {"FR": make_series("FR", [50, 100, 200, 400] * 400)}


def test_kilograms_are_energy_times_intensity_hour_by_hour() -> None:
    """A run that draws where the grid is clean is not priced at the mean of both."""
    attempt = metered(run(HERE, 0, 4), [(1, 3.2), (3, 0.6)])
    made = account(make_job(), [attempt], GRID)
    host_kw = 8 * (0.075 - 0.063)
    by_hand = (3.2 + host_kw) * 50 + (0.6 + host_kw) * (100 + 200 + 400)
    assert by_hand / 1000 == pytest.approx(made.central.dynamic)
    assert (5.0, 5.0, 0.0) == pytest.approx((made.measured_kwh, made.gpu_energy_kwh, made.gap_kwh))


def test_the_measured_share_is_of_all_joules_and_hosts_are_never_measured() -> None:
    """Boards alone are metered: 3.2 of 4.8 kWh an hour at the nameplate."""
    made = account(make_job(), [metered(run(HERE, 0, 4), [(4, 3.2)])], GRID)
    assert 3.2 / 4.8 == pytest.approx(made.measured_share)
    assert "nvml_counter" == made.energy_source
    assert 0.0 == account(make_job(), [run(HERE, 0, 4)], GRID).measured_share


def test_every_way_in_which_energy_is_known_is_named() -> None:
    """A metered attempt, one that nobody metered, and a gap in the first."""
    attempts = [metered(run(HERE, 0, 2), [(1, 1.6), (1, None)]), run(HERE, 2, 4)]
    assert "nvml_counter and model_tdp and gap_model" == account(make_job(), attempts, GRID).energy_source
    polled = [metered(run(HERE, 0, 2), [(2, 1.6)], source="nvml_power")]
    assert "nvml_power" == account(make_job(), polled, GRID).energy_source


def test_a_second_before_the_first_reading_is_counted_and_not_named() -> None:
    """It is in the energy, but no source worth telling."""
    made = account(make_job(), [replace(run(HERE, 0, 4), energy=make_curve(1 / 3600, [(4, 1.6)]))], GRID)
    assert 3.2 / 3600 == pytest.approx(made.gap_kwh, rel=1e-4)
    assert "nvml_counter" == made.energy_source


def test_readings_that_are_missing_lower_the_coverage() -> None:
    """An hour of four without a reading is a quarter of what has no evidence."""
    made = account(make_job(), [metered(run(HERE, 0, 4), [(3, 1.6), (1, None)])], GRID)
    assert 0.75 == pytest.approx(made.run_coverage)
    unknown = metered(run(HERE, 0, 4, known_by="nothing"), [(3, 1.6)])
    assert 0.75 == pytest.approx(account(make_job(), [unknown], GRID).run_coverage)


def test_ten_pending_minutes_on_granted_nodes_show_up() -> None:
    """They are overhead: idle energy with the facility's share, and hardware that nobody else had."""
    late = account(make_job(), [run(HERE, 1 + 1 / 6, 4, reserved=(1, 4))], GRID)
    prompt = account(make_job(), [run(HERE, 1 + 1 / 6, 4)], GRID)
    assert 8 * 0.188 * 1.2 * 100 / 6 / 1000 == pytest.approx(late.central.overhead)
    assert 0.0 == prompt.central.overhead
    assert 8 / 6 == pytest.approx(late.reserved_gpu_h - prompt.reserved_gpu_h)
    assert late.central.embodied > prompt.central.embodied


def test_what_a_meter_saw_under_the_floor_is_kept_and_said() -> None:
    """Negative energy lowers the line it is in, with a note."""
    idle_host = make_cluster(node={"host_w": 1000})
    made = account(make_job(), [metered(run(idle_host, 0, 1), [(1, 0.1)])], GRID)
    assert made.central.dynamic < 0
    assert "france: a meter saw less than the stated idle floor" in made.notes[0]


def test_what_meters_note_is_told_once() -> None:
    """Two attempts with the same trouble make one line."""
    attempts = [metered(run(HERE, n, n + 1), [(1, 1.6)], notes=("1 of 8 GPUs: reset",)) for n in range(2)]
    assert ("1 of 8 GPUs: reset",) == account(make_job(), attempts, GRID).notes


def test_a_pause_on_kept_nodes_says_that_its_state_is_declared() -> None:
    """Nobody saw whether the nodes drew: the account says whose word it takes."""
    made = account(make_job(), [run(HERE, 0, 1, ended_by="plan"), run(HERE, 2, 3)], GRID)
    assert ("france: its nodes count as held during pauses, as declared; when another job is seen there it ends",) == (
        made.notes
    )


def test_a_pause_ends_where_another_job_is_seen_on_the_node() -> None:
    """What was observed wins over what is declared."""
    first = replace(run(HERE, 0, 1, ended_by="plan"), taken_at=at(1.5))
    made = account(make_job(), [first, run(HERE, 3, 4)], GRID)
    assert 8 * 0.5 == pytest.approx(made.held_gpu_h)


def test_a_job_that_takes_more_cpus_than_gpus_of_its_node_carries_more_host() -> None:
    """Half of the CPUs beside an eighth of the GPUs: half of the host, an eighth of the boards."""
    job = make_job(gpus=1, cpus=32)
    made = account(job, [run(SHARED, 0, 1, gpus=1)], GRID)
    assert 0.400 + 0.5 * 1.6 == pytest.approx(made.it_energy_kwh)
    hardware_kg = 150 + 2500 / 2
    assert hardware_kg / (6 * 8760 * 0.85) == pytest.approx(made.central.embodied)
    assert 0.5 == pytest.approx(made.accruals[0].host_h)


def test_a_share_that_jobs_on_one_node_were_cut_to_is_what_each_carries() -> None:
    """Two thirds of the host from the half hour on."""
    crowded = replace(run(SHARED, 0, 1, gpus=1), crowded=((at(0.5), at(1), 2 / 3),))
    made = account(make_job(gpus=1, cpus=64), [crowded], GRID)
    assert 0.400 + (0.5 + 0.5 * 2 / 3) * 1.6 == pytest.approx(made.it_energy_kwh)


def test_a_job_over_the_turn_of_a_month_falls_to_both() -> None:
    """Each month has the energy and the kilograms of its own hours."""
    march = 27 * 24.0
    made = account(make_job(), [run(HERE, march - 2, march + 6)], GRID)
    assert [3, 4] == [each.month.month for each in made.accruals]
    assert [16.0, 48.0] == pytest.approx([each.gpu_h for each in made.accruals])


@settings(max_examples=60)
@given(
    lengths=st.lists(st.tuples(st.floats(0.1, 400), st.floats(0, 30)), min_size=1, max_size=4),
    power=st.none() | st.floats(0.1, 4),
)
def test_months_add_up_to_the_account(lengths: list[tuple[float, float]], power: float | None) -> None:
    """Energy, GPU-hours and every line but transfers are the sum over clusters and months."""
    attempts, start = [], 0.0
    for length, pause in lengths:
        attempt = run(HERE, start + 0.1, start + length, reserved=(start, start + length), ended_by="plan")
        attempts.append(attempt if power is None else metered(attempt, [(length, power)]))
        start += length + pause
    made = account(make_job(), attempts, GRID)
    total = sum((each.emissions for each in made.accruals), start=Emissions())
    for line in LINES:
        assert getattr(made.central, line) == pytest.approx(getattr(total, line), rel=1e-9, abs=1e-9)
    assert made.gpu_h == pytest.approx(sum(each.gpu_h for each in made.accruals))
    assert made.it_energy_kwh == pytest.approx(sum(each.it_kwh for each in made.accruals))
    assert {each.month.day for each in made.accruals} == {1}


def test_low_central_and_high_stand_in_order() -> None:
    """With a meter as without one."""
    ranged = make_cluster(pue={"low": 1.1, "central": 1.2, "high": 1.4})
    for attempt in (run(ranged, 0, 4), metered(run(ranged, 0, 4), [(4, 2.0)])):
        made = account(make_job(), [attempt], GRID)
        low, central, high = (made.emissions[level].total for level in ("low", "central", "high"))
        assert low < central < high


def test_a_million_samples_are_one_job() -> None:
    """A reading every 30 s for a year costs no more memory than its curve."""
    n = 1_000_000
    base = make_curve(0, [(1, 1.6)])
    long = replace(base, at_h=np.arange(n) / 120.0, gpu_kwh=np.arange(n) * 1.6 / 120, measured=np.ones(n - 1))
    made = account(make_job(), [replace(run(HERE, 0, (n - 1) / 120), energy=long)], GRID)
    assert 1.6 * (n - 1) / 120 == pytest.approx(made.measured_kwh)
