"""Durations as people write them: a number and a unit, never a bare number."""

from __future__ import annotations

import re
from datetime import timedelta

from scheduler.domain.errors import InvalidInput

_SECONDS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
_PART = re.compile(r"(\d+(?:\.\d+)?)([smhdw])")
_WHOLE = re.compile(r"(?:\d+(?:\.\d+)?[smhdw])+")
_LONGEST = timedelta(days=3650)


def parse_duration(text: str, *, what: str = "duration") -> timedelta:
    """The duration that `text` names: ``90m``, ``12h``, ``3d``, ``1h30m``; 0 needs a unit too."""
    cleaned = text.strip().replace(" ", "")
    if not _WHOLE.fullmatch(cleaned):
        raise InvalidInput(
            f"{what} {text!r} is not a number with a unit", hint="units are s, m, h, d and w, as in 90m, 12h or 3d"
        )
    seconds = sum(float(number) * _SECONDS[unit] for number, unit in _PART.findall(cleaned))
    if seconds > _LONGEST.total_seconds():
        raise InvalidInput(f"{what} {text!r} is longer than ten years", hint="check the unit")
    return timedelta(microseconds=round(seconds * 1e6))


def format_duration(duration: timedelta) -> str:
    """Compact text that `parse_duration` reads back to the microsecond, such as ``1d6h`` or ``4.5s``."""
    left = duration // timedelta(microseconds=1)
    sign, left = ("-", -left) if left < 0 else ("", left)
    parts = []
    for unit, seconds in (("d", 86400), ("h", 3600), ("m", 60)):
        count, left = divmod(left, seconds * 1_000_000)
        if count:
            parts.append(f"{count}{unit}")
    if left or not parts:
        whole, fraction = divmod(left, 1_000_000)
        parts.append(f"{whole}.{fraction:06d}".rstrip("0") + "s" if fraction else f"{whole}s")
    return sign + "".join(parts)


def whole_seconds(duration: timedelta) -> timedelta:
    """A duration as people want to read it: to the second, unless it is shorter than one."""
    second = timedelta(seconds=1)
    return duration if abs(duration) < second else second * round(duration / second)
