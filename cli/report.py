"""`carbonsched report`: what jobs emitted, and what would have been, as two statements."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from scheduler.records.identity import Closing
    from scheduler.records.rows import JobRow
    from scheduler.records.store import Store
    from scheduler.reporting.job_report import JobReport
    from scheduler.reporting.language import Language

_CHOICE = "Which jobs"


def report(
    since: Annotated[
        str | None,
        typer.Option(help="Jobs submitted from this ISO time on [default: the first].", rich_help_panel=_CHOICE),
    ] = None,
    until: Annotated[
        str | None, typer.Option(help="Jobs submitted before this ISO time [default: now].", rich_help_panel=_CHOICE)
    ] = None,
    period: Annotated[
        str | None, typer.Option(help="A year, quarter or month, as 2026, 2026-Q1 or 2026-01.", rich_help_panel=_CHOICE)
    ] = None,
    job: Annotated[
        str | None, typer.Option(help="One job only: its id, or the beginning of it.", rich_help_panel=_CHOICE)
    ] = None,
    project: Annotated[
        list[str] | None, typer.Option(help="Jobs of this project; may be repeated.", rich_help_panel=_CHOICE)
    ] = None,
    owner: Annotated[
        list[str] | None, typer.Option(help="Jobs of this owner; may be repeated.", rich_help_panel=_CHOICE)
    ] = None,
    policy: Annotated[
        list[str] | None, typer.Option(help="Jobs under this policy; may be repeated.", rich_help_panel=_CHOICE)
    ] = None,
    group_by: Annotated[
        list[str] | None, typer.Option(help="Sum by project, cluster, month, ...; repeat to combine.")
    ] = None,
    form: Annotated[
        str | None, typer.Option("--format", help="html, md, json, csv or parquet [default: the file's ending, or md].")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The same as --format json.")] = False,
    lang: Annotated[
        str | None,
        typer.Option(help="Language of html and md: en, fr-CA or fr-FR [default: setting report_language]."),
    ] = None,
    as_published: Annotated[
        int | None, typer.Option(metavar="N", help="The closed period as it was published in its issue N.")
    ] = None,
    restated: Annotated[
        bool, typer.Option("--restated", help="The closed period as it would be published today.")
    ] = False,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Write to this file instead.")] = None,
    verify: Annotated[
        Path | None,
        typer.Option(metavar="BUNDLE", help="Check a bundle: every byte of it, and every figure counted again."),
    ] = None,
) -> None:
    """Report what jobs really emitted, line by line, beside what was planned and what would have happened at home.

    HTML is one file that opens anywhere, without a network. While intensities are provisional there is no headline.
    JSON, CSV and Parquet are the same in every language.

    \b
    Examples:
      carbonsched report
      carbonsched report --period 2026-01 -o january.html
      carbonsched report --lang fr-CA -o rapport.html
      carbonsched report --group-by project --group-by month -o projects.csv
      carbonsched report --job char-lm --json
    """
    from cli import budgets, report_files, schema, wiring
    from cli.console import say
    from cli.period import named, restatement_due
    from cli.report_bridge import bridged
    from cli.report_language import language_of
    from scheduler.domain.said import Said
    from scheduler.reporting.period_report import period_report

    if verify is not None:
        from cli import evidence

        evidence.verify(verify, as_json=as_json)
        return
    chosen, language = report_files.form_of(form, output, as_json=as_json), language_of(lang)
    if as_published is not None or restated:
        _show_issue(period, as_published, chosen, language, restated=restated, output=output)
        return
    first, last = _span(since, until, period)
    store = wiring.store()
    wanted = {"project": project or [], "owner": owner or [], "policy": policy or []}
    jobs, closings = _many(store, first, last, wanted) if job is None else ([_one(store, job, first, last, wanted)], ())
    made = period_report(
        jobs,
        since=first,
        until=last,
        made_at=wiring.now(),
        version=schema.VERSION,
        group_by=tuple(dict.fromkeys(group_by or ())),
        filters=[
            *(Said("project {name}", name=name) for name in wanted["project"]),
            *(Said("owner {name}", name=name) for name in wanted["owner"]),
            *(Said("policy {name}", name=name) for name in wanted["policy"]),
        ],
        config_sha256=_config_sha256(),
        closings=closings,
        budgets=budgets.of_report(store, period, wanted["project"]) if job is None else (),
    )

    def beside() -> report_files.Beside:
        """The grid around the jobs of a page, and its bridge; what draws it was found."""
        from cli.report_traces import traces_of

        return traces_of(made), None if period is None else bridged(store, period)

    _deliver(report_files.bytes_of(chosen, made, beside, language), output)
    if period is not None and (due := restatement_due(store, named(period))):
        say(due)


def _show_issue(
    period: str | None, number: int | None, form: str, lang: Language, *, restated: bool, output: Path | None
) -> None:
    """Print a closed period instead: as it was published, or restated."""
    from cli.period import shown
    from scheduler.domain.errors import InvalidInput

    if period is None:
        raise InvalidInput("--as-published and --restated need --period", hint="carbonsched period list shows them")
    if number is not None and restated:
        raise InvalidInput("--as-published and --restated were both given", hint="give one of the two")
    if form not in ("json", "md"):
        raise InvalidInput(f"a closed period is printed as md or json, not as {form}", hint="leave --format away")
    _deliver(f"{shown(period, lang, as_published=number, as_json=form == 'json')}\n".encode(), output)


def _deliver(content: bytes, output: Path | None) -> None:
    """Put a report on stdout, or into its file."""
    import sys

    from cli.console import say
    from scheduler.domain.errors import CarbonschedError

    if output is None:
        sys.stdout.write(content.decode())
        return
    try:
        output.write_bytes(content)
    except OSError as exc:
        raise CarbonschedError(f"{output} cannot be written: {exc.strerror}", hint="name another file") from exc
    say(f"wrote {output}")


def _span(since: str | None, until: str | None, period: str | None) -> tuple[datetime | None, datetime | None]:
    """The period that is asked for, open where nothing ends it."""
    from cli.period import named
    from scheduler.domain.errors import InvalidInput
    from scheduler.domain.instant import parse_instant

    if period is not None:
        if since is not None or until is not None:
            raise InvalidInput("--period was given with --since or --until", hint="give one or the other")
        whole = named(period)
        return whole.since, whole.until
    first = None if since is None else parse_instant(since, what="--since")
    last = None if until is None else parse_instant(until, what="--until")
    if first is not None and last is not None and first >= last:
        raise InvalidInput(
            f"--since {since} is not before --until {until}", hint="the period holds its start, not its end"
        )
    return first, last


def _many(
    store: Store, first: datetime | None, last: datetime | None, wanted: dict[str, list[str]]
) -> tuple[list[JobReport], tuple[Closing, ...]]:
    """The reports of the jobs of a period that meet what is asked for, and whether the accounts of all close.

    Raises:
        UnknownName: no job at all has one of the names.
    """
    from cli import accounting, closing
    from scheduler.domain.errors import UnknownName

    books = accounting.open_books(store)
    rows = [each.row for each in books.histories.values()]
    for name, values in wanted.items():
        known = {str(getattr(row.job, name)) for row in rows}
        for value in values:
            if value not in known:
                raise UnknownName(name, value, filter(None, known))
    chosen = [row.id for row in rows if accounting.within(row, first, last) and _meets(row, wanted)]
    as_of = books.freshened(chosen)
    with accounting.uncollected():
        reports = [books.report(job_id, as_of) for job_id in chosen]
    return reports, closing.closings_of(books, reports, as_of, first, last)


def _meets(row: JobRow, wanted: dict[str, list[str]]) -> bool:
    """Whether a job has one of the names in each respect that any was asked for in."""
    return all(not values or str(getattr(row.job, name)) in values for name, values in wanted.items())


def _one(
    store: Store, job: str, first: datetime | None, last: datetime | None, wanted: dict[str, list[str]]
) -> JobReport:
    """The report of one job, which the period and the filters have to hold."""
    from cli import accounting, closing, wiring
    from scheduler.domain.errors import InvalidInput
    from scheduler.domain.instant import format_instant
    from scheduler.records.gather import gather

    with store.reading() as tx:
        row = tx.job(job)
        history = gather(tx, wiring.evidence(), row, now=wiring.now())
    if not accounting.within(row, first, last):
        raise InvalidInput(
            f"the job {row.id} was submitted at {format_instant(row.submitted_at)}, outside the period",
            hint="leave --since, --until and --period away",
        )
    if not _meets(row, wanted):
        raise InvalidInput(f"the job {row.id} is not among those asked for", hint="leave the other filters away")
    books = accounting.books_for(store, history)
    return closing.with_hindsight(books, books.report(row.id))


def _config_sha256() -> str:
    """The settings in force as one checksum; no secret is among them."""
    import hashlib

    from cli import wiring

    said = "\n".join(f"{name}={value.text}" for name, value in sorted(wiring.settings().values.items()))
    return hashlib.sha256(said.encode()).hexdigest()
