"""`carbonsched period`: the figures of a month, a quarter or a year are published, restated and compared."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from scheduler.records.periods import Issue
    from scheduler.records.periods_calendar import Period
    from scheduler.records.statements import Cause
    from scheduler.records.store import Store
    from scheduler.reporting.language import Language

app = typer.Typer(no_args_is_help=True, help="Close reporting periods, restate and compare them.")

Name = Annotated[str, typer.Argument(help="Year, quarter or month: 2026, 2026-Q1, 2026-01.")]
Zone = Annotated[str | None, typer.Option("--tz", help="Time zone of its ends [default: setting reporting_time_zone].")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command("close")
def close(
    name: Name,
    tz: Zone = None,
    cause: Annotated[
        str | None, typer.Option(help="Why it is stated anew: data, method, error or boundary [default: the first].")
    ] = None,
    as_json: Json = False,
) -> None:
    """Close a period that is over: publish its figures as a numbered issue, which is never changed.

    Closing it again needs a cause and makes the next issue. Where over 5 % of the emissions rest on provisional
    intensities it is closed as provisional only, and the issue says so.

    \b
    Examples:
      carbonsched period close 2026-01
      carbonsched period close 2025 --tz Europe/Paris --json
    """
    from cli import periods, wiring
    from cli.console import emit, emit_json, say
    from scheduler.domain.errors import InvalidInput
    from scheduler.domain.instant import to_the_second
    from scheduler.records.periods import Issue, add_issue, issues_of
    from scheduler.reporting.issue_text import issue_json, restatement_text
    from scheduler.reporting.numbers import kg_text

    period, store = named(name, tz), wiring.store()
    if period.until > wiring.now():
        raise InvalidInput(
            f"the period {period.name} is not over before {to_the_second(period.until)}",
            hint="close it then; carbonsched report shows what there is",
        )
    with store.reading() as tx:
        before = issues_of(tx, period.name)
    why = _cause(period, before, cause)
    made = periods.figures_of(store, period, keep=True)
    drafted = Issue(period=period, number=0, made_at=made.as_of, status=made.status, cause=why, figures=made.figures)
    if before and _same(before[-1], drafted):
        say(f"issue {before[-1].number} of {period.name} says the same: nothing was published")
        stored = before[-1]
    else:
        with store.writing() as tx:
            if len(issues_of(tx, period.name)) != len(before):
                raise InvalidInput(
                    f"{period.name} was closed by somebody else just now", hint="see carbonsched period list"
                )
            stored = add_issue(tx, drafted)
    if as_json:
        emit_json(issue_json(stored, made.notes))
        return
    emit(f"{period.name} issue {stored.number}: {kg_text(stored.total_kg)} kg CO2e, {stored.status}")
    if before and stored.number != before[-1].number:
        say(restatement_text(before[-1], stored.total_kg).partition(":")[0])
    for note in made.notes:
        say(note)
    if stored.status == "provisional":
        say("closed as provisional only: settle, then close it again with --cause data")


@app.command("list")
def list_issues(as_json: Json = False) -> None:
    """List every issue of every period.

    \b
    Examples:
      carbonsched period list
    """
    from cli import wiring
    from cli.console import emit, emit_json_list, say, table
    from scheduler.domain.instant import to_the_second
    from scheduler.records.periods import issues_of
    from scheduler.reporting.issue_text import issue_json
    from scheduler.reporting.numbers import kg_text

    with wiring.store().reading() as tx:
        found = issues_of(tx)
    if as_json:
        emit_json_list(issue_json(each) for each in found)
    elif not found:
        say("no period was closed yet: carbonsched period close 2026-01")
    else:
        rows = [
            (each.period.name, str(each.number), each.status, kg_text(each.total_kg), each.cause,
             to_the_second(each.made_at), each.period.time_zone)
            for each in found
        ]  # fmt: skip
        emit(table(("period", "issue", "status", "kg CO2e", "cause", "made", "time zone"), rows))


@app.command("bridge")
def bridge_between(
    earlier: Annotated[str, typer.Argument(help="The earlier period; where it is closed, its newest issue.")],
    later: Annotated[str, typer.Argument(help="The later period.")],
    tz: Zone = None,
    as_json: Json = False,
) -> None:
    """Bridge the totals of two periods: what activity, efficiency, the grid and the method changed, adding up exactly.

    \b
    Examples:
      carbonsched period bridge 2025 2026
      carbonsched period bridge 2026-01 2026-02 --json
    """
    from dataclasses import asdict

    from cli import periods, wiring
    from cli.console import emit, emit_json, say, table
    from scheduler.records.bridge import bridge, footing
    from scheduler.reporting.issue_text import bridge_rows

    store = wiring.store()
    closed = _issues(store, earlier)
    first = closed[-1].period if closed else named(earlier, tz)
    second = named(later, tz or first.time_zone)
    restated, after = (periods.figures_of(store, each).figures for each in (first, second))
    made = bridge(footing(closed[-1].figures if closed else restated), footing(restated), footing(after))
    issue = closed[-1].number if closed else None
    if as_json:
        emit_json({"earlier": first.name, "issue": issue, "later": later, **asdict(made)})
    else:
        emit(table(("step", "kg CO2e"), bridge_rows(made, first.name, later, published=bool(closed))))
    for each in (first, second):
        if each.until > wiring.now():
            say(f"{each.name} is not over: its figures are those so far")


def shown(name: str, lang: Language, *, as_published: int | None, as_json: bool) -> str:
    """An issue as it was published, or with None the period as it would be stated today, as Markdown or JSON."""
    import json

    from cli import periods, wiring
    from cli.console import SCHEMA
    from scheduler.domain.said import Said
    from scheduler.records.periods import Issue, restatement_share
    from scheduler.reporting.issue_text import issue_json, issue_markdown, restatement_text

    notes: list[str]
    store, more = wiring.store(), {}
    if as_published is not None:
        made, notes = _issue(store, name, as_published), [Said("as published in issue {number}", number=as_published)]
    else:
        last, now = newest(store, name), wiring.now()
        found = periods.figures_of(store, last.period)
        made = Issue(
            period=last.period, number=0, made_at=now, status=found.status, cause=last.cause, figures=found.figures
        )
        notes = [restatement_text(last, made.total_kg), *found.notes]
        more = {"change_since_published": restatement_share(last, made.total_kg)}
    if as_json:
        told = {"schema": SCHEMA, **issue_json(made, notes), **more}
        return json.dumps(told, indent=2, ensure_ascii=False, allow_nan=False)
    return issue_markdown(made, notes, lang)


def restatement_due(store: Store, period: Period) -> str:
    """How far today's figures of a closed period are from its newest issue; empty where it was never closed."""
    from cli import periods
    from scheduler.records.periods import issues_of
    from scheduler.records.statements import total_kg
    from scheduler.reporting.issue_text import restatement_text

    with store.reading() as tx:
        found = [
            each for each in issues_of(tx) if (each.period.since, each.period.until) == (period.since, period.until)
        ]
    if not found:
        return ""
    return restatement_text(found[-1], total_kg(periods.figures_of(store, found[-1].period).figures) or 0.0)


