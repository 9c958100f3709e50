"""`carbonsched local`: two real Ray clusters on this machine, to try everything without a data centre."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from scheduler.execution.local_ray import LocalCluster, LocalRay

app = typer.Typer(
    no_args_is_help=True, help="Start, show and stop two Ray clusters on this machine, with declared A100s."
)

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command("up")
def up(as_json: Json = False) -> None:
    """Start the local clusters quebec and france, each with 8 declared A100s; those that run are left alone.

    \b
    Examples:
      carbonsched local up
    """
    import signal

    from cli.console import say

    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)  # a start that is cut short is undone, however it is cut
    _print(_local().up(say=say), as_json=as_json)


@app.command("down")
def down() -> None:
    """Stop the local clusters and all that runs on them; no process and no temporary file stays.

    \b
    Examples:
      carbonsched local down
    """
    from cli.console import say

    stopped = _local().down(say=say)
    if not stopped:
        say("no local cluster was up")


@app.command("status")
def status(as_json: Json = False) -> None:
    """Show each local cluster: up or down, its address, its free GPUs.

    \b
    Examples:
      carbonsched local status --json
    """
    _print(_local().status(), as_json=as_json)


def _local() -> LocalRay:
    """The local clusters of the state folder in force."""
    import os

    from cli import wiring
    from scheduler.execution.clock import SystemClock
    from scheduler.execution.local_ray import LocalRay

    return LocalRay(state_dir=wiring.state_dir(), environ=os.environ, clock=SystemClock())


def _print(clusters: Sequence[LocalCluster], *, as_json: bool) -> None:
    """Show how the clusters stand."""
    from cli.console import emit, emit_json, table

    if as_json:
        emit_json(
            {
                "clusters": [
                    {
                        "name": c.name,
                        "zone": c.zone,
                        "up": c.up,
                        "address": c.address or None,
                        "file": str(c.file) if c.up else None,
                        "session": c.session or None,
                        "gpus_total": c.gpus_total,
                        "gpus_free": c.gpus_free,
                        "simulated": True,
                        "problem": c.problem or None,
                    }
                    for c in clusters
                ]
            }
        )
        return
    rows = [
        (c.name, c.zone, "up" if c.up else "down", c.address or "-", f"{c.gpus_free} of {c.gpus_total}", c.problem)
        for c in clusters
    ]
    emit(table(("cluster", "zone", "state", "address", "GPUs free", ""), rows))
