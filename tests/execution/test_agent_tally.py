"""What the agent makes of its meters' readings, one after the other."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scheduler.execution.agent.carbonsched_tally_v1 import Tally
from scheduler.records.energy import energy_curve
from tests.records.metered import line, written

EVERY_S = 30.0


def read(mj: int | None, mw: int | None = None, **more: object) -> dict[str, object]:
    """A reading of one GPU."""
    return {"node": "n", "place": "0", "uuid": "GPU-a", "mj": mj, "mw": mw, "share": 1.0, "flag": "", **more}


def lines(*readings: list[dict[str, object]] | None, gpus: int = 1) -> tuple[list[list[dict[str, object]]], Tally]:
    """What the lines say of the GPUs, a reading every 30 s; None is a meter that died."""
    tally, said = Tally(gpus, EVERY_S), []
    for number, each in enumerate(readings):
        if each is None:
            tally.missed("dead")
        else:
            tally.take(each, number * EVERY_S)
        said.append(tally.lines())
    return said, tally


def test_a_counter_is_counted_from_its_first_reading() -> None:
    """In joules, with the power beside it."""
    said, tally = lines([read(7_000_000, 100_000)], [read(10_000_000, 100_000)])
    assert [(0.0, 0.0), (3000.0, 3000.0)] == [(gpus[0]["j"], gpus[0]["p_j"]) for gpus in said]
    assert {"energy_j": 3000.0, "energy_source": "nvml_counter"} == tally.energy
    assert 1.0 == tally.measured(30.0)


def test_a_counter_that_falls_begins_a_new_segment() -> None:
    """What was drawn around it is not counted, and flagged once."""
    said, tally = lines([read(5_000)], [read(9_000)], [read(1_000)], [read(3_000)])
    assert [(0.0, ""), (4.0, ""), (4.0, "reset"), (6.0, "")] == [(g[0]["j"], g[0]["flag"]) for g in said]
    assert pytest.approx(2 / 3, abs=1e-3) == tally.measured(90.0)


def test_a_counter_that_leaps_is_not_believed() -> None:
    """No board draws five kilowatts."""
    said, _ = lines([read(0)], [read(10**12)], [read(10**12 + 1000)])
    assert [(0.0, ""), (0.0, "leapt"), (1.0, "")] == [(g[0]["j"], g[0]["flag"]) for g in said]


def test_a_reading_that_fails_is_null_and_the_next_has_what_was_drawn() -> None:
    """The counter counts on without us."""
    said, tally = lines([read(0)], [read(None)], None, [read(9_000)])
    assert [0.0, None, None, 9.0] == [gpus[0]["j"] for gpus in said]
    assert ["", "", "dead", ""] == [gpus[0]["flag"] for gpus in said]
    assert 1.0 == tally.measured(90.0)


def test_power_alone_is_integrated_and_flagged() -> None:
    """The mean of two looks times the time between them."""
    said, tally = lines([read(None, 100_000)], [read(None, 300_000)])
    assert ("power", "power", None, 6000.0) == tuple(said[1][0][name] for name in ("mode", "flag", "j", "p_j"))
    assert {"energy_j": 6000.0, "energy_source": "nvml_power"} == tally.energy


def test_power_says_nothing_of_a_long_time_without_a_look() -> None:
    """A gap, flagged; the counter beside it would have gone on."""
    said, _ = lines([read(None, 100_000)], None, None, None, [read(None, 100_000)])
    assert (0.0, "restarted,power") == (said[4][0]["p_j"], said[4][0]["flag"])
    counted, _ = lines([read(0, 100_000)], None, None, None, [read(12_000_000, 100_000)])
    assert (12_000.0, 12_000.0) == (counted[4][0]["j"], counted[4][0]["p_j"])


def test_another_gpu_in_the_same_place_is_another_gpu() -> None:
    """Flagged; what both drew is summed."""
    said, tally = lines([read(0)], [read(5_000)], [read(77_000, uuid="GPU-b")], [read(80_000, uuid="GPU-b")])
    assert [("GPU-b", 0.0, "swapped"), ("GPU-b", 3.0, "")] == [
        (gpus[0]["uuid"], gpus[0]["j"], gpus[0]["flag"]) for gpus in said[2:]
    ]
    assert 8.0 == tally.energy["energy_j"]


def test_a_gpu_that_was_away_meanwhile_is_not_charged_for_others() -> None:
    """Given back to Ray and given to the job once more."""
    said, tally = lines([read(0)], [read(5_000)], [], [read(99_000)], [read(100_000)])
    assert [] == said[2]
    assert [("restarted", 5.0), ("", 6.0)] == [(g[0]["flag"], g[0]["j"]) for g in said[3:]]
    assert 6.0 == tally.energy["energy_j"]


def test_a_share_of_a_gpu_is_that_share_of_its_energy() -> None:
    """MIG, or a GPU that several workers share."""
    said, _ = lines([read(0, 100_000, share=0.5, flag="mig")], [read(8_000, 100_000, share=0.5, flag="mig")])
    assert (4.0, 1500.0, "mig") == tuple(said[1][0][name] for name in ("j", "p_j", "flag"))


def test_rest_is_said_once() -> None:
    """In the first line."""
    said, _ = lines([read(0, rest_w=61.5)], [read(1_000)])
    assert [61.5, None] == [gpus[0].get("rest_w") for gpus in said]


def test_what_answers_nothing_is_flagged_and_models_stay_models() -> None:
    """Neither counter nor power: the job's energy is a model's."""
    said, tally = lines([read(None)], [read(None)])
    assert ("none", "none", None) == tuple(said[1][0][name] for name in ("mode", "flag", "j"))
    assert {"energy_j": None, "energy_source": "model"} == tally.energy
    assert 0.0 == tally.measured(30.0)


def test_several_ranks_on_one_gpu_do_not_multiply_it() -> None:
    """It is a GPU of a node, by its UUID."""
    said, tally = lines(
        [read(0), read(0, place="1", uuid="GPU-b")], [read(2_000), read(3_000, place="1", uuid="GPU-b")]
    )
    assert 2 == len(said[1])
    assert 5.0 == tally.energy["energy_j"]


STEPS = st.lists(st.one_of(st.none(), st.integers(0, 100_000), st.just(-1), st.just(-2)), min_size=2, max_size=15)
"""What a counter goes on by [mJ]; None dies, -1 begins anew, -2 does not answer."""


@settings(max_examples=150)
@given(steps=STEPS)
def test_law_the_curve_of_the_lines_is_what_the_agent_says(steps: list[int | None]) -> None:
    """Whatever a meter does, reader and agent agree on the joules, which never fall and are never made up."""
    tally, made, counter, drawn = Tally(1, EVERY_S), [], 0, 0
    for number, step in enumerate(steps):
        if step is None:
            tally.missed("dead")
        else:
            counter = 0 if step == -1 else counter + max(0, step)
            drawn += max(0, step)
            tally.take([read(None if step == -2 else counter)], number * EVERY_S)
        made.append(line(number, *tally.lines()))
    joules = tally.energy["energy_j"] or 0.0
    assert isinstance(joules, float)
    assert joules <= drawn / 1000 + 1e-9
    curve = energy_curve(written(*made))
    assert joules == pytest.approx(0.0 if curve is None else curve.gpu_kwh[-1] * 3.6e6, abs=0.01)
