"""`carbonsched settle`: figures that change are stated anew and why, old ones stay, and nothing is lost on the way."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from cli import main, wiring
from scheduler.domain.errors import StoreError
from scheduler.records.evidence_files import EvidenceFiles
from scheduler.records.rows import JobState
from scheduler.records.statements import newest_statements, statements_of
from tests.cli.settle_world import (
    FRANCE,
    LAB,
    PROVIDER,
    QUEBEC,
    Moment,
    Revising,
    add,
    anew,
    call,
    csv,
    read,
    table,
)
from tests.cli.settle_world import maps as maps  # noqa: PLC0414  # a fixture
from tests.cli.settle_world import moment as moment  # noqa: PLC0414  # a fixture
from tests.cli.settle_world import place as place  # noqa: PLC0414  # a fixture
from tests.records.agent_files import outcome
from tests.records.cases import T0, at

Capsys = pytest.CaptureFixture[str]
KWH = 2 * 8 * 0.6 * 1.2
"""Facility energy of two hours of the worked case. [kWh]"""


def kg(statement: dict[str, dict[str, dict[str, float]]]) -> float:
    """The operational kilograms that a statement says. [kg]"""
    lines = statement["figures"]["emissions_kg"]
    return lines["total"] - lines["embodied"]


def test_a_revision_changes_a_figure_says_why_and_keeps_the_old(
    maps: type[Revising], moment: Moment, capsys: Capsys
) -> None:
    """The life of a figure: provisional, restated by 20 % as its source revises, settled, and asked for no more."""
    add("aaaa", QUEBEC, 1, 3, PROVIDER)
    [first] = read(capsys, "settle")["jobs"]
    assert (1, "provisional", "first", None) == (
        first["now"]["number"], first["now"]["status"], first["now"]["cause"], first["before"],
    )  # fmt: skip
    assert KWH * 50 / 1000 == pytest.approx(kg(first["now"]))

    moment.day(40)
    maps.says = staticmethod(lambda zone, _: 60.0 if zone == "CA-QC" else 50.0)
    [revised] = read(capsys, "settle")["jobs"]
    assert (2, "data", "its sources revised the intensities of its hours") == (
        revised["now"]["number"], revised["now"]["cause"], revised["now"]["why"],
    )  # fmt: skip
    assert KWH * 60 / 1000 == pytest.approx(kg(revised["now"]))
    assert first["now"] == revised["before"]
    shares = {each["figure"]: each["share"] for each in revised["changes"]}
    assert 0.2 == pytest.approx(shares["emissions_kg.dynamic"])
    assert "emissions_kg.embodied" not in shares

    moment.day(95)
    [settled] = read(capsys, "settle")["jobs"]
    assert ("settled", 0.0, "its intensities are settled now") == (
        settled["now"]["status"], settled["now"]["figures"]["provisional_share"], settled["now"]["why"],
    )  # fmt: skip
    assert kg(revised["now"]) == kg(settled["now"])
    ratio = settled["now"]["figures"]["emissions_kg"]["high"] / revised["now"]["figures"]["emissions_kg"]["high"]
    assert 1 / 1.31 < ratio < 1
    told = read(capsys, "settle", "--history", "aaaa")["statements"]
    assert [first["now"], revised["now"], settled["now"]] == told

    moment.day(400)
    maps.asked = []
    [last] = read(capsys, "settle")["jobs"]
    assert (False, []) == (last["changed"], maps.asked)


def test_a_second_settle_with_nothing_new_changes_nothing(place: Path, moment: Moment, capsys: Capsys) -> None:
    """Not a byte of what was stated."""
    table(place, 300)
    add("aaaa", FRANCE, 1, 3, csv(place))
    add("bbbb", QUEBEC, 4, 6, csv(place))
    assert [True, True] == [each["changed"] for each in read(capsys, "settle")["jobs"]]
    with wiring.store().reading() as tx:
        before = newest_statements(tx)
    moment.day(2)
    code, out, err = call(capsys, "settle")
    assert (0, "", "0 stated anew, 2 as before\n") == (code, out, err)
    with wiring.store().reading() as tx:
        assert before == newest_statements(tx)


def test_a_reason_is_told_once_whatever_number_of_jobs_it_holds_for(
    place: Path, moment: Moment, capsys: Capsys
) -> None:
    """Five are named."""
    table(place, 300)
    for n in range(7):
        add(f"job{n}", FRANCE, n, n + 1, csv(place))
    err = call(capsys, "settle")[2]
    assert "job0, job1, job2, job3, job4 and 2 more: stated for the first time" in err


def test_a_table_that_was_edited_is_a_revision(place: Path, moment: Moment, capsys: Capsys) -> None:
    """For people: before, now, by how much and why; what the file said before is kept, and the history tells it."""
    table(place, 300)
    add("aaaa", FRANCE, 1, 3, csv(place))
    assert 0 == call(capsys, "settle")[0]
    table(place, 330)
    code, out, err = call(capsys, "settle")
    assert 0 == code
    header, row = out.splitlines()
    assert ["job", "name", "statement", "status"] == header.split()[:4]
    assert ["aaaa", "job-aaaa", "2", "provisional", "3.62", "3.97"] == row.split()[:6]
    assert row.endswith("%  data")
    assert "aaaa: its sources revised the intensities of its hours" in err
    code, out, _ = call(capsys, "settle", "--history", "job-aaaa")
    assert [["1", "first"], ["2", "data"]] == [
        [line.split()[0], "first" if "first" in line else "data"] for line in out.splitlines()[1:]
    ]


def test_a_table_settles_too_when_it_stood_still(place: Path, moment: Moment, capsys: Capsys) -> None:
    """Thirty days between two looks at it; edited meanwhile, it begins anew."""
    table(place, 300)
    add("aaaa", FRANCE, 1, 3, csv(place))
    for day, status in ((95, "provisional"), (124, "provisional"), (125, "settled")):
        moment.day(day)
        assert status == read(capsys, "settle")["jobs"][0]["now"]["status"], day
    table(place, 310)
    assert "provisional" == read(capsys, "settle")["jobs"][0]["now"]["status"]


def test_marginal_intensities_settle_by_their_own_looks(
    place: Path, moment: Moment, monkeypatch: pytest.MonkeyPatch, capsys: Capsys
) -> None:
    """They were named once the averages had settled: a headline of what was avoided waits for two looks of its own."""
    table(place, 300.0, days=40)
    add("aaaa", QUEBEC, 1, 3, csv(place))
    for day in (100, 131):
        moment.day(day)
        read(capsys, "settle")
    table(place, 900.0, 100.0, name="marginal.csv", days=40)
    monkeypatch.setenv("CARBONSCHED_MARGINAL_TABLE", str(place / "marginal.csv"))
    headlines = []
    for day in (132, 163):
        moment.day(day)
        read(capsys, "settle")
        real = read(capsys, "report")["real"]
        headlines.append([real[name]["headline_kg"] is not None for name in ("reduced_allocated", "avoided")])
    assert [[True, False], [True, True]] == headlines


def test_the_yearly_tables_never_settle(place: Path, moment: Moment, capsys: Capsys) -> None:
    """A year's mean is no observation of an hour, and no first report either."""
    add("aaaa", FRANCE, 1, 3, {"source": "static-tables", "year": "2024"})
    for day in (1, 100, 200):
        moment.day(day)
        [found] = read(capsys, "settle")["jobs"]
        assert "provisional" == found["now"]["status"]
    lines = found["now"]["figures"]["emissions_kg"]
    assert lines["high"] < 1.31 * lines["total"]


