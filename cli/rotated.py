"""A log file that stays bounded and private: it is put aside when it is full, and only a few old ones are kept."""

from __future__ import annotations

import io
import os
import sys
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Final

LIMIT_BYTES: Final = 10 << 20
"""A fuller file is put aside: about a hundred thousand lines. [bytes]"""
KEPT: Final = 3
"""Files put aside that are kept, as NAME.1 to NAME.3, the newest first."""


class Rotated(RotatingFileHandler):
    """The handler of such a file, mode 0600.

    Where stderr leads to the file too, as in the background, it is led to the new one after each change, so that what
    a dying interpreter says is found where people look.
    """

    def __init__(self, path: Path, *, limit_bytes: int = LIMIT_BYTES) -> None:
        self._follows: list[int] = []
        super().__init__(path, maxBytes=limit_bytes, backupCount=KEPT, encoding="utf-8", errors="backslashreplace")
        self._follows = [fd for fd in (1, 2) if self.stream is not None and _is(fd, self.stream)]

    def _open(self) -> io.TextIOWrapper:
        """The file, made readable by this account only."""
        descriptor = os.open(self.baseFilename, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        os.fchmod(descriptor, 0o600)
        return os.fdopen(descriptor, "a", encoding=self.encoding, errors=self.errors)

    def doRollover(self) -> None:  # noqa: N802  # the library's name
        """Put the full file aside, and lead to the new one what led to the old."""
        super().doRollover()
        sys.stdout.flush()
        sys.stderr.flush()
        if self.stream is None:  # for the types: it was opened just now
            return
        for descriptor in self._follows:
            os.dup2(self.stream.fileno(), descriptor)


def _is(descriptor: int, stream: io.TextIOWrapper) -> bool:
    """Whether a descriptor of this process leads to the file of a stream."""
    try:
        return os.path.sameopenfile(descriptor, stream.fileno())
    except OSError:
        return False  # closed, as a daemon's may be
