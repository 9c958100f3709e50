"""The curve of what meters counted."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scheduler.records.energy import EnergyCurve, energy_curve
from scheduler.records.evidence import BadEvidence, NewerAgent
from scheduler.records.received import Received
from tests.records.agent_files import lines
from tests.records.metered import BEGAN_S, gpu, line, written

BEGAN = datetime.fromtimestamp(BEGAN_S, tz=UTC)
KWH_J = 3.6e6


def curve_of(*made: dict[str, object], gpus: int = 0, received: Received | None = None) -> EnergyCurve:
    """The curve of some lines, which there is."""
    curve = energy_curve(written(*made), gpus=gpus, received=received)
    assert curve is not None
    return curve


def kwh(curve: EnergyCurve) -> float:
    """All that was metered."""
    return float(curve.gpu_kwh[-1])


def test_a_counter_becomes_a_cumulative_curve_from_its_first_reading() -> None:
    """Hours and kilowatt-hours begin at 0 with the first reading; all of it is measured."""
    curve = curve_of(line(1, gpu(5000.0)), line(2, gpu(5000.0 + KWH_J)), line(3, gpu(5000.0 + 3 * KWH_J)))
    assert BEGAN + timedelta(seconds=30) == curve.start
    assert [0.0, 1 / 120, 2 / 120] == pytest.approx(curve.at_h)
    assert [0.0, 1.0, 3.0] == pytest.approx(curve.gpu_kwh)
    assert [1.0, 1.0] == curve.measured.tolist()
    assert ("nvml_counter", 1, None, ()) == (curve.source, curve.gpus, curve.idle_w, curve.notes)


def test_gpus_of_all_nodes_are_summed_by_node_and_uuid() -> None:
    """The same UUID on two nodes is two GPUs; a second entry of a rank cannot be."""
    first = [gpu(0.0), gpu(0.0, "GPU-1"), gpu(0.0, node="n1")]
    second = [gpu(KWH_J), gpu(KWH_J, "GPU-1"), gpu(2 * KWH_J, node="n1")]
    curve = curve_of(line(0, *first), line(1, *second))
    assert 4.0 == pytest.approx(kwh(curve))
    assert 3 == curve.gpus


def test_nothing_metered_is_no_curve() -> None:
    """A job without samples, one of an older agent, and one of a single reading have none."""
    assert energy_curve(b"") is None
    assert energy_curve(lines({}, {"n": 1})) is None
    assert energy_curve(written(line(0, gpu(1.0)))) is None
    assert energy_curve(written(line(0, gpu(None)), line(1, gpu(None)))) is None


def test_lines_out_of_order_and_twice_change_nothing() -> None:
    """The numbers put them in order, and the first of two with one number counts."""
    made = [line(n, gpu(n * 1000.0)) for n in range(20)]
    shuffled = [*random.Random(5).sample(made, 20), line(7, gpu(123456.0)), line(3, gpu(0.0))]
    assert curve_of(*made).gpu_kwh.tolist() == curve_of(*shuffled).gpu_kwh.tolist()


def test_a_line_in_which_no_time_went_on_is_left_out() -> None:
    """Time of the curve is strictly increasing whatever the agent's clock says."""
    curve = curve_of(line(0, gpu(0.0)), line(1, gpu(5.0), mono_s=0.0), line(2, gpu(10.0)), line(3, gpu(20.0)))
    assert 3 == len(curve.at_h)
    assert (np.diff(curve.at_h) > 0).all()


def test_a_lost_line_costs_nothing() -> None:
    """The next reading holds what was drawn meanwhile."""
    curve = curve_of(line(0, gpu(0.0)), line(1, gpu(None)), line(9, gpu(KWH_J)))
    assert 1.0 == pytest.approx(kwh(curve))
    assert [1.0, 1.0] == curve.measured.tolist()


def test_a_counter_that_began_anew_leaves_a_gap_of_one_interval() -> None:
    """What was drawn around a reset is not made up, and said."""
    curve = curve_of(line(0, gpu(0.0)), line(1, gpu(KWH_J)), line(2, gpu(KWH_J, flag="reset")), line(3, gpu(2 * KWH_J)))
    assert [1.0, 0.0, 1.0] == curve.measured.tolist()
    assert [0.0, 1.0, 1.0, 2.0] == pytest.approx(curve.gpu_kwh)
    assert any("counter began anew" in note for note in curve.notes)


def test_a_value_that_falls_without_a_word_is_a_gap_too() -> None:
    """A curve never falls."""
    curve = curve_of(line(0, gpu(0.0)), line(1, gpu(KWH_J)), line(2, gpu(5.0)), line(3, gpu(KWH_J)))
    assert [1.0, 0.0, 1.0] == curve.measured.tolist()
    assert [0.0, 1.0, 1.0, 2.0] == pytest.approx(curve.gpu_kwh, abs=1e-5)


