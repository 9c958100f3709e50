"""A job as people and machines see it: its state and why, what comes next and when, what it emitted so far."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, cast

from cli import accounting, wiring
from cli.console import say, table
from cli.job_next import next_action, next_text, why
from scheduler.domain.duration import format_duration
from scheduler.domain.errors import CarbonschedError
from scheduler.domain.instant import format_instant, to_the_second
from scheduler.execution.clock import SystemClock
from scheduler.execution.lookout import next_segment
from scheduler.records.gather import JobHistory, gather
from scheduler.records.rows import FINAL, EventRow, JobRow, PlanRow, SegmentRow
from scheduler.records.store import Store
from scheduler.reporting.as_json import job_json
from scheduler.reporting.job_report import JobReport
from scheduler.reporting.numbers import kg_text
from scheduler.reporting.words import traffic_text

_REFRESH: Final = timedelta(seconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class JobView:
    """What is shown of a job.

    Args:
        why: why it is in its state, and what it waits for.
        next_action, next_at: what comes next by the plan, and when.
        report: its account so far; None where it cannot be made, `no_report` says why.
    """

    row: JobRow
    plan: PlanRow
    segments: tuple[SegmentRow, ...]
    history: JobHistory
    why: str
    next_action: str
    next_at: datetime | None
    report: JobReport | None
    no_report: str

    @property
    def last(self) -> SegmentRow | None:
        """The newest segment."""
        return self.segments[-1] if self.segments else None

    @property
    def cluster(self) -> str | None:
        """Where it is, or goes next."""
        if self.last is not None and (self.last.phase != "over" or self.row.state in FINAL):
            return self.last.cluster
        ahead = next_segment(self.plan, self.segments)
        return ahead.cluster if ahead else None


def view(
    store: Store, row: JobRow, now: datetime, *, scheduler_runs: bool, books: accounting.Books | None = None
) -> JobView:
    """Everything there is to see of a job; `books` spares reading the store again for each of many."""
    with store.reading() as tx:
        plan = tx.newest_plans([row.id])[row.id]
        segments = tuple(tx.segments(row.id))
        history = books.histories[row.id] if books else gather(tx, wiring.evidence(), row, now=now)
    action, at = next_action(row, plan, segments)
    waits = why(row, segments, scheduler_runs=scheduler_runs)
    report, problem = None, ""
    try:
        report = books.report(row.id) if books else accounting.one(store, history)
    except CarbonschedError as exc:
        problem = exc.message
    return JobView(
        row=row, plan=plan, segments=segments, history=history, why=waits, next_action=action, next_at=at,
        report=report, no_report=problem,
    )  # fmt: skip


def as_json(shown: JobView) -> dict[str, object]:
    """One entry of `list --json`."""
    row, last, account = shown.row, shown.last, shown.report.account if shown.report else None
    return {
        "job_id": row.id,
        "name": row.job.name,
        "project": row.job.project,
        "state": row.state.value,
        "reason": row.reason,
        "why": shown.why,
        "cluster": shown.cluster,
        "segment": last.n if last else None,
        "attempt": last.attempt if last else None,
        "next": {"action": shown.next_action, "at": format_instant(shown.next_at) if shown.next_at else None},
        "deadline": format_instant(row.deadline_at),
        "progress": shown.history.progress,
        "planned_with": planned_with(shown.plan),
        "late_at_admission": bool(shown.history.planned.document.get("late_at_admission", False)),
        "emissions_kg": account.central.total if account else None,
        "simulated": shown.report.simulated if shown.report else None,
    }


def as_table(views: Sequence[JobView]) -> str:
    """The table of `list`."""
    rows = []
    for shown in views:
        account = shown.report.account if shown.report else None
        at = f" {shown.next_at:%m-%d %H:%M:%S}Z" if shown.next_at else ""
        rows.append(
            (
                shown.row.id,
                shown.row.job.name,
                shown.row.state.value,
                shown.cluster or "-",
                f"{shown.history.progress:.0%}",
                (shown.next_action + at) or "-",
                f"{kg_text(account.central.total)}" if account else "-",
                shown.why,
            )
        )
    return table(("id", "name", "state", "cluster", "done", "next", "kg CO2e", "why"), rows)


def described_json(store: Store, shown: JobView) -> dict[str, object]:
    """`describe --json`: the entry of the list, and all behind it."""
    with store.reading() as tx:
        events = tx.events(shown.row.id)
    return as_json(shown) | {
        "entrypoint": shown.row.job.command,
        "submitted_at": format_instant(shown.row.submitted_at),
        "plan": {name: value for name, value in shown.plan.document.items() if name != "clusters"},
        "report": job_json(shown.report) if shown.report else None,
        "report_reason": shown.no_report or None,
        "events": [{"at": format_instant(e.at), "kind": e.kind, "text": e.text} for e in events],
    }


def described_text(store: Store, shown: JobView, now: datetime) -> str:
    """`describe` for people."""
    row = shown.row
    with store.reading() as tx:
        events = tx.events(row.id)
    account = shown.report.account if shown.report else None
    emitted = f"{kg_text(account.central.total)} kg CO2e, modelled" if account else shown.no_report or "nothing ran"
    facts = [
        ("job", f"{row.id} ({row.job.name})"),
        ("state", row.state.value + (f": {shown.why}" if shown.why else "")),
        ("next", next_text(shown.next_action, shown.next_at, now)),
        ("deadline", to_the_second(row.deadline_at)),
        ("done", f"{shown.history.progress:.1%}"),
        ("command", row.job.command),
        ("emitted", emitted),
        ("home", row.counterfactual["home"]),
    ]
    facts += _how_planned(shown)
    if stored := traffic_text(shown.history.attempts):
        facts.append(("storage", stored))
    parts = ["\n".join(f"{name:9} {text}" for name, text in facts), "plan:\n" + _plan_table(shown.plan)]
    if minded := _minded(shown):
        parts.append("mind:\n" + "\n".join(f"- {note}" for note in minded))
    if shown.segments:
        parts.append("segments:\n" + _segment_table(shown.segments))
    parts.append("events:\n" + _event_table(events))
    return "\n\n".join(parts)


def planned_with(plan: PlanRow) -> int:
    """How many other jobs a plan was made together with; 0 for one made by itself."""
    fleet = cast("dict[str, int] | None", plan.document.get("fleet"))
    return fleet["jobs"] - 1 if fleet else 0


def _how_planned(shown: JobView) -> list[tuple[str, str]]:
    """What the plan was made from beside what the job states."""
    facts = []
    if learnt := [text for text in _warnings(shown.plan) if text.startswith("duration learnt")]:
        facts.append(("duration", learnt[0].removeprefix("duration ")))
    if others := planned_with(shown.plan):
        facts.append(("planned", f"together with {others} other jobs that share its clusters"))
    if shown.history.planned.document.get("late_at_admission"):
        facts.append(("late", "at its submission nothing kept its deadline beside what others held"))
    return facts


def _warnings(plan: PlanRow) -> list[str]:
    """What a plan has to say of itself."""
    return [str(text) for text in cast("list[str]", plan.document.get("warnings", []))]


def _minded(shown: JobView) -> list[str]:
    """Where the intensities of the plan and the account come from, and where it was not moved, each once."""
    told = [*_warnings(shown.plan), *(shown.report.notes if shown.report else ())]
    return [text for text in dict.fromkeys(told) if "intensity of " in text or text.startswith("not moved to ")]


def _plan_table(plan: PlanRow) -> str:
    """The stretches of a plan."""
    rows = [
        (
            s.cluster,
            str(s.gpus),
            to_the_second(s.start),
            to_the_second(s.end),
            format_duration(timedelta(seconds=round((s.end - s.start).total_seconds()))),
        )
        for s in plan.placement.segments
    ]
    return table(("cluster", "GPUs", "start", "end", "length"), rows)


def _segment_table(segments: Sequence[SegmentRow]) -> str:
    """What was launched."""
    rows = [(s.sid, s.cluster, s.phase, s.end.replace("_", " ") or "-", to_the_second(s.intended_at)) for s in segments]
    return table(("submission", "cluster", "phase", "end", "launched"), rows)


def _event_table(events: Sequence[EventRow]) -> str:
    """What happened."""
    return table(("at", "what", ""), [(to_the_second(e.at), e.kind, e.text) for e in events])


@dataclass(slots=True, kw_only=True)
class Ticker:
    """The live view of one job on stderr: a line that is rewritten on a terminal, a new line a change elsewhere."""

    live: bool
    _last: str = ""
    _width: int = 0

    def show(self, store: Store, row: JobRow, now: datetime, *, scheduler_runs: bool) -> None:
        """Show where the job stands: state, progress, intensity now, kilograms so far."""
        if not self.live:
            return
        shown = view(store, row, now, scheduler_runs=scheduler_runs)
        account = shown.report.account if shown.report else None
        steady = (row.state.value, shown.cluster, shown.why)
        line = " | ".join(
            part
            for part in (
                f"{row.state.value}{': ' + shown.why if shown.why else ''}",
                shown.cluster or "",
                f"{shown.history.progress:.0%} done",
                _intensity_now(shown, now),
                f"{kg_text(account.central.total)} kg CO2e so far (modelled)" if account else "",
                f"{shown.next_action} at {shown.next_at:%H:%M:%S}Z" if shown.next_at else shown.next_action,
            )
            if part
        )
        if sys.stderr.isatty():
            sys.stderr.write("\r" + line.ljust(self._width))
            sys.stderr.flush()
            self._width = len(line)
            if row.state in FINAL:
                say("")
        elif repr(steady) != self._last:
            say(f"{now:%H:%M:%S}Z {line}")
        self._last = repr(steady)

    def nap(self, clock: SystemClock) -> None:
        """Wait for the next look."""
        clock.sleep(_REFRESH)


def _intensity_now(shown: JobView, now: datetime) -> str:
    """The intensity where the job is, at this moment."""
    zones: Mapping[str, str] = {
        str(entry["cluster"]): str(entry["zone"])
        for entry in shown.plan.document["placement"]  # type: ignore[attr-defined]  # a list in every plan's document
    }
    zone = zones.get(shown.cluster or "")
    if zone is None:
        return ""
    found = accounting.intensity(shown.row, [zone], now, now + _REFRESH).series.get(zone)
    value = found.at(now) if found else float("nan")
    return f"{zone} {value:.0f} g/kWh" if value == value else f"{zone} intensity unknown"  # noqa: PLR0124  # NaN is not itself
