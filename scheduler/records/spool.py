"""Long texts put away on disk, so that all the evidence of a bundle never lies in memory at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Final

SHORT: Final = 1 << 14
"""A text of so many characters is not worth a file."""
_ESCAPED: Final = "surrogatepass"  # whatever a line of JSON may hold comes back as it was


@dataclass(frozen=True, slots=True)
class Spooled:
    """A text that lies on disk until somebody asks for it, by `str`."""

    path: Path

    def __str__(self) -> str:
        """The text."""
        return self.path.read_bytes().decode(errors=_ESCAPED)


@dataclass(frozen=True, slots=True)
class Spool:
    """A folder that texts are put into, which whoever made it takes away."""

    folder: Path
    _numbers: count[int] = field(default_factory=count)

    def kept(self, value: object) -> object:
        """What stands for a value: itself, unless it is a long text."""
        if not isinstance(value, str) or len(value) <= SHORT:
            return value
        path = self.folder / str(next(self._numbers))
        path.write_bytes(value.encode(errors=_ESCAPED))
        return Spooled(path)


def whole(line: Mapping[str, object]) -> dict[str, object]:
    """A line with its texts in it again."""
    return {name: str(value) if isinstance(value, Spooled) else value for name, value in line.items()}
