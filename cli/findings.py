"""What one check of the installation found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Level = Literal["ok", "warn", "fail"]


@dataclass(frozen=True, slots=True)
class Finding:
    """The thing, how it stands, in words, and the way out."""

    level: Level
    what: str
    text: str
    hint: str = ""
