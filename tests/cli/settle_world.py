"""A world for settling: a clock that tests move, a provider that revises its past, and jobs on two clusters."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit

import pytest

from cli import main, wiring
from scheduler.domain.cluster import Cluster
from scheduler.domain.instant import parse_instant
from scheduler.execution.clock import SystemClock
from scheduler.records.rows import JobState
from tests.records.agent_files import outcome
from tests.records.cases import T0, at, document, make_cluster, make_job, make_row, make_segment

FRANCE, QUEBEC = make_cluster(), make_cluster("quebec", "CA-QC")
LAB = make_cluster("lab", "FR", simulated=True)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
STAMP = "%Y-%m-%dT%H:%M:%S.000Z"
NO_RETRY = 418
"""A status at which nobody tries again, so that a test need not wait."""


class Revising(BaseHTTPRequestHandler):
    """A provider of the kind of Electricity Maps whose past may be revised; the tests say how."""

    says: ClassVar[Callable[[str, datetime], float]] = staticmethod(lambda _zone, _start: 50.0)
    asked: ClassVar[list[tuple[str, datetime, datetime]]] = []
    down: ClassVar[set[str]] = set()
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Answer a question about the past of a zone."""
        url = urlsplit(self.path)
        given = {name: values[0] for name, values in parse_qs(url.query).items()}
        zone = given.get("zone", "")
        if zone in self.down or not url.path.endswith("past-range"):
            self._put(NO_RETRY, {"error": "no service"})
            return
        start, end = parse_instant(given["start"]), parse_instant(given["end"])
        type(self).asked.append((zone, start, end))
        rows = [
            {
                "zone": zone, "carbonIntensity": type(self).says(zone, start + hour * HOUR),
                "datetime": f"{start + hour * HOUR:{STAMP}}", "updatedAt": f"{end:{STAMP}}",
                "createdAt": f"{end:{STAMP}}", "emissionFactorType": "lifecycle", "isEstimated": False,
                "estimationMethod": None, "temporalGranularity": "hourly", "flowTraced": True,
            }
            for hour in range((end - start) // HOUR)
        ]  # fmt: skip
        self._put(200, {"zone": zone, "data": rows, "temporalGranularity": "hourly"})

    def _put(self, status: int, answer: object) -> None:
        """Put an answer on the wire."""
        body = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Be quiet."""


class Moment:
    """The time, which tests move."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.now = at(24)
        patch.setattr(SystemClock, "now", lambda _: self.now)

    def day(self, days: float) -> None:
        """So many days after the jobs began; a new process looks at the world."""
        self.now = T0 + days * DAY
        anew()


def anew() -> None:
    """What a process remembers is forgotten, its pauses among it."""
    wiring._keeper.cache_clear()
    wiring._shared_grid.cache_clear()


@pytest.fixture
def moment(monkeypatch: pytest.MonkeyPatch) -> Iterator[Moment]:
    """A day after the jobs began."""
    yield Moment(monkeypatch)
    anew()


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a state of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CARBONSCHED_STATE_DIR", str(tmp_path / "state"))
    return tmp_path


@pytest.fixture
def maps(place: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Revising]]:
    """The provider, up: 50 g/kWh everywhere."""
    Revising.says = staticmethod(lambda _zone, _start: 50.0)
    Revising.asked, Revising.down = [], set()
    with ThreadingHTTPServer(("127.0.0.1", 0), Revising) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        address = f"electricity-maps.base_url = http://127.0.0.1:{server.server_port}/v4"
        monkeypatch.setenv("CARBONSCHED_SOURCE_OPTIONS", address)
        monkeypatch.setenv("ELECTRICITY_MAPS_TOKEN", "a-token")
        yield Revising
        server.shutdown()


def table(place: Path, france: float, quebec: float = 30.0, *, name: str = "table.csv", days: int = 3) -> None:
    """A table of some days at flat figures. [g/kWh]"""
    rows = [f"{T0 + hour * HOUR:%Y-%m-%dT%H:%M:%SZ},{france},{quebec}" for hour in range(24 * days)]
    (place / name).write_text("\n".join(["utc,FR,CA-QC", *rows]) + "\n")


def add(
    job_id: str,
    cluster: Cluster,
    start_h: float,
    end_h: float,
    source: dict[str, str],
    *,
    project: str = "",
    state: JobState = JobState.SUCCEEDED,
) -> None:
    """Store a job of 8 GPUs, submitted at its start, that ran on a cluster, and the evidence of it."""
    job = make_job(name=f"job-{job_id}", project=project)
    row = make_row(job, home=FRANCE.name, submitted_h=start_h, job_id=job_id)
    row = replace(row, state=state, intensity=source, finished_at=at(end_h))
    sid = f"cs-{job_id}-s1-a1"
    with wiring.store().writing() as tx:
        tx.add_job(row)
        plan_id = tx.add_plan(
            job_id, T0, document([FRANCE, QUEBEC, LAB], [(cluster.name, start_h, end_h)], total_kg=0.5)
        )
        tx.add_segment(
            make_segment(
                job_id=job_id, plan_id=plan_id, sid=sid, cluster=cluster.name, planned_end=at(end_h),
                intended_at=at(start_h), granted_at=at(start_h), seen_at=None, released_at=at(end_h),
            )
        )  # fmt: skip
    raw = outcome(
        sid=sid, started_unix=at(start_h).timestamp(), ended_unix=at(end_h).timestamp(),
        duration_s=3600 * (end_h - start_h), exit_code=0, reason="exited", stop_received_unix=None,
    )  # fmt: skip
    wiring.evidence().keep_outcome(job_id, sid, raw)


def csv(place: Path, name: str = "table.csv") -> dict[str, str]:
    """The reference of a job that was planned on a table."""
    return {"source": "csv-file", "path": str(place / name)}


PROVIDER = {"sources": "electricity-maps"}
"""The reference of a job that was planned on the provider."""


def call(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    """Exit code, stdout and stderr of a command."""
    code = main.run(list(words))
    out, err = capsys.readouterr()
    return code, out, err


def read(capsys: pytest.CaptureFixture[str], *words: str, code: int = 0) -> dict[str, Any]:
    """The JSON of a command that ends with a code."""
    found, out, err = call(capsys, *words, "--json")
    assert code == found, err
    found_out: dict[str, Any] = json.loads(out)
    return found_out
