"""What is written of a job in a few words: why it waits, and a state that it is put into while nothing of it runs."""

from __future__ import annotations

from dataclasses import dataclass

from scheduler.ports import Clock
from scheduler.records.rows import FINAL, JobRow, JobState
from scheduler.records.store import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """Writes them."""

    store: Store
    clock: Clock

    def reason(self, job: JobRow, text: str) -> None:
        """Say why a job waits, once."""
        if job.reason == text:
            return
        with self.store.writing() as tx:
            tx.set_job(job.id, reason=text)
            if text:
                tx.add_event(job.id, self.clock.now(), "waits", text)

    def settle(self, job: JobRow, state: JobState, reason: str) -> bool:
        """Change the state of a job of which nothing runs; another step may follow at once."""
        now = self.clock.now()
        with self.store.writing() as tx:
            tx.set_job(job.id, state=state, reason=reason, finished_at=now if state in FINAL else None)
            tx.add_event(job.id, now, state.value, reason)
        return True
