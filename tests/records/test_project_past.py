"""Where a project's jobs ran before: the share of its home, and the habits that a claim is held against."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from scheduler.records.counterfactual import register
from scheduler.records.gather import JobHistory
from scheduler.records.project_past import project_past, reference_period
from tests.records.cases import make_cluster, make_history, make_job, run

HOME = make_cluster()
AWAY = make_cluster("quebec", "CA-QC")


def ran(
    day: tuple[int, int, int], hours: float, *, project: str = "bloom", late_h: float = 0.0, **where: object
) -> JobHistory:
    """A job of a project that was submitted on a day and ran for some hours, at home unless it says where."""
    submitted = datetime(*day, tzinfo=UTC)
    cluster = where.get("cluster", HOME)
    job = make_job(project=project)
    start = submitted + timedelta(hours=late_h)
    whole = start, start + timedelta(hours=hours)
    attempt = replace(run(cluster, 0, 1), reserved=whole, ran=whole)  # type: ignore[arg-type]  # a cluster
    history = make_history([attempt], job=job)
    rule = register(job, "france", submitted, submitted)
    return replace(history, row=replace(history.row, submitted_at=submitted, counterfactual=rule))


def test_the_share_of_home_is_of_the_twelve_months_before_the_one_of_submission() -> None:
    """What the same month brings is not in it: a day's own jobs do not judge each other."""
    old, kept = ran((2025, 5, 31), 900), ran((2025, 6, 1), 30)
    moved, same_month = ran((2026, 5, 31), 10, cluster=AWAY), ran((2026, 6, 1), 500, cluster=AWAY)
    asked = ran((2026, 6, 20), 1)
    past = project_past([old, kept, moved, same_month, asked])
    assert 0.75 == past.home_share(asked)


def test_another_project_and_hardware_that_is_not_there_are_another_past() -> None:
    """Neither says anything of this one."""
    lab = make_cluster("lab", simulated=True)
    others = [ran((2025, 7, 1), 10, project="opt"), ran((2025, 7, 1), 10, cluster=lab)]
    assert project_past(others).home_share(ran((2026, 6, 20), 1)) is None


def test_the_habits_are_those_of_the_calendar_year_before() -> None:
    """Frozen with the rule: cluster shares and mean delay by GPU-hours, and nothing of the year itself."""
    asked = ran((2026, 6, 20), 1)
    histories = [
        ran((2025, 1, 1), 30, late_h=1.0),
        ran((2025, 12, 31), 10, cluster=AWAY, late_h=5.0),
        ran((2024, 12, 31), 99),
        ran((2026, 1, 1), 99),
    ]
    found = project_past(histories).reference(asked)
    assert found is not None
    assert [("france", 0.75), ("quebec", 0.25)] == [(cluster.name, share) for cluster, share in found.shares]
    assert timedelta(hours=2) == found.delay
    assert 8 * 40.0 == pytest.approx(found.gpu_h)
    assert (datetime(2025, 1, 1, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC)) == (found.since, found.until)


def test_a_project_that_did_nothing_then_has_no_habits() -> None:
    """Nor do jobs of which nothing ran make any."""
    assert project_past([make_history([])]).reference(ran((2026, 6, 20), 1)) is None


def test_a_rule_of_the_method_before_is_held_against_the_year_before_too() -> None:
    """It names no period."""
    asked = ran((2026, 6, 20), 1)
    older = {name: value for name, value in asked.row.counterfactual.items() if name != "reference"}
    assert reference_period(asked) == reference_period(replace(asked, row=replace(asked.row, counterfactual=older)))
