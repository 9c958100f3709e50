"""A replay's page and table, its budget by month, and an interrupted run that is taken up again."""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from cli import main, wiring
from cli.replays.case import Asked
from cli.replays.page import simulation_of
from cli.replays.resume import Kept
from cli.replays.run import Machines
from cli.replays.sweep import STATIC, Seen, settings_of, swept
from tests.cli.test_simulate_sweep import FILES
from tests.cli.test_simulate_sweep import folder as folder  # noqa: PLC0414  # a fixture

ROOT = Path(__file__).parents[2]
ASKED = Asked(
    jobs=Path("trace.csv"), clusters=Path("clusters"), intensity_table=Path("grid.csv"), slack="24", forecasts="history"
)
KILLED = """
import os, signal
from cli import main
from cli.replays.resume import Kept
keep, done = Kept.keep, []
def killed(self, key, replayed):
    keep(self, key, replayed)
    done.append(key)
    if len(done) == 3:
        os.kill(os.getpid(), signal.SIGKILL)
Kept.keep = killed
main.run({words!r})
"""


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> list[Seen]:
    """What two settings came to, the baseline that only chooses a region beside."""
    with pytest.MonkeyPatch.context() as patch:
        folder.__wrapped__(tmp_path_factory.mktemp("world"), patch)  # type: ignore[attr-defined]  # the fixture's own function
        rows = [f"j{n},2026-03-{3 + n // 6:02}T{n % 24:02}:10:00Z,{1 + n % 5},{(1, 4, 8)[n % 3]}" for n in range(40)]
        Path("trace.csv").write_text("job_id,submit_time,duration_hours,gpus\n" + "\n".join(rows) + "\n")
        found: list[Seen] = []
        swept(
            settings_of(ASKED, ["slack=0,24"]), ["carbon-aware"], machines=Machines(1), tell=lambda _: None,
            look=found.append,
        )  # fmt: skip
        return found


def run(capsys: pytest.CaptureFixture[str], *more: str, code: int = 0) -> tuple[str, str]:
    """What a replay prints, and says."""
    capsys.readouterr()
    assert code == main.run(["simulate", *FILES, "--slack", "24", *more])
    said = capsys.readouterr()
    return said.out, said.err


def test_the_figures_of_a_page_add_up_to_the_outcome(seen: list[Seen]) -> None:
    """By zone and by class; choosing a region is beside though nobody named it; nothing is below the bound."""
    made = simulation_of(seen, trace="trace.csv", now=wiring.now(), sha256="0" * 64, asked=ASKED)
    assert ["slack 0", "slack 24"] == [setting.name for setting in made.settings]
    for setting, each in zip(made.settings, seen, strict=True):
        assert {"run-now", "carbon-aware", STATIC} == {policy.name for policy in setting.policies}
        for policy, outcome in zip(setting.policies, each.made.outcomes, strict=True):
            assert outcome.emissions.total == pytest.approx(policy.kg) == pytest.approx(sum(policy.zones.values()))
            assert policy.kg == pytest.approx(sum(one.kg for one in policy.classes.values()))
            assert setting.compared == sum(one.jobs for one in policy.classes.values())
            assert policy.kg == pytest.approx(sum(one.kg for one in policy.clusters.values()))
            assert policy.gpu_hours == pytest.approx(sum(one.gpu_hours for one in policy.clusters.values()))
            assert policy.utilisation_pct == pytest.approx(
                sum(one.utilisation_pct for one in policy.clusters.values()) / len(policy.clusters)
            )
            assert (0 < setting.bound_kg <= policy.kg) or policy.missed
            assert 0 < policy.utilisation_pct < 100
            assert policy.cost is None
    slack0, slack24 = (setting.policies[1] for setting in made.settings)
    assert sum(slack24.waiting) > sum(slack0.waiting)


