"""What a report of measured jobs costs: the store, the evidence, accounts at three levels, the difference, the JSON.

Jobs of one GPU and twelve hours with a reading every 30 s, over one month. The store is made of one job that was
really submitted, so the plans in it are as large as plans are; jobs that began together share a file of samples, so
that what is timed is ours and not a disk.
"""

from __future__ import annotations

import json
import os
import resource
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from cli import accounting, main, schema, wiring  # noqa: E402  # the path comes first
from cli.closing import closings_of  # noqa: E402  # the same
from scheduler.domain.instant import format_instant  # noqa: E402  # the same
from scheduler.domain.job import Job  # noqa: E402  # the same
from scheduler.records.counterfactual import register  # noqa: E402  # the same
from scheduler.records.evidence import outcome_name, samples_name  # noqa: E402  # the same
from scheduler.reporting.as_json import report_json  # noqa: E402  # the same
from scheduler.reporting.period_report import period_report  # noqa: E402  # the same

SIZES = (1_000, 3_000, 10_000)
FIRST = datetime(2026, 3, 1, tzinfo=UTC)
WAVES = 60
"""Jobs begin every twelve hours of one month."""
HOURS = 12
EVERY_S = 30
CLUSTER = """version: 1
name: {name}
zone: {zone}
gpus: 512
source: invented
gpu: {{model: A100, tdp_w: 400, idle_w: 63, embodied_kg: 150}}
node: {{gpus: 8, host_w: 1600, idle_w: 1000, embodied_kg: 2500}}
pue: 1.2
"""
JOB = """name: bench
entrypoint: python train.py
gpus: 1
duration: 12h
deadline: 36h
home: france
interruptible: {checkpoint: 1m, restart: 2m}
"""


def make(folder: Path, jobs: int) -> None:
    """A state folder with so many jobs that ran, and the table and clusters that they were planned on."""
    state = folder / "state"
    os.environ.update(CARBONSCHED_STATE_DIR=str(state), CARBONSCHED_CLUSTERS=str(folder / "clusters"))
    os.environ["XDG_CONFIG_HOME"] = str(folder)
    os.chdir(folder)
    (folder / "clusters").mkdir()
    for name, zone in (("france", "FR"), ("quebec", "CA-QC"), ("ontario", "CA-ON"), ("germany", "DE")):
        (folder / "clusters" / f"{name}.yaml").write_text(CLUSTER.format(name=name, zone=zone))
    (folder / "job.yaml").write_text(JOB)
    (folder / "table.csv").write_text("\n".join(["utc,FR,CA-QC,CA-ON,DE", *table_rows()]) + "\n")
    with open(os.devnull, "w") as quiet:  # noqa: PTH123  # as the standard stream that it stands in for
        out, sys.stdout = sys.stdout, quiet
        try:
            code = main.run(["submit", "job.yaml", "--no-serve", "--intensity-table", "table.csv"])
        finally:
            sys.stdout = out
    assert code == 0, code  # noqa: S101  # a script of ours
    evidence = wiring.state_folder().all_evidence
    waves = [wave_file(folder, wave) for wave in range(WAVES)]
    clone(state / "carbonsched.db", jobs)
    for n in range(jobs):
        place, sid = evidence / f"job{n:05}", f"cs-job{n:05}-s1-a1"
        place.mkdir(parents=True)
        os.link(waves[n % WAVES], place / samples_name(sid))
        (place / outcome_name(sid)).write_bytes(outcome(sid, began(n)))


def began(n: int) -> datetime:
    """When a job began."""
    return FIRST + timedelta(hours=HOURS * (n % WAVES))


def table_rows() -> Iterator[str]:
    """Hourly intensities from before the jobs until after now."""
    now = datetime.now(UTC)
    hours = int((now - FIRST) / timedelta(hours=1)) + 24 * 60
    for hour in range(-24, hours):
        at = format_instant(FIRST + timedelta(hours=hour))
        yield f"{at},{50 + hour % 24},{30 + hour % 7},{80 + 2 * (hour % 24)},{300 + 5 * (hour % 24)}"


