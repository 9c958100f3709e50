"""`carbonsched submit`: plan jobs, store them with their plans, and see to it that a loop runs them."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from cli.submit_store import Made, Wish
    from scheduler.domain.job import Job


def submit(
    context: typer.Context,
    job_files: Annotated[
        list[Path] | None,
        typer.Argument(metavar="[JOB]...", help="Job files, or .jsonl files of a job a line; none where -- follows."),
    ] = None,
    sets: Annotated[
        list[str] | None, typer.Option("--set", help="Set a key of the job: --set gpus=4, --set duration=2h.")
    ] = None,
    key: Annotated[str | None, typer.Option(help="Submit once: the same key again is the same job.")] = None,
    allow: Annotated[
        list[str] | None, typer.Option(help="Cluster it may use; repeat it, or separate by commas.")
    ] = None,
    intensity_table: Annotated[
        str | None, typer.Option(help="Intensity table to plan and account on [default: static tables].")
    ] = None,
    clusters: Annotated[Path | None, typer.Option(help="Cluster file or folder [default: the setting].")] = None,
    basis: Annotated[
        str | None, typer.Option(help="What intensities are to mean [default: the setting].", metavar="WORDS")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Plan and check all, store and start nothing.")] = False,
    wait: Annotated[bool, typer.Option("--wait", help="Watch the job until it ends; exit with its code.")] = False,
    no_serve: Annotated[bool, typer.Option("--no-serve", help="Do not start a scheduler.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print the job id alone.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Submit a job: plan it, keep it, and run it where and when the plan says.

    The working folder is copied now, so that later changes to it do not reach the job. Of several jobs either all are
    submitted or none. Exit codes: 3 no feasible plan; with --wait also 10 failed, 11 cancelled, 12 lost, 130 detached
    (the job goes on).

    \b
    Examples:
      carbonsched submit examples/job.yaml
      carbonsched submit examples/job.yaml --set gpus=4 --set deadline=8h --wait
      carbonsched submit --set gpus=1 --set duration=10m --set home=france -- python train.py
      carbonsched submit examples/job.yaml --dry-run --json
      carbonsched submit examples/job.yaml examples/job_ray.yaml
    """
    from dataclasses import replace

    from cli import jobs, wiring
    from cli.job_defaults import with_defaults
    from cli.plan import listed, table_of
    from cli.submit_store import drafts, packages, submitted, until
    from scheduler.domain.errors import InvalidInput

    values = wiring.settings()
    wishes = [
        replace(wish, job=with_defaults(wish.job, values))
        for wish in _wishes(job_files or [], list(context.obj or ()), sets or [], key, listed(allow))
    ]
    if wait and len(wishes) > 1:
        raise InvalidInput("--wait watches one job, and there are several", hint="carbonsched wait, for each of them")
    for wish in wishes:
        _refuse_unsupported(wish.job, dry_run=dry_run, clusters=clusters)
    placer = wiring.placer(values, wiring.clusters(clusters), basis=basis)
    reference = placer.grid.reference(table_of(values, intensity_table, basis))
    placer.freshen(reference, until(wishes, placer), now=wiring.now())
    if dry_run:
        with tempfile.TemporaryDirectory(prefix="carbonsched-") as scratch:
            made = drafts(wishes, placer, reference, packages(wishes, Path(scratch)))
        _report(made, quiet=quiet, as_json=as_json, dry_run=True)
        return
    store = wiring.store()
    made = submitted(store, wishes, placer, reference, packages(wishes, store.folder.packages))
    _report(made, quiet=quiet, as_json=as_json)
    _see_to_it(no_serve=no_serve)
    if wait:
        raise typer.Exit(
            jobs.watch(store, made[0].job_id, timeout=None, live=not (quiet or as_json), serve_too=not no_serve)
        )


