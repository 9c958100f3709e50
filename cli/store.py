"""`carbonsched backup`, `restore`, `export` and `import`: the state folder, kept and moved."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def backup(
    file: Annotated[Path, typer.Argument(help="Archive to write; an older one is replaced when the new one is whole.")],
    as_json: Json = False,
) -> None:
    """Back up all jobs with their evidence and packages into one tar, also while a scheduler runs.

    It holds commands and environments of jobs, so it is readable by this account only.

    \b
    Examples:
      carbonsched backup carbonsched.tar
    """
    from cli import schema, wiring
    from cli.console import emit, emit_json, say
    from scheduler.records.backup import write_backup

    store = wiring.store()
    made = write_backup(store.folder, file.absolute(), made_at=wiring.now(), made_by=schema.VERSION)
    if as_json:
        emit_json({"file": str(file.absolute()), "files": made.files, "size_bytes": made.size_bytes})
    else:
        emit(str(file.absolute()))
        say(f"{made.files} files, {made.size_bytes / 1e6:.1f} MB")


def restore(
    file: Annotated[Path, typer.Argument(help="Archive that carbonsched backup wrote.")],
    replace: Annotated[
        bool, typer.Option("--replace", help="Move a state that is there aside first; nothing of it is deleted.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Restore a backup into the state folder; refused while a scheduler runs there.

    The archive is checked whole before anything is moved. Jobs that were open go on from what the clusters say, so
    let no other scheduler run on a copy of the same state.

    \b
    Examples:
      carbonsched restore carbonsched.tar
      carbonsched restore carbonsched.tar --replace
    """
    from cli import wiring
    from cli.console import emit, emit_json, say
    from scheduler.domain.errors import InvalidInput
    from scheduler.domain.instant import parse_instant, to_the_second
    from scheduler.records.backup_restore import restore_backup

    if not file.is_file():
        raise InvalidInput(f"there is no file {file}", hint="give a file that carbonsched backup wrote")
    folder = wiring.state_folder()
    done = restore_backup(folder, file, replace=replace, now=wiring.now())
    with wiring.store().reading() as tx:
        total, still_open = len(tx.jobs()), len(tx.open_jobs())
    if as_json:
        aside = str(done.aside) if done.aside else None
        emit_json({"state_dir": str(folder.root), "jobs": total, "open_jobs": still_open, "aside": aside})
        return
    emit(str(folder.root))
    say(f"{total} jobs, {still_open} of them open, as of {to_the_second(parse_instant(done.manifest.made_at))}")
    if done.aside is not None:
        say(f"what was there before: {done.aside}")
    if still_open:
        say("carbonsched serve takes the open jobs up; see that no other scheduler does")


def export(
    file: Annotated[Path, typer.Argument(help="File to write, a JSON object a line.")],
    as_json: Json = False,
) -> None:
    """Export the record of every job that has ended: plans, segments, events and evidence, a line each.

    Left out is what may hold a password: environments and logs. A command is written as it was given.

    \b
    Examples:
      carbonsched export jobs.jsonl
    """
    from cli import wiring
    from cli.console import emit, emit_json, say
    from scheduler.domain.errors import InvalidInput
    from scheduler.records.backup_copy import whole_file
    from scheduler.records.bundle import export_lines

    if not file.absolute().parent.is_dir() or file.is_dir():
        raise InvalidInput(f"{file} cannot be written", hint="name a file in a folder that is there")
    store, lines = wiring.store(), 0
    with whole_file(file.absolute()) as part, part.open("w", encoding="utf-8") as stream:
        for lines, line in enumerate(export_lines(store), 1):  # noqa: B007  # the last number is how many there are
            stream.write(f"{line}\n")
    with store.reading() as tx:
        left = len(tx.open_jobs())
    if as_json:
        emit_json({"file": str(file.absolute()), "lines": lines, "open_jobs_left_out": left})
        return
    emit(str(file.absolute()))
    say(f"{lines} lines" + (f"; {left} jobs have not ended and are left out" if left else ""))


def import_jobs(
    file: Annotated[Path, typer.Argument(help="File that carbonsched export wrote.")],
    as_json: Json = False,
) -> None:
    """Import records of ended jobs, all of them or none; a job that is here already has to be the same.

    \b
    Examples:
      carbonsched import jobs.jsonl
    """
    from cli import wiring
    from cli.console import emit, emit_json
    from scheduler.domain.errors import InvalidInput
    from scheduler.records.bundle import import_lines

    try:
        with file.open(encoding="utf-8") as stream:
            done = import_lines(wiring.store(), stream)
    except UnicodeDecodeError as exc:
        raise InvalidInput(f"{file} is no text", hint="give a file that carbonsched export wrote") from exc
    except OSError as exc:
        raise InvalidInput(f"{file} cannot be read: {exc.strerror}", hint="check the path") from exc
    if as_json:
        emit_json({"added": done.added, "known": done.known})
    else:
        emit(f"{done.added} jobs added, {done.known} were there already")