def test_a_gpu_that_is_lost_takes_its_share_of_what_is_measured() -> None:
    """One of two GPUs has no reading any more: half is measured from then on."""
    both = [line(n, gpu(n * 100.0), gpu(n * 100.0, "GPU-1")) for n in range(2)]
    curve = curve_of(*both, line(2, gpu(200.0), gpu(None, "GPU-1", flag="lost")))
    assert [1.0, 0.5] == curve.measured.tolist()
    assert 300.0 / KWH_J == pytest.approx(kwh(curve))
    assert ("1 of 2 GPUs: its collector did not answer, or the node was lost",) == curve.notes


def test_fewer_gpus_metered_than_the_attempt_had_are_said() -> None:
    """Two of eight metered: a quarter is measured."""
    made = [line(n, gpu(n * 100.0), gpu(n * 100.0, "GPU-1")) for n in range(3)]
    assert [0.25, 0.25] == curve_of(*made, gpus=8).measured.tolist()


def test_a_swapped_gpu_hands_on_without_being_counted_twice() -> None:
    """Another UUID from some line on is the same place: one GPU, with a gap between the two."""
    curve = curve_of(
        line(0, gpu(0.0)),
        line(1, gpu(KWH_J)),
        line(2, gpu(0.0, "GPU-9", flag="swapped")),
        line(3, gpu(KWH_J, "GPU-9")),
    )
    assert (1, [1.0, 0.0, 1.0]) == (curve.gpus, curve.measured.tolist())
    assert 2.0 == pytest.approx(kwh(curve))


def test_polled_power_serves_where_there_is_no_counter_and_is_called_that() -> None:
    """One GPU without a counter makes the whole source polled power."""
    polled = [gpu(None, "GPU-1", p_j=n * 60.0, mode="power", flag="power") for n in range(2)]
    curve = curve_of(line(0, gpu(0.0), polled[0]), line(1, gpu(40.0), polled[1]))
    assert "nvml_power" == curve.source
    assert 100.0 / KWH_J == pytest.approx(kwh(curve))
    assert ("1 of 2 GPUs: no energy counter, polled power was integrated",) == curve.notes


@pytest.mark.parametrize(("power_j", "noted"), [(104.9, False), (105.3, True), (94.0, True), (0.0, True)])
def test_counter_and_polled_power_over_five_percent_apart_are_said(power_j: float, *, noted: bool) -> None:
    """The counter counts, and the disagreement is in the notes."""
    curve = curve_of(line(0, gpu(0.0, p_j=0.0)), line(1, gpu(100.0, p_j=power_j)))
    assert noted == any("apart" in note for note in curve.notes)
    assert 100.0 / KWH_J == pytest.approx(kwh(curve))


def test_the_floor_at_rest_is_known_where_every_gpu_was_at_rest() -> None:
    """The mean of what was read before the training; None where one GPU was busy."""
    after = line(1, gpu(1.0), gpu(1.0, "GPU-1"))
    assert 62.0 == curve_of(line(0, gpu(0.0, rest_w=60.0), gpu(0.0, "GPU-1", rest_w=64.0)), after).idle_w
    assert curve_of(line(0, gpu(0.0, rest_w=60.0), gpu(0.0, "GPU-1", rest_w=None)), after).idle_w is None


TIGHT = Received(not_before=BEGAN - timedelta(seconds=20), not_after=BEGAN + timedelta(seconds=20))


@pytest.mark.parametrize(
    ("off_min", "said"), [(0, ""), (4, ""), (-4, ""), (6, "6 min ahead of"), (-7, "7 min behind"), (600, "600 min")]
)
def test_a_clock_off_by_over_five_minutes_is_corrected_by_our_receipts_and_said(off_min: int, said: str) -> None:
    """What a node says is believed within 5 minutes; further off, when its samples came here counts."""
    told = [line(n, gpu(n * 10.0), t_unix=BEGAN_S + 60.0 * off_min + 30 * n) for n in range(3)]
    curve = curve_of(*told, received=TIGHT)
    assert bool(said) == bool(curve.notes)
    assert said in " ".join(curve.notes)
    corrected = TIGHT.not_after if said else BEGAN + timedelta(minutes=off_min)
    assert corrected == curve.start


def test_receipts_that_came_late_do_not_correct_a_good_clock() -> None:
    """After an hour without a connection it is only known that the samples are older than that."""
    late = Received(not_before=BEGAN - timedelta(minutes=1), not_after=BEGAN + timedelta(hours=1))
    curve = curve_of(line(0, gpu(0.0)), line(1, gpu(1.0)), received=late)
    assert (BEGAN, ()) == (curve.start, curve.notes)


