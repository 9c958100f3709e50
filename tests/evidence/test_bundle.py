"""A bundle verifies as it was made, and names the first thing that was changed, taken away or put in."""

from __future__ import annotations

import io
import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest

from cli import main, wiring
from cli.evidence_bundle import verified
from cli.evidence_recount import first_difference
from scheduler.records.chain import BadChain, canonical, digest
from scheduler.records.public_part import WITHHELD
from scheduler.records.spool import Spool
from scheduler.records.verify import read_bundle
from tests.evidence.evidence_world import SPOT, filled
from tests.evidence.forged import Lines, forged, lines_of, of, sealed

FLIPS = 300


def test_a_bundle_verifies_and_says_what_was_checked(bundle: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Jobs, samples, figures and heads, by number, without the store."""
    assert main.run(["report", "--verify", str(bundle), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert (True, 3, 3, 25 + 97 + 13) == (said["verified"], said["jobs"], said["reported"], said["samples"])
    assert said["figures"] > 100
    assert said["heads"] >= 1
    assert 0 == said["pre_registered"]


def test_any_flipped_bit_is_found_and_named_in_one_line(bundle: Path, tmp_path: Path) -> None:
    """All over the file, whatever it turns the line into; nothing else is ever raised."""
    raw = bundle.read_bytes()
    dice = random.Random(7)
    for _ in range(FLIPS):
        at = dice.randrange(len(raw))
        changed = bytearray(raw)
        changed[at] ^= 1 << dice.randrange(8)
        try:
            named = read_bundle(io.BytesIO(bytes(changed)), Spool(tmp_path)).damage
        except BadChain as exc:
            named = exc.message
        assert named, raw[max(0, at - 40) : at + 40]
        assert "\n" not in named


@pytest.mark.parametrize("cut", [1, 2, 60, 5000])
def test_a_bundle_that_was_cut_off_does_not_verify(bundle: Path, tmp_path: Path, cut: int) -> None:
    """By a byte or by much."""
    with pytest.raises(BadChain):
        read_bundle(io.BytesIO(bundle.read_bytes()[:-cut]), Spool(tmp_path))


def drop_job(lines: Lines) -> None:
    """Take a job away, its chain too."""
    lines[:] = [line for line in lines if "bbbb" not in (line.get("job_id"), line.get("id"))]


def drop_record(lines: Lines) -> None:
    """Take a job away and leave its chain."""
    lines[:] = [
        line for line in lines if line["record"] == "entry" or "bbbb" not in (line.get("job_id"), line.get("id"))
    ]


def drop_sample(lines: Lines) -> None:
    """Take a line of samples away."""
    evidence = of(lines, "evidence", "aaaa")
    kept = str(evidence["text"]).splitlines(keepends=True)
    evidence["text"] = "".join(kept[:5] + kept[6:])


def change_sample(lines: Lines) -> None:
    """Less energy in one reading."""
    evidence = of(lines, "evidence", "bbbb")
    kept = str(evidence["text"]).splitlines(keepends=True)
    kept[70] = kept[70].replace("7140000.0", "1140000.0")
    evidence["text"] = "".join(kept)


def drop_outcome(lines: Lines) -> None:
    """Take an outcome away."""
    lines.remove(next(each for each in lines if str(each.get("name")).startswith("carbonsched-cs-aaaa-s1-a1.outcome")))


def change_receipt(lines: Lines) -> None:
    """Samples that came an hour later."""
    evidence = of(lines, "evidence", "aaaa", 1)
    evidence["text"] = str(evidence["text"]).replace('"not_after_unix":17', '"not_after_unix":18')


def reorder_chain(lines: Lines) -> None:
    """Swap two entries of a chain."""
    one, other = (lines.index(of(lines, "entry", "aaaa", n)) for n in (1, 2))
    lines[one], lines[other] = lines[other], lines[one]


def cut_chain(lines: Lines) -> None:
    """Take the last entry of a chain away."""
    lines.remove(of(lines, "entry", "aaaa", -1))


def swap_vintage(lines: Lines) -> None:
    """Put a lower intensity in, under its own hash, wherever it was read."""
    standing = next(each for each in lines if each["record"] == "standing" and each["zone"] == "FR")
    before = digest(canonical(standing))
    standing["g_per_kwh"] = [10.0 for _ in cast("list[float]", standing["g_per_kwh"])]
    moved: dict[str, str] = {}
    for line in (line for line in lines if line["record"] == "read"):
        old = digest(canonical(line))
        zones = cast("dict[str, str]", line["zones"])
        line["zones"] = {zone: digest(canonical(standing)) if sha == before else sha for zone, sha in zones.items()}
        moved[old] = digest(canonical(line))
    for line in (line for line in lines if line["record"] == "exposed"):
        line["reads"] = [moved[each] for each in cast("list[str]", line["reads"])]


def drop_vintage(lines: Lines) -> None:
    """Take an intensity away."""
    lines.remove(next(each for each in lines if each["record"] == "standing" and each["zone"] == "FR"))


def change_plan(lines: Lines) -> None:
    """A plan that promised more."""
    cast("dict[str, Any]", of(lines, "plan", "aaaa")["document"])["emissions_kg"]["total"] = 0.4


def change_cluster(lines: Lines) -> None:
    """A GPU that draws less."""
    cast("dict[str, Any]", of(lines, "plan", "aaaa")["document"])["clusters"]["quebec"]["gpu"]["tdp_w"] = 300


def change_rule(lines: Lines) -> None:
    """Another home, said afterwards."""
    cast("dict[str, str]", of(lines, "job", "aaaa")["counterfactual"])["home"] = "quebec"


def change_segment(lines: Lines) -> None:
    """GPUs given back earlier."""
    of(lines, "segment", "bbbb")["released_at"] = "2024-03-05T17:00:00Z"


def add_segment(lines: Lines) -> None:
    """A segment that never was."""
    one = of(lines, "segment", "aaaa")
    lines.insert(lines.index(one), one | {"sid": "cs-aaaa-s2-a1", "n": 2})


def change_event(lines: Lines) -> None:
    """Another time of an event."""
    of(lines, "event", "aaaa")["at"] = "2024-03-05T01:00:01Z"


def change_figure(lines: Lines) -> None:
    """A figure of the report."""
    report = cast("dict[str, Any]", of(lines, "report")["report"])
    report["jobs"][1]["footprint"]["emissions_kg"]["dynamic"] *= 0.9


def change_total(lines: Lines) -> None:
    """A total of the report."""
    cast("dict[str, Any]", of(lines, "report")["report"])["real"]["emissions_kg"]["total"] *= 0.9


def change_sums(lines: Lines) -> None:
    """A total of the report, by less than is compared."""
    report = cast("dict[str, Any]", of(lines, "report")["report"])
    report["real"]["emissions_kg"]["total"] *= 1 + 1e-12


def change_last_digit(lines: Lines) -> None:
    """A figure, by less than is compared."""
    report = cast("dict[str, Any]", of(lines, "report")["report"])
    report["jobs"][1]["footprint"]["emissions_kg"]["dynamic"] *= 1 + 1e-12


def drop_from_report(lines: Lines) -> None:
    """A job left out of the report."""
    del cast("dict[str, Any]", of(lines, "report")["report"])["jobs"][1]


def drop_exposed(lines: Lines) -> None:
    """A job left out of what is reported, everywhere."""
    drop_from_report(lines)
    lines.remove(of(lines, "exposed", "bbbb"))


FORGERIES: list[tuple[Callable[[Lines], None], str]] = [
    (drop_job, "job bbbb is missing"),
    (drop_record, "job bbbb is missing: its chain is there"),
    (drop_sample, "the samples of segment cs-aaaa-s1-a1: 24 lines are there, its chain holds 25"),
    (change_sample, "the samples of segment cs-bbbb-s1-a1: lines"),
    (drop_outcome, "the outcome of segment cs-aaaa-s1-a1 is missing"),
    (change_receipt, "when the samples of segment cs-aaaa-s1-a1 came: lines 1 to 1 are not those in its chain"),
    (reorder_chain, "entry 2 of the chain of job aaaa does not follow"),
    (cut_chain, "the chain of job aaaa was cut"),
    (swap_vintage, "the intensities that job .* was accounted on are not those in its chain"),
    (drop_vintage, "the intensity of FR that job .* was accounted on was changed or is missing"),
    (change_plan, "plan 1 of job aaaa is not the one in its chain"),
    (change_cluster, "plan 1 of job aaaa is not the one in its chain"),
    (change_rule, "what job aaaa was submitted with is not the one in its chain"),
    (change_segment, "segment cs-bbbb-s1-a1 is not the one in its chain"),
    (add_segment, "the launch of segment cs-aaaa-s2-a1 is not in its chain"),
    (change_event, "the record of job aaaa is not the one that its chain holds"),
    (change_figure, r"report.jobs\[bbbb\].footprint.emissions_kg.dynamic is .*, counted again"),
    (change_sums, "the sums of the report are not those that the chain"),
    (change_total, "report.real.emissions_kg.total is .*, counted again"),
    (change_last_digit, "the figures of job bbbb are not those that its chain holds"),
    (drop_from_report, "report.jobs has 2 entries, counted again 3"),
    (drop_exposed, "the intensities that job bbbb was accounted on are not those in its chain"),
]


@pytest.mark.parametrize(("change", "named"), FORGERIES, ids=[change.__name__ for change, _ in FORGERIES])
def test_a_forger_who_seals_the_file_again_is_found(
    bundle: Path, tmp_path: Path, change: Callable[[Lines], None], named: str
) -> None:
    """The chains, the heads and the figures hold each other: the thing that was changed is named."""
    with pytest.raises(BadChain, match=named):
        verified(forged(bundle, change, tmp_path / "forged.jsonl"))


def test_a_bundle_sealed_again_as_it_was_verifies(bundle: Path, tmp_path: Path) -> None:
    """So it is the changes that the tests above find."""
    assert sealed(lines_of(bundle)) == bundle.read_bytes()
    assert 3 == verified(forged(bundle, lambda lines: None, tmp_path / "same.jsonl")).jobs


def test_the_command_ends_with_1_and_one_line(bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """On stderr, with a way out."""
    file = forged(bundle, drop_job, tmp_path / "x.jsonl")
    assert main.run(["report", "--verify", str(file)]) == 1
    out, err = capsys.readouterr()
    assert "" == out
    error, hint = err.splitlines()
    assert error.startswith("error: job bbbb is missing")
    assert hint.startswith("hint: ")


@pytest.mark.parametrize("content", [b"", b"hello\n", b"{}\n", b"\xff\xfe\n", b'{"record":"header"}\n'])
def test_what_is_no_bundle_is_refused(tmp_path: Path, content: bytes) -> None:
    """An empty file, a text, another kind of JSON."""
    (tmp_path / "x").write_bytes(content)
    with pytest.raises(BadChain):
        verified(tmp_path / "x")


def test_a_newer_form_is_refused_by_name(bundle: Path, tmp_path: Path) -> None:
    """It may mean something else."""
    file = forged(bundle, lambda lines: of(lines, "header").update(version=2), tmp_path / "x")
    with pytest.raises(BadChain, match="'carbonsched-evidence' version 2"):
        verified(file)


def test_a_bundle_for_all_shows_no_secret_no_address_and_nobodys_name(bundle: Path) -> None:
    """Every such text of the jobs bears a mark, and none of the marks is there."""
    text = bundle.read_text()
    assert SPOT not in text
    for address in ("10.1.2.3", "10.0.0.7", "/home/", "/scratch/", "http://", "https://", "ssh://", "train.py"):
        assert address not in text, address
    job = cast("dict[str, Any]", of(lines_of(bundle), "job", "aaaa")["job"])
    assert WITHHELD == job["entrypoint"]
    owners = {line["job"]["owner"] for line in map(mapped, lines_of(bundle)) if line["record"] == "job"}
    assert 1 == len(owners)
    assert owners.pop().startswith("owner-")


def mapped(value: object) -> dict[str, Any]:
    """A value of a line, to look into."""
    return cast("dict[str, Any]", value)


def test_a_full_bundle_shows_the_rest_but_no_secret_and_verifies(full: Path) -> None:
    """Commands, folders and agents' own words, never an environment."""
    text = full.read_text()
    assert f"/home/{SPOT}-me/train.py" in text
    assert f"{SPOT}-owner" in text
    assert f"{SPOT}-secret" not in text
    assert 3 == verified(full).jobs


def test_a_full_bundle_holds_the_same_lines_and_figures_as_the_other(bundle: Path, full: Path) -> None:
    """What is private is added and changes nothing that is public."""
    kept = ("job", "plan", "segment", "event", "evidence")
    one, other = ([line for line in lines_of(file) if line["record"] in kept] for file in (bundle, full))
    assert one == other


@pytest.mark.parametrize("part", ["job", "plan 1", "segment cs-aaaa-s1-a1", "samples cs-aaaa-s1-a1",
                                  "outcome cs-aaaa-s1-a1"])  # fmt: skip
def test_a_private_part_that_was_changed_is_named(full: Path, tmp_path: Path, part: str) -> None:
    """It is committed to by the same chain."""

    def change(lines: Lines) -> None:
        """A word more."""
        parts = cast("dict[str, Any]", of(lines, "private", "aaaa")["parts"])
        if isinstance(parts[part], str):
            parts[part] = parts[part].replace("m4rked", "m4rket")
        else:
            parts[part][next(iter(parts[part]))] = "another"

    with pytest.raises(BadChain, match="the private part of"):
        verified(forged(full, change, tmp_path / "x"))


def test_the_figures_of_a_bundle_are_those_of_the_store(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is withheld changes no figure: the report of the store says the same kilograms of each job that ended."""
    monkeypatch.setenv("CARBONSCHED_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.chdir(tmp_path)
    filled(tmp_path)
    assert main.run(["evidence", "bundle", "-o", "bundle.jsonl"]) == 0
    capsys.readouterr()
    assert main.run(["report", "--json"]) == 0
    ours = {job["job_id"]: job for job in json.loads(capsys.readouterr().out)["jobs"]}
    report = mapped(of(lines_of(tmp_path / "bundle.jsonl"), "report")["report"])
    theirs = {job["job_id"]: job for job in report["jobs"]}
    for job_id in ("aaaa", "bbbb"):
        for name in ("footprint", "counterfactual", "reduced_allocated", "segments", "planned_kg"):
            assert "" == first_difference(ours[job_id][name], theirs[job_id][name])


def test_a_period_leaves_later_jobs_out_and_their_chains_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Jobs before the period are in, for the queue at home; only those of it are reported."""
    monkeypatch.setenv("CARBONSCHED_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.chdir(tmp_path)
    filled(tmp_path)
    period = ["--since", "2024-03-05T05:00:00Z", "--until", "2024-03-06T00:00:00Z"]
    assert main.run(["evidence", "bundle", "-o", "x.jsonl", *period]) == 0
    found = verified(tmp_path / "x.jsonl")
    assert (2, 1) == (found.jobs, found.reported)
    assert "cccc" in {line.get("job_id") for line in lines_of(tmp_path / "x.jsonl") if line["record"] == "entry"}
    forgery = forged(tmp_path / "x.jsonl", drop_context, tmp_path / "y.jsonl")
    with pytest.raises(BadChain, match="job aaaa is missing"):
        verified(forgery)


def drop_context(lines: Lines) -> None:
    """Take away the record of a job that is not reported, and on which others hang."""
    lines[:] = [
        line for line in lines if line["record"] == "entry" or "aaaa" not in (line.get("job_id"), line.get("id"))
    ]


def test_a_store_that_was_changed_by_hand_makes_no_bundle_that_verifies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The chain is not written anew: what differs is named, and no file is left."""
    monkeypatch.setenv("CARBONSCHED_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.chdir(tmp_path)
    filled(tmp_path).close()
    with wiring.store().writing() as tx:
        change = """UPDATE plan SET document = replace(document, '"tdp_w": 400', '"tdp_w": 300')"""
        tx.connection.exec_driver_sql(change)
    capsys.readouterr()
    assert main.run(["evidence", "bundle", "-o", "x.jsonl"]) == 1
    assert "plan 1 of job aaaa is not the one in its chain" in capsys.readouterr().err
    assert not (tmp_path / "x.jsonl").exists()


def test_each_bundle_is_a_statement_of_its_own(full: Path) -> None:
    """The chain of a job says what was shown of it, each time."""
    entries = [line for line in lines_of(full) if line["record"] == "entry" and line["job_id"] == "aaaa"]
    issued = [mapped(line)["entry"] for line in entries if mapped(line)["entry"]["kind"] == "issued"]
    assert ["bundle", "bundle"] == [each["of"] for each in issued]
