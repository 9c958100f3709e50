"""What did not happen when it should have: a deadline that passed, a suspend that the scheduler slept over."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from scheduler.domain.duration import format_duration
from scheduler.domain.instant import to_the_second
from scheduler.execution.lookout import planned_stop
from scheduler.ports import Clock
from scheduler.records.store import Store
from scheduler.records.transaction import Transaction

LATE: Final = "late"
"""Kind of the event of a job that cannot keep its deadline, or has not; also begins the reason that a plan gives."""
MISSED: Final = "missed"
"""Kind of the event of a suspend that came late because nobody looked."""
_LEAST_GAP: Final = timedelta(minutes=1)
_LEAST_TICKS: Final = 5


@dataclass(slots=True, kw_only=True)
class Slips:
    """Watches the passes of one loop.

    Args:
        tick: time that the loop means to leave between two passes.
    """

    store: Store
    clock: Clock
    tick: timedelta
    _passed_at: datetime | None = None
    _overslept: dict[int, datetime] = field(default_factory=dict)
    _known_late: set[str] = field(default_factory=set)
    _read_to: int | None = None

    def before(self) -> None:
        """Before a pass: which suspends fell into the time in which no pass was made, if it was long."""
        now = self.clock.now()
        with self.store.reading() as tx:
            if self._read_to is None:
                self._read_to = tx.last_event_before(now)
            last = self._passed_at or tx.scheduler_pass_at()
            if last is None or now - last <= max(_LEAST_GAP, _LEAST_TICKS * self.tick):
                return
            live = tx.open_segments()
            plans = tx.newest_plans(segment.job_id for segment in live)
            for segment in live:
                due = planned_stop(segment, tx.job(segment.job_id).job, plans.get(segment.job_id))
                if segment.stop_asked_at is None and due is not None and last < due < now - _LEAST_GAP:
                    self._overslept[segment.fence] = due

    def after(self) -> None:
        """After a pass: note what was late, once it is certain that it was."""
        self._passed_at = self.clock.now()
        with self.store.reading() as tx:
            events = tx.events_after(self._read_to or 0)
            found = {job_id: _passed(deadline) for job_id, deadline in tx.overdue(self._passed_at).items()}
            found |= {e.job_id: e.text for e in events if e.kind == "planned" and e.text.startswith(LATE)}
            late = [(job_id, why) for job_id, why in found.items() if self._is_news(tx, job_id)]
            missed = self._missed(tx)
        self._read_to = events[-1].id if events else self._read_to
        if not late and not missed:
            return
        with self.store.writing() as tx:
            for job_id, why in late:
                tx.add_event(job_id, self._passed_at, LATE, why)
            for job_id, text in missed:
                tx.add_event(job_id, self._passed_at, MISSED, text)

    def _is_news(self, tx: Transaction, job_id: str) -> bool:
        """Whether nobody has noted yet that the job is late."""
        known = job_id in self._known_late or any(event.kind == LATE for event in tx.events(job_id))
        self._known_late.add(job_id)
        return not known

    def _missed(self, tx: Transaction) -> list[tuple[str, str]]:
        """The suspends that were slept over and have been asked for now; one whose job had ended was none."""
        found = []
        still_open = {segment.fence: segment for segment in tx.open_segments()} if self._overslept else {}
        for fence, due in list(self._overslept.items()):
            segment = still_open.get(fence)
            if segment is not None and segment.stop_asked_at is None:
                continue
            del self._overslept[fence]
            if segment is not None and segment.stop_asked_at is not None:
                by = timedelta(seconds=round((segment.stop_asked_at - due).total_seconds()))
                at = to_the_second(due)
                text = f"missed its suspend at {at} by {format_duration(by)}: the scheduler was not running"
                found.append((segment.job_id, text))
        return found


def _passed(deadline: datetime) -> str:
    """That a deadline has passed."""
    return f"its deadline of {to_the_second(deadline)} has passed"
