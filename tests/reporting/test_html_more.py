"""The parts of a page about the whole: steps from one total to another, and tables that say when there are none."""

from __future__ import annotations

import pytest

from scheduler.records.bridge import Bridge
from scheduler.reporting.html_more import Bridged, between, bridge_figure, closing_table, plan_steps, sensitivity_table
from scheduler.reporting.html_page import report_html
from scheduler.reporting.language import ENGLISH
from scheduler.reporting.period_report import PeriodReport, period_report
from tests.records.cases import T0
from tests.reporting.reports import REPORTS, job_of

BRIDGE = Bridged(
    earlier="2025",
    later="2026",
    bridge=Bridge(earlier_kg=100.0, later_kg=130.0, activity=50.0, efficiency=-15.0, grid=-10.0, method=5.0),
)


def empty() -> PeriodReport:
    """A report of nothing."""
    return period_report([], since=None, until=None, made_at=T0, version="1")


def test_the_steps_of_a_bridge_lead_from_one_total_to_the_other() -> None:
    """Each begins where the one before ended, and none is left over."""
    found = between(("a", 10.0), [("up", 5.0), ("down", -12.0)], "b", ENGLISH)
    assert [(0.0, 10.0), (10.0, 15.0), (15.0, 3.0), (0.0, 3.0)] == [(bar.start, bar.end) for bar in found]
    assert ["10", "+5", "−12", "3"] == [bar.label for bar in found]


def test_the_dust_of_floating_point_is_no_step() -> None:
    """What cancels is 0, not a power of ten to the minus nineteen."""
    assert "0" == between(("a", 0.005), [("dust", -8.67e-19), ("real", 0.001)], "b", ENGLISH)[1].label
    assert "0" == between(("a", 0.0), [("none", 0.0)], "b", ENGLISH)[1].label


def test_a_bridge_names_its_periods_and_its_greatest_step() -> None:
    """And stands on the page under a title of its own; without one there is no such part."""
    made = bridge_figure(BRIDGE, ENGLISH)
    assert "From 100 kg CO2e in 2025 to 130 kg CO2e in 2026. Most of it is activity, +50 kg CO2e." in made.says
    assert [("2025", "100"), ("method", "+5"), ("activity", "+50"), ("efficiency", "−15"), ("grid", "−10"),
            ("2026", "130")] == list(made.table.rows)  # fmt: skip
    report = period_report([job_of()], since=None, until=None, made_at=T0, version="1")
    assert "The bridge to an earlier period" in report_html(report, {}, bridged=BRIDGE)
    assert "The bridge to an earlier period" not in report_html(report, {})


def test_the_errors_of_plans_are_those_of_their_jobs() -> None:
    """Summed, the furthest jobs named, and the two ends as the report has them."""
    jobs = [make() for make in REPORTS.values()]
    known = [job.split for job in jobs if job.split is not None]
    (made,) = plan_steps(jobs, ENGLISH)
    whole = dict(zip((column.head for column in made.table.columns), made.table.rows[-1], strict=True))
    assert ENGLISH.number(sum(each.planned_kg for each in known)) == whole["planned"]
    assert ENGLISH.number(sum(each.realised_kg for each in known)) == whole["realised"]
    assert len(known) + 1 == len(made.table.rows)


@pytest.mark.parametrize("name", ["waiting", "unpriced"])
def test_without_both_prices_there_are_no_errors_to_show(name: str) -> None:
    """No bar of nothing."""
    assert [] == plan_steps([REPORTS[name]()], ENGLISH)


def test_a_report_of_nothing_hangs_on_nothing() -> None:
    """No table of dashes."""
    assert (None, None) == (sensitivity_table(empty(), ENGLISH), closing_table(empty(), ENGLISH))


def test_other_choices_stand_beside_the_report_s_own() -> None:
    """Each with its figure, or why it has none."""
    made = sensitivity_table(period_report([job_of()], since=None, until=None, made_at=T0, version="1"), ENGLISH)
    assert made is not None
    assert "the registered home" == made.rows[0][0]
    assert all(row[4] != "–" or row[2] != "–" for row in made.rows)
