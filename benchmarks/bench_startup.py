"""How long a user waits for an answer, as ratios in one run: help against a bare `import typer`, a plan against help.

Each command is timed as a whole process, in turns, after one turn that is not counted; the median is quoted.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
TURNS = 9
HELP_LIMIT = 2.5
"""Most that `--help` may take of the time of `import typer`. [-]"""
PLAN_LIMIT_S = 1.0
"""Most that a plan on the yearly tables may take. [s]"""


def seconds(command: list[str], environ: dict[str, str]) -> float:
    """How long a command takes, its failure a failure of the benchmark. [s]"""
    began = time.perf_counter()
    subprocess.run(command, env=environ, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.perf_counter() - began


def main() -> None:
    """Time the three commands and print what they take."""
    carbonsched = [sys.executable, "-P", str(ROOT / "carbonsched_entry.py")]
    plan = ["plan", str(ROOT / "examples" / "job.yaml"), "--clusters", str(ROOT / "cluster_configs")]
    commands = {
        "import typer": [sys.executable, "-c", "import typer"],
        "carbonsched --help": [*carbonsched, "--help"],
        "carbonsched plan": [*carbonsched, *plan],
    }
    with tempfile.TemporaryDirectory() as state:
        environ = os.environ | {"CARBONSCHED_STATE_DIR": state}
        taken: dict[str, list[float]] = {name: [] for name in commands}
        for turn in range(TURNS + 1):
            for name, command in commands.items():
                spent = seconds(command, environ)
                if turn:
                    taken[name].append(spent)
    medians = {name: statistics.median(values) for name, values in taken.items()}
    bare = medians["import typer"]
    for name, median in medians.items():
        spread = f"{min(taken[name]):.2f} to {max(taken[name]):.2f} s"
        print(f"{name:20} {median:.2f} s ({spread}), {median / bare:.2f} x import typer")
    print(f"help: {medians['carbonsched --help'] / bare:.2f} x import typer, wanted at most {HELP_LIMIT}")
    print(f"plan: {medians['carbonsched plan']:.2f} s, wanted at most {PLAN_LIMIT_S:.0f} s")


if __name__ == "__main__":
    main()
