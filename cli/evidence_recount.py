"""A report from the lines of a bundle alone: laid into a store of its own, and accounted by the same code as ever.

Nothing is asked of anybody: the intensities are those that the bundle holds, and where it holds none there are none.
"""

from __future__ import annotations

import json
import math
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Final, Protocol, cast

from cli import accounting
from cli.accounting import Books, Exposed
from cli.closing import closings_of
from scheduler.domain.instant import format_instant, parse_instant
from scheduler.execution.settling import Wanted
from scheduler.records.bundle import add_rows
from scheduler.records.bundle_lines import Line, record_from
from scheduler.records.chain import BadChain, canonical, digest
from scheduler.records.evidence_files import EvidenceFiles
from scheduler.records.heads_files import Attested
from scheduler.records.public_part import Blinder, Half
from scheduler.records.spool import whole
from scheduler.records.standing_lines import standing_from, standing_line
from scheduler.records.state_folder import StateFolder
from scheduler.records.store import Store, open_store
from scheduler.reporting.as_json import report_json
from scheduler.reporting.period_report import period_report

SAME: Final = 1e-9
"""How far apart two figures may be that are the same, relative: other machines add in another order. [-]"""
UNREAD: Final = "its intensities could not be read when the bundle was made"
_REFERENCE: Final = "reference"


class Tape(Protocol):
    """Where a report's intensities come from: the sources while a bundle is made, the bundle when it is checked."""

    def read(self, wanted: Wanted, as_of: datetime, /) -> Exposed:
        """What is known of some hours of some zones, the reference by its pseudonym."""

    def marginal_of(self, wanted: Wanted, /) -> Wanted | None:
        """The same hours on the marginal signal; None where they are on one."""


@dataclass(frozen=True, kw_only=True)
class Laid(Books):
    """Books of the lines of a bundle, which ask nobody but a tape."""

    tape: Tape

    def read(self, wanted: Wanted, as_of: datetime) -> Exposed:
        """What the tape holds."""
        return self.tape.read(wanted, as_of)

    def marginal_of(self, wanted: Wanted) -> Wanted | None:
        """The same on the marginal signal, where there was one beside."""
        return self.tape.marginal_of(wanted)


@dataclass(slots=True, kw_only=True)
class Recorder:
    """A tape that asks the sources of a store, and writes down what they said.

    Args:
        books: of the store; blinder: makes the pseudonyms of its sources.
        references: the sources themselves, by pseudonym; marginals: of each the marginal one, empty for none.
        reads: what was read, as lines by their hashes; standings: the intensities, likewise.
    """

    books: Books
    blinder: Blinder
    references: dict[str, Mapping[str, str]] = field(default_factory=dict)
    marginals: dict[str, str] = field(default_factory=dict)
    reads: dict[str, Half] = field(default_factory=dict)
    standings: dict[str, Half] = field(default_factory=dict)
    _there: dict[Wanted, Exposed] = field(default_factory=dict)

    def known(self, reference: Mapping[str, str]) -> None:
        """Remember a source by its pseudonym."""
        self.references[self.blinder.pseudonym("reference", canonical(dict(reference)))] = reference

    def read(self, wanted: Wanted, as_of: datetime, /) -> Exposed:
        """What the sources say, as a bundle gives it back."""
        if wanted not in self._there:
            self._there[wanted] = self._read(wanted, as_of)
        return self._there[wanted]

    def _read(self, wanted: Wanted, as_of: datetime) -> Exposed:
        """The same, asked for the first time."""
        found = self.books.read(self._real(wanted), as_of)
        zones = {}
        for zone, standing in found.standings.items():
            line = standing_line(standing)
            zones[zone] = digest(canonical(line))
            self.standings.setdefault(zones[zone], line)
        line = {"record": "read", **_key(wanted), "known": not found.problem, "zones": zones}
        self.reads[digest(canonical(line))] = line
        return _exposed_from(line, self.standings, as_of)

    def marginal_of(self, wanted: Wanted, /) -> Wanted | None:
        """The same hours on the store's marginal signal."""
        other = self.books.marginal_of(self._real(wanted))
        if other is None:
            self.marginals[_name(wanted)] = ""
            return None
        self.known(dict(other.reference))
        name = self.blinder.pseudonym("reference", canonical(dict(other.reference)))
        self.marginals[_name(wanted)] = name
        return replace(wanted, reference=((_REFERENCE, name),))

    def _real(self, wanted: Wanted) -> Wanted:
        """The same of the source itself."""
        return replace(wanted, reference=tuple(self.references[_name(wanted)].items()))


