"""`carbonsched evidence`: the chains over what happened, their heads, their seals, and the bundle for an auditor."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True, help="Seal what happened, and hand it out so that others can check it.")
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command("heads")
def heads(as_json: Json = False) -> None:
    """List the heads: a hash a day over the chains of all jobs, and what was sealed of it outside.

    The chains are brought up to the store first, and a new head is made where anything changed.

    \b
    Examples:
      carbonsched evidence heads
      carbonsched evidence heads --json
    """
    from cli import wiring
    from cli.console import emit, emit_json, say, table
    from scheduler.domain.instant import format_instant
    from scheduler.records.heads_files import Ledger

    store = wiring.store()
    for job_id, problem in store.follow().items():
        say(f"warning: the chain of job {job_id} lags behind, and is tried again: {problem}")
    ledger = Ledger(store)
    ledger.head(wiring.now())
    sealed: dict[int, list[str]] = {}
    for seal in ledger.seals():
        sealed.setdefault(seal.head, []).append(f"{seal.way} {format_instant(seal.sealed_at)}")
    found = ledger.heads()
    if as_json:
        rows = [
            {
                "head": head.n, "day": format_instant(head.at)[:10], "made_at": format_instant(head.at),
                "jobs": head.jobs, "grown": sorted(head.grown), "root": head.root, "seal": head.hash,
                "sealed": sealed.get(head.n, []),
            }
            for head in found
        ]  # fmt: skip
        emit_json({"heads": rows})
        return
    lines = [
        (str(h.n), format_instant(h.at)[:10], str(h.jobs), str(len(h.grown)), h.hash, ", ".join(sealed.get(h.n, [])))
        for h in found
    ]
    emit(table(("head", "day", "jobs", "grown", "seal", "sealed outside"), lines))


@app.command("seal")
def seal(
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Write the head to this file.")] = None,
    tag: Annotated[
        Path | None, typer.Option(help="Record a signed git tag that carries a head: git cat-file tag NAME > FILE.")
    ] = None,
    tsr: Annotated[Path | None, typer.Option(help="Record an RFC 3161 time stamp of a head.")] = None,
    as_json: Json = False,
) -> None:
    """Write today's head for somebody else to seal, or record that somebody did.

    A job's rule counts as pre-registered only where a head that holds it was sealed outside before it started.

    \b
    Examples:
      carbonsched evidence seal -o head.txt
      git tag -s evidence-2026-11-22 -F head.txt && git push origin evidence-2026-11-22
      openssl ts -query -data head.txt -sha256 -cert -out head.tsq
    """
    from cli import wiring
    from cli.console import emit, emit_json, say
    from scheduler.domain.errors import InvalidInput
    from scheduler.domain.instant import format_instant
    from scheduler.records.heads_files import Ledger

    if tag is not None and tsr is not None:
        raise InvalidInput("--tag and --tsr were both given", hint="record one after the other")
    store = wiring.store()
    ledger, given = Ledger(store), tag or tsr
    if given is not None:
        made = ledger.seal("tag" if tag is not None else "tsr", _bytes(given), wiring.now())
        sealed_at = format_instant(made.sealed_at)
        if as_json:
            emit_json({"head": made.head, "way": made.way, "sealed_at": sealed_at, "sha256": made.sha256})
        else:
            emit(f"head {made.head} is sealed outside since {sealed_at}")
            say("its signature was not checked: docs/evidence.md says how, with the key or certificate that you trust")
        return
    for job_id, problem in store.follow().items():
        say(f"warning: the chain of job {job_id} lags behind, and is not in this head: {problem}")
    head = ledger.head(wiring.now())
    if output is not None:
        _write(output, head.text)
        say(f"wrote {output}; have it signed or stamped, then: carbonsched evidence seal --tag FILE or --tsr FILE")
    if as_json:
        emit_json({"head": head.n, "jobs": head.jobs, "root": head.root, "seal": head.hash, "text": head.text})
    elif output is None:
        emit(head.text.rstrip())


@app.command("bundle")
def bundle(
    output: Annotated[Path, typer.Option("--output", "-o", help="File to write, a JSON object a line.")],
    since: Annotated[
        str | None, typer.Option(help="Report the jobs submitted from this ISO time on [default: the first].")
    ] = None,
    until: Annotated[str | None, typer.Option(help="And before this ISO time [default: now].")] = None,
    full: Annotated[
        bool, typer.Option("--full", help="With commands, folders, addresses and names of people; never with secrets.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Write the report of a period with everything that it rests on; report --verify FILE counts it again.

    \b
    Examples:
      carbonsched evidence bundle -o bundle.jsonl
      carbonsched evidence bundle -o january.jsonl --since 2026-01-01T00:00:00Z --until 2026-02-01T00:00:00Z
    """
    from cli import schema, wiring
    from cli.console import emit, emit_json, say
    from cli.evidence_bundle import now_asked, write_bundle
    from scheduler.domain.errors import InvalidInput

    first, last = _instant("--since", since), _instant("--until", until)
    if first is not None and last is not None and first >= last:
        raise InvalidInput(
            f"--since {since} is not before --until {until}", hint="the period holds its start, not its end"
        )
    made = write_bundle(wiring.store(), output, now_asked(first, last, schema.VERSION), full=full, say=say)
    if as_json:
        emit_json({"file": str(output.absolute()), "jobs": made.jobs, "reported": made.reported,
                   "samples": made.samples, "figures": made.figures, "heads": made.heads, "full": full})  # fmt: skip
        return
    emit(str(output.absolute()))
    say(made.text())
    if full:
        say("it shows commands, folders, addresses and names: hand it only to whom you would show these")


def verify(file: Path, *, as_json: bool) -> None:
    """Check a bundle, and say what was checked.

    Raises:
        BadChain: names the first thing that differs.
    """
    from dataclasses import asdict

    from cli.console import emit, emit_json
    from cli.evidence_bundle import verified

    found = verified(file)
    if as_json:
        emit_json({"file": str(file.absolute()), "verified": True, **asdict(found)})
    else:
        emit(found.text())


def _instant(option: str, text: str | None) -> datetime | None:
    """The instant that an option names, None where it is not given."""
    from scheduler.domain.instant import parse_instant

    return None if text is None else parse_instant(text, what=option)


def _bytes(path: Path) -> bytes:
    """What a file holds."""
    from scheduler.domain.errors import InvalidInput

    try:
        return path.read_bytes()
    except OSError as exc:
        raise InvalidInput(f"{path} cannot be read: {exc.strerror}", hint="check the path") from exc


def _write(path: Path, text: str) -> None:
    """Write a small file."""
    from scheduler.domain.errors import InvalidInput

    try:
        path.write_text(text, encoding="ascii")
    except OSError as exc:
        raise InvalidInput(f"{path} cannot be written: {exc.strerror}", hint="name another file") from exc
