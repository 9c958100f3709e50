"""`carbonsched evidence`: heads, seals and bundles from the command line, and what a seal makes of a report."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from cli import main, wiring
from scheduler.records.chain_files import Chains
from scheduler.records.heads_files import Ledger
from scheduler.records.state_folder import StateFolder
from tests.evidence.evidence_world import HOURS, filled, stopped
from tests.records.cases import at
from tests.records.seals_made import stamp, tag


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StateFolder:
    """A store of three jobs, one of which runs."""
    stopped(monkeypatch)
    monkeypatch.setenv("CARBONSCHED_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.chdir(tmp_path)
    filled(tmp_path).close()
    return StateFolder(tmp_path / "state")


def told(*words: str, capsys: pytest.CaptureFixture[str]) -> Any:  # noqa: ANN401  # whatever the command's JSON is
    """What a command that succeeds says as JSON."""
    capsys.readouterr()
    assert main.run([*words, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_heads_are_listed_with_what_grew(state: StateFolder, capsys: pytest.CaptureFixture[str]) -> None:
    """One while nothing changes, over all jobs."""
    for _ in range(2):
        (head,) = told("evidence", "heads", capsys=capsys)["heads"]
    assert (1, 3, ["aaaa", "bbbb", "cccc"], []) == (head["head"], head["jobs"], head["grown"], head["sealed"])
    assert main.run(["evidence", "heads"]) == 0
    assert capsys.readouterr().out.startswith("head  day")


def test_a_chain_that_lags_is_said_and_makes_no_head(state: StateFolder, capsys: pytest.CaptureFixture[str]) -> None:
    """A head without it would say less than there is."""
    path = state.chain("aaaa")
    path.unlink()
    path.mkdir()
    assert main.run(["evidence", "heads"]) == 1
    assert "warning: the chain of job aaaa lags behind" in capsys.readouterr().err


def test_a_head_is_written_for_others_to_seal_and_their_seal_recorded(
    state: StateFolder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A stamp from before a job's start pre-registers its rule; the other jobs stay self-attested."""
    assert main.run(["evidence", "seal", "-o", "head.txt"]) == 0
    text = (tmp_path / "head.txt").read_text()
    assert told("evidence", "seal", capsys=capsys)["text"] == text
    (tmp_path / "head.tsr").write_bytes(stamp(text, f"{at(5):%Y%m%d%H%M%SZ}"))
    sealed = told("evidence", "seal", "--tsr", "head.tsr", capsys=capsys)
    assert (1, "tsr", "2024-03-05T05:00:00Z") == (sealed["head"], sealed["way"], sealed["sealed_at"])
    report = told("report", capsys=capsys)
    found = {job["job_id"]: job["counterfactual"]["registration"] for job in report["jobs"]}
    assert {"aaaa": "self-attested", "bbbb": "pre-registered", "cccc": "pre-registered"} == found
    assert main.run(["evidence", "bundle", "-o", "b.jsonl"]) == 0
    assert 2 == told("report", "--verify", "b.jsonl", capsys=capsys)["pre_registered"]


def test_settling_states_in_the_chains_and_makes_a_head(state: StateFolder, capsys: pytest.CaptureFixture[str]) -> None:
    """So does a scheduler, once a day."""
    assert main.run(["settle"]) == 0
    stated = [entry.of for entry in Chains(state).chain("aaaa").entries if entry.kind == "issued"]
    assert ["1"] == stated
    (head,) = told("evidence", "heads", capsys=capsys)["heads"]
    assert 1 == head["head"]
    assert main.run(["evidence", "bundle", "-o", "b.jsonl"]) == 0
    assert main.run(["report", "--verify", "b.jsonl"]) == 0


