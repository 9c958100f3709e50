"""Which sources answer for which zone, and in which order: the operator's word, as text and as YAML.

Nothing is asked that is not listed: a zone without a list of its own has the default one, and where there is none
either, nobody answers for it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from scheduler.domain.errors import InvalidInput

DEFAULT: Final = "default"
"""Stands in the place of a zone for all that have no list of their own."""
_HINT: Final = "write it as 'electricity-maps, static-tables', or 'FR = rte-eco2mix; default = static-tables'"

_OPTIONS_HINT: Final = "write them as 'electricity-maps.base_url = https://...'"


@dataclass(frozen=True, slots=True, kw_only=True)
class Chains:
    """Names of sources by zone, the first one to be asked first."""

    by_zone: Mapping[str, tuple[str, ...]]

    def of(self, zone: str) -> tuple[str, ...]:
        """The sources of a zone; none where nobody answers for it."""
        return self.by_zone.get(zone, self.by_zone.get(DEFAULT, ()))

    def names(self) -> tuple[str, ...]:
        """Every source that is listed, each once."""
        return tuple(dict.fromkeys(name for chain in self.by_zone.values() for name in chain))

    def without(self, name: str) -> Chains | None:
        """The same without one source; None where no other one is listed."""
        left = {zone: tuple(each for each in chain if each != name) for zone, chain in self.by_zone.items()}
        by_zone = {zone: chain for zone, chain in left.items() if chain}
        return Chains(by_zone=by_zone) if by_zone else None

    def __str__(self) -> str:
        """The text that `parse_chains` reads."""
        return "; ".join(f"{zone} = {', '.join(chain)}" for zone, chain in sorted(self.by_zone.items()))


def parse_chains(text: str) -> Chains:
    """The chains that a text says: names by commas, for all zones or after ``ZONE =`` and before a semicolon."""
    by_zone: dict[str, tuple[str, ...]] = {}
    for entry in filter(str.strip, text.split(";")):
        zone, equals, listed = entry.rpartition("=")
        zone = zone.strip() if equals else DEFAULT
        names = tuple(name.strip() for name in listed.split(","))
        if not zone or not all(names):
            raise InvalidInput(f"sources {entry.strip()!r} name no source", hint=_HINT)
        if zone in by_zone:
            raise InvalidInput(f"sources name {zone} twice", hint=_HINT)
        if len(set(names)) < len(names):
            raise InvalidInput(f"sources of {zone} name one source twice", hint="keep one of them")
        by_zone[zone] = names
    if not by_zone:
        raise InvalidInput(f"sources {text!r} name no source", hint=_HINT)
    return Chains(by_zone=by_zone)


def chains_text(value: object) -> str:
    """The text of what a YAML file says: a list of names, or a mapping of zones to lists."""
    if isinstance(value, Mapping):
        return "; ".join(f"{zone} = {_names(chain)}" for zone, chain in value.items())
    return _names(value)


def parse_options(text: str) -> dict[str, dict[str, str]]:
    """Options by source that a text says: ``SOURCE.OPTION = VALUE``, by semicolons, or a JSON object of objects."""
    if text.lstrip().startswith("{"):
        return _from_json(text)
    found: dict[str, dict[str, str]] = {}
    for entry in filter(str.strip, text.split(";")):
        name, equals, value = entry.partition("=")
        source, dot, option = name.strip().rpartition(".")
        if not (equals and dot and source and option and value.strip()):
            raise InvalidInput(f"source options {entry.strip()!r} are not understood", hint=_OPTIONS_HINT)
        found.setdefault(source, {})[option] = value.strip()
    return found


def options_text(value: object) -> str:
    """The text of what a YAML file says: a mapping of sources to mappings of options."""
    if isinstance(value, str):
        return value
    if not isinstance(value, Mapping) or not all(isinstance(options, Mapping) for options in value.values()):
        raise InvalidInput(f"source options {value!r} are no mapping", hint="electricity-maps: {base_url: https://...}")
    words = {
        str(source): {str(option): _plain(text) for option, text in options.items()}
        for source, options in value.items()
    }
    return json.dumps(words)


def _from_json(text: str) -> dict[str, dict[str, str]]:
    """The same from JSON, whose values may hold a semicolon."""
    try:
        said = json.loads(text)
    except (ValueError, RecursionError) as exc:
        raise InvalidInput(f"source options are no JSON: {exc}", hint=_OPTIONS_HINT) from exc
    if not all(isinstance(options, dict) for options in said.values()):
        raise InvalidInput(f"source options {text!r} are not understood", hint=_OPTIONS_HINT)
    return {source: {name: _plain(text) for name, text in options.items()} for source, options in said.items()}


def _names(value: object) -> str:
    """Names by commas."""
    if isinstance(value, str):
        return value
    if not isinstance(value, Iterable) or isinstance(value, Mapping):
        raise InvalidInput(f"sources {value!r} name no source", hint=_HINT)
    return ", ".join(_word(name) for name in value)


def _word(value: object) -> str:
    """One word, which holds nothing that would end it."""
    word = _plain(value)
    if ";" in word:
        raise InvalidInput(f"{value!r} is no word", hint="leave out ';'")
    return word


def _plain(value: object) -> str:
    """The text of one value: a word, a number, or yes or no as ``true`` or ``false``."""
    if isinstance(value, bool):
        return str(value).lower()
    if not isinstance(value, str | int | float):
        raise InvalidInput(f"{value!r} is no text", hint="quote it")
    return str(value)