def test_what_a_stretch_emits_is_what_is_billed(seen: list[Seen]) -> None:
    """The stretches of each job add up to its bill, to the last gram."""
    import numpy as np  # noqa: PLC0415  # for this alone

    from scheduler.simulation.parts import parts_of  # noqa: PLC0415

    for each in seen:
        for one in each.replayed.values():
            parts = parts_of(each.case.world, each.case.requests, one.spans)
            kg = np.bincount(parts.job, weights=parts.kg, minlength=len(each.case.requests))
            np.testing.assert_allclose(kg, one.bill.total_kg, rtol=1e-9)


@pytest.mark.usefixtures("folder")
def test_one_command_ends_in_a_page(capsys: pytest.CaptureFixture[str]) -> None:
    """With what each policy costs in waiting, and the budget that was given."""
    out, err = run(capsys, "-o", "page.html", "--budget", "nlp=0.5")
    text = Path("page.html").read_text()
    assert ("", "wrote page.html\n") == (out, err)
    assert all(said in text for said in ("Carbon against delay", STATIC, "The queue over time", "trace.csv"))
    assert "budget of nlp, 0.5 kg CO2e a month, held against the whole trace:" in text


@pytest.mark.usefixtures("folder")
def test_a_table_has_a_row_a_setting_and_policy(capsys: pytest.CaptureFixture[str]) -> None:
    """With the figures of the JSON."""
    run(capsys, "--sweep", "restart=0m,10m", "--sweep", "forecasts=perfect", "-o", "found.parquet")
    frame = pd.read_parquet("found.parquet")
    assert 6 == len(frame)
    assert {1} == set(frame.schema)
    assert {"restart", "forecasts", "sha256"} <= set(frame.columns)
    whole = ["jobs", "completed", "missed_deadlines", "late_at_admission", "suspends", "solves", "compared", "left_out"]
    assert {"int64"} == {str(frame[name].dtype) for name in whole}
    assert "bool" == str(frame.asked_for.dtype)
    units = ("_kg", "_pct", "_h", "_hours", "_s", "cost")
    assert {"float64"} == {str(frame[name].dtype) for name in frame.columns if name.endswith(units)}
    assert frame.cost.isna().all()
    assert ["perfect"] == list(frame.forecasts.unique())
    stored = pd.read_parquet("found.parquet", dtype_backend="pyarrow")
    assert stored.cost.isna().all()
    assert not any("null" in str(kind) for kind in stored.dtypes)
    told: dict[str, Any] = json.loads(run(capsys, "--json")[0])
    for one in (*told["policies"], *told["beside"]):
        row = frame[(frame.restart == "0m") & (frame.policy == one["policy"])].iloc[0]
        assert one["saving_pct"] == pytest.approx(row.saving_pct)
        assert one["emissions_kg"]["total"] == pytest.approx(row.total_kg)
        assert one["utilisation_pct"] == pytest.approx(row.utilisation_pct)
        assert (one in told["policies"]) == row.asked_for
        assert one["jobs"] == row.jobs
        assert [each["emissions_kg"] for each in one["by_zone"]] == pytest.approx([row.DE_zone_kg, row.FR_zone_kg])


@pytest.mark.usefixtures("folder")
def test_choosing_a_region_is_always_beside(capsys: pytest.CaptureFixture[str]) -> None:
    """In the text and in the JSON, apart from the policies asked for; not twice where it is one of them."""
    out, _ = run(capsys, "--policy", "carbon-aware")
    assert [f"{STATIC} (beside)", "run-now (beside)"] == sorted(
        " ".join(line.split()[:2]) for line in out.splitlines() if "(beside)" in line
    )
    assert "2 jobs compared" in out
    assert "no placement of them that keeps every deadline emits less than" in out
    told = json.loads(run(capsys, "--policy", "carbon-aware", "--json")[0])
    assert ["carbon-aware"] == [one["policy"] for one in told["policies"]]
    assert ["run-now", STATIC] == [one["policy"] for one in told["beside"]]
    assert 0 < told["bound_kg"] <= told["policies"][0]["emissions_kg"]["total"] * (1 + 1e-9)
    named = json.loads(run(capsys, "--policy", "run-now", "--policy", STATIC, "--json")[0])
    assert [] == named["beside"]


