"""What somebody else attested of a head: a signed git tag that carries it, or an RFC 3161 time stamp of it.

Read is what the attestation is about and which time it tells. Its signature is not checked here, as that needs the
signer's certificate or key, which only the reader can choose to trust: docs/evidence.md has the two commands. A tag's
time is the word of whoever made it, so it counts from when it was brought here; a time stamp counts from its own.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Literal, cast, get_args

from scheduler.domain.errors import InvalidInput
from scheduler.domain.instant import format_instant, parse_instant
from scheduler.records.chain import BadChain, canonical, digest, loaded
from scheduler.records.heads import Head
from scheduler.records.seals_der import stamp_of

Way = Literal["tag", "tsr"]
Registration = Literal["pre-registered", "self-attested"]

FIRST: Final = digest("carbonsched-seals-1")
"""What stands before the first seal."""
_SIGNED: Final = re.compile(r"^-----BEGIN (PGP SIGNATURE|SSH SIGNATURE|SIGNED MESSAGE)-----$", re.MULTILINE)
"""How a signature begins in a tag object (git's gpg-interface.c)."""
_TAGGER: Final = re.compile(r"^tagger .* (\d{1,12}) [+-]\d{4}$", re.MULTILINE)
_TAG: Final = re.compile(r"\Aobject [0-9a-f]{40,64}\ntype \w+\ntag \S+\n")
_HINT: Final = "put back the copy that was kept elsewhere; nothing can mend it"


@dataclass(frozen=True, slots=True, kw_only=True)
class Seal:
    """An attestation of a head.

    Args:
        head: its number.
        sealed_at: from when on the head cannot have been made up.
        recorded_at: when it was brought here.
        sha256: of the attestation; content: itself, in base64, empty where it is withheld.
    """

    head: int
    way: Way
    sealed_at: datetime
    recorded_at: datetime
    sha256: str
    prev: str
    content: str

    @property
    def hash(self) -> str:
        """What the next seal names; it hangs on the content by its hash alone, so that this can be withheld."""
        return digest(canonical({name: value for name, value in _said(self).items() if name != "content"}))


def seal_of(way: Way, raw: bytes, heads: Iterable[Head], before: tuple[Seal, ...], *, at: datetime) -> Seal:
    """The seal that an attestation is, of the head that it is about.

    Args:
        way: what it is; raw: its bytes.
        heads: all there are.
        before: the seals that were recorded.
        at: now.

    Raises:
        InvalidInput: it is not what it is said to be, is unsigned, or is of none of the heads.
    """
    newest_first = sorted(heads, key=lambda head: -head.n)
    head, told = _of_tag(raw, newest_first) if way == "tag" else _of_stamp(raw, newest_first)
    return Seal(
        head=head.n,
        way=way,
        sealed_at=max(told, at) if way == "tag" else told,
        recorded_at=at,
        sha256=hashlib.sha256(raw).hexdigest(),
        prev=before[-1].hash if before else FIRST,
        content=base64.b64encode(raw).decode(),
    )


def line_of(seal: Seal, *, withheld: bool = False) -> str:
    """A seal as it stands in a file, its content left out where that is withheld."""
    return canonical(_said(seal) | {"hash": seal.hash} | ({"content": ""} if withheld else {}))


def seals_from(lines: Iterable[str], heads: tuple[Head, ...]) -> tuple[Seal, ...]:
    """The seals of whole lines, each content that is there looked at again.

    Raises:
        BadChain: one is not as it was written, or not of the head that it names.
    """
    found: list[Seal] = []
    for n, line in enumerate(lines, 1):
        what = f"seal {n}"
        seal = _seal(line, what)
        if seal.prev != (found[-1].hash if found else FIRST):
            raise BadChain(f"{what} does not follow the one before it", hint=_HINT)
        if not 0 < seal.head <= len(heads):
            raise BadChain(f"{what} is of head {seal.head}, which is missing", hint=_HINT)
        if seal.content:
            _check_content(seal, heads, what)
        found.append(seal)
    return tuple(found)


def registration(
    job_id: str, starts_at: datetime | None, heads: Iterable[Head], seals: Iterable[Seal]
) -> tuple[Registration, datetime | None]:
    """Whether the rule of a job was sealed outside before it started, and since when.

    Args:
        job_id: of what.
        starts_at: when its first segment was launched; None where none was yet.
        heads, seals: all there are.
    """
    first = next((head.n for head in heads if job_id in head.grown), None)
    if first is None:
        return "self-attested", None
    times = [seal.sealed_at for seal in seals if seal.head >= first]
    if not times or (starts_at is not None and min(times) >= starts_at):
        return "self-attested", None
    return "pre-registered", min(times)


def _of_tag(raw: bytes, heads: list[Head]) -> tuple[Head, datetime]:
    """The head that a tag object carries, and the tagger's time."""
    text = raw.decode(errors="replace")
    tagger = _TAGGER.search(text)
    if not _TAG.match(text) or tagger is None:
        raise InvalidInput("that is no tag object", hint="git cat-file tag NAME > tag.txt writes one")
    if not _SIGNED.search(text):
        raise InvalidInput("that tag is not signed", hint="make it with git tag -s")
    head = next((head for head in heads if f"seal {head.hash}" in text.splitlines()), None)
    if head is None:
        raise InvalidInput("that tag carries none of the heads", hint="git tag -s NAME -F FILE, FILE by evidence seal")
    try:
        return head, datetime.fromtimestamp(int(tagger[1]), tz=UTC)
    except (OverflowError, OSError, ValueError) as exc:
        raise InvalidInput("the time of that tag is none", hint="make it anew with git tag -s") from exc


def _of_stamp(raw: bytes, heads: list[Head]) -> tuple[Head, datetime]:
    """The head that a time stamp is of, and its time."""
    stamp = stamp_of(raw)
    for head in heads:
        if hashlib.new(stamp.algorithm, head.text.encode()).digest() == stamp.imprint:
            return head, stamp.at
    raise InvalidInput(
        "that time stamp is of none of the heads", hint="openssl ts -query -data FILE -sha256, FILE by evidence seal"
    )


def _said(seal: Seal) -> dict[str, object]:
    """A seal without its hash."""
    return {
        "head": seal.head,
        "way": seal.way,
        "sealed_at": format_instant(seal.sealed_at),
        "recorded_at": format_instant(seal.recorded_at),
        "sha256": seal.sha256,
        "prev": seal.prev,
        "content": seal.content,
    }


def _seal(line: str, what: str) -> Seal:
    """One seal, its hash recomputed."""
    said = loaded(line, what)
    try:
        if said["way"] not in get_args(Way):
            raise BadChain(f"{what} is no seal", hint=_HINT)
        seal = Seal(
            head=int(str(said["head"])),
            way=cast("Way", said["way"]),
            sealed_at=parse_instant(str(said["sealed_at"])),
            recorded_at=parse_instant(str(said["recorded_at"])),
            sha256=str(said["sha256"]),
            prev=str(said["prev"]),
            content=str(said["content"]),
        )
    except (KeyError, ValueError) as exc:
        raise BadChain(f"{what} is no seal: {exc}", hint=_HINT) from exc
    if line_of(seal) != line:
        raise BadChain(f"{what} was changed: its hash is another", hint=_HINT)
    return seal


def _check_content(seal: Seal, heads: tuple[Head, ...], what: str) -> None:
    """Refuse an attestation that is another one, or of another head or time than the seal says."""
    try:
        raw = base64.b64decode(seal.content, validate=True)
    except binascii.Error as exc:
        raise BadChain(f"{what} was changed: it is not in base64", hint=_HINT) from exc
    if hashlib.sha256(raw).hexdigest() != seal.sha256:
        raise BadChain(f"{what} was changed: its content is another", hint=_HINT)
    try:
        again = seal_of(seal.way, raw, heads, (), at=seal.recorded_at)
    except InvalidInput as exc:
        raise BadChain(f"{what}: {exc.message}", hint=exc.hint) from exc
    if (again.head, again.sealed_at) != (seal.head, seal.sealed_at):
        raise BadChain(f"{what} says another head or time than its content", hint=_HINT)
