"""The options of commands that replay a trace, said once: which jobs, on what, and what jobs that do not say take."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

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
Slack = Annotated[str, typer.Option(metavar="H", help="Slack of jobs that state none.")]
Home = Annotated[str, typer.Option(metavar="NAME|hash", help="Home of jobs that state none.")]
InterruptibleFrom = Annotated[
    str | None, typer.Option(help="Length from which jobs may be suspended; default never.", show_default=False)
]
Restart = Annotated[str, typer.Option(help="From a resume to progress, for jobs that do not say.")]
ShiftTo = Annotated[str, typer.Option(help="Date or year to move the trace to.", show_default=False)]
TimeZone = Annotated[str, typer.Option(help="Time zone of times that state none.", show_default=False)]
