"""The transaction of `carbonsched submit`: all jobs of one command are planned beside each other and stored, or none.

The plans are made while the store is held, so that no two commands ever count on the same GPUs.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

from cli import wiring
from scheduler.domain.errors import CarbonschedError
from scheduler.domain.instant import parse_instant
from scheduler.domain.job import Job
from scheduler.domain.placement import Segment
from scheduler.records.counterfactual import register
from scheduler.records.reservations import planned_reservations, reservations
from scheduler.records.rows import JobRow, JobState
from scheduler.records.store import Store
from scheduler.records.transaction import Transaction

if TYPE_CHECKING:
    from cli.settings import Settings
    from scheduler.execution.placing import Placed, PlanningPlacer
    from scheduler.planning.plan import Plan

MOST: Final = 1000
"""Jobs of one command: the store is held while they are planned, and others wait for it for half a minute at most."""
_ALPHABET: Final = "abcdefghjkmnpqrstuvwxyz23456789"
"""Letters and digits that nobody confuses."""
_ID_LENGTH: Final = 8


@dataclass(frozen=True, slots=True)
class Wish:
    """A job to submit: where it was written, and the folder that its relative paths start from."""

    what: str
    job: Job
    folder: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """What became of a wish.

    Args:
        plan: what was decided; None where `known`, the key, was that of a job before.
    """

    job_id: str
    state: str
    document: Mapping[str, object]
    plan: Plan | None
    known: str = ""

    def as_json(self) -> dict[str, object]:
        """The answer to a machine."""
        return {"job_id": self.job_id or None, "state": self.state, "plan": dict(self.document)}


def packages(wishes: Sequence[Wish], folder: Path) -> list[str | None]:
    """The digest of each job's snapshot, written to `folder`; jobs of one working folder share it."""
    from scheduler.execution.ray_package import snapshot

    made: dict[tuple[Path, tuple[str, ...]], str] = {}
    digests: list[str | None] = []
    for wish in wishes:
        if wish.job.working_dir is None:
            digests.append(None)
            continue
        source = wish.folder / Path(wish.job.working_dir).expanduser(), tuple(wish.job.excludes)
        if source not in made:
            made[source] = snapshot(*source, folder).digest
        digests.append(made[source])
    return digests


def until(wishes: Sequence[Wish], values: Settings) -> datetime:
    """The last instant whose intensity the plans need."""
    from scheduler.problem.limits import horizon

    now, slack = wiring.now(), values.duration("default_slack")
    return max(horizon(wish.job, now, default_slack=slack) for wish in wishes)


def drafts(
    wishes: Sequence[Wish], placer: PlanningPlacer, reference: Mapping[str, str], _packed: Sequence[str | None]
) -> list[Made]:
    """The plans that a submission would make on empty clusters, beside each other."""
    now, made = wiring.now(), []
    taken: list[Segment] = []
    for wish in wishes:
        placed = _placed(wish, placer, reference, now, taken, several=len(wishes) > 1)
        taken += planned_reservations(wish.job, placed.document, now)
        made.append(Made(job_id="", state="dry run", document=placed.document, plan=placed.plan))
    return made


def submitted(
    store: Store,
    wishes: Sequence[Wish],
    placer: PlanningPlacer,
    reference: Mapping[str, str],
    digests: Sequence[str | None],
) -> list[Made]:
    """Plan and store all of them in one transaction; one whose key was used before is left as it is."""
    now, made = wiring.now(), []
    with store.writing() as tx:
        taken: list[Segment] | None = None
        for number, (wish, digest) in enumerate(zip(wishes, digests, strict=True)):
            known = None if wish.job.key is None else tx.job_by_key(wish.job.key)
            if known is not None:
                document = tx.newest_plans([known.id])[known.id].document
                made.append(_known(known, document))
                continue
            taken = list(reservations(tx, now)) if taken is None else taken
            placed = _placed(wish, placer, reference, now, taken, several=len(wishes) > 1)
            taken += planned_reservations(wish.job, placed.document, now)
            at = now + timedelta(microseconds=number)  # so that they stay in their order
            made.append(_stored(tx, wish.job, placed, reference, digest, at))
    return made


def _placed(
    wish: Wish,
    placer: PlanningPlacer,
    reference: Mapping[str, str],
    now: datetime,
    taken: Sequence[Segment],
    *,
    several: bool,
) -> Placed:
    """The first plan of a job; of several the error says which it was."""
    try:
        return placer.submitted(wish.job, reference, now=now, taken=tuple(taken))
    except CarbonschedError as exc:
        exc.message = f"{wish.what}: {exc.message}" if several else exc.message
        raise


def _stored(
    tx: Transaction, job: Job, placed: Placed, reference: Mapping[str, str], digest: str | None, now: datetime
) -> Made:
    """Store a job with its plan."""
    spec = job.model_dump_json(exclude_defaults=True)
    assembled = placed.plan.assembled
    row = JobRow(
        id="".join(secrets.choice(_ALPHABET) for _ in range(_ID_LENGTH)),
        key=job.key,
        job=job,
        spec_sha256=hashlib.sha256(f"{spec}{digest}".encode()).hexdigest(),
        package=digest,
        intensity=reference,
        counterfactual=register(job, assembled.ground.home, now, assembled.limits.earliest),
        state=JobState.PLANNED,
        wanted="run",
        reason="",
        progress=0.0,
        failures=0,
        interruptions=0,
        submitted_at=now,
        deadline_at=parse_instant(str(placed.document["deadline"])),
        finished_at=None,
    )
    tx.add_job(row)
    tx.add_plan(row.id, now, placed.document)
    tx.add_event(row.id, now, "submitted", f"planned by {placed.plan.policy}")
    return Made(job_id=row.id, state=row.state.value, document=placed.document, plan=placed.plan)


def _known(row: JobRow, document: Mapping[str, object]) -> Made:
    """The job that was submitted with the key before."""
    return Made(job_id=row.id, state=row.state.value, document=document, plan=None, known=row.key or "")
