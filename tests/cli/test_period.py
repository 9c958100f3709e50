"""`carbonsched period`: issues are numbered and stay, a restatement says why, hours count where they lie."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from cli import main, wiring
from scheduler.domain.errors import InvalidInput, StoreError
from scheduler.records.periods import closed_for_good
from scheduler.records.rows import JobState
from tests.cli.settle_world import FRANCE, QUEBEC, Moment, add, call, csv, read, table
from tests.cli.settle_world import moment as moment  # noqa: PLC0414  # a fixture
from tests.cli.settle_world import place as place  # noqa: PLC0414  # a fixture

Capsys = pytest.CaptureFixture[str]
MARCH = "2024-03"


@pytest.fixture(scope="module")
def once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two projects' jobs in March, settled by two looks at their table that are a month apart."""
    place = tmp_path_factory.mktemp("period")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        patch.setenv("CARBONSCHED_STATE_DIR", str(place / "kept"))
        moment = Moment(patch)
        table(place, 300, days=40)
        add("aaaa", FRANCE, 1, 3, csv(place), project="nlp")
        add("bbbb", QUEBEC, 4, 9, csv(place))
        for day in (100, 140):
            moment.day(day)
            assert 0 == main.run(["settle"])
    return place


@pytest.fixture
def settled(once: Path, moment: Moment, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The same for one test, which may change it."""
    shutil.rmtree(once / "state", ignore_errors=True)
    shutil.copytree(once / "kept", once / "state")
    monkeypatch.chdir(once)
    monkeypatch.setenv("CARBONSCHED_STATE_DIR", str(once / "state"))
    table(once, 300, days=40)
    moment.day(140)
    return once


def figures(capsys: Capsys, *words: str) -> dict[str, Any]:
    """The figures that a command prints."""
    found: dict[str, Any] = read(capsys, *words)["figures"]
    return found


def test_a_period_is_closed_and_its_total_is_its_projects_and_what_was_nobodys(settled: Path, capsys: Capsys) -> None:
    """Final, numbered 1; jobs are under their projects, idle hardware of the clusters beside."""
    made = read(capsys, "period", "close", MARCH)
    assert (1, "final", "first", "UTC") == (made["issue"], made["status"], made["cause"], made["time_zone"])
    told = made["figures"]
    parts = [each["emissions_kg"]["total"] for each in told["by_project"].values()]
    assert ["(none)", "nlp"] == list(told["by_project"])
    assert told["emissions_kg"]["total"] == pytest.approx(sum(parts) + told["unallocated_kg"])
    lines = {name: kg for name, kg in told["emissions_kg"].items() if name not in ("total", "low", "high")}
    assert told["emissions_kg"]["total"] == pytest.approx(sum(lines.values()))
    assert told["unallocated_kg"] > 0
    assert sum(parts) == pytest.approx(sum(told["jobs"].values()))


def test_what_is_not_over_cannot_be_closed(place: Path, moment: Moment, capsys: Capsys) -> None:
    """Not an hour before it ends where it is reported."""
    code, out, err = call(capsys, "period", "close", MARCH)
    assert (InvalidInput.exit_code, "") == (code, out)
    assert "is not over before 2024-04-01T00:00:00Z" in err
    code, _, err = call(capsys, "period", "close", MARCH, "--tz", "America/Montreal")
    assert "is not over before 2024-04-01T04:00:00Z" in err


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("2024-13",), "there is no period 2024-13"),
        (("march",), "'march' is no period"),
        ((MARCH, "--tz", "Mars/Olympus"), "there is no time zone"),
        ((MARCH, "--cause", "whim"), "'whim' is no cause"),
        ((MARCH, "--cause", "data"), "closed for the first time"),
    ],
)
def test_what_cannot_be_meant_is_refused(
    words: tuple[str, ...], says: str, place: Path, moment: Moment, capsys: Capsys
) -> None:
    """One line, and the way out."""
    moment.day(100)
    code, out, err = call(capsys, "period", "close", *words)
    assert (2, "") == (code, out)
    assert says in err


def test_on_provisional_intensities_it_is_closed_as_provisional_only(
    place: Path, moment: Moment, capsys: Capsys
) -> None:
    """It says so, nothing in it becomes final, and it can be closed for good when they have settled."""
    table(place, 300, days=40)
    add("aaaa", FRANCE, 1, 3, csv(place))
    moment.day(100)
    read(capsys, "settle")
    code, out, err = call(capsys, "period", "close", MARCH)
    assert 0 == code
    assert out.endswith("provisional\n")
    assert "100 % of the operational emissions rest on provisional intensities" in err
    assert "closed as provisional only" in err
    with wiring.store().reading() as tx:
        assert () == closed_for_good(tx)
    moment.day(140)
    read(capsys, "settle")
    assert (2, "final") == tuple(
        read(capsys, "period", "close", MARCH, "--cause", "data")[name] for name in ("issue", "status")
    )


def test_a_restatement_needs_a_cause_and_keeps_what_was_published(
    settled: Path, moment: Moment, capsys: Capsys
) -> None:
    """The first issue reads as it did, to the byte; figures that came a moment ago have to settle again."""
    read(capsys, "period", "close", MARCH)
    _, published, _ = call(capsys, "report", "--period", MARCH, "--as-published", "1", "--json")
    code, _, err = call(capsys, "period", "close", MARCH)
    assert (2, True) == (code, "say why: --cause data, method, error, boundary" in err)
    moment.day(141)
    table(settled, 330, days=40)
    code, out, _ = call(capsys, "report", "--period", MARCH, "--restated")
    assert 0 == code
    assert "a restatement is due" in out
    assert "a restatement is due" in call(capsys, "report", "--period", MARCH)[2]
    made = read(capsys, "period", "close", MARCH, "--cause", "error")
    assert (2, "error", "provisional") == (made["issue"], made["cause"], made["status"])
    assert published == call(capsys, "report", "--period", MARCH, "--as-published", "1", "--json")[1]
    rows = [line.split()[:2] for line in call(capsys, "period", "list")[1].splitlines()[1:]]
    assert [[MARCH, "1"], [MARCH, "2"]] == rows


def test_a_small_change_is_told_and_not_due(settled: Path, capsys: Capsys) -> None:
    """Under 5 % of the total."""
    read(capsys, "period", "close", MARCH)
    table(settled, 303, days=40)
    out = call(capsys, "report", "--period", MARCH, "--restated")[1]
    assert "today's figures" in out
    assert "is due" not in out


def test_closing_again_with_nothing_new_publishes_nothing(settled: Path, capsys: Capsys) -> None:
    """Two issues that say the same would be a riddle."""
    read(capsys, "period", "close", MARCH)
    code, _, err = call(capsys, "period", "close", MARCH, "--cause", "data")
    assert (0, True) == (code, "says the same: nothing was published" in err)
    assert 1 == len(json.loads(call(capsys, "period", "list", "--json")[1]))


def test_in_a_closed_period_a_job_is_final(settled: Path, capsys: Capsys) -> None:
    """What was published is no longer waiting for anything."""
    read(capsys, "period", "close", MARCH)
    assert {"final"} == {each["now"]["status"] for each in read(capsys, "settle")["jobs"]}


def test_a_job_that_straddles_a_border_has_a_part_on_each_side(place: Path, moment: Moment, capsys: Capsys) -> None:
    """Hour by hour, at the intensity of each: three hours in March at 300 g, five in April at 100 g."""
    first = 26 * 24 + 21
    rows = [f"2024-03-{day:02}T{hour:02}:00:00Z,300,30" for day in range(5, 32) for hour in range(24)]
    rows += [f"2024-04-{day:02}T{hour:02}:00:00Z,100,30" for day in range(1, 31) for hour in range(24)]
    (place / "table.csv").write_text("\n".join(["utc,FR,CA-QC", *rows]) + "\n")
    add("aaaa", FRANCE, first, first + 8, csv(place))
    moment.day(90)
    march, april = (figures(capsys, "period", "close", name)["by_project"]["(none)"] for name in (MARCH, "2024-04"))
    kwh_h = 8 * 0.6 * 1.2
    for told, hours, g_per_kwh in ((march, 3, 300), (april, 5, 100)):
        lines = told["emissions_kg"]
        assert hours * kwh_h * g_per_kwh / 1000 == pytest.approx(lines["total"] - lines["embodied"])
        assert (8 * hours, pytest.approx(hours * kwh_h)) == (told["gpu_hours"], told["facility_energy_kwh"])


def test_the_time_zone_moves_the_border(
    place: Path, moment: Moment, capsys: Capsys, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Montreal's March ends four hours later than that of UTC; the setting says whose it is."""
    table(place, 300, days=60)
    first = 26 * 24 + 21
    add("aaaa", FRANCE, first, first + 8, csv(place))
    moment.day(90)
    assert (
        7 * 8
        == figures(capsys, "period", "close", MARCH, "--tz", "America/Montreal")["by_project"]["(none)"]["gpu_hours"]
    )
    monkeypatch.setenv("CARBONSCHED_REPORTING_TIME_ZONE", "America/Montreal")
    assert "America/Montreal" == read(capsys, "period", "close", "2024-04")["time_zone"]


def test_what_has_no_price_is_named_and_makes_it_provisional(place: Path, moment: Moment, capsys: Capsys) -> None:
    """A job whose table is gone, and the idle hardware of its clusters; one that has not ended is counted."""
    add("aaaa", FRANCE, 1, 3, csv(place), state=JobState.RUNNING)
    moment.day(60)
    made = read(capsys, "period", "close", MARCH)
    assert ("provisional", ["aaaa"]) == (made["status"], made["figures"]["unpriced_jobs"])
    notes = " ".join(made["notes"])
    assert "1 jobs ran and could not be priced" in notes
    assert "could not be asked: the intensity table" in notes
    assert "has no intensity and is not in the total" in notes
    assert "1 of its jobs have not ended" in notes


def test_an_empty_month_is_closed_with_nothing(place: Path, moment: Moment, capsys: Capsys) -> None:
    """No job, no cluster: 0 kg."""
    moment.day(60)
    made = read(capsys, "period", "close", MARCH)
    assert ("final", 0.0, {}) == (
        made["status"], made["figures"]["emissions_kg"]["total"], made["figures"]["by_project"],
    )  # fmt: skip


def test_the_bridge_of_two_months_adds_up(settled: Path, capsys: Capsys) -> None:
    """From what was published of the one to the other, by its four steps."""
    add("cccc", QUEBEC, 27 * 24 + 3, 27 * 24 + 30, csv(settled))
    read(capsys, "period", "close", MARCH)
    made = read(capsys, "period", "bridge", MARCH, "2024-04")
    steps = sum(made[name] for name in ("activity", "efficiency", "grid", "method"))
    assert made["later_kg"] - made["earlier_kg"] == pytest.approx(steps)
    assert 0.0 == made["method"]
    out = call(capsys, "period", "bridge", MARCH, "2024-04")[1]
    assert ["method", "activity", "efficiency", "grid"] == [line.split()[0] for line in out.splitlines()[2:6]]


def test_an_issue_that_was_altered_is_refused(settled: Path, capsys: Capsys) -> None:
    """A published figure cannot be improved afterwards."""
    read(capsys, "period", "close", MARCH)
    with wiring.store().writing() as tx:
        tx.connection.exec_driver_sql("UPDATE period_issue SET status = 'provisional'")
    code, _, err = call(capsys, "period", "list")
    assert StoreError.exit_code == code
    assert "issue 1 of the period 2024-03 was changed" in err


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--as-published", "1"), "--as-published and --restated need --period"),
        (("--period", MARCH, "--as-published", "1", "--restated"), "give one of the two"),
        (("--period", "2023-01", "--as-published", "1"), "unknown closed period '2023-01'"),
        (("--period", MARCH, "--as-published", "7"), "unknown issue of 2024-03 '7'"),
    ],
)
def test_a_report_of_no_issue_is_refused(words: tuple[str, ...], says: str, settled: Path, capsys: Capsys) -> None:
    """It says which there are."""
    read(capsys, "period", "close", MARCH)
    code, out, err = call(capsys, "report", *words)
    assert (2, "") == (code, out)
    assert says in err


def test_no_period_was_closed_yet(place: Path, moment: Moment, capsys: Capsys) -> None:
    """The list says what to do."""
    code, out, err = call(capsys, "period", "list")
    assert (0, "", "no period was closed yet: carbonsched period close 2026-01\n") == (code, out, err)
