"""What an interrupted attempt had saved: of use where the next one took it up, as its progress proves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from scheduler.records.attempts import Attempt
from scheduler.records.evidence import BadEvidence, Sample
from scheduler.records.home_run import home_run
from scheduler.records.taken_up import kept_until, taken_up
from tests.records.cases import at, make_cluster, make_job, run

AWAY = make_cluster("quebec", "CA-QC")
LOST = run(AWAY, 1, 6, reserved=(0.5, 6.5), ended_by="infrastructure", sid="a")
NEXT = run(AWAY, 8, 10, sid="b")


def sample(hour: float, progress: float | None, saved_h: float | None = None) -> Sample:
    """What an agent says at an hour of its own clock, which is ten hours ahead."""
    return Sample(
        n=0,
        at=at(10 + hour),
        progress=progress,
        energy_j=None,
        energy_source="model",
        saved_at=None if saved_h is None else at(10 + saved_h),
    )


SAID = [sample(1, 0.0), sample(3, 0.2, 2.5), sample(5, 0.4, 4.5), sample(6, 0.5, 5.5)]


@pytest.mark.parametrize(
    ("after", "kept"),
    [
        ([sample(8, None), sample(9, 0.45)], at(5.5)),
        ([sample(8, 0.4)], at(5.5)),
        ([sample(8, 0.1)], None),
        ([sample(8, None)], None),
        ([], None),
    ],
)
def test_work_is_kept_where_the_next_attempt_began_with_it(after: Sequence[Sample], kept: datetime | None) -> None:
    """Its first progress is at least the one that had been told when the save was written; by our own clock."""
    assert kept == kept_until(LOST, SAID, after)


@pytest.mark.parametrize("said", [[], [sample(1, 0.3)], [sample(1, None), sample(5, None, 4)], [sample(5, 0.5, 4)]])
def test_a_save_without_progress_before_it_proves_nothing(said: Sequence[Sample]) -> None:
    """Nor does progress without a save."""
    assert kept_until(LOST, said, [sample(8, 0.9)]) is None


def test_a_save_after_the_run_is_kept_to_its_end() -> None:
    """An agent may look once more."""
    assert at(6) == kept_until(LOST, [*SAID, sample(9, 0.6, 8.5)], [sample(8, 0.9)])


def asked(*attempts: Attempt) -> tuple[tuple[Attempt, ...], list[str]]:
    """The attempts as told, and whose samples were read."""
    read: list[str] = []

    def samples_of(sid: str) -> Sequence[Sample]:
        """What an agent said."""
        read.append(sid)
        if sid == "torn":
            raise BadEvidence("torn")
        return SAID if sid == "a" else [sample(8, 0.5)]

    return taken_up(attempts, samples_of), read


def test_only_what_was_interrupted_is_looked_at() -> None:
    """A job that ran through costs no reading."""
    through = run(AWAY, 0, 1, ended_by="plan"), NEXT
    assert (through, []) == asked(*through)
    (lost, after), read = asked(LOST, NEXT)
    assert (at(5.5), NEXT, ["a", "b"]) == (lost.kept_until, after, read)


def test_evidence_that_cannot_be_read_keeps_nothing() -> None:
    """Against the tool."""
    (lost, _), _ = asked(replace(LOST, sid="torn"), NEXT)
    assert lost.kept_until is None


def test_home_does_the_work_that_was_kept() -> None:
    """Four and a half hours of the interrupted attempt, and the two of the next one."""
    (lost, after), _ = asked(LOST, NEXT)
    made = home_run(make_job(), [lost, after], make_cluster(), at(20))
    assert made is not None
    assert timedelta(hours=6.5) == made.ran[1] - made.ran[0]
