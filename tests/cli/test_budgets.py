"""Budgets from the outside: what a month has used, what is held and released, and what reports say of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from cli import running, wiring
from cli.budget_release import release_what_fits
from cli.budgets import uses
from scheduler.records.rows import JobState
from tests.cli.settle_world import FRANCE, LAB, QUEBEC, Moment, add, call, csv, read, table
from tests.cli.settle_world import moment as moment  # noqa: PLC0414  # a fixture
from tests.cli.settle_world import place as place  # noqa: PLC0414  # a fixture
from tests.records.cases import at, document, make_job, make_row

RAN_KG = 2 * 8 * (0.412 + 0.188) * 1.2 * 300 / 1000 + 2 * 8 * 10.3523 / 1000
"""Two hours of 8 GPUs of the worked hardware at 300 g/kWh. [kg]"""


@pytest.fixture
def world(place: Path, moment: Moment, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two clusters, a flat table, and a job of a project that emitted 3.6 kg this month."""
    table(place, 300, days=40)
    (place / "clusters").mkdir()
    for cluster in (FRANCE, QUEBEC):
        text = cluster.model_dump_json(exclude_defaults=True)
        (place / "clusters" / f"{cluster.name}.yaml").write_text(text)
    monkeypatch.setenv("CARBONSCHED_CLUSTERS", str(place / "clusters"))
    monkeypatch.setenv("CARBONSCHED_INTENSITY_TABLE", str(place / "table.csv"))
    monkeypatch.setattr(running, "ensure_scheduler", lambda *_: None)
    add("aaaa", FRANCE, 1, 3, csv(place), project="nlp")
    add("cccc", LAB, 5, 7, csv(place), project="nlp")
    return place


