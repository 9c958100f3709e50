"""Tags and time stamps as git and an authority would write them, their signatures made up."""

from __future__ import annotations

import hashlib
from datetime import datetime

SIGNATURE = "-----BEGIN PGP SIGNATURE-----\n\niQ==\n-----END PGP SIGNATURE-----\n"


def tag(text: str, at: datetime, *, signature: str = SIGNATURE) -> bytes:
    """A tag object, as `git cat-file tag` prints it."""
    head = (
        f"object {'ab' * 20}\ntype commit\ntag evidence\ntagger A Person <a@example.org> {at.timestamp():.0f} +0100\n"
    )
    return f"{head}\n{text}{signature}".encode()


def stamp(
    text: str, at: str, *, status: int = 0, oid: str = "608648016503040201", signed: str = "2a864886f70d010702",
    content: str = "2a864886f70d0109100104",
) -> bytes:  # fmt: skip
    """The answer of an authority (RFC 3161): status, then SignedData over TSTInfo."""
    imprint = _der(0x30, _der(0x30, _oid(oid), _der(5)), _der(4, hashlib.sha256(text.encode()).digest()))
    info = _der(0x30, _der(2, b"\x01"), _oid("2a0304"), imprint, _der(2, b"\x07"), _der(0x18, at.encode()))
    encap = _der(0x30, _oid(content), _der(0xA0, _der(4, info)))
    signed_data = _der(0x30, _der(2, b"\x03"), _der(0x31), encap, _der(0x31))
    token = _der(0x30, _oid(signed), _der(0xA0, signed_data))
    return _der(0x30, _der(0x30, _der(2, bytes([status]))), token)


def _oid(text: str) -> bytes:
    """An object identifier by its bytes in hex."""
    return _der(6, bytes.fromhex(text))


def _der(kind: int, *parts: bytes) -> bytes:
    """A value with its length before it."""
    content = b"".join(parts)
    size = len(content)
    length = bytes([size]) if size < 128 else bytes([0x82]) + size.to_bytes(2)
    return bytes([kind]) + length + content
