"""The benchmark of forecasts, on small invented files of its form."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from benchmarks.forecasts import main, read, shifted
from tests.planning.forecast_worlds import Floats, weather

DAYS, FIRST, ISSUES = 56, 10, 42
ZONES = ("AA", "BB")


def write(folder: Path, *, blank: int | None = None, minute: int = 0) -> list[str]:
    """Two zones of eight weeks, the second as `ZONE|lifecycle`, and their issues, too high by 40; the arguments."""
    days = {zone: weather(DAYS, number) for number, zone in enumerate(ZONES)}
    hours = pd.date_range("2026-01-01", periods=24 * DAYS, freq="h", tz="UTC")
    actual = pd.DataFrame({"AA": days["AA"].reshape(-1), "BB|lifecycle": days["BB"].reshape(-1)}, index=hours)
    actual.index.name = "utc"
    actual.to_csv(folder / "actual.csv")
    rows = []
    for number in range(ISSUES):
        made = hours[24 * (FIRST + number)] + pd.Timedelta(minutes=minute)
        for lead in range(96):
            hour = min(24 * (FIRST + number) + lead, 24 * DAYS - 1)
            said = {zone: np.nan if number == blank else days[zone].reshape(-1)[hour] + 40.0 for zone in ZONES}
            rows.append({"issued_utc": made.isoformat(), "lead_h": lead, **said})
    pd.DataFrame(rows).to_csv(folder / "issued.csv.gz", index=False)
    return ["--actual", str(folder / "actual.csv"), "--issued", str(folder / "issued.csv.gz")]


def run(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """What it prints."""
    main(arguments)
    return capsys.readouterr().out


def test_the_table_has_every_zone_forecast_and_plan(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """As JSON: a share with its interval, over all zones and for each; a bias without noise costs nothing."""
    said = json.loads(run([*write(tmp_path, blank=20), "--json"], capsys))
    assert 16 == len(said["rows"])
    assert 0 < said["arrivals"]
    by_name = {(row["forecast"], row["plan"]): row for row in said["rows"]}
    assert all(set(ZONES) == set(row["zones"]) for row in said["rows"])
    best = by_name["plain bias per lead", "slots"]
    assert best["kept_zone_pct"] == pytest.approx(100.0, abs=0.1)
    assert by_name["corrected and blended", "windows"]["kept_zone_pct"] == pytest.approx(100.0, abs=0.5)
    assert by_name["history alone", "slots"]["kept_zone_pct"] < best["kept_zone_pct"]
    low, high = by_name["history alone", "slots"]["kept_zone_interval_95"]
    assert low <= by_name["history alone", "slots"]["kept_zone_pct"] <= high


def test_people_get_a_table_of_the_zones_they_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One zone learns alone."""
    printed = run([*write(tmp_path), "--zones", "BB"], capsys)
    assert "kept_zone_pct" in printed
    assert "BB " in printed
    assert "AA " not in printed


def test_a_blank_issue_is_the_one_before_shifted_by_a_day() -> None:
    """By hand; its last day is unknown, and a first one that is blank stays so."""
    issued: Floats = np.arange(96.0)[None, None].repeat(3, axis=1)
    issued[0, [0, 2]] = np.nan
    filled = shifted(issued)
    assert np.isnan(filled[0, 0]).all()
    assert [*range(24, 96)] == filled[0, 2, :72].tolist()
    assert np.isnan(filled[0, 2, 72:]).all()


def test_a_zone_that_a_file_lacks_is_named(tmp_path: Path) -> None:
    """With those that both have."""
    with pytest.raises(SystemExit, match="no zone XX in both files: they share AA, BB"):
        main([*write(tmp_path), "--zones", "AA,XX"])


def test_issues_at_another_hour_are_refused(tmp_path: Path) -> None:
    """The protocol plans again at midnight."""
    with pytest.raises(SystemExit, match="at 00:00 UTC"):
        main(write(tmp_path, minute=30))


def test_files_that_are_too_short_are_refused(tmp_path: Path) -> None:
    """Five weeks of issues come before the first job."""
    arguments = write(tmp_path)
    table = pd.read_csv(tmp_path / "issued.csv.gz")
    table[table["issued_utc"] < "2026-02-01"].to_csv(tmp_path / "issued.csv.gz", index=False)
    with pytest.raises(SystemExit, match="no job can arrive"):
        main(arguments)


def test_the_files_are_read_on_one_clock(tmp_path: Path) -> None:
    """Issue 0 is made after ten days of actuals; lead 5 is the sixth hour of that day."""
    arguments = write(tmp_path)
    data = read(Path(arguments[1]), Path(arguments[3]), [])
    assert (ZONES, FIRST) == (data.zones, data.first)
    assert np.allclose(data.days[:, FIRST, 5] + 40.0, data.issued[:, 0, 5])