def test_a_clock_that_was_set_while_it_ran_is_said() -> None:
    """The monotonic clock keeps the lengths; the median of what was told is believed."""
    jumped = [line(n, gpu(n * 10.0), t_unix=BEGAN_S + 30 * n + (7200 if n < 2 else 0)) for n in range(7)]
    curve = curve_of(*jumped)
    assert (BEGAN, ("the node's clock was set by 120 min while it ran",)) == (curve.start, curve.notes)


@pytest.mark.parametrize(
    "raw",
    [
        b"nonsense\n",
        b'{"v": 1}\n',
        written(line(0, gpu(-1.0))),
        written(line(0, gpu(0.0)), line(-1, gpu(0.0))),
        written(line(0, gpu(0.0), t_unix=1e300), line(1, gpu(1.0), t_unix=1e300)),
        written(line(0, gpu(0.0), v=0)),
        written(line(0, gpu(0.0), gpus="all")),
    ],
)
def test_what_no_agent_writes_is_refused(raw: bytes) -> None:
    """Damage is an error of the evidence, never a figure."""
    with pytest.raises(BadEvidence):
        energy_curve(raw)


def test_a_newer_agents_samples_are_left_to_a_newer_reader() -> None:
    """Its meaning is not guessed."""
    with pytest.raises(NewerAgent):
        energy_curve(written(line(0, gpu(0.0), v=2)))


def test_a_torn_last_line_is_left_for_the_next_reading() -> None:
    """What is whole is read."""
    whole = written(line(0, gpu(0.0)), line(1, gpu(KWH_J)))
    torn = energy_curve(whole + written(line(2, gpu(9 * KWH_J)))[:-1])
    assert torn is not None
    assert 1.0 == pytest.approx(kwh(torn))


def test_samples_of_many_megabytes_are_read_in_pieces_all_the_same() -> None:
    """The seams between the pieces lose no line."""
    every = written(*(line(n, gpu(n * 10.0), comment="x" * 4000) for n in range(4500)))
    curve = energy_curve(every)
    assert curve is not None
    assert len(every) > 2 * (8 << 20)
    assert 4500 == len(curve.at_h)
    assert 44990.0 / KWH_J == pytest.approx(kwh(curve))


READINGS = st.lists(st.one_of(st.none(), st.floats(0, 1e7)), min_size=2, max_size=12)
EDGES = st.lists(st.floats(-0.2, 0.3), min_size=2, max_size=9, unique=True).map(sorted)


def curves(columns: list[list[float | None]]) -> EnergyCurve | None:
    """A curve of some GPUs, one list of readings each."""
    return energy_curve(
        written(
            *(
                line(n, *(gpu(column[n], f"GPU-{k}") for k, column in enumerate(columns) if n < len(column)))
                for n in range(max(map(len, columns)))
            )
        )
    )


@settings(max_examples=150)
@given(columns=st.lists(READINGS, min_size=1, max_size=3), edges=EDGES)
def test_law_no_curve_falls_and_its_parts_add_up(columns: list[list[float | None]], edges: list[float]) -> None:
    """between() is additive over split edges, loses no joule over the whole, and is nowhere below 0."""
    curve = curves(columns)
    if curve is None:
        return
    assert (np.diff(curve.gpu_kwh) >= 0).all()
    assert ((curve.measured >= 0) & (curve.measured <= 1)).all()
    energy, hours = curve.between(BEGAN, np.array(edges))
    assert (energy >= 0).all()
    assert (hours >= 0).all()
    assert (hours <= np.diff(edges) + 1e-9).all()
    ends = np.array([edges[0], edges[-1]])
    assert curve.between(BEGAN, ends)[0].sum() == pytest.approx(energy.sum())
    assert curve.between(BEGAN, ends)[1].sum() == pytest.approx(hours.sum())
    whole, metered = curve.between(curve.start - timedelta(hours=1), np.array([0.0, 50.0]))
    assert kwh(curve) == pytest.approx(whole[0])
    assert float(np.sum(np.diff(curve.at_h) * curve.measured)) == pytest.approx(metered[0])


@settings(max_examples=60)
@given(steps=st.lists(st.floats(0, 1e6), min_size=2, max_size=20), lost=st.sets(st.integers(1, 18)))
def test_law_lines_that_are_lost_never_lose_joules(steps: list[float], lost: set[int]) -> None:
    """Whatever lines between the first and the last are missing, the total is the same."""
    counted = [float(each) for each in np.cumsum(steps)]
    made = [line(n, gpu(j)) for n, j in enumerate(counted)]
    left = [each for n, each in enumerate(made) if n not in lost or n == len(made) - 1]
    assert kwh(curve_of(*left)) == pytest.approx(kwh(curve_of(*made)))
