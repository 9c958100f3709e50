"""`carbonsched report`: what jobs emitted, and what would have been, as two statements."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from scheduler.records.store import Store
    from scheduler.reporting.job_report import JobReport
    from scheduler.reporting.period_report import PeriodReport


def report(
    since: Annotated[
        str | None, typer.Option(help="Jobs submitted from this ISO time on [default: the first].")
    ] = None,
    until: Annotated[str | None, typer.Option(help="Jobs submitted before this ISO time [default: now].")] = None,
    job: Annotated[str | None, typer.Option(help="One job only: its id, or the beginning of it.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print Markdown [the default].")] = False,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Write to this file instead.")] = None,
) -> None:
    """Report what jobs really emitted, line by line, beside what was planned and what would have happened at home.

    Energy is modelled and intensities are provisional: the report says so, and gives no headline.

    \b
    Examples:
      carbonsched report
      carbonsched report --job char-lm --json
      carbonsched report --since 2026-01-01T00:00:00Z --until 2026-02-01T00:00:00Z -o january.md
    """
    from cli import accounting, schema, wiring
    from cli.console import emit, say
    from scheduler.domain.errors import CarbonschedError, InvalidInput
    from scheduler.reporting.period_report import period_report

    if as_json and markdown:
        raise InvalidInput("--json and --markdown were both given", hint="give one of the two")
    first, last = _instant("--since", since), _instant("--until", until)
    if first is not None and last is not None and first >= last:
        raise InvalidInput(
            f"--since {since} is not before --until {until}", hint="the period holds its start, not its end"
        )
    store = wiring.store()
    chosen = accounting.many(store, first, last) if job is None else [_one(store, job, first, last)]
    made = period_report(chosen, since=first, until=last, made_at=wiring.now(), version=schema.VERSION)
    text = _text(made, as_json=as_json)
    if output is None:
        emit(text)
        return
    try:
        output.write_text(text + "\n", encoding="utf-8")
    except OSError as exc:
        raise CarbonschedError(f"{output} cannot be written: {exc.strerror}", hint="name another file") from exc
    say(f"wrote {output}")


def _instant(option: str, text: str | None) -> datetime | None:
    """The instant that an option names, None where it is not given."""
    from scheduler.domain.instant import parse_instant

    return None if text is None else parse_instant(text, what=option)


def _one(store: Store, job: str, first: datetime | None, last: datetime | None) -> JobReport:
    """The report of one job, which the period has to hold."""
    from cli import accounting, wiring
    from scheduler.domain.errors import InvalidInput
    from scheduler.domain.instant import format_instant
    from scheduler.records.gather import gather

    with store.reading() as tx:
        row = tx.job(job)
        history = gather(tx, wiring.evidence(), row, now=wiring.now())
    if not accounting.within(row, first, last):
        raise InvalidInput(
            f"the job {row.id} was submitted at {format_instant(row.submitted_at)}, outside the period",
            hint="leave --since and --until away",
        )
    return accounting.one(store, history)


def _text(made: PeriodReport, *, as_json: bool) -> str:
    """The report as JSON, with no figure that JSON does not know, or as Markdown."""
    import json

    from scheduler.reporting.as_json import report_json
    from scheduler.reporting.markdown import report_markdown

    if as_json:
        return json.dumps(report_json(made), indent=2, ensure_ascii=False, allow_nan=False)
    return report_markdown(made).rstrip()
