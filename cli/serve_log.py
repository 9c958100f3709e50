"""The scheduler's log: a line an event, for people or as JSON. The only place where logging is configured."""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, TextIO

from cli.rotated import Rotated
from scheduler.domain.errors import InvalidInput
from scheduler.domain.instant import to_the_second
from scheduler.records.rows import JobEvent

_WARNS: Final = frozenset({"waits", "late", "missed", "failed", "lost", "evidence"})
_NOT_TOLD: Final = "not notified:"
_ROOMS: Final = ("cli", "scheduler", "policies", "intensity_sources")

_log = logging.getLogger(__name__)


def configure(stream: TextIO | None = None, *, as_json: bool = False, file: Path | None = None) -> None:
    """Write what our rooms and the libraries log to `file`, which stays bounded, else to `stream`, else to stderr.

    Raises:
        InvalidInput: the file cannot be written.
    """
    handler: logging.Handler = logging.StreamHandler(stream or sys.stderr)
    if file is not None:
        try:
            handler = Rotated(file)
        except OSError as exc:
            raise InvalidInput(f"--log-file {file} cannot be written: {exc.strerror}", hint="name another") from exc
    handler.setFormatter(JsonLines() if as_json else TextLines())
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    for room in _ROOMS:
        logging.getLogger(room).setLevel(logging.INFO)


def tell(event: JobEvent) -> None:
    """Log one event of the store, under its own time."""
    warns = event.kind in _WARNS or event.kind.startswith(_NOT_TOLD)
    about = {"job": event.job_id, "event": event.kind, "at": event.at}
    _log.log(logging.WARNING if warns else logging.INFO, "%s", event.text, extra=about)


class TextLines(logging.Formatter):
    """A line for people: time, level, job, event, text; the traceback of a bug follows on lines of its own."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        told = _fields(record)
        about = " ".join(word for word in (told["job"], told["event"]) if word)
        line = f"{told['time']} {told['level']:7} {about + ': ' if about else ''}{told['text']}"
        return f"{line}\n{told['traceback']}" if "traceback" in told else line


class JsonLines(logging.Formatter):
    """A JSON object a line: time, level, job, event, text, and the traceback of a bug."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        return json.dumps(_fields(record), ensure_ascii=False)


def _fields(record: logging.LogRecord) -> dict[str, str]:
    """What a record says; job and event are empty where it is about the scheduler itself."""
    at = getattr(record, "at", None) or datetime.fromtimestamp(record.created, UTC)
    told = {
        "time": to_the_second(at),
        "level": record.levelname.lower(),
        "job": getattr(record, "job", ""),
        "event": getattr(record, "event", ""),
        "text": " ".join(record.getMessage().split()),
    }
    if record.exc_info:
        told["traceback"] = logging.Formatter().formatException(record.exc_info)
    return told