def test_a_doctor_reads_the_chains(state: StateFolder, capsys: pytest.CaptureFixture[str]) -> None:
    """Whole ones, one that was changed, and one that is not there yet."""

    def found() -> tuple[str, str]:
        """What it says of them."""
        capsys.readouterr()
        main.run(["doctor", "--json"])
        rows = json.loads(capsys.readouterr().out)["findings"]
        return next((row["level"], row["text"]) for row in rows if row["what"] == "chains")

    assert ("ok", "3 hang together, under 0 heads and 0 seals") == found()
    path = state.chain("aaaa")
    whole = path.read_bytes()
    path.write_bytes(whole.replace(b"submitted", b"Submitted"))
    assert "fail" == found()[0]
    path.unlink()
    assert ("warn", "1 of 3 jobs have none yet") == found()


def test_a_tag_that_is_brought_after_the_start_pre_registers_nothing(
    state: StateFolder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whatever time the tagger wrote; and who that was is in a full bundle only."""
    text = told("evidence", "seal", capsys=capsys)["text"]
    (tmp_path / "tag.txt").write_bytes(tag(text, at(-100)))
    sealed = told("evidence", "seal", "--tag", "tag.txt", capsys=capsys)
    assert at(HOURS) == datetime.fromisoformat(sealed["sealed_at"])
    report = told("report", capsys=capsys)
    assert {"self-attested"} == {job["counterfactual"]["registration"] for job in report["jobs"]}
    for name, words, shown in (("b.jsonl", [], False), ("full.jsonl", ["--full"], True)):
        assert 3 == told("evidence", "bundle", "-o", name, *words, capsys=capsys)["jobs"]
        (seal,) = [
            json.loads(line)["seal"] for line in Path(name).read_text().splitlines() if '"record":"seal"' in line
        ]
        assert shown == bool(seal["content"])
        assert 1 == told("report", "--verify", name, capsys=capsys)["seals"]


@pytest.mark.parametrize(
    ("words", "code", "named"),
    [
        (["seal", "--tag", "a", "--tsr", "b"], 2, "--tag and --tsr were both given"),
        (["seal", "--tag", "nowhere"], 2, "nowhere cannot be read"),
        (["seal", "--tsr", "text"], 2, "that is no time stamp"),
        (["seal", "--tag", "text"], 2, "that is no tag object"),
        (["seal", "-o", "no/x"], 2, "no/x cannot be written"),
        (["bundle", "-o", "no/x"], 2, "no/x cannot be written"),
        (["bundle", "-o", "x", "--since", "2024-03-06T00:00:00Z", "--until", "2024-03-05T00:00:00Z"], 2, "not before"),
    ],
)
def test_what_will_not_do_is_named(
    state: StateFolder, capsys: pytest.CaptureFixture[str], words: list[str], code: int, named: str
) -> None:
    """And nothing is recorded."""
    Path("text").write_text("hello")
    assert main.run(["evidence", *words]) == code
    assert named in capsys.readouterr().err
    assert () == Ledger(wiring.store()).seals()


def test_a_bundle_that_is_not_there_is_an_error_of_its_own(state: StateFolder) -> None:
    """Not one of what it holds."""
    assert main.run(["report", "--verify", "nowhere"]) == 2


def test_an_empty_store_makes_a_bundle_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A period without jobs is a report as well."""
    monkeypatch.setenv("CARBONSCHED_STATE_DIR", str(tmp_path / "empty"))
    monkeypatch.chdir(tmp_path)
    assert main.run(["evidence", "bundle", "-o", "b.jsonl"]) == 0
    assert 0 == told("report", "--verify", "b.jsonl", capsys=capsys)["jobs"]


def test_a_bundle_verifies_where_there_is_no_store(
    state: StateFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor the table that its intensities came from, and it makes neither."""
    assert main.run(["evidence", "bundle", "-o", "b.jsonl"]) == 0
    monkeypatch.setenv("CARBONSCHED_STATE_DIR", str(tmp_path / "elsewhere"))
    (tmp_path / "m4rked-home" / "table.csv").unlink()
    assert main.run(["report", "--verify", "b.jsonl"]) == 0
    assert not (tmp_path / "elsewhere").exists()
