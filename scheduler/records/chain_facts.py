"""What of a job is to be chained: from its rows, and from the files of its agents.

Facts hang on what the store and the files say, never on when somebody looked: whoever comes later, after a crash say,
finds the same ones to add. What may still change of a row (a progress, a planned end) is not in them until it is final.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

import sqlalchemy as sa

from scheduler.domain.instant import format_instant, parse_instant
from scheduler.records import schema
from scheduler.records.bundle_lines import job_line, plan_line, segment_line
from scheduler.records.chain import Chain, Entry, Fact, Kind, canonical, digest
from scheduler.records.public_part import (
    Blinder,
    Half,
    Line,
    blind,
    halves,
    public_outcome,
    public_received,
    public_sample,
)
from scheduler.records.rows import FINAL, JobRow, PlanRow, SegmentRow
from scheduler.records.transaction import Transaction

_SEALED: Final = ("id", "job", "counterfactual", "submitted_at", "deadline_at")
"""Of a job's public line, what never changes after it was submitted."""
_SEALED_TOO: Final = ("job", "key", "package", "intensity", "spec_sha256")
"""The same of its private part."""
_ENDED: Final = ("state", "progress", "failures", "interruptions", "finished_at")
_LAUNCHED: Final = ("plan_id", "n", "attempt", "cluster", "gpus", "intended_at")
_ORDER: Final[tuple[Kind, ...]] = ("submitted", "planned", "launched", "granted", "released", "closed", "issued")
_ESCAPED: Final = "surrogateescape"


def due(tx: Transaction, job_id: str, chain: Chain, blinder: Blinder) -> list[Fact]:
    """What the store says of a job and its chain does not yet, in order of time; its agents' files apart."""
    row = tx.job(job_id)
    plans, segments = tx.plans(job_id), tx.segments(job_id)
    there = {(entry.kind, entry.of) for entry in chain.entries}
    found = [
        make()
        for kind, of, make in (
            *_of_job(row, blinder),
            *_of_plans(tx, row, plans, blinder),
            *_of_segments(segments, {plan.id: n for n, plan in enumerate(plans, 1)}, blinder),
            *_of_statements(tx, job_id),
        )
        if (kind, of) not in there
    ]
    return sorted(found, key=lambda fact: (parse_instant(fact.at), _ORDER.index(fact.kind)))


_Due = tuple[Kind, str, Callable[[], Fact]]


def _of_job(row: JobRow, blinder: Blinder) -> Iterator[_Due]:
    """That it was submitted, and that it ended."""

    def submitted() -> Fact:
        """Its rule and its file."""
        public, private = halves(job_line(row), blinder)
        data = submitted_data(public) | {"private": blind(blinder.salt(row.id), sealed_private(private))}
        return Fact(kind="submitted", of="", at=format_instant(row.submitted_at), data=data)

    def closed() -> Fact:
        """How it ended."""
        data = closed_data(halves(job_line(row), blinder)[0])
        return Fact(kind="closed", of="", at=format_instant(row.finished_at or row.submitted_at), data=data)

    yield "submitted", "", submitted
    if row.state in FINAL:
        yield "closed", "", closed


def submitted_data(public: Line) -> Half:
    """What a submission says to anybody: the job's and its rule's hash."""
    sealed = {name: public[name] for name in _SEALED}
    rule = public["counterfactual"]
    return {"public": digest(canonical(sealed)), "rule": rule.get("sha256", "") if isinstance(rule, Mapping) else ""}


def sealed_private(private: Line) -> Half:
    """Of a job's private part what a submission commits to."""
    return {name: private[name] for name in _SEALED_TOO}


def closed_data(public: Line) -> Half:
    """How a job ended, in the open."""
    return {name: public[name] for name in _ENDED}


def launched_data(public: Line) -> Half:
    """What was asked of a cluster, in the open."""
    return {name: public[name] for name in _LAUNCHED}


def _of_plans(tx: Transaction, row: JobRow, plans: list[PlanRow], blinder: Blinder) -> Iterator[_Due]:
    """That it was planned, each time, and on which intensities."""
    for n, plan in enumerate(plans, 1):

        def planned(n: int = n, plan: PlanRow = plan) -> Fact:
            """One plan."""
            public, private = halves(plan_line(plan), blinder)
            data = {
                "public": digest(canonical(public)),
                "private": blind(blinder.salt(row.id), private),
                "intensity": _vintage(tx, row, plan),
            }
            return Fact(kind="planned", of=str(n), at=format_instant(plan.made_at), data=data)

        yield "planned", str(n), planned


