"""When GPUs were reserved, when the training ran in them, and who ended it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduler.records.attempts import Attempt, EndedBy, attempt
from scheduler.records.energy import EnergyCurve
from scheduler.records.evidence import Outcome, Sample
from scheduler.records.received import Received
from scheduler.records.rows import SegmentEnd, SegmentRow
from tests.records.cases import at, make_cluster, make_outcome, make_segment
from tests.records.curves import make_curve

HERE = make_cluster()


def of(
    segment: SegmentRow,
    outcome: Outcome | None = None,
    samples: tuple[Sample, ...] = (),
    *,
    now_h: float = 5,
    energy: EnergyCurve | None = None,
    received: Received | None = None,
) -> Attempt | None:
    """The attempt of a segment on the cluster that all of these tests use."""
    return attempt(
        segment,
        outcome,
        samples,
        cluster=HERE,
        checkpoint=timedelta(minutes=6),
        now=at(now_h),
        energy=energy,
        received=received,
    )


def sample(hour: float, n: int = 0) -> Sample:
    """A reading at an hour."""
    return Sample(n=n, at=at(hour), progress=None, energy_j=None, energy_source="model")


def test_an_outcome_says_when_it_ran() -> None:
    """The run lies where the agent put it, inside what was reserved."""
    made = of(make_segment(), make_outcome(0.1, 1.9))
    assert made is not None
    assert ((at(0), at(2)), (at(0.1), at(1.9)), "outcome") == (made.reserved, made.ran, made.known_by)


def test_a_reservation_that_was_never_granted_is_no_attempt() -> None:
    """An intent alone held no GPU."""
    assert of(make_segment(phase="intended", granted_at=None, released_at=None, end="")) is None


def test_a_segment_that_never_reached_a_node_is_no_attempt() -> None:
    """A submission that no node took held no GPU."""
    assert of(make_segment(end="never_started", node_id="")) is None


def test_a_segment_that_died_on_its_node_before_it_ran_held_gpus_all_the_same() -> None:
    """Its GPUs were reserved while its environment was made: overhead, not nothing."""
    made = of(make_segment(end="never_started"))
    assert made is not None
    assert ((at(0), at(2)), (at(0), at(0)), "cluster") == (made.reserved, made.ran, made.known_by)


def test_without_an_outcome_all_that_was_reserved_counts_as_running() -> None:
    """What nobody saw is charged in full, whatever samples came before the silence."""
    made = of(make_segment(end="unknown"), None, (sample(0.5), sample(1.0, 1)))
    assert made is not None
    assert ((at(0), at(2)), "nothing", "infrastructure") == (made.ran, made.known_by, made.ended_by)


def test_an_open_segment_runs_from_its_first_sample_to_now() -> None:
    """An attempt under way is accounted up to the moment of the report."""
    made = of(make_segment(phase="granted", released_at=None, end=""), None, (sample(0.5), sample(1.0, 1)), now_h=3)
    assert made is not None
    assert ((at(0), at(3)), (at(0.5), at(3)), "samples", "nobody") == (
        made.reserved, made.ran, made.known_by, made.ended_by,
    )  # fmt: skip


@pytest.mark.parametrize("sampled_h", [-4.0, 9.0])
def test_a_sample_of_a_clock_that_is_off_stays_inside_the_reservation(sampled_h: float) -> None:
    """A node's clock hours away makes no run that begins before its grant or after now."""
    made = of(make_segment(phase="granted", released_at=None, end=""), None, (sample(sampled_h),), now_h=3)
    assert made is not None
    assert made.reserved == (at(0), at(3))
    assert at(0) <= made.ran[0] <= made.ran[1] == at(3)


@pytest.mark.parametrize(("off_h", "released_h"), [(-1.0, 0.9), (1.0, 2.0)])
def test_a_node_whose_clock_is_an_hour_off_costs_no_more_than_one_that_is_right(
    off_h: float, released_h: float
) -> None:
    """The run is moved into the reservation; only what was seen alive bounds a release that the node dated."""
    segment = make_segment(released_at=at(released_h), seen_at=at(1.95))
    made = of(segment, make_outcome(0.0 + off_h, 1.9 + off_h))
    assert made is not None
    assert 1.9 == pytest.approx((made.ran[1] - made.ran[0]) / timedelta(hours=1), abs=1e-9)
    assert at(0) <= made.ran[0]
    assert made.ran[1] <= made.reserved[1] <= at(2)


def test_gpus_seen_in_use_were_reserved_whatever_the_node_dated() -> None:
    """A release that a slow clock put an hour early is no earlier than the last sight of the run."""
    made = of(make_segment(released_at=at(0.9), seen_at=at(1.95)), make_outcome(-1.0, 0.9))
    assert made is not None
    assert ((at(0), at(1.95)), (at(0), at(1.9))) == (made.reserved, made.ran)


