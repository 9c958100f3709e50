"""The Chromium of this machine and how it is started: headless, and quiet on the network."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
ARGUMENTS: Final = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip
_NAMED: Final = {name: os.environ[name] for name in ("CARBONSCHED_CHROMIUM",) if name in os.environ}
"""Read before any test's world is emptied."""


def chromium() -> tuple[str, str]:
    """The path of a Chromium, installed where the machine has none and lets us; else nothing, and how to get one."""
    told = subprocess.run(
        [ROOT / ".ci" / "browser"], env={**os.environ, **_NAMED}, capture_output=True, text=True, check=False
    )
    if told.returncode:
        return "", told.stderr.strip().splitlines()[-1]
    return told.stdout.splitlines()[0], ""