def wave_file(folder: Path, wave: int) -> Path:
    """The samples of the jobs of one start: 300 W by the counter."""
    start_s, uuid = began(wave).timestamp(), "GPU-5f1c2d3e-0000-4000-8000-0123456789ab"
    lines = []
    for n in range(HOURS * 3600 // EVERY_S + 1):
        at_s = n * EVERY_S
        joules = 300.0 * at_s + 3.5 * (n % 17)
        reading = {
            "node": "a" * 56,
            "uuid": uuid,
            "j": joules,
            "p_j": joules * 1.01,
            "w": 301.5,
            "mode": "counter",
            "flag": "",
        }
        line = {"v": 1, "n": n, "t_unix": start_s + at_s, "mono_s": float(at_s), "progress": None, "saved_unix": None,
                "energy_j": joules, "energy_source": "nvml_counter", "gpus": [reading]}  # fmt: skip
        lines.append(json.dumps(line))
    path = folder / f"wave{wave}.jsonl"
    path.write_text("\n".join(lines) + "\n")
    return path


def outcome(sid: str, start: datetime) -> bytes:
    """That a training ran for its twelve hours."""
    start_s = start.timestamp()
    return json.dumps(
        {
            "v": 1, "sid": sid, "fence": 1, "started_unix": start_s, "ended_unix": start_s + 3600 * HOURS,
            "duration_s": 3600.0 * HOURS, "exit_code": 0, "reason": "exited", "stop_received_unix": None,
            "progress_before": 0.0, "progress": 1.0, "samples": 1441, "energy_j": 300.0 * 3600 * HOURS,
            "energy_source": "nvml_counter", "error": "",
        }
    ).encode()  # fmt: skip


def clone(database: Path, jobs: int) -> None:
    """The one job of a store as so many jobs that ran, a part of them away from home."""
    db = sqlite3.connect(database)
    db.row_factory = sqlite3.Row
    job, plan = (dict(db.execute(f"SELECT * FROM {table}").fetchone()) for table in ("job", "plan"))  # noqa: S608  # two tables of ours
    for table in ("event", "plan", "job"):
        db.execute(f"DELETE FROM {table}")  # noqa: S608  # the same
    spec, document = Job.model_validate_json(job["spec"]), json.loads(plan["document"])
    for n in range(jobs):
        start, end = began(n), began(n) + timedelta(hours=HOURS)
        where = ("quebec", "france", "ontario")[n % 3]
        job_id = f"job{n:05}"
        job |= {
            "id": job_id, "key": None, "state": "succeeded", "progress": 1.0, "submitted_at": format_instant(start),
            "deadline_at": format_instant(end + timedelta(hours=24)), "finished_at": format_instant(end),
            "counterfactual": json.dumps(register(spec, "france", start, start)),
        }  # fmt: skip
        document["placement"] = [
            {**document["placement"][0], "cluster": where, "start": format_instant(start), "end": format_instant(end)}
        ]
        plan |= {"id": n + 1, "job_id": job_id, "made_at": format_instant(start), "document": json.dumps(document)}
        segment = {
            "fence": n + 1, "job_id": job_id, "plan_id": n + 1, "n": 1, "attempt": 1, "sid": f"cs-{job_id}-s1-a1",
            "cluster": where, "gpus": 1, "planned_end": format_instant(end), "is_last": True, "phase": "over",
            "intended_at": format_instant(start), "granted_at": format_instant(start),
            "seen_at": format_instant(end), "released_at": format_instant(end), "node_id": f"node{n % 200}",
            "session": "s", "end": "finished",
        }  # fmt: skip
        for table, row in (("job", job), ("plan", plan), ("segment", segment)):
            marks = ", ".join("?" * len(row))
            names = ", ".join(f'"{name}"' for name in row)
            db.execute(f"INSERT INTO {table} ({names}) VALUES ({marks})", list(row.values()))  # noqa: S608  # the same
    db.commit()
    db.close()


def report() -> tuple[float, float, int]:
    """Seconds that a whole report takes, of a processor and by the clock, and how large its JSON is. [s], [bytes]"""
    started, worked = time.perf_counter(), time.process_time()
    books = accounting.open_books(wiring.store())
    as_of = books.freshened(books.histories)
    with accounting.uncollected():
        jobs = [books.report(job_id, as_of) for job_id in books.histories]
    made = period_report(
        jobs,
        since=None,
        until=None,
        made_at=wiring.now(),
        version=schema.VERSION,
        closings=closings_of(books, jobs, as_of, None, None),
    )
    text = json.dumps(report_json(made), ensure_ascii=False, allow_nan=False)
    return time.process_time() - worked, time.perf_counter() - started, len(text)


def one(jobs: int) -> None:
    """One size, in a process of its own so that its memory is its own."""
    with tempfile.TemporaryDirectory(prefix="bench-report-", dir=os.environ.get("BENCH_DIR")) as folder:
        started = time.perf_counter()
        make(Path(folder), jobs)
        made_s = time.perf_counter() - started
        worked_s, took_s, size = report()
        peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(
            f"{jobs:6} jobs, {jobs * HOURS * 3600 // EVERY_S / 1e6:5.2f} M samples: {took_s:6.2f} s, "
            f"{1000 * worked_s / jobs:5.2f} ms of a processor a job, peak {peak_mb:5.0f} MB, JSON {size / 1e6:5.1f} MB "
            f"(made in {made_s:.0f} s)",
            flush=True,
        )
        os.chdir(ROOT)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        one(int(sys.argv[1]))
    else:
        for jobs in SIZES:
            subprocess.run([sys.executable, __file__, str(jobs)], check=True)
