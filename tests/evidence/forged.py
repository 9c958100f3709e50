"""Bundles changed as a forger would, who writes the last line anew so that it fits."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable
from pathlib import Path

from scheduler.records.bundle_evidence import part_of
from scheduler.records.chain import canonical

Lines = list[dict[str, object]]


def lines_of(file: Path) -> Lines:
    """The lines of a bundle, its last one left out."""
    return [json.loads(line) for line in file.read_text().splitlines()][:-1]


def sealed(lines: Iterable[dict[str, object]]) -> bytes:
    """The lines with a last one that fits them."""
    texts = [(part_of(line), f"{canonical(line)}\n".encode()) for line in lines]
    parts: dict[str, bytes] = {}
    for name, text in texts:
        parts[name] = parts.get(name, b"") + text
    whole = b"".join(text for _, text in texts)
    last = {
        "record": "manifest",
        "lines": len(texts),
        "parts": [[name, hashlib.sha256(text).hexdigest()] for name, text in parts.items()],
        "sha256": hashlib.sha256(whole).hexdigest(),
    }
    return whole + f"{canonical(last)}\n".encode()


def forged(file: Path, change: Callable[[Lines], object], to: Path) -> Path:
    """A bundle with its lines changed in place and sealed again."""
    lines = lines_of(file)
    change(lines)
    to.write_bytes(sealed(lines))
    return to


def of(lines: Lines, record: str, job_id: str | None = None, n: int = 0) -> dict[str, object]:
    """The n-th line of a kind, of a job."""
    return [
        line
        for line in lines
        if line["record"] == record and (job_id is None or job_id in (line.get("job_id"), line.get("id")))
    ][n]
