"""The options of a source: text by name, an unknown one refused with the known ones."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from scheduler.domain.errors import InvalidInput, UnknownName


def only(options: Mapping[str, str], *known: str, source: str) -> Mapping[str, str]:
    """The options that are set; raises `UnknownName` where one is none of `known`."""
    for name in options:
        if name not in known:
            raise UnknownName(f"option of the source {source}", name, known)
    return {name: text.strip() for name, text in options.items() if text.strip()}


def whole_number(name: str, text: str) -> int:
    """An option as a whole number; raises `InvalidInput` where it is none."""
    if not (text.isascii() and text.isdigit()):
        raise InvalidInput(f"option {name} {text!r} is no whole number", hint=f"write it as {name}: 2024")
    return int(text)


def one_of(name: str, text: str, known: Iterable[str]) -> str:
    """An option that is one of a few words; raises `UnknownName` where it is another."""
    words = tuple(known)
    if text not in words:
        raise UnknownName(f"value of the option {name}", text, words)
    return text