@pytest.mark.usefixtures("folder")
def test_what_is_only_beside_is_not_replayed_with_perfect_forecasts_too(capsys: pytest.CaptureFixture[str]) -> None:
    """So what it keeps of its saving is not known, and not 100 %."""
    told = json.loads(run(capsys, "--forecasts", "history", "--json")[0])
    assert [STATIC] == [one["policy"] for one in told["beside"]]
    assert told["beside"][0]["kept_pct"] is None
    named = json.loads(run(capsys, "--forecasts", "history", "--policy", STATIC, "--json")[0])
    assert named["policies"][0]["kept_pct"] > 0


@pytest.mark.usefixtures("folder")
def test_every_figure_of_the_page_is_in_the_json(capsys: pytest.CaptureFixture[str]) -> None:
    """By zone, cluster and class, the queue over time, what there is to choose, and the options."""
    for name in ("paris", "berlin"):
        with Path(f"clusters/{name}.yaml").open("a") as file:
            file.write("price_gpu_h: 2.5\n")
    told = json.loads(run(capsys, "--json", "--sweep", "seed=0,1")[0])
    for setting in told["sweep"]:
        for one in (*setting["policies"], *setting["beside"]):
            total = one["emissions_kg"]["total"]
            for parts in ("by_zone", "by_cluster", "by_class"):
                assert total == pytest.approx(sum(each["emissions_kg"] for each in one[parts]))
            assert one["cost"] == pytest.approx(2.5 * one["gpu_hours"])
            assert len(setting["queue_at"]) == len(one["queue_gpus"]) > 100
            assert [("2 to 8 GPUs", "1 to 8 h", 2)] == [
                (each["gpus"], each["length"], each["jobs"]) for each in one["by_class"]
            ]
    choice = {each["policy"]: each for each in told["choices"]}
    assert {"run-now", "carbon-aware", STATIC} == set(choice)
    assert all(2 == each["draws"] for each in told["choices"])
    assert 1 == sum(each["most_saved"] for each in told["choices"])
    aware = choice["carbon-aware"]
    assert aware["saving_pct"]["low"] <= aware["saving_pct"]["mean"] <= aware["saving_pct"]["high"]
    assert "24" == told["options"]["slack"]
    assert "seed" not in told["options"]


