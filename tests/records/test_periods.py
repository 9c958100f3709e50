"""Periods by name and time zone, and what of a job falls into one: the parts add up to the whole."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scheduler.domain.emissions import LINES
from scheduler.domain.errors import InvalidInput
from scheduler.domain.estimate import LEVELS
from scheduler.records.accounts import Account, account
from scheduler.records.attempts import Attempt
from scheduler.records.energy import EnergyCurve
from scheduler.records.periods import Issue, restatement_share
from scheduler.records.periods_accrual import accrued, touches
from scheduler.records.periods_calendar import parse_period
from tests.records.cases import T0, at, make_cluster, make_job, make_series, run

FRANCE = make_cluster(paused_nodes="held")
QUEBEC = make_cluster("quebec", "CA-QC")
WAVE = [40.0 + 30 * (hour % 24) / 24 + (hour % 7) for hour in range(240)]
GRID = {"FR": make_series("FR", WAVE), "CA-QC": make_series("CA-QC", WAVE[::-1])}
JOB = make_job(
    interruptible={"restart": "5m"}, checkpoint={"dir": "ckpt", "gb": 200}, data={"size_gb": 500, "at": "france"}
)


def metered(attempt: Attempt) -> Attempt:
    """The same with a meter that ran all the time."""
    hours = np.array([0.0, 0.3, 1.7, 3.0])
    curve = EnergyCurve(
        start=attempt.reserved[0], at_h=hours, gpu_kwh=hours * 1.9, measured=np.ones(3), source="nvml_counter", gpus=8
    )
    return replace(attempt, energy=curve)


ATTEMPTS: Sequence[Attempt] = (
    metered(run(FRANCE, 1.2, 3.9, reserved=(1.0, 4.0), ended_by="plan", sid="cs-x-s1-a1")),
    run(FRANCE, 9.1, 12.4, reserved=(9.0, 12.5), ended_by="plan", sid="cs-x-s2-a1"),
    run(QUEBEC, 15.5, 20.0, reserved=(15.25, 20.5), sid="cs-x-s3-a1"),
)


def figures(made: Account) -> list[float]:
    """Every figure of an account that adds up."""
    kg = [getattr(made.emissions[level], line) for level in LEVELS for line in LINES]
    return [
        *kg, made.it_energy_kwh, made.facility_energy_kwh, made.gpu_energy_kwh, made.measured_kwh, made.gpu_h,
        made.ran_gpu_h, made.held_gpu_h, made.estimated_kg,
    ]  # fmt: skip


@settings(max_examples=60)
@given(cuts=st.lists(st.floats(0, 24), max_size=5).map(sorted))
def test_the_parts_of_a_job_add_up_to_it(cuts: list[float]) -> None:
    """Wherever its periods begin: in a run, a boot, a pause that holds its nodes, or nowhere near it."""
    ends = [at(-1), *map(at, cuts), at(30)]
    parts = [
        figures(accrued(JOB, ATTEMPTS, GRID, (since, until), data_at=FRANCE))
        for since, until in itertools.pairwise(ends)
    ]
    whole = figures(account(JOB, ATTEMPTS, GRID, data_at=FRANCE))
    assert whole == pytest.approx(np.sum(parts, axis=0).tolist(), rel=1e-9, abs=1e-9)


def test_a_copy_belongs_to_the_period_that_holds_its_instant() -> None:
    """The border is the beginning of what comes after it."""
    border = ATTEMPTS[1].reserved[1]
    before, after = (
        accrued(JOB, ATTEMPTS, GRID, span, data_at=FRANCE).central.transfer
        for span in ((at(0), border), (border, at(30)))
    )
    assert 0.0 == before
    assert after > 0


def test_a_pause_that_lasts_is_cut_too() -> None:
    """Nodes that are held now are held in this month and in the last."""
    paused = [replace(ATTEMPTS[0], ended_by="plan")]
    spans = [(at(0), at(10)), (at(10), at(40))]
    held = [accrued(JOB, paused, GRID, span, paused_until=at(16)).held_gpu_h for span in spans]
    assert [48.0, 48.0] == held


@pytest.mark.parametrize(
    ("span", "expected"), [((0, 1), False), ((0, 1.1), True), ((20, 30), True), ((21, 30), False), ((5, 6), True)]
)
def test_a_job_touches_a_period_from_its_first_gpu_to_its_last(span: tuple[float, float], *, expected: bool) -> None:
    """Between two attempts it may hold nodes; after the last one nothing is left."""
    assert expected == touches(ATTEMPTS, None, (at(span[0]), at(span[1])))
    assert not touches((), None, (at(0), at(1)))


@pytest.mark.parametrize(
    ("name", "zone", "since", "until"),
    [
        ("2026-01", "UTC", "2026-01-01T00:00", "2026-02-01T00:00"),
        ("2026-12", "UTC", "2026-12-01T00:00", "2027-01-01T00:00"),
        ("2026", "UTC", "2026-01-01T00:00", "2027-01-01T00:00"),
        ("2026-q4", "UTC", "2026-10-01T00:00", "2027-01-01T00:00"),
        ("2026-Q1", "America/Montreal", "2026-01-01T05:00", "2026-04-01T04:00"),
        ("2026-03", "Europe/Paris", "2026-02-28T23:00", "2026-03-31T22:00"),
    ],
)
def test_a_period_lies_between_its_own_midnights(name: str, zone: str, since: str, until: str) -> None:
    """Those of its time zone, in summer and in winter."""
    found = parse_period(name, zone)
    ends = tuple(datetime.fromisoformat(text).replace(tzinfo=UTC) for text in (since, until))
    assert (name.upper(), ends) == (found.name, (found.since, found.until))


@pytest.mark.parametrize("name", ["", "26-01", "2026-00", "2026-1", "2026-Q5", "2026-01-01", "0000", "9999"])
def test_what_is_no_period_is_refused(name: str) -> None:
    """With the forms that there are."""
    with pytest.raises(InvalidInput, match="period") as caught:
        parse_period(name, "UTC")
    assert "2026-Q1" in caught.value.hint


@pytest.mark.parametrize("zone", ["Mars/Olympus", "../../etc/passwd", "", "x" * 300])
def test_what_is_no_time_zone_is_refused(zone: str) -> None:
    """No path leads out of the zones."""
    with pytest.raises(InvalidInput, match="there is no time zone"):
        parse_period("2026", zone)


@pytest.mark.parametrize(
    ("published", "now", "share"), [(100.0, 105.0, 0.05), (100.0, 95.0, -0.05), (0.0, 0.0, 0.0), (0.0, 1.0, np.inf)]
)
def test_a_restatement_is_measured_by_what_was_published(published: float, now: float, share: float) -> None:
    """Of nothing published, anything is much."""
    issue = Issue(
        period=parse_period("2024-03", "UTC"), number=1, made_at=T0 + timedelta(days=90), status="final",
        cause="first", figures={"emissions_kg": {"total": published}},
    )  # fmt: skip
    assert share == pytest.approx(restatement_share(issue, now))
