"""The options of commands that replay a trace, said once: which jobs, on what, and what jobs that do not say take."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from scheduler.domain.errors import InvalidInput

Jobs = Annotated[
    Path | None, typer.Option(metavar="FILE", help="Trace; default the jobs of the store.", show_default=False)
]
Clusters = Annotated[
    Path | None, typer.Option(help="Cluster file, or folder of them; default those declared.", show_default=False)
]
IntensityTable = Annotated[
    Path | None, typer.Option(help="CSV of intensities, g/kWh; default the setting.", show_default=False)
]
Forecasts = Annotated[str, typer.Option(help="perfect, history, or a file of issued ones.")]
Slack = Annotated[str, typer.Option(metavar="H", help="Slack of jobs that state none.", show_default="0")]
FromStore = Annotated[bool, typer.Option("--from-store", help="The jobs of the store, as without a trace.")]
Home = Annotated[str, typer.Option(metavar="NAME|hash", help="Home of jobs that state none.")]
InterruptibleFrom = Annotated[
    str | None, typer.Option(help="Length from which jobs may be suspended; default never.", show_default=False)
]
Restart = Annotated[str, typer.Option(help="From a resume to progress, for jobs that do not say.")]
ShiftTo = Annotated[str, typer.Option(help="Date or year to move the trace to.", show_default=False)]
TimeZone = Annotated[str, typer.Option(help="Time zone of times that state none.", show_default=False)]
Executor = Annotated[
    str | None,
    typer.Option(metavar="ray://HOST:PORT", help="Ray cluster for what takes over a minute here.", show_default=False),
]
Replan = Annotated[str, typer.Option(metavar="WHEN", help="Make plans again: never, issue, or each so often: 1h.")]


def require_one_trace(jobs: Path | None, *, from_store: bool) -> None:
    """Refuse a trace beside the jobs of the store.

    Raises:
        InvalidInput: both are asked for.
    """
    if jobs is not None and from_store:
        raise InvalidInput("one trace is needed", hint="give --jobs FILE, or --from-store, one of the two")