def budget(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    """Set the budgets."""
    monkeypatch.setenv("CARBONSCHED_BUDGETS", text)


def submit(capsys: pytest.CaptureFixture[str], *more: str, project: str = "nlp") -> tuple[str, str]:
    """A job of two hours in France now: its id and what was said."""
    sets = ("gpus=8", "duration=2h", "home=france", f"project={project}", "policy=run-now", *more)
    words = [word for each in sets for word in ("--set", each)]
    code, out, err = call(capsys, "submit", "--no-serve", *words, "--", "python", "train.py")
    assert 0 == code, err
    return out.strip(), err


def state(job_id: str) -> tuple[str, str]:
    """How a job stands, and what is wanted of it."""
    with wiring.store().reading() as tx:
        row = tx.job(job_id)
    return row.state.value, row.wanted


def test_a_month_counts_what_ran_and_what_is_planned_of_real_hardware(
    world: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The simulated job beside is not in it, nor another project's."""
    budget(monkeypatch, "nlp = 20")
    submit(capsys)
    submit(capsys, project="vision")
    (use,) = read(capsys, "status")["budgets"]
    assert (pytest.approx(RAN_KG), pytest.approx(RAN_KG)) == (use["realised_kg"], use["projected_kg"])
    assert ("nlp", "2024-03", "within", [], []) == tuple(
        use[key] for key in ("project", "month", "standing", "unknown", "held")
    )
    assert "budget of nlp for 2024-03: 3.62 kg CO2e emitted, 3.62 kg planned, of 20 kg" in call(capsys, "status")[1]
    assert use == read(capsys, "report")["budgets"][0]
    assert "## Budgets (real clusters)" in call(capsys, "report")[1]
    assert [] == read(capsys, "report", "--project", "vision")["budgets"]


def test_an_hour_counts_in_the_month_that_it_lies_in(world: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the midnights of the reporting time zone; a plan that reaches into April is split."""
    budget(monkeypatch, "nlp = 20")
    last = 27 * 24  # the hours from T0 to the first of April
    row = replace(make_row(make_job(project="nlp"), job_id="dddd"), state=JobState.PLANNED, finished_at=None)
    with wiring.store().writing() as tx:
        tx.add_job(replace(row, progress=0.0))
        tx.add_plan("dddd", at(24), document([FRANCE], [("france", last - 1, last + 3)], total_kg=8.0))
    (march,) = uses(wiring.store(), wiring.settings())
    assert 2.0 == pytest.approx(march.projected_kg)
    monkeypatch.setenv("CARBONSCHED_REPORTING_TIME_ZONE", "America/Montreal")
    (march,) = uses(wiring.store(), wiring.settings())
    assert 8.0 == pytest.approx(march.projected_kg)


def test_a_job_that_should_have_begun_has_all_of_it_ahead(world: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cluster that is down makes no budget larger."""
    budget(monkeypatch, "nlp = 20")
    row = replace(make_row(make_job(project="nlp"), job_id="dddd"), state=JobState.PLANNED, finished_at=None)
    with wiring.store().writing() as tx:
        tx.add_job(replace(row, progress=0.0))
        tx.add_plan("dddd", at(20), document([FRANCE], [("france", 20, 26)], total_kg=8.0))
    assert [8.0] == [pytest.approx(each.projected_kg) for each in uses(wiring.store(), wiring.settings())]


def test_a_job_over_the_limit_is_held_with_the_reason_and_others_run(
    world: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The second would take the month over; a smaller one, another project and what was accepted go on."""
    budget(monkeypatch, "nlp = 10 hold")
    first, _ = submit(capsys)
    second, said = submit(capsys)
    assert ("planned", "run") == state(first)
    assert ("held", "hold") == state(second)
    why = "held: the budget of nlp for 2024-03 is 10 kg CO2e: 3.62 kg emitted, 3.62 kg planned, and 3.62 kg of this job"
    assert why in said
    entry = next(each for each in read_list(capsys) if each["job_id"] == second)
    assert why == entry["reason"]
    assert ("planned", "run") == state(submit(capsys, project="vision")[0])
    assert ("planned", "run") == state(submit(capsys, "duration=1h")[0])
    (use,) = read(capsys, "status")["budgets"]
    assert ([second], "warning") == (use["held"], use["standing"])


def read_list(capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    """What `list --json` says."""
    import json  # noqa: PLC0415  # for this alone

    found: list[dict[str, object]] = json.loads(call(capsys, "list", "--json")[1])
    return found


def test_without_a_hold_it_only_warns(
    world: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The job runs, and the month is said to be over."""
    budget(monkeypatch, "nlp = 5")
    assert ("planned", "run") == state(submit(capsys)[0])
    assert "OVER" in call(capsys, "status")[1]


def test_jobs_of_one_command_count_for_each_other(
    world: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of three in one file one fits."""
    budget(monkeypatch, "nlp = 8 hold")
    line = (
        '{"version": 1, "name": "n%d", "entrypoint": "x", "gpus": 8, "duration": "2h", "home": "france", '
        '"project": "nlp", "policy": "run-now"}\n'
    )
    (world / "jobs.jsonl").write_text("".join(line % n for n in range(3)))
    assert 0 == call(capsys, "submit", "--no-serve", "-q", "jobs.jsonl")[0]
    states = {str(each["name"]): each["state"] for each in read_list(capsys)}
    assert ["planned", "held", "held"] == [states[name] for name in ("n0", "n1", "n2")]


def test_a_person_may_release_a_held_job(
    world: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Their word comes before the budget."""
    budget(monkeypatch, "nlp = 4 hold")
    held, _ = submit(capsys)
    assert 0 == call(capsys, "release", held)[0]
    assert ("held", "run") == state(held)


def test_the_new_month_releases_what_fits_in_order(
    world: Path, moment: Moment, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of two that were held one fits in April; what a person holds stays held."""
    budget(monkeypatch, "nlp = 5 hold")
    first, _ = submit(capsys)
    moment.now += timedelta(seconds=1)
    held = [first, submit(capsys)[0]]
    assert 0 == release_what_fits(wiring.store())
    by_hand, _ = submit(capsys, project="vision")
    call(capsys, "hold", by_hand)
    moment.now += timedelta(days=27)
    assert 1 == release_what_fits(wiring.store())
    assert [("held", "run"), ("held", "hold"), ("planned", "hold")] == [state(each) for each in (*held, by_hand)]
    budget(monkeypatch, "")
    assert (1, 0) == (release_what_fits(wiring.store()), release_what_fits(wiring.store()))


def test_what_has_no_price_is_named(world: Path, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its table is gone: it is not in the sum, and not forgotten."""
    budget(monkeypatch, "nlp = 20")
    add("eeee", FRANCE, 10, 11, csv(place, "gone.csv"), project="nlp")
    (use,) = uses(wiring.store(), wiring.settings())
    assert ("eeee",) == use.unknown
    assert pytest.approx(RAN_KG) == use.realised_kg


def test_a_file_in_the_current_folder_sets_no_budget(world: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It comes with whatever repository one stands in."""
    (world / "carbonsched.yaml").write_text("version: 1\nbudgets: {nlp: {kg_per_month: 5}}\n")
    code, _, err = call(capsys, "status")
    assert (2, True) == (code, "budgets may not be set by a file in the current folder" in err)