def _see_to_it(*, no_serve: bool) -> None:
    """Start a loop unless one runs or none is wanted."""
    from cli import running
    from cli.console import say

    if no_serve:
        if not running.scheduler_runs():
            say("no scheduler runs: the job waits for 'carbonsched serve'")
        return
    pid = running.ensure_scheduler()
    if pid is not None:
        say(f"scheduler started in the background (process {pid})")


def _wishes(
    paths: list[Path], command: list[str], sets: list[str], key: str | None, allowed: tuple[str, ...] | None
) -> list[Wish]:
    """The jobs that the files or the command line say, with what the options change of each."""
    from dataclasses import replace

    from cli.files import load_jobs, overridden
    from cli.submit_store import MOST, Wish
    from scheduler.domain.errors import InvalidInput
    from scheduler.domain.job import Job

    if paths and command:
        raise InvalidInput("a job file and a command were both given", hint="give one of the two")
    if not paths and not command:
        raise InvalidInput("there is nothing to submit", hint="give a job file, or a command after --")
    if command:
        data: dict[str, object] = {"version": 1, "name": Path(command[0]).name or "job", "entrypoint": command}
        found = [Wish("", Job.from_mapping(overridden(data, sets), what="the command line"), Path.cwd())]
    else:
        found = [Wish(what, job, path.absolute().parent) for path in paths for what, job in load_jobs(path, sets)]
    if len(found) > MOST:
        raise InvalidInput(f"{len(found)} jobs are too many for one command", hint=f"split them: at most {MOST}")
    if key is not None and len(found) > 1:
        raise InvalidInput("--key is of one job, and there are several", hint="write a key into each job instead")
    changes = {"key": key, "allowed": allowed}
    given = {name: value for name, value in changes.items() if value}
    return [replace(wish, job=wish.job.model_copy(update=given)) for wish in found]


def _refuse_unsupported(job: Job, *, dry_run: bool, clusters: Path | None) -> None:
    """Refuse what cannot run yet, and clusters that the scheduler does not know."""
    from cli.settings import PREFIX
    from scheduler.domain.errors import InvalidInput

    words = job.command.split()
    if job.launch == "torchrun" and (Path(words[0]).name == "torchrun" or "torch.distributed.run" in words):
        raise InvalidInput(
            "launch: torchrun starts one process a GPU itself, and each would be a torchrun",
            hint="write entrypoint: python train.py, or launch: script",
        )
    if job.after:
        raise InvalidInput("after: jobs cannot wait for others yet", hint="submit it when they are done")
    if clusters is not None and not dry_run:
        raise InvalidInput(
            "--clusters is for --dry-run: the scheduler that runs the job reads its own",
            hint=f"set {PREFIX}CLUSTERS for both, or leave it out",
        )


def _report(made: Sequence[Made], *, quiet: bool, as_json: bool, dry_run: bool = False) -> None:
    """Say what was decided: ids as data, a plan in a few lines as talk."""
    from cli.console import emit, emit_json, emit_json_list, say
    from cli.plan_text import summary

    if as_json and len(made) == 1:
        emit_json(made[0].as_json())
    elif as_json:
        emit_json_list([each.as_json() for each in made])
    elif len(made) == 1 and made[0].plan is not None and not quiet:
        say(summary(made[0].plan))
    for each in made:
        if not as_json:
            emit("dry run" if dry_run else each.job_id)
        if each.held:
            say(f"{each.job_id}: {each.held}; carbonsched release {each.job_id} starts it all the same")
        if each.document.get("late_at_admission"):
            say(f"{each.job_id or 'it'} would be late: nothing keeps its deadline beside what other jobs hold")
        if each.known:
            say(f"the key {each.known!r} is that of {each.job_id}, which is {each.state}: nothing was submitted")
    if len(made) > 1 and not quiet:
        fresh = sum(not each.known for each in made)
        say(f"{fresh} jobs {'planned' if dry_run else 'submitted'}, {len(made) - fresh} were there already")
