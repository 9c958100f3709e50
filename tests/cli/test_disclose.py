"""`carbonsched disclose`: from the store to the forms of others, and what it refuses."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import ModuleType

import pytest

from cli import main
from cli.disclose_tags import to_mlflow, to_wandb
from scheduler.domain.errors import CarbonschedError
from tests.cli.ended import add_ended


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder whose store holds one job that has ended."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CARBONSCHED_STATE_DIR", str(tmp_path / "state"))
    add_ended(tmp_path, name="char-lm", project="nlp", model="char-lm", stage="pretraining")
    return tmp_path


def told(*arguments: str, capsys: pytest.CaptureFixture[str]) -> str:
    """What a disclosure that succeeds puts on stdout."""
    assert main.run(["disclose", *arguments]) == 0
    return capsys.readouterr().out


def refused(*arguments: str, capsys: pytest.CaptureFixture[str]) -> str:
    """The error of one that is refused as a wrong use, with nothing on stdout."""
    assert main.run(["disclose", *arguments]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    return err.splitlines()[0]


def test_each_form_is_written_from_the_same_job(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """SCI, BoAmps, model card, inventory and tags agree on its kilograms and kilowatt-hours."""
    score = json.loads(told("sci", "--job", "h7k2", "--json", capsys=capsys))
    tags = json.loads(told("tags", "h7k2", capsys=capsys))
    task = json.loads(told("boamps", "h7k2", "--family", "text generation", capsys=capsys))
    total_kg = tags["carbonsched.emissions_kg"]
    assert pytest.approx(total_kg) == score["O_kg"] + score["M_kg"]
    assert tags["carbonsched.it_energy_kwh"] == task["measures"][0]["powerConsumption"]
    assert f"emissions: {float(f'{1000 * total_kg:.6g}')}" in told("model-card", "--model", "char-lm", capsys=capsys)
    assert told("activity", "-o", "activity.csv", capsys=capsys) == ""
    assert "nlp,france,FR,FR" in (folder / "activity.csv").read_text()


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("sci", "--unit", "token"), "how many"),
        (("sci", "--per", "5"), "what the 5 units are"),
        (("sci", "--job", "h7k2", "--project", "nlp"), "both given"),
        (("sci", "--project", "nlq"), "nlq"),
        (("model-card", "--model", "other"), "other"),
        (("boamps", "h7k2", "--family", "x", "--infra", "moon"), "moon"),
        (("boamps", "h7k2", "--family", "x", "--confidentiality", "hush"), "hush"),
        (("tags", "zzzz"), "zzzz"),
    ],
)
@pytest.mark.usefixtures("folder")
def test_what_cannot_be_disclosed_is_refused(
    arguments: tuple[str, ...], named: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The error names the option or the word."""
    assert named in refused(*arguments, capsys=capsys)


@pytest.mark.usefixtures("folder")
def test_a_file_that_cannot_be_written_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    """And nothing is printed in its place."""
    assert main.run(["disclose", "activity", "-o", "no/where.csv"]) == 1
    assert "cannot be written" in capsys.readouterr().err


class Mlflow(ModuleType):
    """A client that keeps what it is told."""

    class MlflowException(Exception):  # the client's own name
        """Its refusal."""

        message = "no such run"

    def __init__(self, kept: dict[str, object]) -> None:
        super().__init__("mlflow")
        outer = self

        class MlflowClient:
            """Sets tags on the one run there is."""

            def set_tag(self, run_id: str, name: str, value: object) -> None:
                """Keep it."""
                if run_id != "r1":
                    raise outer.MlflowException
                kept[name] = value

        self.MlflowClient = MlflowClient
        self.exceptions = ModuleType("mlflow.exceptions")
        self.exceptions.MlflowException = self.MlflowException  # type: ignore[attr-defined]  # a module is open


def test_mlflow_gets_each_tag_and_a_refusal_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """By its own client."""
    kept: dict[str, object] = {}
    fake = Mlflow(kept)
    monkeypatch.setitem(sys.modules, "mlflow", fake)
    monkeypatch.setitem(sys.modules, "mlflow.exceptions", fake.exceptions)
    to_mlflow({"carbonsched.emissions_kg": 1.5}, "r1")
    assert {"carbonsched.emissions_kg": 1.5} == kept
    with pytest.raises(CarbonschedError, match="no such run"):
        to_mlflow({"carbonsched.emissions_kg": 1.5}, "r2")


def test_wandb_gets_the_summary_and_a_refusal_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """By its own client."""
    kept: dict[str, object] = {}

    class Wandb(ModuleType):
        """A client with one run."""

        class Error(Exception):
            """Its refusal."""

        class Api:
            """The way to runs."""

            def run(self, path: str) -> object:
                """The one run there is."""
                if path != "lab/nlp/r1":
                    raise Wandb.Error("not found")

                class Run:
                    """Its summary."""

                    summary = kept

                return Run()

    monkeypatch.setitem(sys.modules, "wandb", Wandb("wandb"))
    to_wandb({"carbonsched.emissions_kg": 1.5}, "lab/nlp/r1")
    assert {"carbonsched.emissions_kg": 1.5} == kept
    with pytest.raises(CarbonschedError, match="not found"):
        to_wandb({}, "lab/nlp/r2")


@pytest.mark.parametrize("name", ["mlflow", "wandb"])
@pytest.mark.usefixtures("folder")
def test_a_client_that_is_not_installed_is_named(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The hint is the extra that brings it."""
    monkeypatch.setitem(sys.modules, name, None)
    assert main.run(["disclose", "tags", "h7k2", f"--{name}", "r1"]) == 1
    assert f"carbonsched[{name}]" in capsys.readouterr().err
