"""The loop seen from outside, on real Ray: who is told, what a log shows over a hold, how a scheduler ends."""

from __future__ import annotations

import json
import os
import signal
import socket
import time
import urllib.request
from pathlib import Path

import pytest

from tests.story.conftest import Desk

pytestmark = [pytest.mark.ray, pytest.mark.slow]


def gone(pid: int) -> bool:
    """Whether the process has ended."""
    stat = Path(f"/proc/{pid}/stat")
    return not stat.exists() or stat.read_text().rpartition(")")[2].split()[0] == "Z"


def test_people_are_told_how_their_jobs_ended(desk: Desk) -> None:
    """A command gets one JSON an end, with what it emitted and that this was simulated."""
    told = desk.folder / "told"
    script = desk.folder / "tell.sh"
    script.write_text(f"#!/bin/sh\nnotice=$(cat)\nprintf '%s\\n' \"$notice\" >> {told}\n")  # two may tell at once
    script.chmod(0o755)
    good = desk.submit("told-good", 1, notify=str(script))
    bad = desk.submit("told-bad", 1, code=3, notify=str(script))
    for job in (good, bad):
        desk.run("wait", job, "--timeout", "60s")
    end = time.monotonic() + 20
    while not told.exists() or told.read_text().count("\n") < 2:
        assert time.monotonic() < end
        time.sleep(0.3)
    notices = {notice["job_id"]: notice for notice in map(json.loads, told.read_text().splitlines())}
    assert {good: ("succeeded", ""), bad: ("failed", "exit code 3")} == {
        job: (notice["state"], notice["reason"]) for job, notice in notices.items()
    }
    assert all(notice["emissions_kg"] > 0 and notice["simulated"] for notice in notices.values())
    assert ["notified:failed"] == [e["kind"] for e in desk.job(bad)["events"] if "notified" in e["kind"]]


def test_a_followed_log_and_a_job_outlive_a_scheduler_that_ends(desk: Desk) -> None:
    """SIGTERM ends the loop in time and the job runs on; the next one holds and resumes it, all in one log."""
    job = desk.submit("followed", 20)
    desk.until(job, {"running"})
    follower = desk.start("logs", job, "-f")
    pid = desk.scheduler()
    assert pid is not None
    os.kill(pid, signal.SIGTERM)
    end = time.monotonic() + 10
    while not gone(pid):
        assert time.monotonic() < end
        time.sleep(0.1)
    waiting = desk.job(job)
    assert ("running", True) == (waiting["state"], "no scheduler runs" in waiting["why"])
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    assert 0 == desk.run("serve", "--background", "--http", f"127.0.0.1:{port}", "--log-format", "json").code
    assert 0 == desk.run("hold", job).code
    desk.until(job, {"held"})
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=5) as answer:
        health = json.load(answer)
    circuits = {name: (told["silent"], told["circuit"]) for name, told in health["clusters"].items()}
    assert {"france": ("", "closed"), "quebec": ("", "closed")} == circuits
    assert 0 == desk.run("release", job).code
    assert 0 == desk.run("wait", job, "--timeout", "60s").code
    out, _ = follower.communicate(timeout=20)
    assert desk.run("logs", job).out == out
    own = [word for word in (line.split(" ")[0] for line in out.splitlines()) if word in ("starts", "signals")]
    assert ["starts", "signals", "starts", "signals"] == own
    logged = [json.loads(line) for line in (desk.state / "scheduler.log").read_text().splitlines() if line[:1] == "{"]
    assert {"held", "succeeded"} <= {line["event"] for line in logged if line["job"] == job}
