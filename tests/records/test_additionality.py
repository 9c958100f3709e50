"""Whose doing a difference is: what would have come about anyway is listed and not summed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from scheduler.domain.cluster import Cluster
from scheduler.records.additionality import Additionality, additionality
from scheduler.records.attempts import Attempt
from scheduler.records.gather import JobHistory
from scheduler.records.home_run import home_run
from tests.records.cases import at, make_cluster, make_history, make_job, run

HOME = make_cluster()
AWAY = make_cluster("quebec", "CA-QC")


def history(
    *attempts: Attempt, clusters: Sequence[Cluster] = (HOME, AWAY), slack_h: float = 24.0, rejected: Sequence[str] = ()
) -> JobHistory:
    """A job of ten planned hours with so much slack, and the clusters that it might have used."""
    made = make_history(attempts)
    row = replace(made.row, deadline_at=made.row.submitted_at + timedelta(hours=10 + slack_h))
    said = {**made.planned.document, "rejected": [{"cluster": name, "reason": "no"} for name in rejected]}
    declared = {each.name: each for each in clusters}
    return replace(made, row=row, clusters=declared, planned=replace(made.planned, document=said))


def flags(made: JobHistory, home_h: float | None = 0.0, share: float | None = None) -> Additionality:
    """The flags with a start at home."""
    at_home = None if home_h is None else home_run(made.row.job, made.attempts, HOME, at(home_h))
    return additionality(made, at_home, share, seated=home_h is not None)


def test_a_job_that_might_have_stayed_and_moved_is_additional() -> None:
    """Home had room, it had slack, and nobody sent it away."""
    found = flags(history(run(AWAY, 0, 10)))
    assert (True, True, False, None, (), True) == (
        found.home_had_capacity, found.flexible, found.pinned, found.home_share, found.reasons, found.additional,
    )  # fmt: skip


def test_a_job_that_home_had_no_room_for_is_listed() -> None:
    """It would have gone elsewhere for want of seats."""
    for start_h in (25.0, None):
        found = flags(history(run(AWAY, 0, 10)), start_h)
        assert (False, ("home had no room to run it by its deadline",)) == (found.home_had_capacity, found.reasons)


def test_nobody_knows_whether_home_had_room_for_work_on_other_hardware() -> None:
    """Home has the GPUs; how long it would have taken there cannot be told."""
    found = additionality(history(run(AWAY, 0, 10)), None, None, seated=True)
    assert (None, ()) == (found.home_had_capacity, found.reasons)


def test_of_home_no_more_is_asked_than_was_kept_here() -> None:
    """A job that ended two hours late elsewhere may end as late at home."""
    late = history(run(AWAY, 0, 12), slack_h=0.0)
    assert (True, False) == tuple(flags(late, start_h).home_had_capacity for start_h in (0.0, 3.0))


def test_a_job_that_its_user_kept_away_from_home_is_listed() -> None:
    """Where it went was no choice of the scheduler's."""
    made = history(run(AWAY, 0, 10), rejected=["france"])
    named = replace(made, row=replace(made.row, job=make_job(allowed=["quebec"])))
    assert (True, ("its own rules kept it out of home's zone",)) == (flags(named).pinned, flags(named).reasons)


def test_a_job_that_its_user_kept_at_home_is_pinned_and_summed() -> None:
    """It waited there for better hours, which is the scheduler's doing; other hardware alone pins nothing."""
    made = history(run(HOME, 5, 15), rejected=["quebec"])
    named = replace(made, row=replace(made.row, job=make_job(data={"countries": ["FR"]})))
    assert (True, ()) == (flags(named).pinned, flags(named).reasons)
    assert (False, ()) == (flags(made).pinned, flags(made).reasons)


def test_a_job_without_slack_or_choice_that_was_shifted_is_listed() -> None:
    """Nobody could have meant it."""
    found = flags(history(run(HOME, 5, 15), clusters=[HOME], slack_h=0.0))
    assert (False, ("it had neither slack nor another cluster to go to",)) == (found.flexible, found.reasons)


def test_a_job_that_ran_as_it_would_have_stays_in_the_sum() -> None:
    """Without slack, without choice, repeated at home: its losses are kept."""
    repeats = run(HOME, 0, 5, ended_by="infrastructure"), run(HOME, 5, 15)
    assert flags(history(*repeats, clusters=[HOME], slack_h=0.0)).additional


def test_a_home_that_the_project_hardly_used_is_no_home() -> None:
    """Under a fifth of its GPU-hours; a fifth will do, and nobody knows where there are none."""
    assert (False, True, True) == tuple(
        flags(history(run(AWAY, 0, 10)), share=share).additional for share in (0.19, 0.2, None)
    )
    (reason,) = flags(history(run(AWAY, 0, 10)), share=0.191).reasons
    assert "france had 19.1 % of its project's GPU-hours in the twelve months before, under 20 %" == reason


def test_without_a_home_there_is_no_room_to_speak_of() -> None:
    """What was shifted in time counts by its slack."""
    found = additionality(history(run(AWAY, 5, 15), clusters=[AWAY]), None, 0.0, seated=False)
    assert (None, (), True) == (found.home_had_capacity, found.reasons, found.additional)
