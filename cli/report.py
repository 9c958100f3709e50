"""`carbonsched report`: what jobs emitted, and what would have been, as two statements."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


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
    import json

    from cli import accounting, schema, wiring
    from cli.console import emit, say
    from scheduler.domain.errors import CarbonschedError, InvalidInput
    from scheduler.domain.instant import parse_instant
    from scheduler.reporting.as_json import report_json
    from scheduler.reporting.markdown import report_markdown
    from scheduler.reporting.period_report import period_report

    if as_json and markdown:
        raise InvalidInput("--json and --markdown were both given", hint="give one of the two")
    period = [
        parse_instant(text, what=name) if text else None for name, text in (("--since", since), ("--until", until))
    ]
    store = wiring.store()
    reports, clusters = accounting.many(store, *period)
    if job is not None:
        with store.reading() as tx:
            wanted = tx.job(job).id
        reports = [r for r in reports if r.history.row.id == wanted]
    made = period_report(
        reports, clusters, since=period[0], until=period[1], made_at=wiring.now(), version=schema.VERSION
    )
    text = json.dumps(report_json(made), indent=2, ensure_ascii=False) if as_json else report_markdown(made).rstrip()
    if output is None:
        emit(text)
        return
    try:
        output.write_text(text + "\n", encoding="utf-8")
    except OSError as exc:
        raise CarbonschedError(f"{output} cannot be written: {exc.strerror}", hint="name another file") from exc
    say(f"wrote {output}")