def test_the_length_of_a_run_is_that_of_the_monotonic_clock() -> None:
    """A clock set back by an hour during the run makes it no shorter."""
    made = of(make_segment(released_at=at(3), seen_at=at(3)), make_outcome(0.5, 1.5, duration_s=2 * 3600.0))
    assert made is not None
    assert (at(0.5), at(2.5)) == made.ran


def test_a_run_longer_than_its_reservation_widens_it() -> None:
    """The training's hours are never cut to fit the store's."""
    made = of(make_segment(), make_outcome(0.0, 3.0))
    assert made is not None
    assert ((at(0), at(3)), (at(0), at(3))) == (made.reserved, made.ran)


def test_an_attempt_of_no_length_is_an_attempt() -> None:
    """A command that fails at once has an interval of no length, not a negative one."""
    made = of(make_segment(released_at=at(0), seen_at=None, end="failed"), make_outcome(0.0, 0.0))
    assert made is not None
    assert (0.0, made.ran[0], "itself") == (made.reserved_h, made.ran[1], made.ended_by)


@pytest.mark.parametrize(
    ("end", "ended_by"),
    [
        ("", "nobody"),
        ("finished", "itself"),
        ("failed", "itself"),
        ("interrupted", "infrastructure"),
        ("unknown", "infrastructure"),
        ("never_started", "infrastructure"),
    ],
)
def test_an_end_is_laid_to_who_brought_it_about(end: SegmentEnd, ended_by: EndedBy) -> None:
    """What the infrastructure ends is wasted; what the job's own code ends is not."""
    made = of(make_segment(end=end))
    assert made is not None
    assert (ended_by, ended_by == "infrastructure") == (made.ended_by, made.wasted)


@pytest.mark.parametrize(
    ("is_last", "asked_h", "ended_by", "cut"),
    [
        (False, 1.9, "plan", True),
        (False, 2.2, "plan", True),
        (False, 1.0, "person", False),
        (True, 2.0, "person", False),
        (False, None, "person", False),
    ],
)
def test_a_suspend_is_the_plans_only_when_it_was_due(
    *, is_last: bool, asked_h: float | None, ended_by: EndedBy, cut: bool
) -> None:
    """A hold or a cancel by a person would have stopped the job at home too."""
    asked = None if asked_h is None else at(asked_h)
    made = of(make_segment(end="suspended", is_last=is_last, stop_asked_at=asked))
    assert made is not None
    assert (ended_by, cut, True) == (made.ended_by, made.cut, made.paused)


@pytest.mark.parametrize(("began_h", "lies_h"), [(0.1, 0.1), (-3.0, 0.0), (7.0, 0.5)])
def test_what_was_metered_is_laid_inside_the_reservation(began_h: float, lies_h: float) -> None:
    """A clock that is off moves a curve by as little as will do, and drops none of it."""
    made = of(make_segment(), make_outcome(), energy=make_curve(began_h, [(1.5, 3.2)]))
    assert made is not None
    assert made.energy is not None
    assert at(lies_h) == made.energy.start
    assert 4.8 == pytest.approx(made.energy.gpu_kwh[-1])


def test_a_meter_that_went_on_after_the_release_widens_the_reservation() -> None:
    """GPUs that were seen to draw for the job were the job's."""
    made = of(make_segment(), make_outcome(), energy=make_curve(0, [(2.5, 3.2)]))
    assert made is not None
    assert (at(0), at(2.5)) == made.reserved


def test_a_clock_that_is_off_is_corrected_by_what_reached_us_and_said() -> None:
    """Three hours behind: it cannot have begun before it was asked for."""
    received = Received(not_before=at(0.2), not_after=at(0.3))
    made = of(make_segment(), make_outcome(-2.9, -1.2), received=received)
    assert made is not None
    assert at(0.2) <= made.ran[0] <= at(0.3)
    (note,) = made.notes
    assert "min behind ours: corrected by when it was seen to run" in note


def test_a_clock_that_is_off_by_minutes_is_believed() -> None:
    """Under five minutes nothing is corrected, nor said."""
    made = of(make_segment(), make_outcome(0.1, 1.8), received=Received(not_before=at(0.15), not_after=at(0.2)))
    assert made is not None
    assert (at(0.1), ()) == (made.ran[0], made.notes)


@given(
    started=st.floats(-50, 50),
    ended=st.floats(-50, 50),
    length=st.floats(0, 50),
    released=st.floats(-1, 30),
    seen=st.none() | st.floats(0, 30),
)
def test_whatever_the_clocks_say_the_run_lies_in_its_reservation(
    started: float, ended: float, length: float, released: float, seen: float | None
) -> None:
    """No clock makes an interval that runs backwards, and none shortens a run."""
    segment = make_segment(released_at=at(released), seen_at=None if seen is None else at(seen))
    made = of(segment, make_outcome(started, ended, duration_s=length * 3600))
    assert made is not None
    assert made.reserved[0] <= made.ran[0] <= made.ran[1] <= made.reserved[1]
    assert length == pytest.approx((made.ran[1] - made.ran[0]) / timedelta(hours=1), abs=1e-9)
