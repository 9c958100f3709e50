"""What happened to a job as a chain of entries, each of which names the hash of the one before: pure, no files.

An entry is one line of canonical JSON. It holds facts and hashes, never a secret nor an address: what may be one is
committed to by a blinded hash (`public_part`), so that the same chain stands in a bundle for all and in one in full.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, Literal, get_args

from scheduler.domain.errors import CarbonschedError, InvalidInput
from scheduler.domain.instant import parse_instant

FORMAT: Final = "carbonsched-chain-1"
"""Begins every chain's first hash, with the job's id, so that no chain passes for another job's."""

Kind = Literal[
    "submitted", "planned", "launched", "granted", "released", "samples", "received", "outcome", "closed", "issued"
]  # fmt: skip
_KINDS: Final = frozenset(get_args(Kind))
_HASH: Final = re.compile(r"[0-9a-f]{64}")
_CANONICAL: Final = json.JSONEncoder(sort_keys=True, separators=(",", ":"), allow_nan=False)
_KEYS: Final = frozenset({"n", "at", "kind", "of", "data", "prev", "hash"})


class BadChain(CarbonschedError):
    """A chain, a head or a bundle that is not what was written; the message names the first thing that differs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """Something to be chained.

    Args:
        kind: what happened; of: to which part of the job (a plan's number, a segment's sid), empty for all of it.
        at: when, as ISO text; data: hashes, and plain facts that are neither secrets nor addresses.
    """

    kind: Kind
    of: str
    at: str
    data: Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry(Fact):
    """A fact in its place: the n-th of its chain, from 1 on."""

    n: int
    prev: str
    hash: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Chain:
    """The entries of a job that hang together.

    Args:
        torn: whether a last line was cut off while it was written; what it would have said is not in `entries`.
    """

    job_id: str
    entries: tuple[Entry, ...]
    torn: bool = False

    @property
    def tip(self) -> str:
        """The hash of the last entry; the job's own beginning where there is none."""
        return self.entries[-1].hash if self.entries else beginning(self.job_id)

    def last(self, kind: Kind, of: str = "") -> Entry | None:
        """The newest entry of a kind on a part of the job."""
        return next((e for e in reversed(self.entries) if e.kind == kind and e.of == of), None)

    def of_kind(self, kind: Kind) -> list[Entry]:
        """The entries of a kind, oldest first."""
        return [entry for entry in self.entries if entry.kind == kind]


def beginning(job_id: str) -> str:
    """What stands before the first entry of a job."""
    return digest(f"{FORMAT}\n{job_id}")


def digest(text: str) -> str:
    """SHA-256 of a text, in hex."""
    return hashlib.sha256(text.encode(errors="surrogateescape")).hexdigest()


def canonical(value: object) -> str:
    """The one way to write a value as JSON: keys in order, no blanks, ASCII, no NaN."""
    return _CANONICAL.encode(value)


def linked(chain: Chain, facts: Iterable[Fact]) -> list[Entry]:
    """The facts as the entries that follow a chain."""
    n, prev, found = len(chain.entries), chain.tip, []
    for fact in facts:
        n += 1
        said = {"n": n, "at": fact.at, "kind": fact.kind, "of": fact.of, "data": dict(fact.data), "prev": prev}
        prev = digest(canonical(said))
        found.append(
            Entry(n=n, at=fact.at, kind=fact.kind, of=fact.of, data=fact.data, prev=str(said["prev"]), hash=prev)
        )
    return found


def line_of(entry: Entry) -> str:
    """An entry as it stands in the file, without the end of the line."""
    names = ("n", "at", "kind", "of", "prev", "hash")
    return canonical({name: getattr(entry, name) for name in names} | {"data": dict(entry.data)})


def parse_chain(job_id: str, raw: bytes) -> Chain:
    """The chain that a file holds; an unfinished last line is left out, and said.

    Raises:
        BadChain: a line is not the one that was written there.
    """
    *lines, rest = raw.split(b"\n")
    return chain_from(job_id, [line.decode(errors="surrogateescape") for line in lines], torn=bool(rest))


def chain_from(job_id: str, lines: Iterable[str], *, torn: bool = False) -> Chain:
    """The chain of whole lines.

    Raises:
        BadChain: a line is not the one that was written there.
    """
    entries: list[Entry] = []
    prev = beginning(job_id)
    for n, line in enumerate(lines, 1):
        entry = _entry(line, f"entry {n} of the chain of job {job_id}")
        if entry.n != n or entry.prev != prev:
            raise BadChain(f"entry {n} of the chain of job {job_id} does not follow the one before it", hint=_REPAIR)
        entries.append(entry)
        prev = entry.hash
    return Chain(job_id=job_id, entries=tuple(entries), torn=torn)


def loaded(line: str, what: str) -> dict[str, object]:
    """The object of a line, which has to be written as `canonical` writes it.

    Raises:
        BadChain: it is not.
    """
    try:
        data = json.loads(line)
        same = isinstance(data, dict) and canonical(data) == line
    except (ValueError, RecursionError):
        same = False
    if not same:
        raise BadChain(f"{what} is not as it was written", hint=_REPAIR)
    assert isinstance(data, dict)  # noqa: S101  # or it would not be the same
    return data


_REPAIR: Final = "put back the copy that was kept elsewhere; nothing can mend it"


def _entry(line: str, what: str) -> Entry:
    """One entry, its hash recomputed."""
    said = loaded(line, what)
    kind, data, at = said.get("kind"), said.get("data"), said.get("at")
    whole = set(said) == _KEYS and isinstance(data, dict) and kind in _KINDS and type(said["n"]) is int
    if not whole or not all(isinstance(said[name], str) for name in ("at", "of", "prev", "hash")):
        raise BadChain(f"{what} is not an entry", hint=_REPAIR)
    unsealed = {name: value for name, value in said.items() if name != "hash"}
    if not _HASH.fullmatch(str(said["hash"])) or digest(canonical(unsealed)) != said["hash"]:
        raise BadChain(f"{what} was changed: its hash is another", hint=_REPAIR)
    try:
        parse_instant(str(at))
    except InvalidInput as exc:
        raise BadChain(f"{what}: {exc.message}", hint=_REPAIR) from exc
    assert isinstance(data, dict)  # noqa: S101  # looked at above
    return Entry(
        n=int(str(said["n"])),
        at=str(at),
        kind=_kind(str(kind)),
        of=str(said["of"]),
        data=data,
        prev=str(said["prev"]),
        hash=str(said["hash"]),
    )


def _kind(word: str) -> Kind:
    """The word as one of the closed set."""
    return next(kind for kind in get_args(Kind) if kind == word)