@pytest.mark.usefixtures("folder")
def test_the_page_is_french_where_that_is_asked_for(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the option or by the setting of reports, which needs no catalog where no page is made."""
    run(capsys, "--lang", "fr-CA", "-o", "page.html")
    assert "Ce qu’il y a à décider" in Path("page.html").read_text()
    _, err = run(capsys, "--lang", "xx", "-o", "other.html", code=2)
    assert "unknown language 'xx'" in err
    assert not Path("other.html").exists()
    monkeypatch.setenv("CARBONSCHED_REPORT_LANGUAGE", "fr-CA")
    monkeypatch.setitem(sys.modules, "scheduler.reporting.locales", None)
    assert "needs scheduler.reporting.locales" in run(capsys, "-o", "other.html", code=1)[1]
    assert "run-now" in run(capsys)[0]


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(("file", "lacks"), [("page.html", "jinja2"), ("found.parquet", "pandas")])
def test_what_is_not_installed_is_said_before_anything_is_replayed(
    file: str, lacks: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the extra to install."""
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    _, err = run(capsys, "-o", file, code=1)
    assert f"error: a file {file} needs {lacks}, which is not here" in err
    assert "carbonsched[report]" in err


@pytest.mark.usefixtures("folder")
def test_a_budget_is_held_against_each_month(capsys: pytest.CaptureFixture[str]) -> None:
    """The months add up to what the policy emitted; a trace has no projects, which is said."""
    told = json.loads(run(capsys, "--json", "--budget", "nlp=1")[0])
    (setting,) = told["budget"]["settings"]
    assert "the whole trace: it names no projects" == told["budget"]["of"]
    for policy, one in zip(setting["policies"], told["policies"], strict=True):
        assert one["emissions_kg"]["total"] == pytest.approx(sum(month["kg"] for month in policy["months"]))
        assert policy["months_over"] == sum(month["kg"] > 1 for month in policy["months"])
    assert "over in 1 of 1 months" in run(capsys, "--budget", "nlp=0.001")[0]
    found = json.loads(run(capsys, "--json", "--budget", "nlp=0.001 warn 50 hold")[0])["budget"]
    (one, *_) = found["settings"][0]["policies"]
    assert (50.0, True, len(Path("trace.csv").read_text().splitlines()) - 1) == (
        found["warn_at_pct"],
        found["hold_at_limit"],
        one["jobs_to_hold"],
    )
    roomy = json.loads(run(capsys, "--json", "--budget", "nlp=1e6 hold")[0])["budget"]["settings"][0]["policies"][0]
    assert (0, ["within"]) == (roomy["jobs_to_hold"], [month["standing"] for month in roomy["months"]])
    assert "jobs would have been held at the limit" in run(capsys, "--budget", "nlp=0.001 hold")[0]
    for wrong in ("nlp", "=3", "nlp=much", "nlp=0", "nlp=1; vision=2", "nlp=2026-01-01 1, 2026-02-01 2"):
        assert "error:" in run(capsys, "--budget", wrong, code=2)[1]


@pytest.mark.usefixtures("folder")
def test_a_killed_run_loses_only_what_was_in_flight(capsys: pytest.CaptureFixture[str]) -> None:
    """Three replays were finished when it was killed; they are taken up, and the result is the same to the letter."""
    words = ["simulate", *FILES, "--sweep", "slack=0,12,24", "--workers", "1", "--json", "--resume", "kept"]
    child = subprocess.run(
        [sys.executable, "-c", KILLED.format(words=words)], env={**os.environ, "PYTHONPATH": str(ROOT)}, check=False,
        capture_output=True,
    )  # fmt: skip
    assert -signal.SIGKILL == child.returncode
    assert 3 == len(list(Path("kept").glob("*.npz")))
    capsys.readouterr()
    assert 0 == main.run(words)
    said = capsys.readouterr()
    assert "3 of 9 replays were finished before and are taken up" in said.err
    assert 9 == len(list(Path("kept").glob("*.npz")))
    assert 0 == main.run(words[:-2])
    assert json.loads(said.out)["sha256"] == json.loads(capsys.readouterr().out)["sha256"]


@pytest.mark.usefixtures("folder")
def test_another_input_is_another_replay(capsys: pytest.CaptureFixture[str]) -> None:
    """A changed job, grid or option takes nothing up; a file that was cut off is made again."""

    def taken(*more: str) -> str:
        """What is said of replays that were finished before."""
        return run(capsys, "--resume", "kept", "--json", *more)[1]

    assert "" == taken()
    assert "3 of 3 replays" in taken()
    assert "" == taken("--restart", "10m", "--interruptible-from", "1h")
    grid = Path("grid.csv").read_text()
    Path("grid.csv").write_text(grid.replace("Z,60,", "Z,61,", 1))
    assert "" == taken()
    Path("grid.csv").write_text(grid)
    for path in Path("kept").glob("*.npz"):
        path.write_bytes(path.read_bytes()[:100])
    assert "" == taken()
    assert "3 of 3 replays" in taken()


def test_a_folder_that_cannot_be_is_refused(tmp_path: Path) -> None:
    """Before anything is replayed."""
    (tmp_path / "file").write_text("")
    from scheduler.domain.errors import InvalidInput  # noqa: PLC0415  # for this alone

    with pytest.raises(InvalidInput, match="cannot be used"):
        Kept.at(tmp_path / "file" / "below")
