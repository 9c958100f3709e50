"""`carbonsched intensity forecast`, the zones of clouds, and the plot that both `show` and it draw."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from cli import main
from cli.intensity_plot import HEIGHT, plot

T0 = datetime(2026, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
NOW = "2026-03-20T12:00:00Z"
Call = Callable[..., tuple[int, str, str]]


@pytest.fixture
def call(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Call:
    """Commands in a folder with a table of ninety days: a daily wave with noise of a fixed seed."""
    random = np.random.default_rng(7)
    wave = [60 + 20 * np.cos((hour - 19) / 24 * 2 * np.pi) + random.normal(0, 3) for hour in range(90 * 24)]
    rows = "".join(f"{T0 + hour * HOUR:%Y-%m-%dT%H:%M:%SZ},{value:.1f},50\n" for hour, value in enumerate(wave))
    (tmp_path / "long.csv").write_text("utc,FR,DE\n" + rows)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CARBONSCHED_STATE_DIR", str(tmp_path / "state"))

    def run(*words: str) -> tuple[int, str, str]:
        """Exit code, stdout and stderr."""
        code = main.run(["intensity", *words])
        return code, *capsys.readouterr()

    return run


def test_a_forecast_has_a_curve_a_band_and_its_skill(call: Call) -> None:
    """From what the table held up to then: nearer to the wave than persistence, and honest about its errors."""
    code, out, _ = call("forecast", "FR", "--intensity-table", "long.csv", "--now", NOW, "--json")
    found = json.loads(out)
    assert (0, 48, "FR") == (code, len(found["hours"]), found["zone"])
    assert "2026-03-20T12:00:00Z" == found["hours"][0]["start"]
    assert all(hour["low"] <= hour["high"] for hour in found["hours"])
    assert all(each["rmse_g_per_kwh"] < each["persistence_rmse_g_per_kwh"] for each in found["skill"])
    code, out, _ = call("forecast", "FR", "--intensity-table", "long.csv", "--now", NOW)
    assert 0 == code
    assert "shaded: 5 to 95 %" in out
    assert "persistence" in out


def test_what_comes_later_changes_nothing(call: Call, tmp_path: Path) -> None:
    """A forecast made at noon does not know the afternoon."""
    words = ("forecast", "FR", "--intensity-table", "long.csv", "--now", NOW, "--json")
    before = call(*words)[1]
    lines = (tmp_path / "long.csv").read_text().splitlines()
    cut = next(number for number, line in enumerate(lines) if line.startswith("2026-03-20T12"))
    rest = [line.split(",")[0] + ",999,999" for line in lines[cut:]]
    (tmp_path / "long.csv").write_text("\n".join([*lines[:cut], *rest]) + "\n")
    assert before == call(*words)[1]


def test_where_nothing_is_known_of_errors_there_is_no_band(call: Call) -> None:
    """A week and a half of the past makes a curve that claims nothing."""
    words = ("forecast", "FR", "--intensity-table", "long.csv", "--now", "2026-01-11T12:00:00Z")
    found = json.loads(call(*words, "--json")[1])
    assert {(None, None)} == {(hour["low"], hour["high"]) for hour in found["hours"]}
    assert "no band" in call(*words)[1]


def test_no_more_hours_are_shown_than_were_asked_for(call: Call) -> None:
    """Although a forecast is made by whole days."""
    words = ("forecast", "FR", "--intensity-table", "long.csv", "--now", NOW, "--hours")
    six, all_day = (json.loads(call(*words, hours, "--json")[1])["hours"] for hours in ("6", "24"))
    assert (6, 24) == (len(six), len(all_day))
    assert [hour["start"] for hour in all_day[:6]] == [hour["start"] for hour in six]


@pytest.mark.parametrize("named", [None, "static-tables", "rte-eco2mix, static-tables"])
def test_averages_of_years_are_no_forecast(call: Call, monkeypatch: pytest.MonkeyPatch, named: str | None) -> None:
    """A line says so, and what to do, instead of a plot of one height; and why another source is not there."""
    if named:
        monkeypatch.setenv("CARBONSCHED_SOURCES", named)
    code, out, err = call("forecast", "FR", "--json")
    assert (4, "") == (code, out)
    assert "there is no forecast of FR: static table" in err
    assert "holds no hours" in err
    assert "the setting sources" in err
    assert ("because rte-eco2mix has no" in err) == ("rte" in (named or ""))


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (("FR", "--hours", "0"), 2, "--hours 0 is not from 1 to 168"),
        (("FR", "--hours", "169"), 2, "--hours 169"),
        (("XX",), 4, "nothing is known of XX"),
        (("XX", "--intensity-table", "long.csv", "--now", NOW), 4, "has no zone 'XX'"),
        (("FR", "--intensity-table", "long.csv", "--now", "2025-01-01T00:00:00Z"), 4, "long.csv has nothing"),
        (("FR", "--now", "noon"), 2, "--now 'noon' is not an ISO 8601"),
    ],
)
def test_what_cannot_be_forecast_is_said(call: Call, words: tuple[str, ...], code: int, message: str) -> None:
    """By the exit code of its kind."""
    found, _, err = call("forecast", *words)
    assert code == found, err
    assert message in err


def test_a_cloud_region_has_its_zone_and_its_sources(call: Call, own_home: Path) -> None:
    """A cloud, one region, all; a row of the user's own stands over the tool's."""
    found = json.loads(call("zones", "--cloud", "ca-central-1", "--json")[1])
    assert ["CA-QC"] == [row["zone"] for row in found["regions"]]
    assert {"hydro-quebec", "static-tables"} <= set(found["regions"][0]["sources"])
    assert {"electricity-maps", "watttime"} <= set(found["by_plan"])
    assert {"aws"} == {row["provider"] for row in json.loads(call("zones", "--cloud", "aws", "--json")[1])["regions"]}
    folder = own_home / "xdg_config_home" / "carbonsched"
    folder.mkdir(parents=True)
    (folder / "cloud_regions.csv").write_text(
        "provider,region,zone\naws,ca-central-1,CA-ON\naws,us-west-2,US-NW-BPAT\n"
    )
    out = call("zones", "--cloud", "aws")[1]
    assert [line.split()[-2:] for line in out.splitlines() if "us-west-2" in line] == [["US-NW-BPAT", "static-tables"]]
    every = json.loads(call("zones", "--cloud", "--json")[1])
    assert every == json.loads(call("zones", "--cloud", "all", "--json")[1])
    assert {"aws", "azure", "gcp", "ovh"} == {row["provider"] for row in every["regions"]}
    code, _, err = call("zones", "aws")
    assert 2 == code
    assert "carbonsched intensity zones --cloud aws" in err
    code, _, err = call("zones", "--cloud", "mars")
    assert 2 == code
    assert "unknown cloud or region 'mars'" in err
    assert "aws" in err


def test_a_plot_is_as_high_as_its_figures_and_shows_gaps() -> None:
    """Bars from 0, the highest at the top, a mark where nothing is known; the band around the end of a bar."""
    values = np.array([10.0, 20.0, np.nan, 40.0])
    lines = plot(values, T0, T0 + 4 * HOUR, unicode=False)
    assert HEIGHT + 2 == len(lines)
    bars = [line.split("|")[1] for line in lines[:HEIGHT]]
    assert ["   #", "##?#"] == [bars[0], bars[-1]]
    assert [2, 4, 1, 8] == [sum(bar[column] != " " for bar in bars) for column in range(4)]
    band = plot(values, T0, T0 + 4 * HOUR, low=values * 0.5, high=values * 1.5, unicode=False)
    assert set("#=: ?") >= set("".join(line.split("|")[1] for line in band[:HEIGHT]))
    assert ":" in "".join(band)
    assert "=" in "".join(band)


@pytest.mark.parametrize("count", [1, 7, 500])
def test_a_plot_fits_the_line(count: int) -> None:
    """However many hours there are; nothing at all is a row of marks."""
    lines = plot(np.full(count, 50.0), T0, T0 + count * HOUR, unicode=True, width=60)
    assert max(map(len, lines[:-1])) <= 60
    lines = plot(np.full(count, np.nan), T0, T0 + count * HOUR, unicode=True, width=60)
    assert "·" in lines[HEIGHT - 1]
