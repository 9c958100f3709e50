"""A plan for people: the figures it shows, the words it chooses, and the strip of the forecast."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cli.plan_masses import kg
from cli.plan_strip import encodable, strip
from cli.plan_text import plan_text, summary
from policies.carbon_aware import CarbonAware
from policies.lowest_carbon_window import LowestCarbonWindow
from policies.run_now import RunNow
from scheduler.domain.cluster import Cluster
from scheduler.domain.intensity import IntensitySeries
from scheduler.domain.job import Job
from scheduler.planning.plan import Plan, SavingBand
from scheduler.planning.planner import make_plan
from scheduler.planning.situation import Situation
from tests.planning.worlds import NAN, SHARED, T0, cluster, flat, job, series

PARIS, MONTREAL = cluster(storage=SHARED), cluster("montreal", "CA-QC", storage=SHARED)
GRID = {"FR": series("FR", [60, 50, 40, 30, 40, 50, 60, 70]), "CA-QC": flat("CA-QC", 43, 8)}


def planned(
    the_job: Job,
    grid: dict[str, IntensitySeries] | None = None,
    clusters: list[Cluster] | None = None,
    policy: str | None = None,
) -> Plan:
    """A plan from midnight."""
    policies = {each.name: each for each in (RunNow(), CarbonAware(), LowestCarbonWindow())}
    situation = Situation(job=the_job, clusters=clusters or [PARIS, MONTREAL], intensity=grid or GRID, now=T0)
    found = make_plan(situation, policies, policy)
    assert isinstance(found, Plan)
    return found


def text(the_job: Job, *, policy: str | None = None, grid: dict[str, IntensitySeries] | None = None) -> str:
    """The same for people."""
    return plan_text(planned(the_job, grid, policy=policy), the_job, unicode=True)


def test_the_whole_text() -> None:
    """What a person reads, to the letter."""
    assert EXPECTED == text(job(duration="2h", deadline="8h"), policy="lowest-carbon-window") + "\n"


EXPECTED = """\
train: 8 GPUs for 2h, home paris, policy lowest-carbon-window
decided at 2026-03-01 00:00, deadline 2026-03-01 08:00, slack 6 h
intensity: average lifecycle consumption CO2e, from a test

Plan (times in UTC)
  cluster  zone  start             end               length  GPUs
  paris    FR    2026-03-01 02:00  2026-03-01 04:00  2h         8

Emissions, kg CO2e
                        dynamic   idle   held  facility  embodied  transfer  total    low   high
  lowest-carbon-window    0.231  0.105  0.000     0.067     0.166     0.000  0.569  0.508  0.629
  baseline                0.363  0.165  0.000     0.106     0.166     0.000  0.799  0.704  0.894
  low, high: every figure at that end of its range; intensity +/-15 % where its source states none

  0.230 kg less than run-now (28.8 %); of electricity alone 36.4 % less.
  Within the ranges of the figures: 0.196 to 0.265 kg less.

Why not less
  optimal: no feasible placement is under 0.569 kg on the same forecast
  deadline: what one more day would save is not known

Best uninterrupted run on each cluster
  cluster   zone   g/kWh  dynamic   idle  facility  embodied  total  start             finish
  paris     FR      35.0    0.231  0.105     0.067     0.166  0.569  2026-03-01 02:00  2026-03-01 04:00
  montreal  CA-QC   43.0    0.283  0.129     0.083     0.166  0.661  2026-03-01 00:00  2026-03-01 02:00

Intensity up to the deadline, each row on its own scale
         03-01 00:00                                          03-01 08:00  g/kWh
  FR     ▆▆▆▆▆▆▆▆▅▅▅▅▅▅▅▅▃▃▃▃▃▃▃▃▁▁▁▁▁▁▁▁▃▃▃▃▃▃▃▃▅▅▅▅▅▅▅▅▆▆▆▆▆▆▆▆████████  30-70
  paris                  ━━━━━━━━━━━━━━━━
  CA-QC  ▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁     43

Other policies
  policy        total kg  finish
  carbon-aware     0.569  2026-03-01 04:00
  run-now          0.799  2026-03-01 02:00

Mind
  - waiting is expected to gain 0 %: the intensity of CA-QC does not vary in this table
