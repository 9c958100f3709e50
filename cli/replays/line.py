"""One line on stderr that is written over and gone at the end; nothing where that is no terminal."""

from __future__ import annotations

from types import TracebackType
from typing import Final, Self, TextIO

_CLEAR: Final = "\r\033[K"


class Line:
    """The line, while it is entered.

    Args:
        stream: what it is written to.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream, self._seen = stream, stream.isatty()

    def __enter__(self) -> Self:
        """Begin without a line."""
        return self

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None, at: TracebackType | None) -> None:
        """Leave nothing behind."""
        self._write(_CLEAR)

    def show(self, text: str) -> None:
        """Say it in the place of what was said before."""
        self._write(f"{_CLEAR}{text} ")

    def say(self, text: str) -> None:
        """Say something that stays, on a terminal or not."""
        self._write(_CLEAR)
        self._stream.write(f"{text}\n")
        self._stream.flush()

    def _write(self, text: str) -> None:
        """Write where somebody looks."""
        if self._seen:
            self._stream.write(text)
            self._stream.flush()
