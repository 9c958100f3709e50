"""`carbonsched demo`: the whole story on this machine, with the commands a user would type."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from scheduler.ports import Clock

HOUR_S: Final = 5
"""Length of one hour of the demo's day: 24 of them pass in two minutes. [s]"""
DAYS: Final = 2
"""Days that the table covers, so that a late end still has an intensity."""
DAY: Final = {
    "FR": (
        42, 40, 38, 38, 40, 44, 52, 150, 290, 310, 300, 280, 270, 270, 290, 310, 330, 320, 280, 240, 180, 120, 80, 60
    ),
    "CA-QC": (
        190, 190, 180, 180, 180, 190, 200, 200, 190, 170, 90, 36, 32, 30, 30, 30, 31, 32, 34, 36, 40, 70, 120, 160
    ),
}  # fmt: skip
"""An invented day, hour by hour, drawn so that a move pays; no grid ever had it. [g/kWh]"""
RUN: Final = (
    "entrypoint=python train_char_lm.py --steps 1800 --seconds 60 --every 150",
    "duration=60s",
    "deadline=140s",
    "interruptible.checkpoint=3s",
    "interruptible.restart=4s",
    "home=france",
)
REAL: Final = ("duration=12h", "deadline=36h", "interruptible.checkpoint=2m", "interruptible.restart=5m", "home=quebec")


def demo(
    keep: Annotated[bool, typer.Option("--keep", help="Keep the demo's folder, and print its path.")] = False,
) -> None:
    """Run the whole story in under four minutes: two Ray clusters, a job that moves between them, its report.

    The grid of the demo is invented and its day lasts two minutes; the GPUs are declared, the training is real.
    It leaves no process behind, and one file: the report as a page, whose name it says.

    \b
    Examples:
      carbonsched demo
      carbonsched demo --keep
    """
    import shutil
    import tempfile

    from cli.console import say
    from scheduler.execution.clock import SystemClock

    examples = _examples()
    folder = Path(tempfile.mkdtemp(prefix="carbonsched-demo-"))
    stage = _Stage(folder, folder.with_suffix(".html"), SystemClock())
    try:
        _story(stage, examples)
    finally:
        stage.leave()
        if keep:
            say(f"kept {folder}")
        else:
            shutil.rmtree(folder, ignore_errors=True)
    page = f"; its report: {stage.page}" if stage.page.exists() else ""
    say(f"demo done in {stage.elapsed_s():.0f} s; nothing is left running{page}")


def _story(stage: _Stage, examples: Path) -> None:
    """The steps, in order."""
    from cli.report_files import can_draw

    job = examples / "job.yaml"
    stage.tell("Two Ray clusters on this machine, one in Quebec and one in France. Their A100s are declared, not real.")
    stage.run("local", "up")
    table = stage.folder / "illustrative-day.csv"
    table.write_text(day_table(stage.clock.now()), encoding="utf-8")
    stage.tell(
        "A training of one minute, on an invented grid whose day lasts two: France is clean now, Quebec later. "
        "Watch it start, suspend, move and resume."
    )
    stage.run("submit", str(job), *_sets(RUN), "--intensity-table", str(table), "--wait")
    stage.tell("What it printed, over both clusters: the loss goes on where it stopped.")
    stage.run("logs", "char-lm")
    stage.tell("What it really emitted, against what would have happened at home.")
    stage.run("report", "--job", "char-lm")
    if can_draw():
        stage.run("report", "--format", "html", "-o", str(stage.page))
    else:
        stage.tell("The same as a page with charts comes with the extra 'report': pip install 'carbonsched[report]'.")
    stage.tell(
        "The same job over real hours, its home in Quebec, on the yearly tables: they can choose a region; of time "
        "they say that waiting is expected to gain nothing."
    )
    stage.run("plan", str(job), *_sets(REAL))


def day_table(start: datetime) -> str:
    """The invented day as an intensity table that begins at `start`."""
    from datetime import timedelta

    from scheduler.domain.instant import format_instant

    first = start.replace(microsecond=0)
    rows = ["utc," + ",".join(DAY)]
    for hour in range(24 * DAYS):
        at = format_instant(first + timedelta(seconds=HOUR_S * hour))
        rows.append(",".join((at, *(str(values[hour % 24]) for values in DAY.values()))))
    return "\n".join(rows) + "\n"


class _Stage:
    """The demo's own state folder, the page that it leaves beside it, and the commands run in it."""

    def __init__(self, folder: Path, page: Path, clock: Clock) -> None:
        """Begin the clock."""
        import os

        self.folder = folder
        self.page = page
        self.clock = clock
        self._began_s = clock.monotonic_s()
        self._environ = {name: value for name, value in os.environ.items() if not name.startswith("CARBONSCHED_")} | {
            "CARBONSCHED_STATE_DIR": str(folder / "state"),
            "CARBONSCHED_TICK": "0.5s",
            "CARBONSCHED_SAMPLE_EVERY": "2s",
            "CARBONSCHED_DEADLINE_MARGIN": "15s",
        }

    def elapsed_s(self) -> float:
        """Time since the demo began. [s]"""
        return self.clock.monotonic_s() - self._began_s

    def tell(self, text: str) -> None:
        """Say what comes."""
        import textwrap

        from cli.console import say

        say("\n" + textwrap.fill(f"[{self.elapsed_s():3.0f} s] {text}", width=100))

    def run(self, *arguments: str) -> None:
        """Run one of our own commands as a user would; its failure ends the demo."""
        import shlex
        import subprocess

        from cli.child import command
        from cli.console import say
        from scheduler.domain.errors import CarbonschedError

        say(f"$ {shlex.join(['carbonsched', *arguments])}")
        began_s = self.clock.monotonic_s()
        code = subprocess.run([*command(), *arguments], env=self._environ, cwd=self.folder, check=False).returncode
        if code:
            raise CarbonschedError(
                f"the demo's step '{arguments[0]}' ended with exit code {code}",
                hint="carbonsched demo --keep keeps its folder, with scheduler.log in it",
            )
        say(f"  ({self.clock.monotonic_s() - began_s:.1f} s)")

    def leave(self) -> None:
        """End the demo's scheduler and its clusters."""
        import subprocess

        from cli.child import command

        self._end_scheduler()
        if (self.folder / "state" / "local").exists():
            subprocess.run([*command(), "local", "down"], env=self._environ, cwd=self.folder, check=False)

    def _end_scheduler(self) -> None:
        """Ask the loop to end, and see that it does."""
        import os
        import signal
        from datetime import timedelta

        from scheduler.records.state_folder import StateFolder
        from scheduler.records.store import open_store

        folder = StateFolder(self.folder / "state")
        if not folder.database.exists():
            return
        with open_store(folder).reading() as tx:
            pid = tx.scheduler_pid()
        for _ in range(50):
            if pid is None or not _alive(pid):
                return
            os.kill(pid, signal.SIGTERM)
            self.clock.sleep(timedelta(seconds=0.2))


def _alive(pid: int) -> bool:
    """Whether a process is there."""
    import os

    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def _sets(pairs: Sequence[str]) -> list[str]:
    """The `--set` options of some key=value pairs."""
    return [word for pair in pairs for word in ("--set", pair)]


def _examples() -> Path:
    """The example's folder: beside the packages in a checkout, inside them in a wheel."""
    from scheduler.domain.errors import CarbonschedError

    here = Path(__file__).resolve().parent
    for folder in (here.parent / "examples", here / "examples"):
        if (folder / "job.yaml").is_file():
            return folder
    raise CarbonschedError("the examples are not installed", hint="run the demo from a clone of the repository")
