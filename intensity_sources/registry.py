"""Which sources there are: whatever the installed distributions register, the tool's own by the same door."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from typing import Final

from scheduler.domain.errors import UnknownName
from scheduler.ports import IntensitySource

GROUP: Final = "carbonsched.intensity_sources"

SourceFactory = Callable[..., IntensitySource]


@dataclass(frozen=True, slots=True, kw_only=True)
class Skipped:
    """A registered source that cannot be used, and why."""

    name: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """What was found: factories by name, and what was skipped."""

    factories: Mapping[str, SourceFactory]
    skipped: tuple[Skipped, ...]

    def named(self, name: str) -> SourceFactory:
        """The factory of that name; raises `UnknownName` listing them."""
        if name not in self.factories:
            raise UnknownName("intensity source", name, self.factories)
        return self.factories[name]


def find_sources(registered: Iterable[EntryPoint] | None = None) -> Sources:
    """Every registered source; one that fails to import, or is none, is skipped with its reason."""
    factories: dict[str, SourceFactory] = {}
    skipped: list[Skipped] = []
    for point in entry_points(group=GROUP) if registered is None else registered:
        try:
            factory = point.load()
        except Exception as exc:  # noqa: BLE001  # a third party's import may raise anything, and must stop nothing
            skipped.append(Skipped(name=point.name, reason=f"{type(exc).__name__}: {exc}"))
            continue
        if all(hasattr(factory, part) for part in ("name", "zones", "series")):
            factories[point.name] = factory
        else:
            skipped.append(Skipped(name=point.name, reason=f"{point.value} is no intensity source"))
    return Sources(factories=factories, skipped=tuple(skipped))
