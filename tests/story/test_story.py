"""What users live through, on real Ray: success, failure, a change of mind, a move, a closed terminal, a dead loop."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path

import pytest

from tests.story.conftest import Desk, Table

pytestmark = [pytest.mark.ray, pytest.mark.slow]


def test_three_jobs_end_as_they_should_with_what_they_emitted(desk: Desk) -> None:
    """One succeeds, one fails by its own code, one is cancelled by its user; all three are accounted for."""
    good, bad, unwanted = desk.submit("good", 3), desk.submit("bad", 2, code=3), desk.submit("unwanted", 300)
    desk.until(unwanted, {"running"})
    assert desk.run("cancel", unwanted).code == 0
    codes = [desk.run("wait", job, "--timeout", "60s").code for job in (good, bad, unwanted)]
    assert codes == [0, 10, 11]
    jobs = {job["job_id"]: job for job in desk.run("list", "--json").data}
    assert [jobs[job]["state"] for job in (good, bad, unwanted)] == ["succeeded", "failed", "cancelled"]
    assert jobs[bad]["reason"] == "exit code 3"
    assert all(jobs[job]["emissions_kg"] > 0 for job in (good, bad, unwanted))
    assert "signals 1" in desk.run("logs", unwanted).out


def test_what_a_job_emitted_is_what_a_hand_calculation_says(desk: Desk) -> None:
    """Energy of each reserved hour times the intensity in it: recomputed here from the report's own times."""
    job = desk.submit("hand", 3)
    assert desk.run("wait", job).code == 0
    [entry] = desk.run("report", "--job", job, "--json").data["jobs"]
    [segment] = entry["segments"]
    granted, released, started, ended = (datetime.fromisoformat(t) for t in (*segment["reserved"], *segment["ran"]))
    g_per_kwh, gpus, pue = 31.0, 2, 1.2  # France 2025 in the yearly tables; the width; the local clusters' PUE
    ran_h = (ended - started).total_seconds() / 3600 * gpus
    idle_h = (released - granted).total_seconds() / 3600 * gpus - ran_h
    dynamic_kw, idle_kw = (400 - 63 + (1600 - 1000) / 8) / 1000, (63 + 1000 / 8) / 1000
    embodied_g = 1000 * (150 + 2500 / 8) / (6 * 8760 * 0.85)
    expected = {
        "dynamic": ran_h * dynamic_kw * g_per_kwh / 1000,
        "idle_running": ran_h * idle_kw * g_per_kwh / 1000,
        "facility": ran_h * (dynamic_kw + idle_kw) * (pue - 1) * g_per_kwh / 1000,
        "overhead": idle_h * idle_kw * pue * g_per_kwh / 1000,
        "embodied": (ran_h + idle_h) * embodied_g / 1000,
    }
    emitted = entry["footprint"]["emissions_kg"]
    assert {name: emitted[name] for name in expected} == pytest.approx(expected, rel=1e-6)
    assert emitted["total"] == pytest.approx(sum(expected.values()), rel=1e-6)
    assert entry["simulated"] is True
    assert entry["footprint"]["energy_source"] == "model_tdp"


def test_a_closed_terminal_strands_nothing_and_the_job_moves(desk: Desk, table: Table) -> None:
    """The terminal that watches dies by SIGHUP; the plan's suspend, move and resume happen all the same."""
    path = table("move", FR=[20.0] * 5 + [900.0] * 55, CA_QC=[900.0] * 7 + [20.0] * 5 + [900.0] * 48)
    words = ["--set", "name=mover", "--set", "entrypoint=python sleeper.py 30 0", "--set", "duration=30s"]
    watcher = desk.start("submit", "job.yaml", *words, "--intensity-table", str(path), "--wait", "--set", "deadline=2m")
    time.sleep(5)
    os.killpg(watcher.pid, signal.SIGHUP)
    watcher.communicate(timeout=20)
    assert desk.run("wait", "mover", "--timeout", "150s", timeout_s=200).code == 0
    job = desk.job("mover")
    segments = job["report"]["segments"]
    assert [segment["cluster"] for segment in segments] == ["france", "quebec"]
    first, second = desk.run("logs", "mover").out.split("signals")[:2]
    assert float(first.split("starts at")[1].split()[0]) == 0
    assert float(second.split("starts at")[1].split()[0]) > 5
    assert job["report"]["reduced_allocated"]["verdict"] == "reduced"
    assert job["progress"] == 1.0


def test_a_held_job_saves_and_goes_on_when_released(desk: Desk) -> None:
    """Hold suspends what runs with its checkpoint; release resumes from it."""
    job = desk.submit("pause", 12)
    desk.until(job, {"running"})
    time.sleep(3)
    assert desk.run("hold", job).code == 0
    held = desk.until(job, {"held"})
    assert 0 < held["progress"] < 1
    assert desk.run("release", job).code == 0
    assert desk.run("wait", job, "--timeout", "90s").code == 0
    starts = [line for line in desk.run("logs", job).out.splitlines() if line.startswith("starts at")]
    assert len(starts) == 2
    assert float(starts[1].split()[-1]) > 1