@dataclass(slots=True, kw_only=True)
class Player:
    """A tape that holds what was written down.

    Args:
        marginals: of each source the marginal one, empty for none.
        reads: what was read, by hash; standings: the intensities, likewise.
    """

    marginals: Mapping[str, str]
    reads: Mapping[str, Line]
    standings: Mapping[str, Line]
    _there: dict[str, Exposed] = field(default_factory=dict)

    def read(self, wanted: Wanted, as_of: datetime, /) -> Exposed:
        """What the bundle holds.

        Raises:
            BadChain: it holds nothing of these hours.
        """
        if not self._there:
            self._there = {read_key(line): _exposed_from(line, self.standings, as_of) for line in self.reads.values()}
        key = canonical(_key(wanted))
        if key not in self._there:
            raise BadChain(f"the intensity of {', '.join(wanted.zones)} is missing", hint="ask for the bundle again")
        return self._there[key]

    def marginal_of(self, wanted: Wanted, /) -> Wanted | None:
        """The same hours on the marginal signal of the bundle."""
        name = self.marginals.get(_name(wanted), "")
        return replace(wanted, reference=((_REFERENCE, name),)) if name else None


@dataclass(slots=True, kw_only=True)
class _Noted:
    """A tape that notes what is read of another one."""

    tape: Tape
    found: dict[str, None] = field(default_factory=dict)

    def read(self, wanted: Wanted, as_of: datetime, /) -> Exposed:
        """What that one holds."""
        self.found[canonical(_key(wanted))] = None
        return self.tape.read(wanted, as_of)

    def marginal_of(self, wanted: Wanted, /) -> Wanted | None:
        """What that one says."""
        return self.tape.marginal_of(wanted)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Which report is to be made.

    Args:
        since, until: the period; made_at: when it was made; version: by which carbonsched.
        as_of: what sources said later is not in it.
    """

    since: datetime | None
    until: datetime | None
    made_at: datetime
    version: str
    as_of: datetime

    def holds(self, submitted_at: str) -> bool:
        """Whether a job that was submitted then is reported."""
        moment = parse_instant(submitted_at)
        return (self.since is None or moment >= self.since) and (self.until is None or moment < self.until)


def recount(
    asked: Asked, lines: Mapping[str, Sequence[Line]], tape: Tape, attested: Attested
) -> tuple[dict[str, object], dict[str, list[str]]]:
    """The report that the lines of jobs give, as plain data, and which intensities each of its jobs rests on.

    Args:
        asked: which report.
        lines: of every job, in order of submission.
        tape: what was read of intensities.
        attested: heads and seals.
    """
    with tempfile.TemporaryDirectory(prefix="carbonsched-recount-") as scratch:
        store = _laid(lines, StateFolder(Path(scratch) / "state"))
        opened = accounting.open_books(store, EvidenceFiles(store.folder), asked.made_at)
        noted = _Noted(tape=tape)
        books = Laid(
            histories=opened.histories,
            starts=opened.starts,
            past=opened.past,
            settling=opened.settling,
            attested=attested,
            tape=noted,
        )
        reports, rests_on = [], {}
        for job_id in (job_id for job_id, group in lines.items() if asked.holds(str(group[0]["submitted_at"]))):
            noted.found.clear()
            reports.append(books.report(job_id, asked.as_of))
            rests_on[job_id] = list(noted.found)
        report = period_report(
            reports,
            since=asked.since,
            until=asked.until,
            made_at=asked.made_at,
            version=asked.version,
            closings=closings_of(books, reports, asked.as_of, asked.since, asked.until),
        )
        store.close()
    return cast("dict[str, object]", json.loads(json.dumps(report_json(report), allow_nan=False))), rests_on


def read_key(line: Line) -> str:
    """What a line of what was read is known by: whose hours of which zones."""
    return canonical({name: line[name] for name in ("reference", "zones_asked", "start", "end")})


def first_difference(said: object, made: object, where: str = "report") -> str:
    """Where two reports differ first and how, empty where they say the same."""
    return next(_differences(said, made, where), "")


def figures(report: object) -> int:
    """How many numbers a report holds."""
    if isinstance(report, Mapping):
        return sum(map(figures, report.values()))
    if isinstance(report, list):
        return sum(map(figures, report))
    return isinstance(report, int | float) and not isinstance(report, bool)


def _differences(said: object, made: object, where: str) -> Iterator[str]:
    """All of them, in order."""
    if isinstance(said, Mapping) and isinstance(made, Mapping):
        for name in dict.fromkeys([*said, *made]):
            if name not in said or name not in made:
                yield f"{where}.{name} is {'added' if name in said else 'missing'}"
            else:
                yield from _differences(said[name], made[name], f"{where}.{name}")
    elif isinstance(said, list) and isinstance(made, list):
        if len(said) != len(made):
            yield f"{where} has {len(said)} entries, counted again {len(made)}"
        for n, (one, other) in enumerate(zip(said, made, strict=False)):
            yield from _differences(one, other, f"{where}[{_label(one, n)}]")
    elif not _same(said, made):
        yield f"{where} is {said!r}, counted again {made!r}"


def _label(entry: object, n: int) -> str:
    """How an entry of a list is called: a job by its id."""
    return str(entry["job_id"]) if isinstance(entry, Mapping) and "job_id" in entry else str(n)


def _same(said: object, made: object) -> bool:
    """Whether two values say the same; numbers to the last digits but three or so."""
    if isinstance(said, bool) or isinstance(made, bool):
        return said is made
    if isinstance(said, int | float) and isinstance(made, int | float):
        return math.isclose(said, made, rel_tol=SAME, abs_tol=0.0)
    return type(said) is type(made) and said == made


def _laid(lines: Mapping[str, Sequence[Line]], folder: StateFolder) -> Store:
    """A store that holds the jobs of a bundle, and nothing else."""
    store = open_store(folder, chained=False)
    with store.writing() as tx:
        for group in lines.values():
            record = record_from(map(whole, group), ended=False)
            add_rows(tx, record)
            own = folder.evidence(record.job.id)
            own.mkdir(parents=True, exist_ok=True)
            for name, content in record.evidence.items():
                (own / name).write_bytes(content)
    return store


def _exposed_from(line: Line, standings: Mapping[str, Line], as_of: datetime) -> Exposed:
    """What a line of what was read says."""
    zones = cast("Mapping[str, str]", line["zones"])
    made = {zone: standing_from(standings[sha256]) for zone, sha256 in zones.items()}
    return Exposed(standings=made, problem="" if line["known"] else UNREAD, as_of=as_of)


def _key(wanted: Wanted) -> dict[str, object]:
    """Whose hours of which zones are wanted, as a line says it."""
    return {
        "reference": _name(wanted),
        "zones_asked": list(wanted.zones),
        "start": format_instant(wanted.start),
        "end": format_instant(wanted.end),
    }


def _name(wanted: Wanted) -> str:
    """The pseudonym of the sources that are wanted."""
    return dict(wanted.reference)[_REFERENCE]
