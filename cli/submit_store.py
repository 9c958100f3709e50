"""The transaction of `carbonsched submit`: all jobs of one command are planned beside each other and stored, or none.

No two commands ever count on the same GPUs: they plan one after the other, and what changed meanwhile is planned on
again. Whatever else writes to the store waits for none of that.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

from cli import wiring
from scheduler.domain.errors import CarbonschedError, StoreError
from scheduler.domain.instant import parse_instant
from scheduler.domain.job import Job
from scheduler.domain.placement import Segment
from scheduler.records.counterfactual import register
from scheduler.records.locks import lock_file
from scheduler.records.reservations import planned_reservations, reservations
from scheduler.records.rows import JobRow, JobState
from scheduler.records.store import Store
from scheduler.records.transaction import Transaction

if TYPE_CHECKING:
    from cli.budgets import Gate
    from scheduler.execution.placed import Placed
    from scheduler.execution.placing import PlanningPlacer
    from scheduler.planning.plan import Plan

MOST: Final = 1000
"""Jobs of one command: other submits wait while they are planned."""
_TURN_S: Final = 300.0
"""How long a command waits for others that submit; a thousand jobs take a quarter of a minute to plan. [s]"""
_TRIES: Final = 2
"""How often plans are made beside the store before they are made while it is held."""
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
        held: why it is held from the start; empty where it is not.
    """

    job_id: str
    state: str
    document: Mapping[str, object]
    plan: Plan | None
    known: str = ""
    held: str = ""

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


def until(wishes: Sequence[Wish], placer: PlanningPlacer) -> datetime:
    """The last instant whose intensity the plans need."""
    from scheduler.problem.limits import horizon

    now, slack = wiring.now(), placer.default_slack
    return max(horizon(wish.job, now, default_slack=slack, learnt=placer.past_runs(wish.job)) for wish in wishes)


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
    """Plan all of them, and store them in one transaction; one whose key was used before is left as it is.

    Notes:
        The plans are made beside the store, and stored if nobody took any room meanwhile. Where somebody does every
        time, the store is held while they are made: that comes to an end.
    """
    with _turn(store):
        gate = _gate(store, wishes)
        for _ in range(_TRIES):
            with store.reading() as tx:
                ground = _Ground.of(tx, wishes)
            plans = ground.plans(wishes, placer, reference)
            with store.writing() as tx:
                if tx.reservations_revision() == ground.revision:
                    return _stored_all(tx, ground, wishes, plans, reference, digests, gate)
        with store.writing() as tx:
            ground = _Ground.of(tx, wishes)
            return _stored_all(tx, ground, wishes, ground.plans(wishes, placer, reference), reference, digests, gate)


@dataclass(frozen=True, slots=True)
class _Ground:
    """What plans are made on.

    Args:
        revision: of the reservations; now: when they were read.
        known: keys of jobs that are there.
        taken: what those hold.
    """

    revision: int
    now: datetime
    known: frozenset[str]
    taken: tuple[Segment, ...]

    @classmethod
    def of(cls, tx: Transaction, wishes: Sequence[Wish]) -> Self:
        """What the store says now; of no room where all jobs are there already."""
        now, keys = wiring.now(), [wish.job.key for wish in wishes]
        known = frozenset(key for key in keys if key is not None and tx.job_by_key(key) is not None)
        taken = reservations(tx, now) if any(key not in known for key in keys) else ()
        return cls(tx.reservations_revision(), now, known, taken)

    def plans(
        self, wishes: Sequence[Wish], placer: PlanningPlacer, reference: Mapping[str, str]
    ) -> list[Placed | None]:
        """A plan for each that is new, beside those before it; None for one whose key was used."""
        taken, used = list(self.taken), {*self.known}
        made: list[Placed | None] = []
        for wish in wishes:
            if wish.job.key is not None and wish.job.key in used:
                made.append(None)
                continue
            used |= {wish.job.key} if wish.job.key else set()
            placed = _placed(wish, placer, reference, self.now, taken, several=len(wishes) > 1)
            taken += planned_reservations(wish.job, placed.document, self.now)
            made.append(placed)
        return made


def _gate(store: Store, wishes: Sequence[Wish]) -> Gate | None:
    """What holds jobs at their project's limit; None where the operator has set no budget."""
    if not wiring.settings().text("budgets"):
        return None
    from cli.budgets import gate_of  # it reads accounts, which takes time that most submits need not spend

    return gate_of(store, [wish.job.project for wish in wishes])


@contextmanager
def _turn(store: Store) -> Iterator[None]:
    """One command after the other: none plans in vain because another one was faster."""
    from filelock import Timeout

    lock = lock_file(store.folder.submits)
    try:
        lock.acquire(timeout=_TURN_S)
    except Timeout as exc:
        raise StoreError(
            f"other jobs have been planned for {_TURN_S:g} s, before these", hint="submit again, or fewer at once"
        ) from exc
    try:
        yield
    finally:
        lock.release()


def _stored_all(
    tx: Transaction,
    ground: _Ground,
    wishes: Sequence[Wish],
    plans: Sequence[Placed | None],
    reference: Mapping[str, str],
    digests: Sequence[str | None],
    gate: Gate | None,
) -> list[Made]:
    """Store every job that has a plan; the others are there."""
    made, ids = [], sorted(_new_id() for _ in wishes)  # they were submitted at one instant, and stay in their order
    for job_id, wish, placed, digest in zip(ids, wishes, plans, digests, strict=True):
        if placed is None:
            known = tx.job_by_key(wish.job.key or "")
            assert known is not None, wish.job.key  # noqa: S101  # nothing was added or taken away since
            made.append(_known(known, tx.newest_plans([known.id])[known.id].document))
        else:
            segments = placed.plan.chosen.placement.segments
            held = gate.why_held(wish.job, placed.document, segments) if gate else ""
            made.append(_stored(tx, job_id, wish.job, placed, reference, digest, ground.now, held))
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
    """The first plan of a job; of several the error says which it was, and nobody reads what binds each."""
    try:
        return placer.submitted(wish.job, reference, now=now, taken=tuple(taken), explain=not several)
    except CarbonschedError as exc:
        exc.message = f"{wish.what}: {exc.message}" if several else exc.message
        raise


def _new_id() -> str:
    """An id that nobody guesses."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(_ID_LENGTH))


def _stored(
    tx: Transaction, job_id: str, job: Job, placed: Placed, reference: Mapping[str, str], digest: str | None,
    now: datetime, held: str,
) -> Made:  # fmt: skip
    """Store a job with its plan, held where there is a reason to."""
    spec = job.model_dump_json(exclude_defaults=True)
    assembled = placed.plan.assembled
    row = JobRow(
        id=job_id,
        key=job.key,
        job=job,
        spec_sha256=hashlib.sha256(f"{spec}{digest}".encode()).hexdigest(),
        package=digest,
        intensity=reference,
        counterfactual=register(job, assembled.ground.home, now, assembled.limits.earliest, home_by=placed.home_by),
        state=JobState.HELD if held else JobState.PLANNED,
        wanted="hold" if held else "run",
        reason=held or placed.reason,
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
    if held:
        tx.add_event(row.id, now, "held", held)
    return Made(job_id=row.id, state=row.state.value, document=placed.document, plan=placed.plan, held=held)


def _known(row: JobRow, document: Mapping[str, object]) -> Made:
    """The job that was submitted with the key before."""
    return Made(job_id=row.id, state=row.state.value, document=document, plan=None, known=row.key or "")
