"""What a time stamp token says, read from its DER: which hash it is of, and when it was given.

Only the fields on the way to these are looked at (RFC 3161, sections 2.4.1 and 2.4.2; RFC 5652, sections 3 to 5).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from scheduler.domain.errors import InvalidInput

_SEQUENCE: Final = 0x30
_SET: Final = 0x31
_INTEGER: Final = 0x02
_OCTETS: Final = 0x04
_OID: Final = 0x06
_TIME: Final = 0x18
_EXPLICIT: Final = 0xA0
_SIGNED_DATA: Final = bytes.fromhex("2a864886f70d010702")
"""OID 1.2.840.113549.1.7.2, RFC 5652 section 5.1."""
_TST_INFO: Final = bytes.fromhex("2a864886f70d0109100104")
"""OID 1.2.840.113549.1.9.16.1.4, RFC 3161 section 2.4.2."""
_HASHES: Final = {
    bytes.fromhex("608648016503040201"): "sha256",
    bytes.fromhex("608648016503040202"): "sha384",
    bytes.fromhex("608648016503040203"): "sha512",
}
"""OIDs 2.16.840.1.101.3.4.2.1 to .3, RFC 5754 section 2."""
_GRANTED: Final = (0, 1)
"""PKIStatus granted and grantedWithMods, RFC 3161 section 2.4.2."""
_LONG: Final = 0x80
_MOST_LENGTH_BYTES: Final = 4
_HINT: Final = "give the answer of the authority as it came: carbonsched evidence seal --tsr FILE"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stamp:
    """What a token says.

    Args:
        algorithm: the name of the hash; imprint: the hash of what was stamped.
        at: when.
    """

    algorithm: str
    imprint: bytes
    at: datetime


@dataclass(slots=True)
class _Der:
    """The values of a DER sequence, one after the other."""

    raw: bytes
    at: int = 0

    def next(self, *tags: int) -> bytes:
        """The content of the next value, which has to be of one of these tags."""
        if self.at + 2 > len(self.raw) or self.raw[self.at] not in tags:
            raise InvalidInput("that is no time stamp", hint=_HINT)
        length, begin = self.raw[self.at + 1], self.at + 2
        if length >= _LONG:
            count = length - _LONG
            if not 0 < count <= _MOST_LENGTH_BYTES:
                raise InvalidInput("that is no time stamp", hint=_HINT)
            length, begin = int.from_bytes(self.raw[begin : begin + count]), begin + count
        if begin + length > len(self.raw):
            raise InvalidInput("that time stamp was cut off", hint=_HINT)
        self.at = begin + length
        return self.raw[begin : self.at]


def stamp_of(raw: bytes) -> Stamp:
    """What the answer of a time stamp authority says.

    Raises:
        InvalidInput: it is none, or a refusal, or of a hash that is not used any more.
    """
    answer = _Der(_Der(raw).next(_SEQUENCE))
    status = int.from_bytes(_Der(answer.next(_SEQUENCE)).next(_INTEGER), signed=True)
    if status not in _GRANTED:
        raise InvalidInput(f"the authority refused to stamp it: status {status}", hint="ask it again")
    info = _Der(_tst_info(answer))
    info.next(_INTEGER)
    info.next(_OID)
    imprint = _Der(info.next(_SEQUENCE))
    oid = _Der(imprint.next(_SEQUENCE)).next(_OID)
    if oid not in _HASHES:
        raise InvalidInput("that time stamp is of a hash that is not known here", hint="ask for one of SHA-256")
    hashed = imprint.next(_OCTETS)
    info.next(_INTEGER)
    return Stamp(algorithm=_HASHES[oid], imprint=hashed, at=_moment(info.next(_TIME)))


def _tst_info(answer: _Der) -> bytes:
    """The part of the token that was signed."""
    token = _Der(answer.next(_SEQUENCE))
    if token.next(_OID) != _SIGNED_DATA:
        raise InvalidInput("that time stamp is not signed", hint=_HINT)
    signed = _Der(_Der(token.next(_EXPLICIT)).next(_SEQUENCE))
    signed.next(_INTEGER)
    signed.next(_SET)
    content = _Der(signed.next(_SEQUENCE))
    if content.next(_OID) != _TST_INFO:
        raise InvalidInput("what was signed is no time stamp", hint=_HINT)
    return _Der(_Der(content.next(_EXPLICIT)).next(_OCTETS)).next(_SEQUENCE)


def _moment(raw: bytes) -> datetime:
    """A GeneralizedTime of UTC, with or without a fraction of a second."""
    text = raw.decode("ascii", errors="replace")
    whole, _, fraction = text.removesuffix("Z").partition(".")
    try:
        moment = datetime.strptime(whole, "%Y%m%d%H%M%S").replace(tzinfo=UTC)
        return moment.replace(microsecond=int(f"{fraction:0<6}"[:6]) if fraction else 0)
    except ValueError as exc:
        raise InvalidInput(f"the time stamp tells no time: {text}", hint=_HINT) from exc