def test_a_cut_network_ends_with_4_and_loses_nothing(
    maps: type[Revising], place: Path, moment: Moment, capsys: Capsys
) -> None:
    """What could be settled is; what could not stays as it was stated, and is when the provider is back."""
    table(place, 300)
    add("aaaa", QUEBEC, 1, 3, PROVIDER)
    add("bbbb", FRANCE, 1, 3, csv(place))
    read(capsys, "settle")
    moment.day(40)
    maps.down = {"CA-QC", "FR"}
    table(place, 330)
    code, _, err = call(capsys, "settle", "--json")
    assert 4 == code
    assert "error: not every source could be asked" in err
    with wiring.store().reading() as tx:
        assert [1, 2] == [len(statements_of(tx, job_id)) for job_id in ("aaaa", "bbbb")]
    maps.down = set()
    maps.says = staticmethod(lambda _zone, _start: 70.0)
    anew()
    assert [True, False] == [each["changed"] for each in read(capsys, "settle")["jobs"]]


def test_a_source_that_is_down_is_left_alone_for_a_while(maps: type[Revising], moment: Moment, capsys: Capsys) -> None:
    """The second settle asks nobody, and says the same."""
    add("aaaa", QUEBEC, 1, 3, PROVIDER)
    maps.down = {"CA-QC", "FR"}
    assert 4 == call(capsys, "settle")[0]
    maps.down, maps.asked = set(), []
    assert (4, []) == (call(capsys, "settle")[0], maps.asked)


