"""`carbonsched footprint`: what it prints, as text and as JSON, and what it refuses."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli.footprint import app
from scheduler.domain.errors import CarbonschedError, InvalidInput, NotCovered, UnknownName
from scheduler.lifecycle.presets import PRESETS

ROOT = Path(__file__).parents[2]
FRANCE = ROOT / "cluster_configs" / "france.yaml"
RUN = ("--gpus", "8", "--hours", "100")


def printed(*args: str) -> str:
    """The stdout of a call that succeeds."""
    result = CliRunner().invoke(app, args, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


def parsed(*args: str) -> dict[str, object]:
    """The JSON of a call that succeeds."""
    data = json.loads(printed(*args, "--json"))
    assert isinstance(data, dict)
    return data


def part(data: dict[str, object], key: str) -> dict[str, float]:
    """An object inside a JSON object."""
    found = data[key]
    assert isinstance(found, dict)
    return found


def texts(data: dict[str, object], key: str) -> dict[str, object]:
    """An object inside a JSON object that holds more than numbers."""
    found = data[key]
    assert isinstance(found, dict)
    return found


def raised(*args: str) -> CarbonschedError:
    """The error of a call that is refused."""
    with pytest.raises(CarbonschedError) as caught:
        CliRunner().invoke(app, args, catch_exceptions=False)
    return caught.value


def test_bloom_json_has_the_contract() -> None:
    """The keys and figures that outside checks read."""
    data = parsed("bloom")
    assert (1, "bloom-paper") == (data["schema"], data["profile"])
    assert {"embodied": 11211.4, "dynamic": 24692.2, "idle": 14628.8, "total": 50532.4} == pytest.approx(
        part(data, "emissions_kg"), rel=1e-4
    )
    assert {"dynamic": 433196.0, "idle": 256646.07} == pytest.approx(part(data, "energy_kwh"), rel=1e-4)
    readings, models = data["readings"], data["models"]
    assert isinstance(readings, list)
    assert isinstance(models, list)
    assert (5, 4) == (len(readings), len(models))
    assert part(data, "inference")["published_kg"] == 340.0


def test_bloom_text_leads_with_the_total_and_ends_with_the_doubts() -> None:
    """The published figure first, the warnings last."""
    lines = printed("bloom").splitlines()
    assert "50,532.5 kg CO2e" in lines[0]
    assert lines[-1].startswith("- do not rank models")


def test_worked_case_as_json() -> None:
    """8 GPUs for 100 h at 33 g/kWh and PUE 1.2 emit 27.290 kg, with lines, corners and energies."""
    data = parsed(*RUN, "--intensity", "33", "--pue", "1.2")
    kg = part(data, "emissions_kg")
    assert 27.290 == pytest.approx(kg["total"], rel=1e-4)
    assert kg["low"] < kg["total"] < kg["high"]
    assert kg["total"] == pytest.approx(kg["dynamic"] + kg["idle_running"] + kg["facility"] + kg["embodied"])
    assert {"dynamic": 329.6, "idle_running": 150.4, "facility": 96.0, "total": 576.0} == pytest.approx(
        part(data, "energy_kwh")
    )
    assert (480.0, 320.0) == pytest.approx((data["it_energy_kwh"], data["gpu_energy_running_kwh"]))
    assert ("modelled, not measured", False) == (data["statement"], data["pue_assumed"])


def test_the_intensity_is_credited() -> None:
    """Year, basis, source and licence stand beside the figure."""
    found = texts(parsed(*RUN, "--zone", "FR", "--year", "2024"), "intensity")
    assert (33.0, 2024, "ODbL-1.0") == (found["g_per_kwh"], found["year"], found["licence"])
    assert "average lifecycle consumption CO2e" == found["basis"]
    text = printed(*RUN, "--zone", "FR", "--year", "2024")
    for words in ("33 [28.1, 37.9] g/kWh, FR 2024", "ODbL-1.0", "Electricity Maps", "modelled, not measured"):
        assert words in text


def test_text_names_the_preset_the_share_of_hardware_and_the_assumption() -> None:
    """A reader sees what was assumed and how much is embodied."""
    text = printed(*RUN, "--zone", "FR")
    for words in ("preset a100", "of the total", "1.5 [1.2, 1.8], assumed", "nameplate", "not in it"):
        assert words in text


@pytest.mark.parametrize(
    ("gpus", "hours", "headline"),
    [
        ("8", "100", "8 GPUs × 100 h: 27.29 kg CO2e"),
        ("1", "0.1", "1 GPU × 0.1 h: 0.003411 kg CO2e"),
        ("384", "2820", "384 GPUs × 2820 h: 36,939.5 kg CO2e"),
    ],
)
def test_small_and_large_runs_keep_their_digits(gpus: str, hours: str, headline: str) -> None:
    """Four digits of the total, whatever its size."""
    text = printed("--gpus", gpus, "--hours", hours, "--intensity", "33", "--pue", "1.2")
    assert text.startswith(headline)


def test_text_has_no_trailing_blanks() -> None:
    """What is pasted elsewhere stays as it is."""
    for text in (printed(*RUN, "--zone", "FR"), printed("bloom")):
        assert [] == [line for line in text.splitlines() if line != line.rstrip()]


def test_a_given_power_and_pue_are_said_to_be_given() -> None:
    """What the user states is not called nameplate or assumed."""
    text = printed(*RUN, "--zone", "FR", "--gpu-w", "310", "--pue", "1.1")
    assert "310 W a GPU, given" in text
    assert "assumed" not in text
    assert "given" == texts(parsed(*RUN, "--zone", "FR", "--pue", "1.1"), "sources")["pue"]


def test_a_cluster_file_brings_its_zone_and_pue() -> None:
    """Without --zone the cluster's zone is priced; --zone stands before it."""
    data = parsed(*RUN, "--cluster", str(FRANCE))
    assert ("FR", False) == (data["zone"], data["pue_assumed"])
    assert {"low": 1.1, "central": 1.2, "high": 1.3} == part(data, "pue")
    assert "CA-QC" == parsed(*RUN, "--cluster", str(FRANCE), "--zone", "CA-QC")["zone"]


