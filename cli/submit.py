"""`carbonsched submit`: plan a job, store it with its plan, and see to it that a loop runs it."""

from __future__ import annotations

import hashlib
import secrets
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

if TYPE_CHECKING:
    from scheduler.domain.job import Job
    from scheduler.execution.placing import Placed, PlanningPlacer
    from scheduler.records.rows import JobRow
    from scheduler.records.store import Store

_ALPHABET: Final = "abcdefghjkmnpqrstuvwxyz23456789"
"""Letters and digits that nobody confuses."""
_ID_LENGTH: Final = 8


def submit(
    context: typer.Context,
    job_file: Annotated[Path | None, typer.Argument(help="Job file; left out where a command follows --.")] = None,
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
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Plan and check all, store and start nothing.")] = False,
    wait: Annotated[bool, typer.Option("--wait", help="Watch the job until it ends; exit with its code.")] = False,
    no_serve: Annotated[bool, typer.Option("--no-serve", help="Do not start a scheduler.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print the job id alone.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Submit a job: plan it, keep it, and run it where and when the plan says.

    The working folder is copied now, so that later changes to it do not reach the job. Exit codes: 3 no feasible
    plan; with --wait also 10 failed, 11 cancelled, 12 lost, 130 detached (the job goes on).

    \b
    Examples:
      carbonsched submit examples/job.yaml
      carbonsched submit examples/job.yaml --set gpus=4 --set deadline=8h --wait
      carbonsched submit --set gpus=1 --set duration=10m --set home=france -- python train.py
      carbonsched submit examples/job.yaml --dry-run --json
    """
    from cli import jobs, wiring
    from cli.plan import listed

    values = wiring.settings()
    job, folder = _job(job_file, list(context.obj or ()), sets or [])
    changes = {"key": key or job.key, "allowed": listed(allow) or job.allowed}
    job = job.model_copy(update=changes)
    _refuse_unsupported(job, dry_run=dry_run, clusters=clusters)
    placer = wiring.placer(values, wiring.clusters(clusters))
    reference = placer.grid.reference(intensity_table or values.text("intensity_table") or None)
    if dry_run:
        draft = placer.submitted(job, reference, now=wiring.now(), taken=())
        _refuse_several_nodes(job, draft)
        with tempfile.TemporaryDirectory(prefix="carbonsched-") as scratch:
            _package(job, folder, Path(scratch))
        _report(draft, job_id=None, quiet=quiet, as_json=as_json)
        return
    store = wiring.store()
    package = _package(job, folder, store.folder.packages)
    row, placed = _store(store, job, reference, package, placer)
    if placed is None:
        _report_known(store, row, as_json=as_json)
    else:
        _report(placed, job_id=row.id, quiet=quiet, as_json=as_json)
    _see_to_it(no_serve=no_serve)
    if wait:
        raise typer.Exit(jobs.watch(store, row.id, timeout=None, live=not (quiet or as_json), serve_too=not no_serve))


def _see_to_it(*, no_serve: bool) -> None:
    """Start a loop unless one runs or none is wanted."""
    from cli import serve
    from cli.console import say

    if no_serve:
        if not serve.scheduler_runs():
            say("no scheduler runs: the job waits for 'carbonsched serve'")
        return
    pid = serve.ensure_scheduler()
    if pid is not None:
        say(f"scheduler started in the background (process {pid})")


def _job(path: Path | None, command: list[str], sets: list[str]) -> tuple[Job, Path]:
    """The job that the file or the command line says, and the folder its relative paths start from."""
    from cli.files import load_job, overridden
    from scheduler.domain.errors import InvalidInput
    from scheduler.domain.job import Job

    if path is not None and command:
        raise InvalidInput("a job file and a command were both given", hint="give one of the two")
    if path is not None:
        return load_job(path, sets), path.absolute().parent
    if command:
        data: dict[str, object] = {"version": 1, "name": Path(command[0]).name or "job", "entrypoint": command}
        return Job.from_mapping(overridden(data, sets), what="the command line"), Path.cwd()
    raise InvalidInput("there is nothing to submit", hint="give a job file, or a command after --")


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


def _refuse_several_nodes(job: Job, placed: Placed) -> None:
    """Refuse a torchrun that this plan or a later one could send to where it takes several nodes."""
    from scheduler.domain.errors import InvalidInput

    candidates = placed.plan.assembled.ground.candidates
    narrow = [cluster for cluster in candidates if cluster.node.gpus < job.gpus]
    if job.launch == "torchrun" and narrow:
        wide = ",".join(cluster.name for cluster in candidates if cluster.node.gpus >= job.gpus)
        most = narrow[0].node.gpus
        raise InvalidInput(
            f"launch: torchrun over several nodes cannot run yet, and those of {narrow[0].name} have {most} GPUs",
            hint=f"--allow {wide}" if wide else f"ask for at most {most} GPUs, or use launch: ray",
        )


def _package(job: Job, folder: Path, packages: Path) -> str | None:
    """The digest of the job's snapshot, which is written to `packages`; None for a job without a folder."""
    from scheduler.execution.ray_package import snapshot

    if job.working_dir is None:
        return None
    return snapshot(folder / Path(job.working_dir).expanduser(), job.excludes, packages).digest


def _store(
    store: Store, job: Job, reference: dict[str, str], package: str | None, placer: PlanningPlacer
) -> tuple[JobRow, Placed | None]:
    """Plan and store the job in one transaction, so that two submits never count on the same GPUs.

    Returns the job with its plan, or the one that was submitted with its key before, without.
    """
    from cli import wiring
    from scheduler.domain.instant import parse_instant
    from scheduler.records.counterfactual import register
    from scheduler.records.reservations import reservations
    from scheduler.records.rows import JobRow, JobState

    now = wiring.now()
    spec = job.model_dump_json(exclude_defaults=True)
    with store.writing() as tx:
        known = None if job.key is None else tx.job_by_key(job.key)
        if known is not None:
            return known, None
        placed = placer.submitted(job, reference, now=now, taken=reservations(tx, now))
        _refuse_several_nodes(job, placed)
        window = placed.plan.assembled.limits
        row = JobRow(
            id="".join(secrets.choice(_ALPHABET) for _ in range(_ID_LENGTH)),
            key=job.key,
            job=job,
            spec_sha256=hashlib.sha256(f"{spec}{package}".encode()).hexdigest(),
            package=package,
            intensity=reference,
            counterfactual=register(job, placed.plan.assembled.ground.home, now, window.earliest),
            state=JobState.PLANNED,
            wanted="run",
            reason="",
            progress=0.0,
            failures=0,
            interruptions=0,
            submitted_at=now,
            deadline_at=parse_instant(str(placed.document["deadline"])),
            finished_at=None,
        )
        tx.add_job(row)
        tx.add_plan(row.id, now, placed.document)
        tx.add_event(row.id, now, "submitted", f"planned by {placed.plan.policy}")
    return row, placed


def _report(placed: Placed, *, job_id: str | None, quiet: bool, as_json: bool) -> None:
    """Say what was decided: the id as data, the plan in a few lines as talk."""
    from cli.console import emit, emit_json, say
    from cli.plan_text import summary

    state = "planned" if job_id else "dry run"
    if as_json:
        emit_json({"job_id": job_id, "state": state, "plan": dict(placed.document)})
        return
    if not quiet:
        say(summary(placed.plan))
    emit(job_id or state)


def _report_known(store: Store, row: JobRow, *, as_json: bool) -> None:
    """Say that the key was used before, and for which job."""
    from cli.console import emit, emit_json, say

    if as_json:
        with store.reading() as tx:
            document = dict(tx.plans(row.id)[-1].document)
        emit_json({"job_id": row.id, "state": row.state.value, "plan": document})
    else:
        emit(row.id)
    say(f"the key {row.key!r} is that of {row.id}, which is {row.state.value}: nothing was submitted")