def test_what_was_asked_a_moment_ago_is_not_asked_again(maps: type[Revising], moment: Moment, capsys: Capsys) -> None:
    """Freshness holds for settling as for every question."""
    add("aaaa", QUEBEC, 1, 3, PROVIDER)
    moment.day(40)
    read(capsys, "settle")
    maps.asked = []
    moment.now += timedelta(hours=23)
    anew()
    read(capsys, "settle")
    assert [] == maps.asked


def test_what_is_simulated_is_marked(place: Path, moment: Moment, capsys: Capsys) -> None:
    """In the table and in what is stored."""
    table(place, 300)
    add("aaaa", LAB, 1, 3, csv(place))
    assert "job-aaaa (simulated)" in call(capsys, "settle")[1]
    [found] = read(capsys, "settle")["jobs"]
    assert found["now"]["figures"]["simulated"] is True


def test_a_dry_run_asks_nobody_and_stores_nothing(place: Path, moment: Moment, capsys: Capsys) -> None:
    """It says what would be stated, without a number."""
    table(place, 300)
    add("aaaa", FRANCE, 1, 3, csv(place))
    found = read(capsys, "settle", "--dry-run")
    assert (True, None) == (found["jobs"][0]["changed"], found["jobs"][0]["now"]["number"])
    with wiring.store().reading() as tx:
        assert {} == newest_statements(tx)
    assert (
        "1 would be stated anew, 0 as before\n" == call(capsys, "settle", "--dry-run")[2].splitlines(keepends=True)[-1]
    )


@pytest.mark.parametrize(
    ("options", "ids"),
    [
        ((), ["aaaa", "bbbb"]),
        (("--project", "nlp"), ["bbbb"]),
        (("--project", "none"), []),
        (("--until", "2024-03-05T04:00:00Z"), ["aaaa"]),
    ],
)
def test_it_settles_what_it_is_asked_for(
    options: tuple[str, ...], ids: list[str], place: Path, moment: Moment, capsys: Capsys
) -> None:
    """By project and by end; a job that has not ended is counted and left."""
    table(place, 300)
    add("aaaa", FRANCE, 1, 3, csv(place))
    add("bbbb", FRANCE, 4, 6, csv(place), project="nlp")
    add("cccc", FRANCE, 7, 8, csv(place), state=JobState.RUNNING)
    found = read(capsys, "settle", *options)
    assert ids == [each["job_id"] for each in found["jobs"]]
    assert (0 if "--project" in options else 1) == found["open_jobs_left_out"]


def test_two_settles_at_once_state_each_job_once(place: Path, moment: Moment, capsys: Capsys) -> None:
    """Whoever comes second finds it said."""
    table(place, 300)
    for n in range(6):
        add(f"job{n}", FRANCE, n, n + 1, csv(place))
    codes: list[int] = []
    both = [threading.Thread(target=lambda: codes.append(main.run(["settle"]))) for _ in range(2)]
    for each in both:
        each.start()
    for each in both:
        each.join()
    assert [0, 0] == codes
    with wiring.store().reading() as tx:
        assert [1] * 6 == [len(statements_of(tx, f"job{n}")) for n in range(6)]


