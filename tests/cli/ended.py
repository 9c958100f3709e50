"""A job that has ended on a real cluster, with its evidence, put into the store of the settings in force."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from cli import wiring
from tests.records.agent_files import outcome
from tests.records.cases import T0, at, document, make_cluster, make_job, make_row, make_segment


def add_ended(folder: Path, job_id: str = "h7k2wxyz", **said: object) -> None:
    """A job of two hours in France at 300 g/kWh.

    Args:
        folder: where its table of intensities is to lie.
        job_id: of the job; said: keys of its file.
    """
    rows = "".join(f"2024-03-{5 + hour // 24:02}T{hour % 24:02}:00:00Z,300\n" for hour in range(48))
    table = folder / "observed.csv"
    table.write_text("utc,FR\n" + rows)
    france, sid = make_cluster(), f"cs-{job_id}-s1-a1"
    row = make_row(make_job(**said), job_id=job_id)
    row = replace(row, intensity={"source": "csv-file", "path": str(table)})
    with wiring.store().writing() as tx:
        tx.add_job(row)
        plan_id = tx.add_plan(job_id, T0, document([france], [("france", 0, 2)], total_kg=0.5))
        tx.add_segment(make_segment(job_id=job_id, plan_id=plan_id, sid=sid))
    times = {"started_unix": at(0).timestamp(), "ended_unix": at(2).timestamp(), "duration_s": 7200.0}
    raw = outcome(sid=sid, **times, exit_code=0, reason="exited", stop_received_unix=None)
    wiring.evidence().keep_outcome(job_id, sid, raw)