def newest(store: Store, name: str) -> Issue:
    """The newest issue of a period.

    Raises:
        UnknownName: it was never closed.
    """
    return _issue(store, name, 0)


def _issue(store: Store, name: str, number: int) -> Issue:
    """An issue of a period by its number, the newest for 0."""
    from scheduler.domain.errors import UnknownName
    from scheduler.records.periods import issues_of

    found = _issues(store, name)
    if not found:
        with store.reading() as tx:
            raise UnknownName("closed period", name, {each.period.name for each in issues_of(tx)})
    chosen = [each for each in found if number in (0, each.number)]
    if not chosen:
        raise UnknownName(f"issue of {name.upper()}", str(number), [str(each.number) for each in found])
    return chosen[-1]


def _issues(store: Store, name: str) -> list[Issue]:
    """Every issue of a period, none where it was never closed."""
    from scheduler.records.periods import issues_of

    with store.reading() as tx:
        return issues_of(tx, name.upper())


def named(name: str, tz: str | None = None) -> Period:
    """The period of a name, in the time zone of the settings unless another one is given."""
    from cli import wiring
    from scheduler.records.periods_calendar import parse_period

    return parse_period(name, tz or wiring.settings().text("reporting_time_zone"))


def _cause(period: Period, before: list[Issue], cause: str | None) -> Cause:
    """Why the period is closed: the first time for no other cause than that it is over."""
    from scheduler.domain.errors import InvalidInput
    from scheduler.records.statements import CAUSES

    if cause is not None and cause not in CAUSES:
        raise InvalidInput(f"{cause!r} is no cause of a restatement", hint=f"one of {', '.join(CAUSES)}")
    if not before:
        if cause is not None:
            raise InvalidInput(f"{period.name} is closed for the first time", hint="leave --cause away")
        return "first"
    if cause is None:
        raise InvalidInput(
            f"{period.name} is closed already, by issue {before[-1].number}",
            hint=f"to restate it, say why: --cause {', '.join(CAUSES)}",
        )
    return next(each for each in CAUSES if each == cause)


def _same(one: Issue, other: Issue) -> bool:
    """Whether two issues have the same period, status and figures."""
    from scheduler.records.statements import told

    return (one.period, one.status, told(one.figures)) == (other.period, other.status, told(other.figures))