"""


def test_no_effect_is_said_in_words() -> None:
    """Where nobody knows the sign there is no claim."""
    found = text(job(), grid={"FR": flat("FR", 33, 4), "CA-QC": flat("CA-QC", 31, 4)})
    assert "No distinguishable effect beside run-now: 0.046 kg less (4.2 %)" in found


def test_more_than_the_baseline_is_said_loudly() -> None:
    """A plan that emits more says so; nothing is hidden in a sign."""
    plan = planned(job())
    assert plan.saving is not None
    worse = replace(plan, saving=replace(plan.saving, kg=-1.0, pct=-50.0, operational_pct=-60.0, distinguishable=True))
    assert "1.000 kg MORE than run-now (50.0 %); of electricity alone 60.0 % MORE." in plan_text(
        worse, job(), unicode=True
    )


def test_the_baseline_itself_is_not_compared_with_itself() -> None:
    """run-now is what run-now does."""
    assert "This is what run-now does too." in text(job(), policy="run-now")


def test_what_is_unknown_is_a_dash() -> None:
    """No figure stands where there is none."""
    found = text(job(), grid={"FR": series("FR", [60, NAN, 60, 60])})
    assert "No comparison with run-now: a part of the time has no intensity." in found
    assert "nan" not in found


def test_without_a_baseline_there_is_no_comparison() -> None:
    """Where home cannot run the job."""
    assert "There is no baseline to compare with." in text(job(data={"countries": ["CA"]}))


def test_suspends_and_moves_are_counted() -> None:
    """With the right number."""
    grid = {"FR": series("FR", [10, 900, 900]), "CA-QC": series("CA-QC", [900, 10, 900])}
    moving = job(duration="2h", deadline="3h", interruptible=True)
    assert "  1 suspend, 1 of them a move\n" in text(moving, grid=grid)
    grid = {"FR": series("FR", [10, 900, 10, 900, 10]), "CA-QC": flat("CA-QC", 900, 5)}
    assert "  2 suspends, 0 of them moves\n" in text(job(duration="3h", deadline="5h", interruptible=True), grid=grid)


def test_rejected_clusters_and_those_without_room_are_listed() -> None:
    """Each with its reason."""
    slow = cluster("slow", gpu={"model": "V100", "tdp_w": 300, "idle_w": 40, "embodied_kg": 100})
    plan = planned(
        job(duration={"A100": "2h", "V100": "9h"}, deadline="8h"), clusters=[PARIS, slow, cluster("ulm", "DE")]
    )
    found = plan_text(plan, job(), unicode=True)
    assert "  ulm  rejected: no intensity for zone DE" in found
    assert "no room before the deadline" in found


def test_the_strip_fits_a_terminal_and_marks_the_plan() -> None:
    """Rows of blocks by zone, the segment under its zone, nothing over 80 columns."""
    plan = planned(job(duration="2h", deadline="8h"), policy="lowest-carbon-window")
    lines = strip(plan, unicode=True)
    assert {True} == {len(line) <= 80 for line in lines}
    axis, paris, marks, montreal = lines
    assert "03-01 00:00" in axis
    assert "03-01 08:00" in axis
    blocks = paris.split()[1]
    assert ("▁", "█") == (blocks[len(blocks) * 7 // 16], blocks[-1])
    start = paris.index(blocks)
    marked = [column - start for column, glyph in enumerate(marks) if glyph == "━"]
    found = (marked[0] / len(blocks), (marked[-1] + 1) / len(blocks))
    assert (2 / 8, 4 / 8) == pytest.approx(found, abs=1 / len(blocks))
    assert {"▁"} == set(montreal.split()[1])
    assert paris.endswith("30-70")
    assert montreal.endswith("43")


def test_the_strip_shows_what_is_unknown() -> None:
    """Dots, and a zone without any figure is called unknown."""
    grid = {"FR": series("FR", [60, 50, NAN, NAN, 60, 60, 60, 60]), "CA-QC": series("CA-QC", [NAN] * 8)}
    lines = strip(planned(job(duration="1h", deadline="8h"), grid), unicode=True)
    assert "·" in lines[1]
    assert {"·"} == set(lines[-1].split()[1])
    assert lines[-1].endswith("unknown")


def test_the_strip_without_unicode_is_ascii() -> None:
    """A terminal that cannot show blocks gets characters it can."""
    plan = planned(job(duration="2h", deadline="8h"))
    assert "\n".join(strip(plan, unicode=False)).isascii()
    assert plan_text(plan, job(), unicode=False).isascii()


def test_encodings() -> None:
    """UTF-8 shows blocks; ASCII, Latin-1 and the unknown do not."""
    assert [True, False, False, False, False] == [
        encodable(name) for name in ("utf-8", "ascii", "latin-1", None, "no-such-encoding")
    ]


def test_a_short_segment_still_has_a_mark() -> None:
    """Five minutes in four days are seen."""
    grid = {"FR": flat("FR", 60, 96)}
    plan = planned(job(duration="5m", deadline="96h"), grid, [PARIS])
    assert 1 == strip(plan, unicode=True)[2].count("━")


def test_the_summary_is_a_few_lines() -> None:
    """Where, when, how much, beside what, and what weighs on it."""
    lines = summary(planned(job())).splitlines()
    assert "carbon-aware: montreal, 2026-03-01 00:00 to 2026-03-01 04:00 UTC, 1.322 kg CO2e" == lines[0]
    assert "mind: " == lines[-1][:6]


def test_the_band_of_the_saving_is_a_line() -> None:
    """Where past errors of the forecasts are known, and not where they are not."""
    the_job = job(duration="2h", deadline="8h")
    found = planned(the_job, policy="lowest-carbon-window")
    band = SavingBand(p5_kg=-0.1, p50_kg=0.4, p95_kg=0.9, p5_pct=None, p50_pct=None, p95_pct=None, paths=400)
    line = "If forecasts miss as they did before: -0.100 to 0.900 kg less (5 to 95 %), 0.400 in the middle."
    assert line in plan_text(replace(found, band=band), the_job, unicode=True)
    assert "If forecasts miss" not in plan_text(found, the_job, unicode=True)


def test_masses() -> None:
    """Three decimals up to a tonne, then one."""
    assert ["0.123", "27.290", "1,234.6"] == [kg(mass) for mass in (0.1234, 27.28985, 1234.56)]