def test_bloom_preset_reproduces_the_paper() -> None:
    """384 GPUs for 2,820.28646 h at 57 g/kWh are 50,532 kg."""
    args = ("--preset", "bloom-paper", "--gpus", "384", "--hours", "2820.286458", "--intensity", "57")
    assert 50532.4 == pytest.approx(part(parsed(*args), "emissions_kg")["total"], rel=1e-4)


@pytest.mark.parametrize(
    ("args", "kind", "message"),
    [
        (("--gpus", "8"), InvalidInput, "needs --gpus and --hours"),
        (RUN, InvalidInput, "needs --zone or --intensity"),
        ((*RUN, "--zone", "CA"), NotCovered, "no 'average lifecycle consumption CO2e' for CA"),
        ((*RUN, "--zone", "fr"), NotCovered, "no zone 'fr'"),
        ((*RUN, "--zone", "FR", "--year", "2026"), NotCovered, "no 2026 for FR"),
        ((*RUN, "--zone", "FR", "--gpu-w", "20"), InvalidInput, "a100: 20 W .* 63 W"),
        ((*RUN, "--zone", "FR", "--pue", "0.9"), InvalidInput, "--pue 0.9 is below 1"),
        ((*RUN, "--zone", "FR", "--pue", "nan"), InvalidInput, "--pue nan"),
        ((*RUN, "--intensity", "-1"), InvalidInput, "--intensity -1 cannot be"),
        ((*RUN, "--intensity", "30", "--year", "2024"), InvalidInput, "--year belongs"),
        ((*RUN, "--zone", "FR", "--preset", "a1000"), UnknownName, "preset 'a1000'"),
        ((*RUN, "--preset", "a100", "--cluster", str(FRANCE)), InvalidInput, "both name the hardware"),
        ((*RUN, "--cluster", str(FRANCE.parent)), InvalidInput, r"holds \d clusters"),
        (("--gpus", "400", "--hours", "1", "--cluster", str(FRANCE)), InvalidInput, "france has 384 GPUs, not 400"),
        (("--gpus", "8", "--hours", "0", "--zone", "FR"), InvalidInput, "8 GPUs for 0 h"),
        (("--json", "bloom"), InvalidInput, "options stand before"),
    ],
)
def test_what_cannot_be_priced_is_refused(args: tuple[str, ...], kind: type[CarbonschedError], message: str) -> None:
    """Each refusal names the thing and has a hint."""
    error = raised(*args)
    assert kind is type(error)
    assert error.hint
    with pytest.raises(kind, match=message):
        raise error


def test_without_arguments_it_explains_itself() -> None:
    """No options is a call for help."""
    result = CliRunner().invoke(app, [])
    assert "Examples:" in result.output
    assert "bloom" in result.output


def test_importing_the_commands_loads_nothing_heavy() -> None:
    """--help needs typer alone: no numpy, no pydantic, none of the tool's rooms."""
    code = (
        "import sys, cli.footprint, cli.intensity, cli.console\n"
        "heavy = {'numpy', 'pydantic', 'yaml', 'pandas', 'scheduler', 'intensity_sources'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert "[]" == done.stdout.strip()


def test_help_names_every_preset() -> None:
    """A preset that help does not name is not found."""
    shown = CliRunner().invoke(app, ["--help"], env={"COLUMNS": "200"}).output
    assert [] == [name for name in PRESETS if name not in shown]