def test_a_record_that_was_corrected_is_an_error_restated(place: Path, moment: Moment, capsys: Capsys) -> None:
    """The run was longer than it had been said to be: the cause is no revision of data."""
    table(place, 300)
    add("aaaa", FRANCE, 1, 3, csv(place))
    read(capsys, "settle")
    sid = "cs-aaaa-s1-a1"
    wiring.state_folder().evidence("aaaa").joinpath(f"carbonsched-{sid}.outcome.json").unlink()
    raw = outcome(
        sid=sid, started_unix=at(1.5).timestamp(), ended_unix=at(3).timestamp(), duration_s=5400, exit_code=0,
        reason="exited", stop_received_unix=None,
    )  # fmt: skip
    EvidenceFiles(wiring.state_folder()).keep_outcome("aaaa", sid, raw)
    [found] = read(capsys, "settle")["jobs"]
    assert ("error", True) == (found["now"]["cause"], "corrected" in found["now"]["why"])


def test_a_job_without_a_price_says_why_and_is_not_stated(place: Path, moment: Moment, capsys: Capsys) -> None:
    """Its table is gone: exit 4, since its source could not be asked."""
    table(place, 300)
    add("aaaa", FRANCE, 1, 3, csv(place))
    (place / "table.csv").unlink()
    code, _, err = call(capsys, "settle")
    assert 4 == code
    assert "aaaa could not be priced: the intensity table" in err
    with wiring.store().reading() as tx:
        assert [] == statements_of(tx, "aaaa")


def test_an_altered_statement_is_refused(place: Path, moment: Moment, capsys: Capsys) -> None:
    """Not even one digit of what was once stated changes unseen."""
    table(place, 300)
    add("aaaa", FRANCE, 1, 3, csv(place))
    read(capsys, "settle")
    with wiring.store().writing() as tx:
        tx.connection.exec_driver_sql("UPDATE statement SET figures = replace(figures, '3', '2')")
    code, _, err = call(capsys, "settle")
    assert StoreError.exit_code == code
    assert "statement 1 of aaaa was changed after it had been stated" in err


def test_a_job_of_which_nothing_was_stated_has_no_history(place: Path, moment: Moment, capsys: Capsys) -> None:
    """It says how to get one."""
    add("aaaa", FRANCE, 1, 3, csv(place))
    code, out, err = call(capsys, "settle", "--history", "aaaa")
    assert (0, "", "nothing was stated of aaaa yet: carbonsched settle\n") == (code, out, err)


def test_both_sides_are_read_as_of_one_instant(maps: type[Revising], moment: Moment, capsys: Capsys) -> None:
    """What the provider says while it is asked is in for both zones or for none."""
    add("aaaa", QUEBEC, 1, 3, PROVIDER)
    [found] = read(capsys, "settle")["jobs"]
    as_of = datetime.fromisoformat(found["now"]["as_of"])
    assert (T0 + timedelta(days=1), 0.0) == (as_of, found["now"]["figures"]["difference_kg"] or 0.0)


def test_where_home_is_not_settled_the_difference_is_not_either(
    maps: type[Revising], place: Path, moment: Moment, capsys: Capsys
) -> None:
    """Its own zone stood still; what it is held against did not."""
    add("aaaa", QUEBEC, 1, 3, PROVIDER)
    moment.day(60)
    read(capsys, "settle")
    maps.says = staticmethod(lambda zone, _: 90.0 if zone == "FR" else 50.0)
    moment.day(95)
    [found] = read(capsys, "settle")["jobs"]
    assert ("provisional", 1.0) == (found["now"]["status"], found["now"]["figures"]["provisional_share"])
    moment.day(130)
    assert "settled" == read(capsys, "settle")["jobs"][0]["now"]["status"]


def test_a_job_half_of_whose_hours_have_settled_is_provisional_by_half(
    maps: type[Revising], moment: Moment, capsys: Capsys
) -> None:
    """By what they emitted: the second hour was revised, and weighs two thirds."""
    add("aaaa", FRANCE, 1, 3, PROVIDER)
    maps.says = staticmethod(lambda _, start: 50.0 if start < at(2) else 90.0)
    moment.day(60)
    read(capsys, "settle")
    maps.says = staticmethod(lambda _, start: 50.0 if start < at(2) else 100.0)
    moment.day(95)
    [found] = read(capsys, "settle")["jobs"]
    assert ("provisional", pytest.approx(2 / 3)) == (
        found["now"]["status"], found["now"]["figures"]["provisional_share"],
    )  # fmt: skip
