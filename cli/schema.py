"""`carbonsched schema`, `settings` and `version`: what the tool takes, what is in force, and which it is."""

from __future__ import annotations

import json
from importlib.metadata import version as installed
from typing import Annotated

import typer

VERSION = installed("carbonsched")

app = typer.Typer(no_args_is_help=True, help="Print the JSON Schema of a job or cluster file.")


@app.command("job")
def job() -> None:
    """Print the JSON Schema of a job file.

    \b
    Examples:
      carbonsched schema job
    """
    from cli.console import emit
    from scheduler.domain.job import Job

    emit(json.dumps(Job.model_json_schema(), indent=2))


@app.command("cluster")
def cluster() -> None:
    """Print the JSON Schema of a cluster file.

    \b
    Examples:
      carbonsched schema cluster
    """
    from cli.console import emit
    from scheduler.domain.cluster import Cluster

    emit(json.dumps(Cluster.model_json_schema(), indent=2))


def settings(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """Show each setting, its value and where that was said.

    \b
    Examples:
      carbonsched settings
      CARBONSCHED_TICK=5s carbonsched settings --json
    """
    from cli import wiring
    from cli.console import emit, emit_json, table
    from cli.settings import shown

    rows = shown(wiring.settings())
    if as_json:
        names = ("name", "value", "origin", "meaning")
        emit_json({"settings": [dict(zip(names, row, strict=True)) for row in rows]})
    else:
        emit(table(("setting", "value", "origin", "meaning"), rows))


def version(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """Print the version.

    \b
    Examples:
      carbonsched version
    """
    from cli.console import emit, emit_json

    if as_json:
        emit_json({"version": VERSION})
    else:
        emit(VERSION)