def _of_segments(segments: list[SegmentRow], place: Mapping[int, int], blinder: Blinder) -> Iterator[_Due]:
    """That GPUs were asked for, granted and given back."""
    for segment in segments:
        public, private = halves(segment_line(segment, place[segment.plan_id]), blinder)

        def fact(kind: Kind, at: object, data: Mapping[str, object], sid: str = segment.sid) -> Callable[[], Fact]:
            """One of the three."""
            return lambda: Fact(kind=kind, of=sid, at=str(at), data=data)

        launched = format_instant(segment.intended_at)
        yield "launched", segment.sid, fact("launched", launched, launched_data(public))
        if segment.granted_at is not None:
            granted = format_instant(segment.granted_at)
            yield "granted", segment.sid, fact("granted", granted, {"granted_at": public["granted_at"]})
        if segment.phase == "over":
            over = format_instant(segment.released_at or segment.intended_at)
            hashes = {
                "public": digest(canonical(public)),
                "private": blind(blinder.salt(segment.job_id), private),
            }
            yield "released", segment.sid, fact("released", over, hashes)


def _of_statements(tx: Transaction, job_id: str) -> Iterator[_Due]:
    """The statements that were issued of what it emitted."""
    table = schema.statement
    query = table.select().where(table.c.job_id == job_id).order_by(table.c.number)
    for row in tx.connection.execute(query).mappings():
        data = {"as_of": row["as_of"], "status": row["status"], "cause": row["cause"], "sha256": row["sha256"]}
        fact = Fact(kind="issued", of=str(row["number"]), at=row["made_at"], data=data)
        yield "issued", fact.of, lambda fact=fact: fact  # type: ignore[misc]  # the default binds it in the loop


def _vintage(tx: Transaction, row: JobRow, plan: PlanRow) -> Half:
    """How much had been kept of its zones' intensities, to its deadline, when it was planned: rows and a hash."""
    placed = plan.document.get("clusters")
    zones = sorted({str(each.get("zone")) for each in placed.values()}) if isinstance(placed, dict) else []
    table = schema.intensity
    query = (
        sa.select(table.c.sha256)
        .where(
            table.c.zone.in_(zones),
            table.c.retrieved_at <= format_instant(plan.made_at),
            table.c.end > format_instant(plan.made_at),
            table.c.start < format_instant(row.deadline_at),
        )
        .order_by(table.c.id)
    )
    rows = [found.sha256 for found in tx.connection.execute(query)]
    return {"rows": len(rows), "sha256": digest("\n".join(rows))}


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A file of an attempt as it lies here.

    Args:
        at: when it was written, as ISO text.
    """

    job_id: str
    sid: str
    raw: bytes
    at: str


def samples_fact(kept: Kept, chain: Chain, blinder: Blinder) -> Fact | None:
    """The readings that the chain does not hold yet; None where there are none."""
    return _lines_fact("samples", kept, chain, blinder)


def received_fact(kept: Kept, chain: Chain, blinder: Blinder) -> Fact | None:
    """What the chain does not hold yet of when samples reached us; None where it holds all."""
    return _lines_fact("received", kept, chain, blinder)


def public_line(kind: str, text: str, blinder: Blinder) -> str:
    """A line of a file of samples, or of when these reached us, as anybody may read it."""
    return public_sample(text, blinder) if kind == "samples" else public_received(text)


def _lines_fact(kind: Kind, kept: Kept, chain: Chain, blinder: Blinder) -> Fact | None:
    """The lines of a file that is only added to that the chain does not hold yet.

    Notes:
        d[i] = SHA-256(d[i-1] + line[i]) over the public form of each line, and over its bytes from a secret beginning:
        so a long file is added to without being read from its start, and a line that goes missing shows.
    """
    last = chain.last(kind, kept.sid)
    before = 0 if last is None else _whole(last, "bytes")
    lines = kept.raw[before:].split(b"\n")[:-1]
    if not lines:
        return None
    public = lines_beginning(kind, kept.sid) if last is None else str(last.data["public"])
    private = blind(blinder.salt(kept.job_id), f"{kind} {kept.sid}") if last is None else str(last.data["private"])
    for line in lines:
        text = line.decode(errors=_ESCAPED)
        public, private = digest(public + public_line(kind, text, blinder)), digest(private + text)
    data = {
        "lines": len(lines) + (0 if last is None else _whole(last, "lines")),
        "bytes": before + sum(len(line) + 1 for line in lines),
        "public": public,
        "private": private,
    }
    return Fact(kind=kind, of=kept.sid, at=kept.at, data=data)


def lines_beginning(kind: str, sid: str) -> str:
    """What stands before the first line of such a file of an attempt."""
    return digest(f"{kind}\n{sid}")


def outcome_fact(kept: Kept, chain: Chain, blinder: Blinder) -> Fact | None:
    """The outcome of an attempt; None where the chain holds it."""
    if chain.last("outcome", kept.sid) is not None:
        return None
    text = kept.raw.decode(errors=_ESCAPED)
    data = {"public": digest(public_outcome(text)), "private": blind(blinder.salt(kept.job_id), text)}
    return Fact(kind="outcome", of=kept.sid, at=kept.at, data=data)


def _whole(entry: Entry, name: str) -> int:
    """A whole number of an entry."""
    found = entry.data[name]
    assert isinstance(found, int), name  # noqa: S101  # it was written by `samples_fact`, and its hash is right
    return found
