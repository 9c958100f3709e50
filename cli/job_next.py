"""Why a job is where it is, what comes next and when, in words for each of its states."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final

from scheduler.domain.instant import to_the_second
from scheduler.execution.lookout import live_segment, next_segment, planned_stop
from scheduler.records.rows import FINAL, JobRow, JobState, PlanRow, SegmentRow

NO_SCHEDULER: Final = "no scheduler runs (carbonsched serve starts it)"


def next_action(row: JobRow, plan: PlanRow, segments: Sequence[SegmentRow]) -> tuple[str, datetime | None]:
    """What comes next by the plan or by what a person wants, and when; no time where it comes as soon as it can."""
    live = live_segment(segments)
    if row.state in FINAL:
        return "", None
    if row.wanted != "run":
        return ("release it" if row.state == JobState.HELD else row.wanted), None
    if live is not None and row.state == JobState.LAUNCHING:
        return "run", None
    if live is not None and row.state != JobState.SUSPENDING:
        stop = planned_stop(live, row.job, plan)
        return ("finish", live.planned_end) if stop is None else ("suspend", stop)
    then = [replace(s, phase="over", end="suspended") if s is live else s for s in segments]  # once it has saved
    ahead = next_segment(plan, then)
    if row.state == JobState.QUEUED or ahead is None:
        return "plan", None
    return ("resume" if any(s.end == "suspended" for s in then) else "start"), ahead.start


def next_text(action: str, at: datetime | None, now: datetime) -> str:
    """The next action and its time in words."""
    if at is None:
        return action or "-"
    return f"{action} at {to_the_second(at)}" if at >= now else f"{action}, which was due at {to_the_second(at)}"


def why(row: JobRow, segments: Sequence[SegmentRow], *, scheduler_runs: bool) -> str:
    """Why it is in its state, and what it waits for; empty where that says itself."""
    if row.state in FINAL:
        return row.reason
    told = row.reason or _by_state(row, live_segment(segments))
    asked = {"cancel": "cancel asked", "hold": "hold asked", "run": ""}[row.wanted]
    stopping = (JobState.HELD, JobState.SUSPENDING, JobState.CANCELLING)
    parts = (told, asked if row.state not in stopping else "", "" if scheduler_runs else NO_SCHEDULER)
    return "; ".join(part for part in parts if part)


def _by_state(row: JobRow, live: SegmentRow | None) -> str:
    """What a state without a reason of its own waits for."""
    where = live.cluster if live else "its cluster"
    asked = f", asked at {to_the_second(live.stop_asked_at)}" if live and live.stop_asked_at else ""
    return {
        JobState.QUEUED: "to be planned",
        JobState.PLANNED: "waits for its start",
        JobState.SUSPENDED: "waits for its resume",
        JobState.LAUNCHING: f"sent to {where}, not seen running yet",
        JobState.SUSPENDING: f"saves itself on {where}{asked}",
        JobState.CANCELLING: f"stops on {where}{asked}",
    }.get(row.state, "")
