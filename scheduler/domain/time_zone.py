"""Time zones by their IANA names."""

from __future__ import annotations

from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from scheduler.domain.errors import InvalidInput


def parse_time_zone(text: str) -> ZoneInfo:
    """The time zone of an IANA name.

    Raises:
        InvalidInput: there is none of that name.
    """
    try:
        return ZoneInfo(text)
    except (ZoneInfoNotFoundError, ValueError, OSError) as exc:
        raise InvalidInput(f"there is no time zone {text!r}", hint="write it as UTC or Europe/Paris") from exc
