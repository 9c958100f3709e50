"""How another process of carbonsched is started."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

_ENTRY: Final = Path(__file__).resolve().parent.parent / "carbonsched_entry.py"


def command() -> list[str]:
    """The words that start carbonsched in a child process: same Python, same files, any folder and environment.

    ``-P`` keeps the script's folder, here all of site-packages, from coming before the standard library.
    """
    return [sys.executable, "-P", str(_ENTRY)]
