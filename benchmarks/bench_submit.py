"""How much later a job begins than with a bare `ray job submit` on the same cluster.

Both run the same command, which writes the time it began; what is compared is from the first key pressed to
that moment. A scheduler already runs, as it does for all but the first job of a day.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
TURNS = 5
LIMIT_S = 1.5
"""Most that it may take longer. [s]"""
CARBONSCHED = [sys.executable, "-P", str(ROOT / "carbonsched_entry.py")]


def begun(path: Path, since: float) -> float:
    """How long after `since` the job wrote that it had begun. [s]"""
    end = time.time() + 60
    while time.time() < end:
        if path.exists() and path.read_text():
            return float(path.read_text()) - since
        time.sleep(0.02)
    raise SystemExit(f"{path} was never written")


def main() -> None:
    """Start the local clusters, time both ways in turns, and stop them."""
    with tempfile.TemporaryDirectory(prefix="cs-bench-") as folder:
        place = Path(folder)
        environ = os.environ | {"CARBONSCHED_STATE_DIR": str(place / "state")}

        def ours(*words: str) -> str:
            """What one of our commands prints."""
            done = subprocess.run(
                [*CARBONSCHED, *words], env=environ, cwd=place, check=True, capture_output=True, text=True
            )
            return done.stdout

        ours("local", "up")
        try:
            print_ratios(place, ours)
        finally:
            pid = json.loads(ours("status", "--json"))["scheduler"]["pid"]
            if pid is not None:
                os.kill(pid, 15)
            ours("local", "down")


def print_ratios(place: Path, ours: Callable[..., str]) -> None:
    """Time both ways in turns."""
    clusters = json.loads(ours("local", "status", "--json"))["clusters"]
    address = next(c["address"] for c in clusters if c["name"] == "france")
    token = (place / "state" / "local" / "france.token").read_text().strip()
    bare_env = {k: v for k, v in os.environ.items() if not k.startswith("RAY_")}
    bare_env |= {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": token, "HOME": str(place)}
    script = place / "begin.py"
    script.write_text("import sys, time\nopen(sys.argv[1], 'w').write(str(time.time()))\n")
    bare, through = [], []
    sets = ["--set", "gpus=1", "--set", "duration=1m", "--set", "home=france", "--allow", "france"]
    for turn in range(TURNS + 1):
        out = place / f"ours{turn}"
        since = time.time()
        ours("submit", *sets, "-q", "--", sys.executable, str(script), str(out))
        taken = begun(out, since)
        out = place / f"bare{turn}"
        since = time.time()
        ray = [str(Path(sys.executable).with_name("ray")), "job", "submit", "--address", address, "--no-wait", "--"]
        subprocess.run([*ray, sys.executable, str(script), str(out)], env=bare_env, check=True, capture_output=True)
        if turn:
            through.append(taken)
            bare.append(begun(out, since))
        time.sleep(4)
    ours_s, bare_s = statistics.median(through), statistics.median(bare)
    print(f"ray job submit      {bare_s:.2f} s to the first line")
    print(f"carbonsched submit  {ours_s:.2f} s, {ours_s / bare_s:.2f} x, {ours_s - bare_s:+.2f} s")
    print(f"wanted at most {LIMIT_S:+} s")


if __name__ == "__main__":
    main()
