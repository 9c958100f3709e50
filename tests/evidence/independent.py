"""The footprint of a bundle's jobs counted once more, by the standard library alone: nothing of carbonsched is used.

Counted are all lines of what ran (docs/evidence.md says what a bundle holds, docs/accounts.md what an account is)
and the central figure of the difference from home, for jobs of one attempt that paused nowhere and copied no data.
"""

from __future__ import annotations

import hashlib
import json
import sys
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from statistics import median
from typing import Any

Line = dict[str, Any]
HOUR = 3600.0
DEFAULTS: Line = {"lifetime_years": 6, "lifetime_use": 0.85, "pue": 1.5}  # of a cluster that does not say (its schema)


def when(text: str) -> float:
    """Seconds since 1970 of an ISO text."""
    return datetime.fromisoformat(text).timestamp()


def figure(value: object) -> float:
    """A figure, or the middle one of three."""
    return float(str(value["central"] if isinstance(value, dict) else value))


def percentile(values: list[float], share: float) -> float:
    """A percentile, between two values by their distance."""
    ranked = sorted(values)
    at = (len(ranked) - 1) * share / 100
    low = int(at)
    return ranked[low] + (ranked[min(low + 1, len(ranked) - 1)] - ranked[low]) * (at - low)


def slots(standing: Line, start: float, end: float, share: float) -> Iterator[tuple[float, float, float]]:
    """The parts of a stretch that have one intensity: start, end, g/kWh; a gap at a percentile of its month."""
    first, step, values = when(standing["start"]), standing["step_us"] / 1e6, standing["g_per_kwh"]
    months = [datetime.fromtimestamp(first + n * step, UTC).strftime("%Y-%m") for n in range(len(values))]
    at = start
    while at < end:
        n = int((at - first) // step)
        day = datetime.fromtimestamp(at, UTC)
        turn = (day.replace(day=1, hour=0, minute=0, second=0, microsecond=0) + timedelta(days=32)).replace(day=1)
        inside = 0 <= n < len(values)
        upto = min(end, first + (n + 1) * step if inside else max(first, turn.timestamp()) if at >= first else first)
        if inside and values[n] is not None:
            yield at, upto, values[n]
        else:
            same = [v for v, month in zip(values, months, strict=True) if v is not None and month == f"{day:%Y-%m}"]
            yield at, upto, percentile(same or [v for v in values if v is not None], share)
        at = upto


class Meter:
    """What the GPUs' counters say, cumulative."""

    def __init__(self, text: str, gpus: int) -> None:
        lines = [line for line in map(json.loads, text.splitlines()) if line.get("gpus")]
        zero = median(line["t_unix"] - line["mono_s"] for line in lines)
        self.at = [zero + line["mono_s"] for line in lines]
        self.kwh = [sum(gpu["j"] for gpu in line["gpus"]) / 3.6e6 for line in lines]
        self.share = len(lines[0]["gpus"]) / gpus

    def between(self, start: float, end: float) -> tuple[float, float]:
        """Energy [kWh], and hours times the share of the GPUs that were metered."""
        seen = max(0.0, min(end, self.at[-1]) - max(start, self.at[0]))
        return self._upto(end) - self._upto(start), seen / HOUR * self.share

    def _upto(self, at: float) -> float:
        """Energy up to an instant. [kWh]"""
        n = min(max(bisect_right(self.at, at), 1), len(self.at) - 1)
        share = min(max((at - self.at[n - 1]) / (self.at[n] - self.at[n - 1]), 0.0), 1.0)
        return float(self.kwh[n - 1] + (self.kwh[n] - self.kwh[n - 1]) * share)


def stretch(
    job: Line, cluster: Line, standing: Line, ends: tuple[float, float], *, running: bool, share: float,
    meter: Meter | None, shift: float = 0.0,
) -> dict[str, float]:  # fmt: skip
    """The lines of GPUs from start to end [kg]; the meter's readings count `shift` seconds later."""
    cluster, (start, end) = DEFAULTS | cluster, ends
    gpu, node, gpus = cluster["gpu"], cluster["node"], job["gpus"]
    idle_w, tdp_w = figure(gpu["idle_w"]), figure(gpu["tdp_w"])
    host_w = (figure(node["host_w"]) - figure(node["idle_w"])) / node["gpus"]
    node_idle_w, pue = figure(node["idle_w"]) / node["gpus"], figure(cluster["pue"])
    dynamic = idle = 0.0
    for first, last, g_per_kwh in slots(standing, start, end, share):
        hours = (last - first) / HOUR
        above_kwh = gpus * hours * ((tdp_w - idle_w) if running else 0.0) / 1000
        if meter is not None:
            read_kwh, seen_h = meter.between(first - shift, last - shift)
            missing_w = tdp_w if running else idle_w
            above_kwh = read_kwh + max(hours - seen_h, 0.0) * gpus * missing_w / 1000 - gpus * hours * idle_w / 1000
        dynamic += (above_kwh + (gpus * hours * host_w / 1000 if running else 0.0)) * g_per_kwh / 1000
        idle += gpus * hours * (idle_w + node_idle_w) / 1000 * g_per_kwh / 1000
    made_kg = figure(gpu["embodied_kg"]) + figure(node["embodied_kg"]) / node["gpus"]
    life_h = figure(cluster["lifetime_years"]) * 8760 * figure(cluster["lifetime_use"])
    lines = {"embodied": made_kg / life_h * gpus * (end - start) / HOUR}
    if not running:
        return lines | {"overhead": (dynamic + idle) * pue}
    return lines | {"dynamic": dynamic, "idle_running": idle, "facility": (dynamic + idle) * (pue - 1)}


def count(bundle: Iterable[str]) -> dict[str, tuple[dict[str, float], float]]:
    """By job: its lines [kg], and how much less its dynamic energy emitted than at home [kg]."""
    lines = [json.loads(line) for line in bundle]
    standings: dict[str, Line] = {}
    for line in lines:
        if line["record"] in ("standing", "read"):
            text = json.dumps(line, sort_keys=True, separators=(",", ":"))
            standings[hashlib.sha256(text.encode()).hexdigest()] = line
    found = {}
    for row in (line for line in lines if line["record"] == "job"):
        own = [line for line in lines if line.get("job_id") == row["id"]]
        (segment,) = (line for line in own if line["record"] == "segment")
        found[row["id"]] = job_of(row, segment, own, standings, when(lines[0]["made_at"]))
    return found


def job_of(
    row: Line, segment: Line, own: list[Line], standings: dict[str, Line], now: float
) -> tuple[dict[str, float], float]:
    """The same of one job."""
    job, clusters = row["job"], next(line for line in own if line["record"] == "plan")["document"]["clusters"]
    zones = standings[next(line for line in own if line["record"] == "exposed")["reads"][0]]["zones"]
    texts = {line["name"].split(".")[-2]: line["text"] for line in own if line["record"] == "evidence"}
    granted, released = when(segment["granted_at"]), when(segment["released_at"]) if segment["released_at"] else now
    if "outcome" in texts:
        outcome = json.loads(texts["outcome"])
        length = outcome["duration_s"]
        begun = max(granted, min(outcome["started_unix"], released - length))
        ended = begun + length
    elif "samples" not in texts:
        begun, ended = granted, released  # nothing says when it ran: all that was reserved counts as running
    else:
        begun, ended = max(granted, json.loads(texts["samples"].splitlines()[0])["t_unix"]), released
    meter = Meter(texts["samples"], job["gpus"]) if '"gpus":[{' in texts.get("samples", "") else None
    cluster, home = clusters[segment["cluster"]], clusters[row["counterfactual"]["home"]]
    total = dict.fromkeys(("dynamic", "idle_running", "facility", "overhead", "embodied"), 0.0)
    for start, end, running in ((granted, begun, False), (begun, ended, True), (ended, released, False)):
        if end > start:
            there = standings[zones[cluster["zone"]]]
            part = stretch(job, cluster, there, (start, end), running=running, share=95, meter=meter)
            total = {line: kg + part.get(line, 0.0) for line, kg in total.items()}
    start = when(row["counterfactual"]["not_before"]) + begun - granted  # home had room for all of them
    there = standings[zones[home["zone"]]]
    laid = start, start + ended - begun
    at_home = stretch(job, home, there, laid, running=True, share=5, meter=meter, shift=start - begun)
    less = at_home["dynamic"] * figure(home.get("pue", 1.5)) - total["dynamic"] * figure(cluster.get("pue", 1.5))
    return total | {"total": sum(total.values())}, less


if __name__ == "__main__":
    with open(sys.argv[1], encoding="ascii") as stream:  # noqa: PTH123  # as short as it can be
        sys.stdout.write(json.dumps(count(stream), indent=2))
