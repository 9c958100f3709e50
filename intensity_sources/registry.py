"""Which sources there are: whatever the installed distributions register, the tool's own by the same door."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import EntryPoint, entry_points
from typing import Final

from scheduler.domain.errors import InvalidInput, UnknownName
from scheduler.ports import IntensitySource, SourceCard

GROUP: Final = "carbonsched.intensity_sources"
PARTS: Final = ("name", "card", "connect", "zones", "series")
"""What a class must have to be a source."""

SourceFactory = type[IntensitySource]


@dataclass(frozen=True, slots=True, kw_only=True)
class Skipped:
    """A registered source that cannot be used, and why."""

    name: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """What is registered. A source is imported when it is needed: a plan on a table loads no HTTP library.

    Args:
        points: by name, as the distributions registered them.
        made: classes that are there already, by name.
    """

    points: Mapping[str, EntryPoint]
    made: Mapping[str, SourceFactory] = field(default_factory=dict)
    _loaded: dict[str, SourceFactory | Skipped] = field(default_factory=dict)

    @property
    def factories(self) -> Mapping[str, SourceFactory]:
        """Every source that can be used, by name; imports them all."""
        found = {name: self._load(name) for name in self._names()}
        return {name: each for name, each in found.items() if not isinstance(each, Skipped)}

    @property
    def skipped(self) -> tuple[Skipped, ...]:
        """Every source that cannot be used, with its reason; imports them all."""
        return tuple(each for name in self._names() if isinstance(each := self._load(name), Skipped))

    def named(self, name: str) -> SourceFactory:
        """The source of that name.

        Raises:
            UnknownName: nothing is registered under it; lists what is.
            InvalidInput: what is registered cannot be used.
        """
        if name not in self._names():
            raise UnknownName("intensity source", name, self._names())
        found = self._load(name)
        if isinstance(found, Skipped):
            raise InvalidInput(
                f"the intensity source {name!r} cannot be used: {found.reason}",
                hint="repair or uninstall the package that brings it",
            )
        return found

    def _names(self) -> tuple[str, ...]:
        """The names that are registered."""
        return (*self.made, *(name for name in self.points if name not in self.made))

    def _load(self, name: str) -> SourceFactory | Skipped:
        """The source, imported once, or why it cannot be."""
        if name in self.made:
            return self.made[name]
        if name not in self._loaded:
            self._loaded[name] = _loaded(self.points[name])
        return self._loaded[name]


def find_sources(registered: Iterable[EntryPoint] | None = None) -> Sources:
    """Every registered source."""
    points = entry_points(group=GROUP) if registered is None else registered
    return Sources(points={point.name: point for point in points})


def _loaded(point: EntryPoint) -> SourceFactory | Skipped:
    """The class behind an entry point; one that fails to import, or is no source, is skipped with its reason."""
    try:
        found = point.load()
    except Exception as exc:  # noqa: BLE001  # a third party's import may raise anything, and must stop nothing
        return Skipped(name=point.name, reason=f"{type(exc).__name__}: {exc}")
    lack = _lack(found)
    if lack:
        return Skipped(name=point.name, reason=f"{point.value} is no intensity source: {lack}")
    factory: SourceFactory = found
    return factory


def _lack(found: object) -> str:
    """Why something that was registered is no source, empty where it is one."""
    missing = [part for part in PARTS if not hasattr(found, part)]
    if missing:
        return f"it has no {', '.join(missing)}"
    if not isinstance(found, type):
        return "it is no class"
    return "" if isinstance(getattr(found, "card", None), SourceCard) else "its card is no SourceCard"
