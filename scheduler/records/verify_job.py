"""Whether the lines of one job in a bundle are those that its chain holds: no more, no less, none of them another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, cast

from scheduler.records.bundle_evidence import records_digest
from scheduler.records.bundle_lines import Line
from scheduler.records.chain import BadChain, Chain, Entry, Kind, canonical, digest
from scheduler.records.chain_facts import (
    closed_data,
    launched_data,
    lines_beginning,
    sealed_private,
    submitted_data,
)
from scheduler.records.evidence import outcome_name, received_name, samples_name
from scheduler.records.public_part import blind
from scheduler.records.rows import FINAL
from scheduler.records.spool import whole

_HINT: Final = "ask for the bundle again, from whoever made it"
_ESCAPED: Final = "surrogateescape"

Key = tuple[str, str]


def check_job(job_id: str, lines: Sequence[Line], chain: Chain, statement: Entry | None) -> None:
    """Hold the lines of a job against its chain.

    Args:
        job_id: which.
        lines: as the bundle has them.
        chain: whole.
        statement: what its chain says of this bundle.

    Raises:
        BadChain: names the first thing that differs.
    """
    if statement is None:
        raise BadChain(f"the chain of job {job_id} does not say that this bundle was made", hint=_HINT)
    chained = _chained(chain, statement)
    stated = _stated(lines)
    for key, entry in chained.items():
        if key not in stated:
            raise BadChain(f"{_named(job_id, *key)} is missing: entry {entry.n} of its chain holds it", hint=_HINT)
        wrong = next((name for name, value in stated[key].items() if entry.data.get(name) != value), None)
        if wrong is not None:
            raise BadChain(f"{_named(job_id, *key)} is not the one in its chain ({wrong})", hint=_HINT)
    extra = next((key for key in stated if key not in chained), None)
    if extra is not None:
        raise BadChain(f"{_named(job_id, *extra)} is not in its chain", hint=_HINT)
    for line in lines:
        if line["record"] == "evidence":
            _check_evidence(job_id, line, chain, statement)
    if records_digest(lines) != statement.data.get("records"):
        raise BadChain(f"the record of job {job_id} is not the one that its chain holds", hint=_HINT)


def check_private(job_id: str, private: Line | None, chain: Chain, statement: Entry | None) -> None:
    """Hold the private parts that a full bundle shows against what their chain committed to.

    Raises:
        BadChain: names the first one that is missing or another.
    """
    if private is None or statement is None:
        raise BadChain(f"the private part of job {job_id} is missing", hint=_HINT)
    salt, parts = str(private["salt"]), whole(cast("Mapping[str, object]", private["parts"]))
    for (kind, of), entry in _chained(chain, statement).items():
        what = {"submitted": "job", "planned": f"plan {of}", "released": f"segment {of}"}.get(kind, f"{kind} {of}")
        if "private" not in entry.data:
            continue
        part = parts[what]
        if kind in ("samples", "received"):
            found = blind(salt, f"{kind} {of}")
            for text in str(part).split("\n")[:-1]:
                found = digest(found + text)
        else:
            found = blind(salt, sealed_private(cast("Line", part)) if kind == "submitted" else part)
        if found != entry.data["private"]:
            raise BadChain(f"the private part of {_named(job_id, kind, of)} is not the one in its chain", hint=_HINT)


def _chained(chain: Chain, statement: Entry) -> dict[Key, Entry]:
    """What a chain held when the lines were taken: the newest entry on each thing."""
    known = int(str(statement.data["entries"]))
    return {(e.kind, e.of): e for e in chain.entries[:known] if e.kind != "issued"}


def _stated(lines: Sequence[Line]) -> dict[Key, Mapping[str, object]]:
    """What the lines of a job say that a chain has to hold, in the terms of its entries."""
    found: dict[Key, Mapping[str, object]] = {}
    plans = 0
    for line in lines:
        if line["record"] == "job":
            found["submitted", ""] = submitted_data(line)
            if line["state"] in {state.value for state in FINAL}:
                found["closed", ""] = closed_data(line)
        elif line["record"] == "plan":
            plans += 1
            found["planned", str(plans)] = {"public": digest(canonical(line))}
        elif line["record"] == "segment":
            found |= _of_segment(line)
        elif line["record"] == "evidence":
            kind, sid = _evidence(line)
            found[kind, sid] = {}
    return found


def _of_segment(line: Line) -> dict[Key, Mapping[str, object]]:
    """What the line of a segment says."""
    sid = str(line["sid"])
    found: dict[Key, Mapping[str, object]] = {("launched", sid): launched_data(line)}
    if line["granted_at"] is not None:
        found["granted", sid] = {"granted_at": line["granted_at"]}
    if line["phase"] == "over":
        found["released", sid] = {"public": digest(canonical(line))}
    return found


def _evidence(line: Line) -> tuple[Kind, str]:
    """What a file of evidence is, and of which attempt."""
    name = str(line["name"])
    sid = name.removeprefix("carbonsched-").removesuffix(".jsonl").removesuffix(".json")
    sid = sid.rpartition(".")[0]
    if name == samples_name(sid):
        return "samples", sid
    if name == received_name(sid):
        return "received", sid
    if name == outcome_name(sid):
        return "outcome", sid
    raise BadChain(f"{name!r} is no file of an agent", hint=_HINT)


def _check_evidence(job_id: str, line: Line, chain: Chain, statement: Entry) -> None:
    """Hold a file of evidence against every entry on it."""
    kind, sid = _evidence(line)
    text = str(line["text"])
    entries = [e for e in chain.entries[: int(str(statement.data["entries"]))] if e.kind == kind and e.of == sid]
    if kind == "outcome":
        if digest(text) != entries[-1].data["public"]:
            raise BadChain(f"{_named(job_id, kind, sid)} is not the one in its chain", hint=_HINT)
        return
    lines = text.split("\n")
    if lines.pop() or len(lines) != entries[-1].data["lines"]:
        raise BadChain(
            f"{_named(job_id, kind, sid)}: {len(lines)} lines are there, its chain holds {entries[-1].data['lines']}",
            hint=_HINT,
        )
    found, before = lines_beginning(kind, sid), 0
    for entry in entries:
        upto = int(str(entry.data["lines"]))
        for each in lines[before:upto]:
            found = digest(found + each)
        if found != entry.data["public"]:
            raise BadChain(
                f"{_named(job_id, kind, sid)}: lines {before + 1} to {upto} are not those in its chain", hint=_HINT
            )
        before = upto


def _named(job_id: str, kind: str, of: str) -> str:
    """A thing that a chain holds, in words."""
    words = {
        "submitted": f"what job {job_id} was submitted with",
        "closed": f"the end of job {job_id}",
        "planned": f"plan {of} of job {job_id}",
        "launched": f"the launch of segment {of}",
        "granted": f"the grant of segment {of}",
        "released": f"segment {of}",
        "samples": f"the samples of segment {of}",
        "received": f"when the samples of segment {of} came",
        "outcome": f"the outcome of segment {of}",
    }
    return words[kind]
