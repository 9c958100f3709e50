"""`carbonsched settle`: revised intensities are fetched, and what jobs were said to have emitted is stated anew."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final

import typer

if TYPE_CHECKING:
    from cli.settling import Round, Settled
    from scheduler.records.statements import Change, Statement

_NAMED: Final = 5
"""So many jobs are named with a reason that holds for more."""


def settle(
    until: Annotated[str | None, typer.Option(help="Only jobs that ended before this ISO time.")] = None,
    project: Annotated[str | None, typer.Option(help="Only jobs of this project.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Ask nobody and store nothing.")] = False,
    history: Annotated[
        str | None, typer.Option(help="Print every statement of this job instead: its id, or the beginning of it.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Settle what ended jobs emitted: ask their sources for revised intensities, and state what differs.

    A statement is numbered and never changed; each one says why it differs from the one before. A running scheduler
    does the same once a day. Ends with 4 where a source could not be asked; what could be settled is.

    \b
    Examples:
      carbonsched settle
      carbonsched settle --until 2026-02-01T00:00:00Z --dry-run
      carbonsched settle --project nlp --json
    """
    from cli import wiring
    from cli.settling import Round
    from scheduler.domain.errors import SourceUnavailable
    from scheduler.domain.instant import parse_instant

    store = wiring.store()
    if history is not None:
        _show_history(history, as_json=as_json)
        return
    last = None if until is None else parse_instant(until, what="--until")
    made = Round(store=store, until=last, project=project, dry=dry_run)
    made.run()
    _show(made, as_json=as_json)
    if made.unanswered:
        raise SourceUnavailable(
            f"not every source could be asked: {'; '.join(made.unanswered)}",
            hint="what could be settled is; settle again later, or see carbonsched intensity sources",
        )


def _show(made: Round, *, as_json: bool) -> None:
    """What the round found."""
    from cli.console import emit, emit_json, say, table

    if as_json:
        emit_json(
            {
                "dry_run": made.dry,
                "jobs": [_as_json(each) for each in made.settled],
                "open_jobs_left_out": made.open_jobs,
                "unanswered": list(made.unanswered),
            }
        )
        return
    news = [each for each in made.settled if each.is_news]
    if news:
        emit(table(("job", "name", "statement", "status", "before [kg]", "now [kg]", "change", "cause"), _rows(news)))
        for line in _whys(news):
            say(line)
    for each in made.settled:
        if each.now is None:
            say(f"{each.job_id} could not be priced: {each.problem}")
    same, stored = len(made.settled) - len(news), "would be stated anew" if made.dry else "stated anew"
    say(f"{len(news)} {stored}, {same} as before" + (f"; {made.open_jobs} not ended" if made.open_jobs else ""))


def _whys(news: list[Settled]) -> list[str]:
    """Each reason once, with the jobs that it holds for."""
    jobs: dict[str, list[str]] = {}
    for each in news:
        jobs.setdefault(each.now.why if each.now else "", []).append(each.job_id)
    return [
        f"{', '.join(ids[:_NAMED])}{f' and {len(ids) - _NAMED} more' if len(ids) > _NAMED else ''}: {why}"
        for why, ids in jobs.items()
    ]


def _rows(news: list[Settled]) -> list[tuple[str, ...]]:
    """A row for each job that is stated anew."""
    from scheduler.records.statements import total_kg
    from scheduler.reporting.numbers import kg_text

    rows: list[tuple[str, ...]] = []
    for each in news:
        if each.now is None:
            continue
        before = None if each.before is None else total_kg(each.before.figures)
        now = total_kg(each.now.figures) or 0.0
        name = f"{each.name} (simulated)" if each.now.figures["simulated"] else each.name
        rows.append((
            each.job_id, name, str(each.now.number or "-"), each.now.status,
            "-" if before is None else kg_text(before), kg_text(now), _change_text(before, now), each.now.cause,
        ))  # fmt: skip
    return rows


def _change_text(before_kg: float | None, now_kg: float) -> str:
    """A change of a total in percent, with its sign."""
    if not before_kg:
        return "-"
    return f"{100 * (now_kg - before_kg) / before_kg:+.3g} %"


def _as_json(found: Settled) -> dict[str, object]:
    """What was found of one job."""
    from scheduler.records.statements import changes

    changed = changes(found.before.figures, found.now.figures) if found.is_news and found.before and found.now else []
    return {
        "job_id": found.job_id,
        "name": found.name,
        "changed": found.is_news,
        "before": None if found.before is None else statement_json(found.before),
        "now": None if found.now is None else statement_json(found.now),
        "now_reason": found.problem if found.now is None else None,
        "changes": [_change_json(each) for each in changed],
    }


def _change_json(change: Change) -> dict[str, object]:
    """One figure before and after; the share is null where there was nothing before."""
    from math import isfinite

    share = change.share
    return {
        "figure": change.name,
        "before": change.before,
        "after": change.after,
        "share": share if isfinite(share) else None,
    }


def statement_json(statement: Statement) -> dict[str, object]:
    """A statement as plain data; its number is null where it was not stored."""
    from scheduler.domain.instant import format_instant

    return {
        "number": statement.number or None,
        "as_of": format_instant(statement.as_of),
        "made_at": format_instant(statement.made_at),
        "status": statement.status,
        "cause": statement.cause,
        "why": statement.why,
        "figures": dict(statement.figures),
    }


def _show_history(job: str, *, as_json: bool) -> None:
    """Every statement of one job, the first one first."""
    from cli import wiring
    from cli.console import emit, emit_json, say, table
    from scheduler.domain.instant import to_the_second
    from scheduler.records.statements import statements_of, total_kg
    from scheduler.reporting.numbers import kg_text

    with wiring.store().reading() as tx:
        row = tx.job(job)
        found = statements_of(tx, row.id)
    if as_json:
        emit_json({"job_id": row.id, "statements": [statement_json(each) for each in found]})
        return
    if not found:
        say(f"nothing was stated of {row.id} yet: carbonsched settle")
        return
    totals = [total_kg(each.figures) for each in found]
    before = [None, *totals]
    rows = [
        (str(each.number), to_the_second(each.as_of), each.status, kg_text(kg or 0.0),
         _change_text(before[n], kg or 0.0), each.cause, each.why)
        for n, (each, kg) in enumerate(zip(found, totals, strict=True))
    ]  # fmt: skip
    emit(table(("statement", "as of", "status", "kg CO2e", "change", "cause", "why"), rows))
