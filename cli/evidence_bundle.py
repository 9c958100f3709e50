"""Making a bundle of the store, and checking one: what is shown is counted from what the bundle itself holds."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Final, cast

from cli import accounting, wiring
from cli.evidence_recount import Asked, Player, Recorder, figures, first_difference, read_key, recount
from scheduler.domain.errors import CarbonschedError, InvalidInput
from scheduler.domain.instant import format_instant, parse_instant
from scheduler.records.backup_copy import whole_file
from scheduler.records.bundle_evidence import Contents, JobLines, Stated, bundle_lines, issued, job_lines, sums_of
from scheduler.records.chain import BadChain, canonical, digest
from scheduler.records.chain_files import Chains
from scheduler.records.heads_files import Ledger
from scheduler.records.public_part import Half
from scheduler.records.spool import Spool
from scheduler.records.store import Store
from scheduler.records.verify import Bundle, read_bundle

_HINT: Final = "ask for the bundle again, from whoever made it"


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What was found to hold, by number."""

    jobs: int
    reported: int
    samples: int
    intensities: int
    figures: int
    heads: int
    seals: int
    pre_registered: int

    def text(self) -> str:
        """The same in a line."""
        return (
            f"verified: {self.jobs} jobs ({self.reported} in the report), {self.samples} samples, "
            f"{self.intensities} intensities, {self.figures} figures, {self.heads} heads, {self.seals} seals; "
            f"{self.pre_registered} jobs pre-registered, the others self-attested"
        )


def write_bundle(store: Store, target: Path, asked: Asked, *, full: bool, say: Callable[[str], None]) -> Checked:
    """Write the bundle of a period, whole or not at all, and read it back.

    Args:
        store: whose.
        target: the file; its folder has to be there.
        asked: which report it holds.
        full: whether commands, addresses, names of people and what agents said in full are in it.
        say: told what a reader should know.

    Raises:
        InvalidInput: the file cannot be written there.
        BadChain: a chain was changed, or says what the store does not.
    """
    if target.is_dir() or not target.absolute().parent.is_dir():
        raise InvalidInput(f"{target} cannot be written", hint="name a file in a folder that is there")
    with whole_file(target.absolute()) as part:
        with _spool() as spool, part.open("w", encoding="ascii") as stream:
            contents = _contents(store, asked, spool, full=full, say=say)
            stream.writelines(f"{line}\n" for line in bundle_lines(contents))
        return verified(part)


def verified(file: Path) -> Checked:
    """Check a bundle, its figures too.

    Raises:
        BadChain: names the first thing that differs.
        InvalidInput: there is no such file.
    """
    with _spool() as spool:
        return _verified(file, spool)


def _verified(file: Path, spool: Spool) -> Checked:
    """The same, with room for what is long."""
    try:
        with file.open("rb") as stream:
            bundle = read_bundle(stream, spool)
    except OSError as exc:
        raise InvalidInput(f"{file} cannot be read: {exc.strerror}", hint="check the path") from exc
    try:
        asked = _asked(bundle)
        marginals = cast("Mapping[str, str]", bundle.header["marginals"])
        tape = Player(marginals=marginals, reads=bundle.reads, standings=bundle.standings)
        made, rests_on = recount(asked, bundle.lines, tape, (bundle.heads, bundle.seals))
    except BadChain:
        raise
    except CarbonschedError as exc:
        raise BadChain(f"the report cannot be counted again: {exc.message}", hint=exc.hint) from exc
    where = first_difference(bundle.report, made)
    if where or bundle.damage:
        raise BadChain(
            where or bundle.damage, hint=f"carbonsched {asked.version} made it: ask for it again, or verify with that"
        )
    _check_figures(bundle, rests_on)
    jobs = cast("list[dict[str, object]]", made["jobs"])
    others = [cast("dict[str, object]", job["counterfactual"]) for job in jobs if job["counterfactual"]]
    return Checked(
        jobs=len(bundle.lines),
        reported=len(bundle.exposed),
        samples=bundle.samples,
        intensities=len(bundle.standings),
        figures=figures(made),
        heads=len(bundle.heads),
        seals=len(bundle.seals),
        pre_registered=sum(other["registration"] == "pre-registered" for other in others),
    )


