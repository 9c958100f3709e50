"""The commands about submitted jobs: see them, wait for them, and say what is wanted of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final

import typer

if TYPE_CHECKING:
    from scheduler.records.budgets import Use
    from scheduler.records.rows import JobRow, Wanted
    from scheduler.records.store import Store

JobId = Annotated[str, typer.Argument(help="Job id, the beginning of one, or a name that one job has.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]

EXIT_BY_STATE: Final = {"succeeded": 0, "failed": 10, "cancelled": 11, "lost": 12}
EXIT_TIMEOUT: Final = 13
EXIT_DETACHED: Final = 130


def status(as_json: Json = False) -> None:
    """Show whether a scheduler runs, how many jobs are in each state, how good their plans are, and budgets.

    \b
    Examples:
      carbonsched status
      carbonsched status --json
    """
    from collections import Counter

    from cli import fleet_view, running, wiring
    from cli.console import emit, emit_json, table
    from scheduler.domain.instant import format_instant, to_the_second
    from scheduler.records.budgets import use_json, use_text

    store = wiring.store()
    with store.reading() as tx:
        rows = tx.jobs()
        pass_at = tx.scheduler_pass_at()
        fleets = tx.fleets()
    pid = running.pid()
    counts = Counter(row.state.value for row in rows)
    used = _budgets_used(store)
    if as_json:
        told = {**running.as_json(pid), "pass_at": format_instant(pass_at) if pass_at else None}
        shown = {"scheduler": told, "jobs": dict(counts), "fleets": [fleet_view.as_json(each) for each in fleets]}
        emit_json({**shown, "budgets": [use_json(each) for each in used]})
        return
    emit(running.as_text(pid) + (f", last pass at {to_the_second(pass_at)}" if pass_at else ""))
    emit(f"state folder: {store.folder.root}")
    emit(table(("state", "jobs"), [(state, str(n)) for state, n in counts.items()]) if rows else "no jobs")
    for each in fleets:
        emit(fleet_view.as_text(each))
    for use in used:
        emit(use_text(use))


def _budgets_used(store: Store) -> tuple[Use, ...]:
    """What projects have used of their budgets; accounts are read only where there is one."""
    from cli import wiring

    values = wiring.settings()
    if not values.text("budgets"):
        return ()
    from cli.budgets import uses

    return uses(store, values)


def list_jobs(
    all_jobs: Annotated[bool, typer.Option("--all", "-a", help="Also jobs that ended over a day ago.")] = False,
    as_json: Json = False,
) -> None:
    """List jobs with their state, where they are, what comes next and their emissions so far.

    \b
    Examples:
      carbonsched list
      carbonsched list --all --json
    """
    from datetime import timedelta

    from cli import accounting, job_view, running, wiring
    from cli.console import emit, emit_json_list, say

    store = wiring.store()
    now = wiring.now()
    books = accounting.open_books(store)
    rows = [history.row for history in books.histories.values()]
    recent = [r for r in rows if all_jobs or r.finished_at is None or now - r.finished_at < timedelta(days=1)]
    pid = running.pid()
    views = [job_view.view(store, row, now, scheduler_runs=pid is not None, books=books) for row in recent]
    if as_json:
        emit_json_list([job_view.as_json(v) for v in views])
    else:
        emit(job_view.as_table(views) if views else "no jobs")
    say(running.as_text(pid))


def describe(job_id: JobId, as_json: Json = False) -> None:
    """Show all of a job: its state and why, what comes next and when, its plan, its segments, what happened.

    \b
    Examples:
      carbonsched describe char-lm
      carbonsched describe h7k2 --json
    """
    from cli import job_view, running, wiring
    from cli.console import emit, emit_json

    store = wiring.store()
    with store.reading() as tx:
        row = tx.job(job_id)
    now = wiring.now()
    view = job_view.view(store, row, now, scheduler_runs=running.scheduler_runs())
    if as_json:
        emit_json(job_view.described_json(store, view))
    else:
        emit(job_view.described_text(store, view, now))


def wait(
    job_id: JobId,
    timeout: Annotated[str | None, typer.Option(help="Stop waiting after this long, such as 2h; exit 13.")] = None,
) -> None:
    """Wait until a job ends; exit 0 if it succeeded, 10 failed, 11 cancelled, 12 lost, 13 timeout.

    \b
    Examples:
      carbonsched wait char-lm
      carbonsched wait h7k2 --timeout 2h
    """
    from cli import wiring
    from scheduler.domain.duration import parse_duration

    store = wiring.store()
    with store.reading() as tx:
        row = tx.job(job_id)
    limit_s = None if timeout is None else parse_duration(timeout, what="--timeout").total_seconds()
    raise typer.Exit(watch(store, row.id, timeout=limit_s, live=True))


def logs(
    job_id: JobId,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until the job ends.")] = False,
    tail: Annotated[int | None, typer.Option(min=0, help="Only the last lines [lines].")] = None,
    segment: Annotated[int | None, typer.Option(min=1, help="Only this segment, counted from 1.")] = None,
) -> None:
    """Print what a job printed, over all its segments, also when its cluster is gone.

    \b
    Examples:
      carbonsched logs char-lm --tail 20
      carbonsched logs h7k2 -f
    """
    from cli import job_logs, wiring

    store = wiring.store()
    with store.reading() as tx:
        row = tx.job(job_id)
    job_logs.print_logs(store, row.id, follow=follow, tail=tail, segment=segment)


def cancel(job_id: JobId) -> None:
    """Cancel a job: what runs is stopped with its grace, what it emitted stays accounted.

    \b
    Examples:
      carbonsched cancel char-lm
    """
    _want(job_id, "cancel")


def hold(job_id: JobId) -> None:
    """Hold a job: it does not start, and what runs is suspended with its checkpoint, until released.

    \b
    Examples:
      carbonsched hold char-lm
    """
    _want(job_id, "hold")


def release(job_id: JobId) -> None:
    """Release a held job: it is planned again.

    \b
    Examples:
      carbonsched release char-lm
    """
    _want(job_id, "run")


def _want(job_id: str, wanted: Wanted) -> None:
    """Write what a person wants of a job; the loop does the rest."""
    from cli import running, wiring
    from cli.console import emit, say
    from scheduler.domain.errors import InvalidInput
    from scheduler.records.rows import FINAL, JobState

    words = {"cancel": "cancel asked", "hold": "hold asked", "run": "release asked"}
    store = wiring.store()
    with store.writing() as tx:
        row = tx.job(job_id)
        if row.state in FINAL:
            raise InvalidInput(f"{row.id} is {row.state.value} already", hint="carbonsched describe shows how it ended")
        if wanted == "run" and row.wanted != "hold":
            raise InvalidInput(f"{row.id} is not held, it is {row.state.value}", hint="only a held job is released")
        if wanted == "hold" and row.wanted == "cancel":
            raise InvalidInput(f"{row.id} is being cancelled", hint="submit it again if it is wanted")
        live = row.state in (JobState.LAUNCHING, JobState.RUNNING, JobState.SUSPENDING)
        if wanted == "hold" and live and row.job.interruptible is None:
            raise InvalidInput(
                f"{row.id} runs and is not interruptible: a hold would lose its work",
                hint="let it run, or cancel it",
            )
        tx.set_job(row.id, wanted=wanted)
        tx.add_event(row.id, wiring.now(), "asked", words[wanted])
    emit(row.id)
    if running.ensure_scheduler() is not None:
        say("scheduler started in the background")
    say(words[wanted])


def watch(store: Store, job_id: str, *, timeout: float | None, live: bool, serve_too: bool = True) -> int:
    """Watch a job until it ends; the loop is started again if its process died. Returns the exit code."""
    from cli import running, wiring
    from cli.console import say
    from cli.job_view import Ticker
    from scheduler.execution.clock import SystemClock
    from scheduler.records.rows import FINAL

    clock = SystemClock()
    began_s = clock.monotonic_s()
    ticker = Ticker(live=live)
    try:
        while True:
            with store.reading() as tx:
                row = tx.job(job_id)
            ticker.show(store, row, wiring.now(), scheduler_runs=serve_too or running.scheduler_runs())
            if row.state in FINAL:
                return _ended(row)
            if timeout is not None and clock.monotonic_s() - began_s >= timeout:
                say(f"still {row.state.value} after the time given; it goes on")
                return EXIT_TIMEOUT
            if serve_too:
                running.ensure_scheduler()
            ticker.nap(clock)
    except KeyboardInterrupt:
        say(f"\ndetached; {job_id} goes on: carbonsched wait {job_id}")
        return EXIT_DETACHED


def _ended(row: JobRow) -> int:
    """Say how a job ended; its exit code."""
    from cli.console import say

    say(f"{row.id} {row.state.value}{': ' + row.reason if row.reason else ''}")
    return EXIT_BY_STATE[row.state.value]