def test_a_killed_scheduler_is_replaced_and_starts_nothing_twice(desk: Desk) -> None:
    """The loop is killed by -9 in mid-job: the next command that watches starts another, which takes the job over."""
    job = desk.submit("survivor", 8)
    desk.until(job, {"running"})
    pid = desk.scheduler()
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    assert desk.run("wait", job, "--timeout", "60s").code == 0
    assert desk.run("logs", job).out.count("starts at") == 1
    assert desk.scheduler() not in (None, pid)


def test_submits_at_once_are_all_kept_and_a_key_is_one_job(desk: Desk) -> None:
    """Six processes submit together, three of them with one key: four jobs, one loop."""
    before = len(desk.run("list", "--all", "--json").data)
    words = ["submit", "job.yaml", "--set", "earliest_start=5m", "-q"]
    keys: list[list[str]] = [[], [], [], ["--key", "K"], ["--key", "K"], ["--key", "K"]]
    with ThreadPoolExecutor(6) as pool:
        done = list(pool.map(lambda key: desk.run(*words, *key), keys))
    assert [each.code for each in done] == [0] * 6, [each.err for each in done]
    ids = [each.out.strip() for each in done]
    assert len(set(ids)) == 4
    assert len(set(ids[3:])) == 1
    after = desk.run("list", "--all", "--json").data
    assert len(after) == before + 4
    for job in set(ids):
        desk.run("cancel", job)
        desk.until(job, {"cancelled"})


def test_a_wrong_token_holds_up_its_cluster_and_says_so(desk: Desk) -> None:
    """The job waits with the reason; with the right token it runs."""
    token = desk.state / "local" / "france.token"
    right = token.read_text()
    token.write_text("wrong" * 8)
    os.utime(desk.state / "local" / "clusters" / "france.yaml")
    try:
        job = desk.submit("locked-out", 1)
        end = time.monotonic() + 20
        while "token" not in desk.job(job)["reason"]:
            assert time.monotonic() < end, desk.job(job)
            time.sleep(0.5)
        assert right not in str(desk.job(job))
    finally:
        token.write_text(right)
        os.utime(desk.state / "local" / "clusters" / "france.yaml")
    assert desk.run("wait", job, "--timeout", "60s").code == 0


def test_a_command_that_is_not_there_fails_with_its_name(desk: Desk) -> None:
    """The person reads what was wrong, not that something was."""
    job = desk.submit("typo", 1, entrypoint="trian --now")
    assert desk.run("wait", job, "--timeout", "60s").code == 10
    assert "trian" in desk.run("logs", job).out + desk.job(job)["reason"]


def test_local_up_twice_says_so(desk: Desk) -> None:
    """A second up leaves the clusters alone."""
    sessions = [c["session"] for c in desk.run("local", "status", "--json").data["clusters"]]
    again = desk.run("local", "up", "--json")
    assert again.code == 0
    assert [c["session"] for c in again.data["clusters"]] == sessions
    assert Path(again.data["clusters"][0]["file"]).is_file()


def content(path: Path) -> bytes:
    """What a file holds; SQLite takes some of its own away whenever nobody has the store open."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return b""


def test_a_secret_is_in_the_training_and_nowhere_else(desk: Desk) -> None:
    """It is resolved at launch: no store, evidence, log of ours or JSON holds it, and no process shows it."""
    marked = "m4rked-s3cret-value"
    folder = Path(desk.environ["HOME"]) / ".config" / "carbonsched" / "secrets"
    folder.mkdir(parents=True, exist_ok=True)
    secret = folder / "HUB_TOKEN"
    secret.write_text(marked + "\n")
    secret.chmod(0o600)
    listed = desk.folder / "listed"
    (desk.folder / "reads.py").write_text(
        "import os, time\nprint('length', len(os.environ['HUB_TOKEN']), flush=True)\n"
        f"while not os.path.exists({str(listed)!r}):\n    time.sleep(0.1)\n"
    )
    job = desk.submit("secretive", 3, secrets="[HUB_TOKEN]", entrypoint="python reads.py")
    desk.until(job, {"running"})
    processes = subprocess.run(["ps", "-wweo", "args"], capture_output=True, text=True, check=True).stdout
    listed.touch()
    assert desk.run("wait", job, "--timeout", "60s").code == 0
    assert f"length {len(marked)}" in desk.run("logs", job).out
    shown = [desk.run(*words).out for words in (("describe", job, "--json"), ("list", "--json"), ("report", "--json"))]
    exported = desk.folder / "exported.jsonl"
    assert desk.run("export", str(exported)).code == 0
    assert job in exported.read_text()
    shown.append(exported.read_text())
    kept = [path for path in desk.state.rglob("*") if path.is_file() and "storage" not in path.parts]
    assert marked not in processes + "".join(shown)
    assert [path for path in kept if marked.encode() in content(path)] == []
    secret.chmod(0o644)
    open_to_others = desk.submit("open", 1, secrets="[HUB_TOKEN]")
    end = time.monotonic() + 20
    while "open to others" not in desk.job(open_to_others)["reason"]:
        assert time.monotonic() < end
        time.sleep(0.5)
    desk.run("cancel", open_to_others)
    desk.until(open_to_others, {"cancelled"})
