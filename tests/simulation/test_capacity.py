"""Free GPUs in time: what is taken is gone at every instant, and the first gap is found as by looking everywhere."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from scheduler.simulation.capacity import Capacity

SPANS = st.lists(st.tuples(st.integers(0, 40), st.integers(1, 15), st.integers(1, 4)), max_size=12)
GPUS = 8


def filled(spans: list[tuple[int, int, int]]) -> tuple[Capacity, list[int]]:
    """A cluster with every span taken that fits, and the same counted instant by instant."""
    capacity, free = Capacity(GPUS), [GPUS] * 200
    for start, length, gpus in spans:
        if min(free[start : start + length]) >= gpus:
            capacity.take(start, start + length, gpus)
            for at in range(start, start + length):
                free[at] -= gpus
    return capacity, free


@settings(max_examples=150)
@given(spans=SPANS, start=st.integers(0, 40), length=st.integers(1, 20), gpus=st.integers(1, GPUS))
def test_what_fits_is_what_is_free_at_every_instant(
    spans: list[tuple[int, int, int]], start: int, length: int, gpus: int
) -> None:
    """A stretch fits where each of its instants has the GPUs."""
    capacity, free = filled(spans)

    assert (min(free[start : start + length]) >= gpus) == capacity.fits(start, start + length, gpus)


@settings(max_examples=150)
@given(spans=SPANS, start=st.integers(0, 40), length=st.integers(1, 20), gpus=st.integers(1, GPUS))
def test_the_first_gap_is_the_first_one(spans: list[tuple[int, int, int]], start: int, length: int, gpus: int) -> None:
    """No earlier instant has the GPUs for the whole length."""
    capacity, free = filled(spans)

    expected = next(at for at in range(start, 120) if min(free[at : at + length]) >= gpus)

    assert expected == capacity.earliest(start, length, gpus)


@settings(max_examples=150)
@given(spans=SPANS, start=st.integers(0, 30), length=st.integers(1, 40), gpus=st.integers(1, GPUS))
def test_turns_say_when_room_comes_and_goes(
    spans: list[tuple[int, int, int]], start: int, length: int, gpus: int
) -> None:
    """From the first instant on, each turn is where room appears or ends."""
    capacity, free = filled(spans)

    room = [free[at] >= gpus for at in range(start, start + length)]
    expected = [start + n + 1 for n in range(length - 1) if room[n] != room[n + 1]]

    begins, turned = capacity.turns(start, start + length, gpus)

    assert (room[0], expected) == (begins, turned.tolist())


def test_forgetting_the_past_leaves_the_future() -> None:
    """Steps that have passed go, and what is free later stays as it was."""
    capacity = Capacity(4)
    for at in range(1200):
        capacity.take(at, at + 2, 1 + at % 2)
    before = [capacity.fits(at, at + 1, 2) for at in range(1100, 1210)]

    capacity.forget(1100)

    assert before == [capacity.fits(at, at + 1, 2) for at in range(1100, 1210)]


@settings(max_examples=150)
@given(spans=SPANS, start=st.integers(0, 40), lengths=st.lists(st.integers(1, 40), min_size=1, max_size=4))
def test_the_most_that_is_free_is_that_of_the_best_instant(
    spans: list[tuple[int, int, int]], start: int, lengths: list[int]
) -> None:
    """From one instant until each of some later ones."""
    capacity, free = filled(spans)

    expected = [max(free[start : start + length]) for length in lengths]

    assert expected == capacity.most(start, np.array([start + length for length in lengths])).tolist()


@settings(max_examples=150)
@given(spans=SPANS, now=st.integers(0, 20), length=st.integers(1, 20), gpus=st.integers(1, GPUS))
def test_a_run_that_finds_its_gpus_at_no_instant_before_its_start_cannot_start_sooner(
    spans: list[tuple[int, int, int]], now: int, length: int, gpus: int
) -> None:
    """So nobody needs to ask again for it when room comes free behind its start, or too little before it."""
    capacity, _ = filled(spans[:6])
    start = capacity.earliest(now, length, gpus)
    capacity.take(start, start + length, gpus)
    for at, lasts, wide in spans[6:]:
        capacity.give(at, at + lasts, wide)
    may = start > now and capacity.most(now, np.array([start]))[0] >= gpus

    capacity.give(start, start + length, gpus)

    assert may or capacity.earliest(now, length, gpus) == start
