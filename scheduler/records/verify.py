"""Whether a bundle is what was written: every line, every chain, every head, and that none of them lacks anything.

What a report says of it is counted again elsewhere; here everything that it is counted from is held against the
hashes that were written when it happened. The first thing that differs is named.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, cast

from scheduler.records.bundle_evidence import BUNDLE, FORMAT, VERSION, part_of
from scheduler.records.bundle_lines import Line
from scheduler.records.chain import BadChain, Chain, Entry, canonical, chain_from, digest, loaded
from scheduler.records.heads import Head, check_pinned, heads_from
from scheduler.records.seals import Seal, seals_from
from scheduler.records.spool import Spool
from scheduler.records.verify_job import check_job, check_private

_HINT: Final = "ask for the bundle again, from whoever made it"
_MANIFEST: Final = 4
"""Fields of the last line: record, lines, parts, sha256."""
_KNOWN: Final = frozenset(
    {"header", "head", "seal", "standing", "read", "entry", "job", "plan", "segment", "event", "evidence", "exposed",
     "private", "report", "manifest"}
)  # fmt: skip


@dataclass(slots=True, kw_only=True)
class Bundle:
    """A bundle as it was read.

    Args:
        header: who made it, when, and of which period.
        lines: the public lines of each job, by its id, in order of submission.
        entries: the lines of each chain.
        exposed: what each job was accounted on; standings: the intensities, by hash; reads: what was read of
            them, likewise; private: what a full one shows.
        report: what was reported.
        damage: which part is not as it was written although nothing in it says so; empty where none is.
    """

    header: Line = field(default_factory=dict)
    head_lines: list[str] = field(default_factory=list)
    seal_lines: list[str] = field(default_factory=list)
    lines: dict[str, list[Line]] = field(default_factory=dict)
    entries: dict[str, list[str]] = field(default_factory=dict)
    exposed: dict[str, Line] = field(default_factory=dict)
    standings: dict[str, Line] = field(default_factory=dict)
    reads: dict[str, Line] = field(default_factory=dict)
    private: dict[str, Line] = field(default_factory=dict)
    report: Line = field(default_factory=dict)
    heads: tuple[Head, ...] = ()
    seals: tuple[Seal, ...] = ()
    chains: dict[str, Chain] = field(default_factory=dict)
    damage: str = ""

    @property
    def samples(self) -> int:
        """How many lines of samples it holds."""
        return sum(
            str(line["text"]).count("\n")
            for lines in self.lines.values()
            for line in lines
            if line["record"] == "evidence" and str(line["name"]).endswith(".samples.jsonl")
        )


def read_bundle(raw: Iterable[bytes], spool: Spool) -> Bundle:
    """The bundle of a file's lines, held against its chains and heads, its figures apart.

    What only its last line knows to be changed is left in `damage`: whoever counts the figures names it better.

    Args:
        raw: the lines, with their ends; spool: where long texts are put.

    Raises:
        BadChain: something in it is not as it was written; names the first thing.
    """
    bundle, manifest, parts, whole = Bundle(), None, _Parts(), hashlib.sha256()
    number, part = 0, "its beginning"
    for number, each in enumerate(raw, 1):
        what = f"line {number} of the bundle, in or after {part},"
        if manifest is not None:
            raise BadChain(f"{what} stands after its end", hint=_HINT)
        if not each.endswith(b"\n"):
            raise BadChain(f"{what} was cut off", hint=_HINT)
        line = loaded(each[:-1].decode(errors="surrogateescape"), what)
        try:
            if line.get("record") == "manifest":
                manifest = line
                continue
            part = part_of(line)
            parts.add(part, each)
            whole.update(each)
            _take(bundle, line, what, spool)
        except (LookupError, TypeError, ValueError, AttributeError) as exc:  # whatever a changed byte made of it
            raise BadChain(f"{what} is not what a bundle holds", hint=_HINT) from exc
    if manifest is None:
        raise BadChain(f"the bundle was cut off after line {number}", hint=_HINT)
    try:
        _check(bundle)
    except (LookupError, TypeError, ValueError, AttributeError) as exc:  # the same
        raise BadChain(parts.changed(manifest) or f"the bundle holds what no bundle does: {exc}", hint=_HINT) from exc
    bundle.damage = parts.changed(manifest)
    if manifest != {**manifest, "lines": number - 1, "sha256": whole.hexdigest()} or len(manifest) != _MANIFEST:
        bundle.damage = bundle.damage or "the last line of the bundle is not of the lines before it"
    return bundle


@dataclass(slots=True)
class _Parts:
    """The hash of each part, in order."""

    hashes: dict[str, hashlib._Hash] = field(default_factory=dict)

    def add(self, name: str, line: bytes) -> None:
        """Add a line to its part."""
        self.hashes.setdefault(name, hashlib.sha256()).update(line)

    def changed(self, manifest: Line) -> str:
        """The first part that is not the one that was written, in words; empty where all are."""
        said = manifest.get("parts")
        found = {name: each.hexdigest() for name, each in self.hashes.items()}
        if not isinstance(said, list) or not all(isinstance(each, list) and len(each) == 2 for each in said):  # noqa: PLR2004  # a name and a hash
            return "the last line of the bundle is not what a bundle holds"
        for name, expected in said:
            if found.get(str(name)) != expected:
                return f"changed since it was written: {name}"
        missing = set(found) - {str(name) for name, _ in said}
        return f"added since it was written: {min(missing)}" if missing else ""


def _take(bundle: Bundle, line: Line, what: str, spool: Spool) -> None:
    """Put a line where it belongs."""
    record = line["record"]
    if record not in _KNOWN or (not bundle.header) != (record == "header"):
        raise BadChain(f"{what} is not what a bundle holds", hint=_HINT)
    if record == "header":
        _check_header(line)
        bundle.header = line
    elif record == "head":
        bundle.head_lines.append(canonical(line["head"]))
    elif record == "seal":
        bundle.seal_lines.append(canonical(line["seal"]))
    elif record == "standing":
        bundle.standings[digest(canonical(line))] = line
    elif record == "read":
        bundle.reads[digest(canonical(line))] = line
    elif record == "entry":
        bundle.entries.setdefault(str(line["job_id"]), []).append(canonical(line["entry"]))
    elif record == "report":
        bundle.report = cast("Line", line["report"])
    elif record == "job":
        if str(line["id"]) in bundle.lines:
            raise BadChain(f"job {line['id']} comes twice", hint=_HINT)
        bundle.lines[str(line["id"])] = [line]
    else:
        _take_of_job(bundle, line, str(line["job_id"]), spool)


def _take_of_job(bundle: Bundle, line: Line, job_id: str, spool: Spool) -> None:
    """Put a line of a job where it belongs; what may be long lies in the spool."""
    record = line["record"]
    if record == "exposed":
        bundle.exposed[job_id] = line
    elif record == "private":
        parts = cast("Line", line["parts"])
        kept = {name: spool.kept(part) for name, part in parts.items()}
        bundle.private[job_id] = {**line, "parts": kept}
    elif record == "evidence":
        bundle.lines[job_id].append({**line, "text": spool.kept(line["text"])})
    else:
        bundle.lines[job_id].append(line)


def _check_header(line: Line) -> None:
    """Refuse another kind of file, and a newer form of this one."""
    if (line.get("format"), line.get("version")) != (FORMAT, VERSION):
        raise BadChain(
            f"the file says that it is {line.get('format')!r} version {line.get('version')!r}",
            hint=f"this carbonsched reads {FORMAT} version {VERSION}, which evidence bundle writes",
        )


def _check(bundle: Bundle) -> None:
    """Hold everything against the chains and the heads.

    Raises:
        BadChain: names the first thing that differs.
    """
    bundle.heads = heads_from(bundle.head_lines)
    bundle.seals = seals_from(bundle.seal_lines, bundle.heads)
    bundle.chains = {job_id: chain_from(job_id, lines) for job_id, lines in bundle.entries.items()}
    check_pinned(bundle.heads, bundle.chains)
    until = bundle.header["until"]
    for job_id, chain in bundle.chains.items():
        submitted = chain.last("submitted")
        if submitted is None:
            raise BadChain(f"the chain of job {job_id} does not say that it was submitted", hint=_HINT)
        if job_id not in bundle.lines:
            if until is None or submitted.at < str(until):
                raise BadChain(f"job {job_id} is missing: its chain is there, its record is not", hint=_HINT)
            continue
        statement = chain.last("issued", BUNDLE)
        check_job(job_id, bundle.lines[job_id], chain, statement)
        _check_exposed(bundle, job_id, statement)
        if bundle.header["full"]:
            check_private(job_id, bundle.private.get(job_id), chain, statement)
    for line in bundle.reads.values():
        _check_read(bundle, line, "that the report rests on")
    stray = next((job_id for job_id in bundle.lines if job_id not in bundle.chains), None)
    if stray is not None:
        raise BadChain(f"job {stray} has no chain", hint=_HINT)
    pinned = {job_id for head in bundle.heads for job_id in head.grown}
    loose = next((job_id for job_id in bundle.chains if job_id not in pinned), None)
    if loose is not None:
        raise BadChain(f"job {loose} is in no head", hint=_HINT)


def _check_exposed(bundle: Bundle, job_id: str, statement: Entry | None) -> None:
    """Refuse other intensities than those that the job's chain says it was accounted on."""
    line = bundle.exposed.get(job_id)
    said = "" if statement is None else statement.data.get("exposed")
    if (digest(canonical(line)) if line is not None else "") != said:
        raise BadChain(f"the intensities that job {job_id} was accounted on are not those in its chain", hint=_HINT)
    reads = [] if line is None else cast("list[str]", line["reads"])
    for sha256 in reads:
        if sha256 not in bundle.reads:
            raise BadChain(f"what was read of intensities for job {job_id} was changed or is missing", hint=_HINT)
        _check_read(bundle, bundle.reads[sha256], f"that job {job_id} was accounted on")


def _check_read(bundle: Bundle, line: Line, what: str) -> None:
    """Refuse a reading of which an intensity is missing or another."""
    for zone, sha256 in cast("Mapping[str, str]", line["zones"]).items():
        found = bundle.standings.get(sha256)
        if found is None or found["zone"] != zone:
            raise BadChain(f"the intensity of {zone} {what} was changed or is missing", hint=_HINT)
