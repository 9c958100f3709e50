"""What `carbonsched simulate` refuses: one line that names the thing, before anything is replayed."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.test_simulate_command import HEADER, JOBS, ran
from tests.cli.test_simulate_command import folder as folder  # noqa: PLC0414  # a fixture


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("issued_utc,FR,DE\n2026-03-10T00:00:00Z,1,2\n", "there is no column 'lead_h'"),
        ("issued_utc,lead_h,FR\n2026-03-10T00:00:00Z,0,2\n", "there is no column 'DE'"),
        ("issued_utc,lead_h,FR|direct,FR|lca,DE\n2026-03-10T00:00:00Z,0,2,2,2\n", "line 1: there are 2 columns 'FR'"),
        ("issued_utc,lead_h,FR,DE\n2026-03-10T00:00:00Z,-1,2,2\n", "line 2: lead_h is '-1'"),
        ("issued_utc,lead_h,FR,DE\n2026-03-10T00:30:00Z,0,2,2\n", "line 2: issued_utc '2026-03-10T00:30:00Z'"),
        ("issued_utc,lead_h,FR,DE\n2026-03-10T00:00:00Z,0,-2,2\n", "line 2: FR is '-2'"),
        ("issued_utc,lead_h,FR,DE\n2026-03-10T00:00:00Z,0,1,2\n2026-03-10T00:00:00Z,0,1,2\n", "line 3: lead 0"),
    ],
)
def test_forecasts_that_cannot_be_meant_are_refused(
    folder: Path, capsys: pytest.CaptureFixture[str], text: str, said: str
) -> None:
    """Exit 2, with the line."""
    (folder / "said.csv").write_text(text)

    assert ran(folder, JOBS, "--forecasts", "said.csv") == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("cdf_pct,w\n0,100\n50,nan\n100,200\n", "power.csv line 3: 'nan' is no number"),
        ("cdf_pct,w\n0,100\n50\n100,200\n", "power.csv line 3: it has not as many cells"),
        ("cdf_pct,w\n0,100,9\n100,200\n", "power.csv line 2: it has not as many cells"),
        ("cdf_pct,w\n0,300\n100,200\n", "rises from 0 to 100 %"),
    ],
)
def test_power_that_cannot_be_meant_is_refused(
    folder: Path, capsys: pytest.CaptureFixture[str], text: str, said: str
) -> None:
    """Exit 2, with the line where there is one."""
    (folder / "power.csv").write_text(text)

    assert 2 == ran(folder, JOBS, "--gpu-w-cdf", "power.csv")
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "more", "said"),
    [
        (f"{HEADER}\na,2026-03-10T06:00:00Z,1,1\na,2026-03-10T07:00:00Z,1,1\n", (), "line 3: job 'a' is there already"),
        (f"{HEADER}\na,2026-03-10T06:00:00Z,0,1\n", (), "line 2: job a has a duration of 0 s"),
        (f"{HEADER}\na,2026-03-10T06:00:00Z,-2,1\n", (), "line 2: job a has a duration of -7200 s"),
        (f"{HEADER}\na,2026-03-10T06:00:00Z,nan,1\n", (), "line 2: duration_hours is 'nan', not a number"),
        (f"{HEADER}\na,2026-03-10T06:00:00Z,1e9,1\n", (), "over ten years"),
        (f"{HEADER}\na,2026-03-10T06:00:00Z,1,0\n", (), "line 2: gpus is '0'"),
        (f"{HEADER}\na,2026-03-10T06:00:00Z,1,1.5\n", (), "line 2: gpus is '1.5'"),
        (f"{HEADER}\n,2026-03-10T06:00:00Z,1,1\n", (), "line 2: the job has no id"),
        (f"{HEADER}\na,2026-03-10T06:00:00,1,1\n", (), "line 2: submit_time 2026-03-10T06:00:00 has no time zone"),
        (f"{HEADER}\na,yesterday,1,1\n", (), "line 2: submit_time 'yesterday' is not an ISO 8601 date"),
        (f"{HEADER}\na,2026-03-10T25:00:00,1,1\n", ("--tz", "UTC"), "line 2: submit_time '2026-03-10T25:00:00' is not"),
        (f"{HEADER}\na,2025-03-10T06:00:00Z,1,1\n", (), "no job of trace.csv can be replayed: a: submitted 2025"),
        (f"{HEADER}\na,2026-03-10T06:00:00Z,1\n", (), "line 2: 3 cells under a header of 4"),
        (f"{HEADER}\n", (), "holds no job"),
        ("\n", (), "trace.csv is empty"),
        (f"{HEADER}\n".replace(",", ";"), (), "its cells are parted by semicolons"),
        (f"{HEADER},gpus\na,2026-03-10T06:00:00Z,1,1,1\n", (), "line 1: a column is there twice"),
        (
            f"{HEADER}\na,9999-12-31T23:59:59Z,1,1\n",
            (),
            "line 2: submit_time '9999-12-31T23:59:59Z' is in the year 9999",
        ),
        (JOBS, ("--shift-to", "9999"), "--shift-to '9999' is in the year 9999"),
        (JOBS, ("--since", "2026-03-11T00:00Z", "--until", "2026-03-10T00:00Z"), "--since is not before --until"),
        ("job_id,gpus\na,1\n", (), "there is no column 'submit_time'"),
        (f"{HEADER},slack_hours\na,2026-03-10T06:00:00Z,1,1,-1\n", (), "line 2: slack_hours is -1, below 0"),
        (f"{HEADER},deadline\na,2026-03-10T06:00:00Z,1,1,2026-03-10T06:30:00Z\n", (), "before its run can end"),
        (f"{HEADER},slack_hours,deadline\na,2026-03-10T06:00:00Z,1,1,2,2026-03-11T06:30:00Z\n", (), "both slack_hours"),
        (f"{HEADER},interruptible\na,2026-03-10T06:00:00Z,1,1,yes\n", (), "line 2: interruptible is 'yes'"),
        (
            f"{HEADER},gpu_w\na,2026-03-10T06:00:00Z,1,1,10\n",
            (),
            "job a: berlin: 10 W a GPU while running is below its idle",
        ),
        (f"{HEADER},home\na,2026-03-10T06:00:00Z,1,1,rome\n", (), "line 2: job a: there is no cluster 'rome' to be"),
        (JOBS, ("--home", "rome", "--tz", "Mars/Base"), "--tz 'Mars/Base' is no time zone"),
        (JOBS, ("--shift-to", "soon"), "--shift-to 'soon' is no date"),
        (JOBS, ("--policy", "magic"), "unknown policy 'magic'"),
        (JOBS, ("--replan", "1m"), "--replan 1m is under five minutes"),
        (JOBS, ("--replan", "soon"), "--replan"),
        (JOBS, ("--horizon", "10m"), "--horizon 10m is under a slot of the table"),
        (JOBS, ("--duration-error", "much"), "--duration-error 'much' is no number"),
        (JOBS, ("--failures", "100%"), "a share of failures of 1 is not in [0, 1)"),
        (JOBS, ("--gpu-w-cdf", "none.csv"), "none.csv cannot be read as CSV"),
        (JOBS, ("--gpu-w-cdf", "grid.csv"), "grid.csv has no column cdf_pct"),
        (JOBS, ("--policy", "threshold"), "decides again each hour"),
        (JOBS, ("--together",), "--together plans jobs together where plans are made again"),
        (JOBS, ("--replan", "1h", "--sweep", "together=0,yes"), "together=yes is neither 0 nor 1"),
        (f"{HEADER},ended\na,2026-03-10T06:00:00Z,4,8,1.5\n", (), "ended is 1.5"),
        (f"{HEADER},status\na,2026-03-10T06:00:00Z,4,8,odd\n", (), "line 2: status is 'odd'"),
        (JOBS, ("--forecasts", "noise"), "--forecasts 'noise'"),
        (JOBS, ("--slack", "long"), "--slack 'long' is not a number with a unit"),
    ],
)
def test_what_cannot_be_meant_is_refused(
    folder: Path, capsys: pytest.CaptureFixture[str], text: str, more: tuple[str, ...], said: str
) -> None:
    """Exit 2, and one line that names the thing."""
    code = ran(folder, text, *more)

    told = capsys.readouterr()
    assert (2, "") == (code, told.out)
    assert said in told.err


@pytest.mark.parametrize("where", ["nowhere/page.json", "clusters"])
def test_a_file_that_cannot_be_written_is_known_before_anything_is_replayed(
    folder: Path, capsys: pytest.CaptureFixture[str], where: str
) -> None:
    """Nobody waits for a replay that is then lost."""
    assert 2 == ran(folder, "no trace at all", "-o", where)
    assert f"error: {where} cannot be written" in capsys.readouterr().err
