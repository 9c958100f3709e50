"""The evidence of a job on our side: the agents' own bytes, only ever added to."""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from scheduler.domain.errors import StoreError
from scheduler.records.evidence import (
    BadEvidence,
    Outcome,
    Sample,
    outcome_name,
    parse_outcome,
    parse_samples,
    samples_name,
)
from scheduler.records.state_folder import StateFolder

LOG_CAP_BYTES: Final = 16 << 20
"""Most that is kept of one attempt's output. [bytes]"""
_LONGEST_SAMPLE: Final = 4096
"""More than any line of samples has. [bytes]"""
_PART: Final = ".part-"
"""Begins the name of a file that is being written."""


@dataclass(frozen=True, slots=True)
class EvidenceFiles:
    """What was harvested, under one folder a job."""

    state: StateFolder

    def samples(self, job_id: str, sid: str) -> list[Sample]:
        """The samples of one attempt read so far."""
        path = self._path(job_id, samples_name(sid))
        return parse_samples(path.read_bytes()) if path.exists() else []

    def first_and_last(self, job_id: str, sid: str) -> tuple[Sample, Sample] | None:
        """The first and the newest sample of one attempt read so far, without reading all that lies between."""
        path = self._path(job_id, samples_name(sid))
        if not path.exists():
            return None
        with path.open("rb") as stream:
            first = stream.readline()
            stream.seek(max(0, path.stat().st_size - _LONGEST_SAMPLE))
            newest = b"\n".join([*stream.read().split(b"\n")[-2:-1], b""])
        try:
            ends = [*parse_samples(first), *parse_samples(newest)]
        except BadEvidence:
            return None  # whoever accounts for the run reads all of it, and says so
        return (ends[0], ends[-1]) if ends else None

    def outcome(self, job_id: str, sid: str) -> Outcome | None:
        """The outcome of one attempt, None while unread."""
        path = self._path(job_id, outcome_name(sid))
        return parse_outcome(path.read_bytes()) if path.exists() else None

    def log(self, job_id: str, sid: str) -> str:
        """What the attempt printed, as far as it was harvested."""
        path = self._path(job_id, f"{sid}.log")
        return path.read_bytes().decode(errors="replace") if path.exists() else ""

    def log_cut(self, job_id: str, sid: str) -> int:
        """How much came before what is kept of the log. [characters]"""
        path = self._path(job_id, f"{sid}.log.cut")
        return int(path.read_text(encoding="ascii")) if path.exists() else 0

    def keep_samples(self, job_id: str, sid: str, raw: bytes) -> None:
        """Keep the whole lines of a longer reading; a shorter one never replaces what is here."""
        whole = raw[: raw.rfind(b"\n") + 1]
        path = self._path(job_id, samples_name(sid))
        if not path.exists() or len(whole) > path.stat().st_size:
            _write(path, whole)

    def keep_outcome(self, job_id: str, sid: str, raw: bytes) -> Outcome:
        """Keep an outcome once it parses; the first one stays, and is what is returned.

        Raises:
            BadEvidence: it is not an outcome, or one of another attempt.
        """
        kept = self.outcome(job_id, sid)
        if kept is not None:
            return kept
        outcome = parse_outcome(raw)
        if outcome.sid != sid:
            raise BadEvidence(f"the outcome of {sid} says that it is of {outcome.sid}")
        _write(self._path(job_id, outcome_name(sid)), raw)
        return outcome

    def keep_log(self, job_id: str, sid: str, text: str) -> None:
        """Keep what an attempt printed, its last part where it is over the cap; a shorter reading replaces nothing."""
        if len(text) < self.log_cut(job_id, sid) + len(self.log(job_id, sid)):
            return
        kept = text.encode(errors="replace")[-LOG_CAP_BYTES:]
        cut = len(text) - len(kept.decode(errors="replace"))
        if cut:
            _write(self._path(job_id, f"{sid}.log.cut"), str(cut).encode())
        _write(self._path(job_id, f"{sid}.log"), kept)

    def _path(self, job_id: str, name: str) -> Path:
        """A file of the job's evidence."""
        return self.state.evidence(job_id) / name


def _write(path: Path, content: bytes) -> None:
    """Write a file so that a crash leaves the old one or the new one, and a failure no litter."""
    part = None
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=_PART, delete=False) as stream:
            part = Path(stream.name)
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        part.replace(path)
    except OSError as exc:
        if part is not None:
            part.unlink(missing_ok=True)
        raise StoreError(f"evidence {path} cannot be written: {exc.strerror}", hint="free some disk space") from exc