@contextmanager
def _spool() -> Iterator[Spool]:
    """A place for long texts, gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="carbonsched-bundle-") as folder:
        yield Spool(Path(folder))


def _contents(store: Store, asked: Asked, spool: Spool, *, full: bool, say: Callable[[str], None]) -> Contents:
    """All that a bundle holds; what it states is chained before it is shown."""
    chains, ledger = Chains(store.folder), Ledger(store)
    blinder = chains.blinder()
    jobs: dict[str, JobLines] = {}
    order: list[str] = []
    for job_id in _job_ids(store):
        lines, chain = chains.snapshot(store.reading, job_id)
        order.append(job_id)
        if asked.until is None or parse_instant(str(lines[0]["submitted_at"])) < asked.until:
            jobs[job_id] = job_lines(lines, chain, blinder, spool, full=full)
    books = accounting.open_books(store)
    asked = replace(asked, as_of=books.freshened(_of_period(asked, jobs)))
    tape = Recorder(books=books, blinder=blinder)
    for history in books.histories.values():
        tape.known(history.row.intensity)
    public = {job_id: job.public for job_id, job in jobs.items()}
    report, rests_on = recount(asked, public, tape, (ledger.heads(), ledger.seals()))
    exposed = _exposed(rests_on, tape)
    told = {str(job["job_id"]): job for job in cast("list[dict[str, object]]", report["jobs"])}
    for job_id, job in jobs.items():
        statement = Stated(
            exposed=exposed.get(job_id),
            figures=told.get(job_id),
            sums=sums_of(report),
            at=format_instant(asked.made_at),
        )
        chains.issue(job_id, issued(job, statement))
    head = ledger.head(asked.made_at)
    say(f"head {head.n} of {format_instant(head.at)[:10]} over {head.jobs} jobs: {head.hash}")
    return Contents(
        header=_header(asked, tape.marginals, full=full),
        heads=ledger.heads(),
        seals=ledger.seals(),
        chains=ledger.chains(order),
        jobs=tuple(jobs.values()),
        exposed=exposed,
        standings=[*tape.standings.values(), *tape.reads.values()],
        report=report,
        salts={job_id: blinder.salt(job_id) for job_id in jobs} if full else {},
    )


def _header(asked: Asked, marginals: Mapping[str, str], *, full: bool) -> dict[str, object]:
    """What a bundle says of itself."""
    return {
        "made_at": format_instant(asked.made_at),
        "made_by": asked.version,
        "as_of": format_instant(asked.as_of),
        "since": asked.since and format_instant(asked.since),
        "until": asked.until and format_instant(asked.until),
        "marginals": dict(marginals),
        "full": full,
    }


def _of_period(asked: Asked, jobs: Mapping[str, JobLines]) -> list[str]:
    """The jobs that are reported."""
    return [job_id for job_id, job in jobs.items() if asked.holds(str(job.public[0]["submitted_at"]))]


def _exposed(rests_on: Mapping[str, list[str]], tape: Recorder) -> dict[str, Half]:
    """By job, the line that names the intensities that it rests on."""
    by_key = {read_key(line): sha256 for sha256, line in tape.reads.items()}
    return {
        job_id: {"record": "exposed", "job_id": job_id, "reads": [by_key[key] for key in keys]}
        for job_id, keys in rests_on.items()
    }


def _job_ids(store: Store) -> Iterator[str]:
    """The ids of all jobs, in order of submission."""
    with store.reading() as tx:
        rows = tx.jobs()
    for row in rows:
        yield row.id


def _asked(bundle: Bundle) -> Asked:
    """Which report a bundle says that it holds."""
    said = bundle.header
    since, until = said["since"], said["until"]
    return Asked(
        since=None if since is None else parse_instant(str(since)),
        until=None if until is None else parse_instant(str(until)),
        made_at=parse_instant(str(said["made_at"])),
        version=str(said["made_by"]),
        as_of=parse_instant(str(said["as_of"])),
    )


def _check_figures(bundle: Bundle, rests_on: Mapping[str, list[str]]) -> None:
    """Refuse figures that are not those that the chains hold, and a job that is not in them or rests on others."""
    told = {str(job["job_id"]): job for job in cast("list[dict[str, object]]", bundle.report["jobs"])}
    asked = _asked(bundle)
    for job_id, lines in bundle.lines.items():
        if asked.holds(str(lines[0]["submitted_at"])) != (job_id in told):
            raise BadChain(f"job {job_id} is missing in the report, or does not belong there", hint=_HINT)
        statement = bundle.chains[job_id].last("issued", "bundle")
        figures_of = digest(canonical(told[job_id])) if job_id in told else ""
        if statement is None or statement.data.get("figures") != figures_of:
            raise BadChain(f"the figures of job {job_id} are not those that its chain holds", hint=_HINT)
        if statement.data.get("sums") != digest(canonical(sums_of(bundle.report))):
            raise BadChain(f"the sums of the report are not those that the chain of job {job_id} holds", hint=_HINT)
        reads = cast("list[str]", bundle.exposed[job_id]["reads"]) if job_id in told else []
        if [read_key(bundle.reads[each]) for each in reads] != rests_on.get(job_id, []):
            raise BadChain(f"job {job_id} does not rest on the intensities that it names", hint=_HINT)


def now_asked(since: datetime | None, until: datetime | None, version: str) -> Asked:
    """The report of a period as it stands now."""
    now = wiring.now()
    return Asked(since=since, until=until, made_at=now, version=version, as_of=now)
