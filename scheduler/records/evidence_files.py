"""The evidence of a job on our side: the agents' own bytes, only ever added to."""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from scheduler.domain.errors import StoreError
from scheduler.records.chain_files import SAMPLES_AT_ONCE, Chains
from scheduler.records.energy import EnergyCurve, energy_curve
from scheduler.records.evidence import (
    BadEvidence,
    Outcome,
    Sample,
    outcome_name,
    parse_outcome,
    parse_samples,
    received_name,
    samples_name,
)
from scheduler.records.received import Received, arrived, line_of_received, parse_received
from scheduler.records.state_folder import StateFolder

LOG_CAP_BYTES: Final = 16 << 20
"""Most that is kept of one attempt's output. [bytes]"""
_ABOUT_A_SAMPLE: Final = 4096
"""More than most lines of samples have; that of a thousand GPUs has more. [bytes]"""
_TIGHTER_S: Final = 1.0
"""How much closer a receipt must tie a node's clock to ours to be kept. [s]"""
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

    def energy(self, job_id: str, sid: str, *, gpus: int, received: Received | None) -> EnergyCurve | None:
        """What meters counted of one attempt, as far as it was read; None where nothing was metered."""
        path = self._path(job_id, samples_name(sid))
        return energy_curve(path.read_bytes(), gpus=gpus, received=received) if path.exists() else None

    def first_and_last(self, job_id: str, sid: str) -> tuple[Sample, Sample] | None:
        """The first and the newest sample of one attempt read so far, without reading all that lies between."""
        path = self._path(job_id, samples_name(sid))
        if not path.exists():
            return None
        with path.open("rb") as stream:
            first = stream.readline()
        try:
            ends = [*parse_samples(first), *parse_samples(_newest_line(path))]
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
        before = path.stat().st_size if path.exists() else 0
        if not path.exists() or len(whole) > before:
            _write(path, whole)
            if _many(whole, before):
                Chains(self.state).kept(job_id, sid)

    def newest_line(self, job_id: str, sid: str) -> bytes:
        """The last whole line of samples kept, empty where there is none."""
        path = self._path(job_id, samples_name(sid))
        return _newest_line(path) if path.exists() else b""

    def add_samples(self, job_id: str, sid: str, new: bytes) -> None:
        """Keep the whole lines that follow those kept, without writing all of them again."""
        whole, newest = new[: new.rfind(b"\n") + 1], self.newest_line(job_id, sid)
        if not whole:
            return
        _append(self._path(job_id, samples_name(sid)), whole)
        if _round(whole[whole.rfind(b"\n", 0, -1) + 1 :]) > _round(newest):
            Chains(self.state).kept(job_id, sid)

    def received(self, job_id: str, sid: str) -> Received | None:
        """Between which instants of our clock an agent began; None where none of its samples reached us."""
        path = self._path(job_id, received_name(sid))
        return parse_received(path.read_bytes()) if path.exists() else None

    def keep_received(self, job_id: str, sid: str, new: bytes, *, at: datetime, looked: datetime | None) -> None:
        """Keep what the arrival of samples says of the clock of their node, where it says more than is known.

        Args:
            new: lines that were not kept before.
            at: when they were here.
            looked: when we looked before, and they were not there yet; None where we did not.
        """
        known = self.received(job_id, sid)
        seen = arrived(new, at=at, looked=looked)
        if seen is not None and (known is None or known.loosest_s(seen) > _TIGHTER_S):
            kept = self._path(job_id, received_name(sid))
            before = kept.read_bytes() if kept.exists() else b""
            _write(kept, before + line_of_received(seen if known is None else known.and_also(seen)))

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
        Chains(self.state).kept(job_id, sid)
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


def _many(whole: bytes, before: int) -> bool:
    """Whether a longer reading has another round number of lines than its first `before` bytes had."""
    lines = whole.count(b"\n")
    return lines // SAMPLES_AT_ONCE > (lines - whole.count(b"\n", before)) // SAMPLES_AT_ONCE


def _round(line: bytes) -> int:
    """How many round numbers of lines there are up to one, 0 for one that cannot be read."""
    try:
        read = parse_samples(line)
    except BadEvidence:
        return 0
    return (read[0].n + 1) // SAMPLES_AT_ONCE if read else 0


def _end(path: Path) -> bytes:
    """The last part of a file, with a whole line of it if there is one."""
    size, length = path.stat().st_size, _ABOUT_A_SAMPLE
    while True:
        with path.open("rb") as stream:
            stream.seek(max(0, size - length))
            end = stream.read()
        if end.count(b"\n") > 1 or length >= size:
            return end
        length *= 4


def _newest_line(path: Path) -> bytes:
    """The last whole line of a file, empty where there is none."""
    end = _end(path)
    whole = end[: end.rfind(b"\n") + 1]
    return whole[whole.rfind(b"\n", 0, -1) + 1 :]


def _append(path: Path, lines: bytes) -> None:
    """Add whole lines to a file, in place of the part of one that a crash may have left."""
    try:
        with path.open("r+b") as stream:
            stream.seek(-len(_end(path).rpartition(b"\n")[2]), os.SEEK_END)
            stream.truncate()
            stream.write(lines)
            stream.flush()
            os.fsync(stream.fileno())
    except OSError as exc:
        raise StoreError(f"evidence {path} cannot be written: {exc.strerror}", hint="free some disk space") from exc


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
