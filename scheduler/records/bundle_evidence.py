"""A bundle: everything that a report rests on, as lines of canonical JSON that anybody can check and count again.

The lines of jobs are those that `carbonsched export` writes, in their public form. Beside them stand the chains, the
heads and their seals, the intensities and the report itself; in a full bundle also the private parts and their salts.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, cast

from scheduler.records import heads as of_heads
from scheduler.records import seals as of_seals
from scheduler.records.bundle_lines import Line
from scheduler.records.chain import Chain, Fact, canonical, digest, line_of
from scheduler.records.chain_facts import public_line
from scheduler.records.evidence import outcome_name, received_name, samples_name
from scheduler.records.heads import Head
from scheduler.records.public_part import Blinder, Half, halves, public_outcome
from scheduler.records.seals import Seal
from scheduler.records.spool import Spool, whole

FORMAT: Final = "carbonsched-evidence"
VERSION: Final = 1
BUNDLE: Final = "bundle"
"""The statement that a bundle is, in the chains of the jobs that it holds."""
_ESCAPED: Final = "surrogateescape"
_LINES: Final = {"samples": samples_name, "received": received_name}
"""How the files that are only added to are called."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobLines:
    """A job in a bundle.

    Args:
        public: its lines as anybody may read them, evidence last, with long texts put away.
        private: what is left out of each, by what it is of, likewise; empty where it is not to be shown.
        entries: how many entries its chain had when they were taken.
    """

    job_id: str
    public: tuple[Half, ...]
    private: Mapping[str, object]
    entries: int


def job_lines(lines: Iterable[Line], chain: Chain, blinder: Blinder, spool: Spool, *, full: bool) -> JobLines:
    """A job's lines, split; its evidence as far as the chain holds it.

    Args:
        lines, chain: of the job, as they stood in one instant.
        blinder: of the store; spool: where long texts are put.
        full: whether the private halves are wanted too.
    """
    public: list[Half] = []
    private: dict[str, object] = {}
    plans = 0
    for line in lines:
        if line["record"] == "evidence":
            part = _evidence(line, chain, blinder)
            if part is not None:
                public.append({**part[0], "text": spool.kept(part[0]["text"])})
                private |= {part[1]: spool.kept(part[2])} if full else {}
            continue
        shown, hidden = halves(line, blinder)
        public.append(shown)
        if line["record"] == "plan":
            plans += 1
        what = {"job": "job", "plan": f"plan {plans}", "segment": f"segment {line.get('sid')}"}.get(str(line["record"]))
        if full and what is not None:
            private[what] = hidden
    return JobLines(job_id=chain.job_id, public=tuple(public), private=private, entries=len(chain.entries))


def _evidence(line: Line, chain: Chain, blinder: Blinder) -> tuple[Half, str, str] | None:
    """A file of an agent: its public line, what it is, and its own text; None where the chain does not hold it."""
    name, text = str(line["name"]), str(line["text"])
    for entry in reversed(chain.entries):
        if entry.kind == "outcome" and name == outcome_name(entry.of):
            return {**line, "text": public_outcome(text)}, f"outcome {entry.of}", text
        if entry.kind in ("samples", "received") and name == _LINES[entry.kind](entry.of):
            size = int(str(entry.data["bytes"]))
            kept = text.encode(errors=_ESCAPED)[:size].decode(errors=_ESCAPED)
            shown = "".join(f"{public_line(entry.kind, each, blinder)}\n" for each in kept.split("\n")[:-1])
            return {**line, "text": shown}, f"{entry.kind} {entry.of}", kept
    return None


