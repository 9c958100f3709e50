"""What a replay comes to, as JSON for machines and as a table for people."""

from __future__ import annotations

import importlib.util
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from cli.console import SCHEMA, table
from cli.simulate_case import Asked
from scheduler.domain.errors import CarbonschedError, InvalidInput
from scheduler.domain.instant import format_instant
from scheduler.simulation.request import Request
from scheduler.simulation.results import Comparison, Outcome
from scheduler.simulation.screening import LeftOut
from scheduler.simulation.world import World

_LISTED: Final = 10
_COLUMNS: Final = (
    ("policy", "policy", "{}"),
    ("kg CO2e", "", "{:,.1f}"),
    ("saved", "saving_pct", "{:.1f} %"),
    ("operational", "saving_operational_pct", "{:.1f} %"),
    ("kept", "kept_pct", "{:.0f} %"),
    ("wait h", "mean_wait_h", "{:.2f}"),
    ("completed", "completed", "{:,}"),
    ("missed", "missed_deadlines", "{:,}"),
    ("late at admission", "late_at_admission", "{:,}"),
    ("suspends", "suspends", "{:,}"),
    ("solves", "solves", "{:,}"),
)


def as_document(
    made: Comparison,
    asked: Sequence[str],
    *,
    world: World,
    requests: Sequence[Request],
    left: Sequence[LeftOut],
    forecasts: str,
    asked_for: Asked,
) -> dict[str, object]:
    """The contract with machines, the policies in the order asked for."""
    counts: Counter[str] = Counter(each.why for each in left)
    by_name = {outcome.policy: outcome for outcome in made.outcomes}
    first = min(request.submitted for request in requests)
    grid = world.table
    return {
        "policies": [_policy(by_name[name], len(requests) + len(left), counts) for name in asked],
        "window": {
            "start": format_instant(first),
            "end": None if made.last_us is None else format_instant(grid.moment(made.last_us)),
        },
        "basis": str(grid.basis),
        "baseline": "run-now",
        "compared": made.compared,
        "forecasts": forecasts,
        "replan": asked_for.replan,
        "horizon": asked_for.horizon or None,
        "duration_error": asked_for.duration_error,
        "failures": asked_for.failures,
        "gpu_w_cdf": asked_for.gpu_w_cdf or None,
        "seed": asked_for.seed,
        "clusters": [
            {"cluster": c.name, "zone": c.zone, "gpus": c.gpus, "simulated": c.simulated} for c in world.clusters
        ],
        "left_out": [{"job_id": each.job_id, "why": each.why, "reason": each.reason} for each in left],
    }


def as_text(document: Mapping[str, object]) -> str:
    """A table a setting, each under what it varies."""
    if "sweep" not in document:
        return _one_text(document)
    every = document["sweep"]
    assert isinstance(every, list)  # noqa: S101  # made by the sweep
    parts = [f"{_said(one['setting'])}\n\n{_one_text(one)}" for one in every]
    return "\n\n".join(parts)


def _said(setting: Mapping[str, str]) -> str:
    """What a setting varies."""
    return ", ".join(f"{name} {value}" for name, value in setting.items())


def _one_text(document: Mapping[str, object]) -> str:
    """A row a policy, and the jobs that were left out."""
    policies, left = document["policies"], document["left_out"]
    assert isinstance(policies, list)  # noqa: S101  # made above
    assert isinstance(left, list)  # noqa: S101  # the same
    rows = [[_cell(one, key, form) for _, key, form in _COLUMNS] for one in policies]
    lines = [table([title for title, _, _ in _COLUMNS], rows), ""]
    lines.append(
        f"{document['compared']:,} jobs compared, all of which every policy completed; forecasts: "
        f"{document['forecasts']}; intensities: {document['basis']}"
    )
    if left:
        lines.append(f"{len(left):,} jobs left out for every policy:")
        lines += [f"  {each['job_id']}: {each['reason']}" for each in left[:_LISTED]]
        lines += [f"  and {len(left) - _LISTED:,} more: --json lists them all"] if len(left) > _LISTED else []
    return "\n".join(lines)


def form_of(path: Path | None) -> str:
    """The form that a file is written in, by its ending: html, parquet, else json.

    Raises:
        CarbonschedError: what draws or packs it is not installed, which is said before anything is replayed.
    """
    form = "" if path is None else path.suffix.removeprefix(".").lower()
    needed = {"html": ("jinja2", "vl_convert"), "parquet": ("pandas", "pyarrow")}.get(form, ())
    for name in needed:
        if importlib.util.find_spec(name) is None:
            raise CarbonschedError(
                f"a file {path} needs {name}, which is not here", hint="pip install 'carbonsched[report]'"
            )
    return form if needed else "json"


def document_bytes(document: Mapping[str, object]) -> bytes:
    """The JSON."""
    return (json.dumps({"schema": SCHEMA, **document}, indent=2, allow_nan=False) + "\n").encode()


def parquet_bytes(rows: Sequence[Mapping[str, object]]) -> bytes:
    """A Parquet file of rows that all have the same columns."""
    import io

    import pandas as pd

    out = io.BytesIO()
    frame = pd.DataFrame(list(rows))
    for name in frame.columns:
        if frame[name].isna().all():  # no column of nothing but null, whose type nobody could tell
            frame[name] = frame[name].astype("float64")
    frame.to_parquet(out, engine="pyarrow", index=False)
    return out.getvalue()


def write_whole(path: Path, content: bytes) -> None:
    """Write a file as a whole: a run that is interrupted leaves what was there before."""
    beside = path.with_name(f"{path.name}.part")
    try:
        beside.write_bytes(content)
        beside.replace(path)
    except OSError as exc:
        raise InvalidInput(f"{path} cannot be written: {exc.strerror or exc}", hint="choose another file") from exc


def _policy(outcome: Outcome, jobs: int, left: Mapping[str, int]) -> dict[str, object]:
    """One policy's figures."""
    return {
        "policy": outcome.policy,
        "jobs": jobs,
        "completed": outcome.completed,
        "missed_deadlines": outcome.missed_deadlines,
        "late_at_admission": outcome.late_at_admission,
        "out_of_table": left["out_of_table"],
        "too_wide": left["too_wide"],
        "emissions_kg": outcome.emissions.as_dict(),
        "saving_pct": outcome.saving_pct,
        "saving_operational_pct": outcome.saving_operational_pct,
        "kept_pct": outcome.kept_pct,
        "mean_wait_h": outcome.mean_wait_h,
        "mean_start_delay_h": outcome.mean_start_delay_h,
        "suspends": outcome.suspends,
        "failed": outcome.failed,
        "solves": outcome.solves,
        "gpu_hours": outcome.gpu_hours,
        "wall_s": outcome.wall_s,
    }


def _cell(one: Mapping[str, object], key: str, form: str) -> str:
    """A figure of a policy as text; the total where no key is named."""
    if not key:
        emitted = one["emissions_kg"]
        assert isinstance(emitted, dict)  # noqa: S101  # made above
        return form.format(emitted["total"])
    value = one[key]
    return "-" if value is None else form.format(value)
