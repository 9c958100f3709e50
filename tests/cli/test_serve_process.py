"""The scheduler as a process: a signal ends it in time, whatever a cluster does, and what runs goes on."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import threading
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Self

import pytest
import yaml
from filelock import FileLock

from cli import main
from cli.child import command
from scheduler.records.rows import JobState
from scheduler.records.state_folder import StateFolder
from scheduler.records.store import open_store
from tests.records.cases import document, make_cluster, make_job, make_row, make_segment

NOW = datetime.now(UTC)
IN_TIME_S = 10.0


class Mute:
    """A server that takes connections and never says a word."""

    def __init__(self) -> None:
        self.server = socket.create_server(("127.0.0.1", 0))
        self.port: int = self.server.getsockname()[1]
        self.taken: list[socket.socket] = []
        self.asked = threading.Event()
        threading.Thread(target=self._take, daemon=True).start()

    def _take(self) -> None:
        """Take whoever comes."""
        while True:
            try:
                connection, _ = self.server.accept()
            except OSError:
                return
            self.taken.append(connection)
            self.asked.set()

    def __enter__(self) -> Self:
        """Be there."""
        return self

    def __exit__(self, *_: object) -> None:
        """Hang up."""
        self.server.shutdown(socket.SHUT_RDWR)
        self.server.close()
        for connection in self.taken:
            connection.close()


@dataclass
class Scheduler:
    """A `serve` on a state folder with a job that runs on a cluster at a port."""

    folder: Path
    port: int
    process: subprocess.Popen[str] | None = None
    lines: list[dict[str, str]] = field(default_factory=list)

    def start(self) -> int:
        """Start it; the port of its health."""
        self._store()
        environ = os.environ | {
            "CARBONSCHED_STATE_DIR": str(self.folder / "state"),
            "CARBONSCHED_CLUSTERS": str(self.folder / "clusters"),
        }
        self.process = subprocess.Popen(
            [*command(), "serve", "--log-format", "json", "--http", "127.0.0.1:0"],
            env=environ, cwd=self.folder, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.lines.append(json.loads(line))
            if "health:" in line:
                return int(self.lines[-1]["text"].rsplit(":", 1)[1].split("/")[0])
        pytest.fail(f"it ended: {self.lines}")

    def _store(self) -> None:
        """A job in mid-run."""
        cluster = make_cluster()
        (self.folder / "clusters").mkdir()
        declared = cluster.model_dump(mode="json", exclude_defaults=True)
        declared["ray"] = {"address": f"http://127.0.0.1:{self.port}"}
        (self.folder / "clusters" / "france.yaml").write_text(yaml.safe_dump(declared))
        with open_store(StateFolder(self.folder / "state")).writing() as tx:
            tx.add_job(
                replace(
                    make_row(make_job()), state=JobState.RUNNING, finished_at=None, submitted_at=NOW,
                    deadline_at=NOW + timedelta(days=1),
                )
            )  # fmt: skip
            plan_id = tx.add_plan("j1", NOW, document([cluster], [("france", 0, 2)]))
            tx.add_segment(
                make_segment(plan_id=plan_id, phase="granted", released_at=None, end="", intended_at=NOW, seen_at=NOW)
            )

    def end(self, *, signals: int = 1) -> float:
        """Ask it to end so often; how long that took. [s]"""
        assert self.process is not None
        began_s = time.monotonic()
        for _ in range(signals):
            self.process.send_signal(signal.SIGTERM)
            time.sleep(0.3)
        _, rest = self.process.communicate(timeout=30)
        took_s = time.monotonic() - began_s
        self.lines += [json.loads(line) for line in rest.splitlines()]
        return took_s

    def leaves_all_in_order(self) -> bool:
        """Exit code 0, the lease free, and the job as it was."""
        assert self.process is not None
        with FileLock(self.folder / "state" / "scheduler.lock", timeout=0):
            pass
        with open_store(StateFolder(self.folder / "state")).reading() as tx:
            [segment] = tx.open_segments()
            return (self.process.returncode, tx.job("j1").state, segment.phase, segment.stop_asked_at) == (
                0, JobState.RUNNING, "granted", None,
            )  # fmt: skip


@pytest.fixture
def mute() -> Iterator[Mute]:
    """A cluster that hangs."""
    with Mute() as server:
        yield server


@pytest.fixture
def scheduler(tmp_path: Path, mute: Mute) -> Iterator[Scheduler]:
    """One on the cluster that hangs; killed where a test left it."""
    made = Scheduler(tmp_path, mute.port)
    yield made
    if made.process is not None and made.process.poll() is None:
        made.process.kill()
        made.process.communicate()


@pytest.mark.slow
def test_a_cluster_that_hangs_holds_up_no_end(scheduler: Scheduler, mute: Mute) -> None:
    """Its answer would be waited for longer than ten seconds; the process ends before, and the job goes on."""
    scheduler.start()
    assert mute.asked.wait(20)
    assert scheduler.end() < IN_TIME_S
    assert scheduler.leaves_all_in_order()


def test_a_second_signal_ends_it_at_once(scheduler: Scheduler, mute: Mute) -> None:
    """Ctrl-C twice is what people do."""
    scheduler.start()
    assert mute.asked.wait(20)
    assert scheduler.end(signals=2) < 4
    assert scheduler.leaves_all_in_order()


def test_health_for_other_machines_is_refused_before_anything_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Also in the background, where nobody would read the refusal."""
    monkeypatch.setenv("CARBONSCHED_STATE_DIR", str(tmp_path / "state"))
    for words in ([], ["--background"]):
        assert 2 == main.run(["serve", *words, "--http", "0.0.0.0:8764"])
        assert "add --insecure" in capsys.readouterr().err
    assert not (tmp_path / "state").exists()


def test_a_sound_scheduler_answers_and_ends_after_its_step(scheduler: Scheduler, mute: Mute) -> None:
    """Health names the silent cluster; the log has the wait as an event, and its own end."""
    with socket.create_server(("127.0.0.1", 0)) as closed:
        scheduler.port = closed.getsockname()[1]
    port = scheduler.start()
    end_s = time.monotonic() + 20
    answer: dict[str, object] = {}
    while not answer.get("pass_at"):
        assert time.monotonic() < end_s
        time.sleep(0.1)
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=5) as reply:
            answer = json.load(reply)
    assert 1 == answer["open_jobs"]
    assert "no connection" in str(answer["clusters"])
    assert scheduler.end() < IN_TIME_S
    assert scheduler.leaves_all_in_order()
    assert ("j1", "waits", "warning") in [(line["job"], line["event"], line["level"]) for line in scheduler.lines]
    assert "scheduler ended; running jobs go on" == scheduler.lines[-1]["text"]