def records_digest(public: Iterable[Mapping[str, object]]) -> str:
    """One hash over the lines of a job, those of its evidence apart, which have their own."""
    return digest("\n".join(canonical(line) for line in public if line["record"] != "evidence"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Stated:
    """What a bundle states of a job.

    Args:
        exposed: the line that names the intensities that it rests on; figures: its part of the report; both None where
            it is not in the report.
        sums: of the report, what is not of one job.
        at: when, as ISO text.
    """

    exposed: Half | None
    figures: object
    sums: object
    at: str


def issued(job: JobLines, stated: Stated) -> Fact:
    """The statement that a bundle is of a job: its lines, its intensities, its figures and the sums."""
    data = {
        "entries": job.entries,
        "records": records_digest(job.public),
        "exposed": "" if stated.exposed is None else digest(canonical(stated.exposed)),
        "figures": "" if stated.figures is None else digest(canonical(stated.figures)),
        "sums": digest(canonical(stated.sums)),
    }
    return Fact(kind="issued", of=BUNDLE, at=stated.at, data=data)


def sums_of(report: Mapping[str, object]) -> Half:
    """What a report says that is not of one job."""
    return {name: value for name, value in report.items() if name != "jobs"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """What a bundle is made of.

    Args:
        header: who made it, when, and of which period.
        heads, seals: all there are; chains: of every job that a head holds.
        jobs: what each is in it; exposed: by job id, the line of its intensities.
        standings: the intensities, and what was read of them, as lines.
        report: what was reported.
        salts: by job id, in a full bundle.
    """

    header: Mapping[str, object]
    heads: tuple[Head, ...]
    seals: tuple[Seal, ...]
    chains: Mapping[str, Chain]
    jobs: tuple[JobLines, ...]
    exposed: Mapping[str, Half]
    standings: Sequence[Half]
    report: Mapping[str, object]
    salts: Mapping[str, str] = field(default_factory=dict)


def bundle_lines(contents: Contents) -> Iterator[str]:
    """The lines of a bundle; the last one holds a hash of each part and of all before it."""
    whole = hashlib.sha256()
    parts: list[list[str]] = []
    number = 0
    for name, lines in _parts(contents):
        part, before = hashlib.sha256(), number
        for line in lines:
            text = canonical(line)
            for each in (whole, part):
                each.update(f"{text}\n".encode())
            number += 1
            yield text
        if number > before:
            parts.append([name, part.hexdigest()])
    yield canonical({"record": "manifest", "lines": number, "parts": parts, "sha256": whole.hexdigest()})


def part_of(line: Mapping[str, object]) -> str:
    """The part of a bundle that a line belongs to."""
    record, job_id = line["record"], line.get("job_id", line.get("id"))
    if record in ("head", "seal"):
        return "the heads and their seals"
    if record in ("standing", "read"):
        return "the intensities"
    return {"header": "the header", "report": "the report"}.get(str(record), f"job {job_id}")


def _parts(contents: Contents) -> Iterator[tuple[str, Iterable[Mapping[str, object]]]]:
    """The parts in order, each with its lines."""
    header = {"record": "header", "format": FORMAT, "version": VERSION, **contents.header}
    yield "the header", [header]
    full = bool(contents.header["full"])
    yield "the heads and their seals", [*_heads(contents.heads), *_seals(contents.seals, full=full)]
    yield "the intensities", contents.standings
    by_id = {job.job_id: job for job in contents.jobs}
    for job_id, chain in contents.chains.items():
        yield f"job {job_id}", _job(contents, chain, by_id.get(job_id))
    yield "the report", [{"record": "report", "report": contents.report}]


def _job(contents: Contents, chain: Chain, job: JobLines | None) -> Iterator[Mapping[str, object]]:
    """The lines of a job: its chain, itself, and what it was accounted on."""
    for entry in chain.entries:
        yield {"record": "entry", "job_id": chain.job_id, "entry": loads(line_of(entry))}
    if job is None:
        return
    yield from map(whole, job.public)
    if job.job_id in contents.exposed:
        yield contents.exposed[job.job_id]
    if job.job_id in contents.salts:
        salt = contents.salts[job.job_id]
        yield {"record": "private", "job_id": job.job_id, "salt": salt, "parts": whole(job.private)}


def _heads(heads: Iterable[Head]) -> Iterator[Half]:
    """The lines of the heads."""
    for head in heads:
        yield {"record": "head", "head": loads(of_heads.line_of(head))}


def _seals(seals: Iterable[Seal], *, full: bool) -> Iterator[Half]:
    """The lines of the seals; a tag names a person, so it is left out unless all is shown."""
    for seal in seals:
        yield {"record": "seal", "seal": loads(of_seals.line_of(seal, withheld=seal.way == "tag" and not full))}


def loads(line: str) -> Half:
    """The object of a line that we wrote."""
    return cast("Half", json.loads(line))
