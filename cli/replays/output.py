"""What a replay comes to, as JSON for machines and as a table for people."""

from __future__ import annotations

import importlib.util
import json
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from cli.console import SCHEMA, table
from cli.replays.case import Asked, Case
from cli.replays.figures import as_json
from scheduler.domain.errors import CarbonschedError, InvalidInput
from scheduler.domain.instant import format_instant
from scheduler.reporting.simulation_figures import SettingFigures
from scheduler.simulation.results import Comparison, Outcome

_LISTED: Final = 10
_COLUMNS: Final[tuple[tuple[str, str, str], ...]] = (
    ("policy", "policy", "{}"),
    ("kg CO2e", "", ""),
    ("saved", "saving_pct", "{:.1f} %"),
    ("operational", "saving_operational_pct", "{:.1f} %"),
    ("kept", "kept_pct", "{:.0f} %"),
    ("wait h", "mean_wait_h", "{:.2f}"),
    ("cost", "cost", "{:,.0f}"),
    ("completed", "completed", "{:,}"),
    ("missed", "missed_deadlines", "{:,}"),
    ("late at admission", "late_at_admission", "{:,}"),
    ("suspends", "suspends", "{:,}"),
    ("utilised", "utilisation_pct", "{:.1f} %"),
    ("solves", "solves", "{:,}"),
)
_DIGITS: Final = 4
"""Of the greatest mass of a column; the others have as many decimals."""


def as_document(
    made: Comparison,
    asked: Sequence[str],
    beside: Sequence[str],
    *,
    case: Case,
    figures: SettingFigures,
    asked_for: Asked,
) -> dict[str, object]:
    """The contract with machines, the policies in the order asked for, and those that are only beside.

    Args:
        made: how the policies compare; figures: what else is known of each.
        asked, beside: the policies' names.
        case: what was replayed; asked_for: the options that say it.
    """
    requests, left = case.requests, case.left
    counts: Counter[str] = Counter(each.why for each in left)
    grid = case.world.table
    first = min(request.submitted for request in requests)
    outcomes = {outcome.policy: outcome for outcome in made.outcomes}
    more = {each.name: as_json(each) for each in figures.policies}
    told = {
        name: {**_policy(outcomes[name], len(requests) + len(left), counts), **more[name]} for name in (*asked, *beside)
    }
    return {
        "policies": [told[name] for name in asked],
        "beside": [{key: value for key, value in told[name].items() if key != "wall_s"} for name in beside],
        "bound_kg": figures.bound_kg,
        "queue_at": [format_instant(moment) for moment in figures.moments],
        "window": {
            "start": format_instant(first),
            "end": None if made.last_us is None else format_instant(grid.moment(made.last_us)),
        },
        "basis": str(grid.basis),
        "baseline": "run-now",
        "compared": made.compared,
        "not_compared": len(requests) - made.compared,
        "forecasts": case.told.name,
        "replan": asked_for.replan,
        "together": asked_for.together,
        "horizon": asked_for.horizon or None,
        "duration_error": asked_for.duration_error,
        "failures": asked_for.failures,
        "gpu_w_cdf": asked_for.gpu_w_cdf or None,
        "seed": asked_for.seed,
        "clusters": [
            {"cluster": c.name, "zone": c.zone, "gpus": c.gpus, "simulated": c.simulated} for c in case.world.clusters
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
    lines = [_table(document), ""]
    lines.append(
        f"{_jobs(document['compared'])} compared, which every policy had through inside the table; forecasts: "
        f"{document['forecasts']}; intensities: {document['basis']}"
    )
    if failed := policies[0]["failed"]:
        lines.append(f"{_jobs(failed)} of them ended before being done")
    lines.append(
        f"no placement of them that keeps every deadline emits less than {document['bound_kg']:,.4g} kg CO2e; all of "
        "this is modelled"
    )
    if document["not_compared"]:
        lines.append(
            f"{_jobs(document['not_compared'])} replayed and in no sum: under some policy through behind the end of "
            "the table, or in hours without an intensity"
        )
    if left:
        counts = Counter(each["why"].replace("_", " ") for each in left)
        said = ", ".join(f"{count:,} {why}" for why, count in sorted(counts.items()))
        lines.append(f"{_jobs(len(left))} left out for every policy: {said}")
        lines += [f"  {each['job_id']}: {each['reason']}" for each in left[:_LISTED]]
        lines += [f"  and {len(left) - _LISTED:,} more: --json lists them all"] if len(left) > _LISTED else []
    return "\n".join(lines)


def form_of(path: Path | None) -> str:
    """The form that a file is written in, by its ending: html, parquet, else json.

    Raises:
        CarbonschedError: it cannot be written, or what draws or packs it is not installed, which is said before
            anything is replayed.
    """
    if path is not None and (path.is_dir() or not path.parent.is_dir()):
        raise InvalidInput(f"{path} cannot be written: it is a folder, or in none", hint="choose another file")
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
        "too_long": left["too_long"],
        "not_over": left["not_over"],
        "never_ran": left["never_ran"],
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


def _table(document: Mapping[str, object]) -> str:
    """A row a policy, what is only beside marked, without the columns that hold nothing."""
    asked, beside = document["policies"], document["beside"]
    assert isinstance(asked, list)  # noqa: S101  # made above
    assert isinstance(beside, list)  # noqa: S101  # the same
    policies = [*asked, *({**one, "policy": f"{one['policy']} (beside)"} for one in beside)]
    columns = [each for each in _COLUMNS if each[1] != "cost" or any(one["cost"] is not None for one in policies)]
    masses = [one["emissions_kg"]["total"] for one in policies]
    whole = math.floor(math.log10(max(masses))) + 1 if max(masses) > 0 else 1
    kg = f"{{:,.{max(_DIGITS - whole, 0)}f}}"
    rows = [
        [kg.format(mass) if not key else _cell(one, key, form) for _, key, form in columns]
        for one, mass in zip(policies, masses, strict=True)
    ]
    return table([title for title, _, _ in columns], rows)


def _cell(one: Mapping[str, object], key: str, form: str) -> str:
    """A figure of a policy as text."""
    value = one[key]
    if isinstance(value, float) and not round(value, 1):
        value = abs(value)  # no -0.0
    return "-" if value is None else form.format(value)


def _jobs(count: object) -> str:
    """So many jobs."""
    return "1 job" if count == 1 else f"{count:,} jobs"
