"""Policies by name, from the entry points of every installed package; ours enter by the same door.

Names are known without importing anything. A plugin that cannot be loaded is reported and skipped: it must not
take the command line down with it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from typing import Final

from scheduler.domain.errors import CarbonschedError, InvalidInput, UnknownName
from scheduler.ports import Policy

GROUP: Final = "carbonsched.policies"


@dataclass(frozen=True, slots=True, kw_only=True)
class Registry:
    """What is installed, not yet imported.

    Args:
        entries: entry point by policy name.
        problems: what is wrong with others of the group, one line each.
    """

    entries: Mapping[str, EntryPoint]
    problems: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """Every policy that can be asked for."""
        return tuple(sorted(self.entries))

    def policy(self, name: str) -> Policy:
        """The policy of that name.

        Raises:
            UnknownName: nothing is installed under it.
            InvalidInput: what is installed under it cannot be loaded.
        """
        if name not in self.entries:
            raise UnknownName("policy", name, self.entries)
        entry = self.entries[name]
        try:
            made: Policy = entry.load()()
        except CarbonschedError:
            raise
        except Exception as exc:  # a plug-in may fail in any way; it is told with its name, not passed over
            raise InvalidInput(
                f"policy {name!r} ({entry.value}) cannot be loaded: {type(exc).__name__}: {exc}",
                hint="repair or uninstall the package that brings it",
            ) from exc
        if getattr(made, "name", None) != name or not callable(getattr(made, "place", None)):
            raise InvalidInput(
                f"policy {name!r} ({entry.value}) has another name or no place()",
                hint="its class needs name, needs and place(problem)",
            )
        return made

    def policies(self) -> tuple[tuple[Policy, ...], tuple[str, ...]]:
        """Every policy that loads, and one line for each that does not."""
        loaded: list[Policy] = []
        problems = list(self.problems)
        for name in self.names:
            try:
                loaded.append(self.policy(name))
            except CarbonschedError as exc:
                problems.append(exc.message)
        return tuple(loaded), tuple(problems)


def installed() -> Registry:
    """The policies of this environment."""
    return registry(entry_points(group=GROUP))


def registry(entries: Iterable[EntryPoint]) -> Registry:
    """A registry of entry points; where two packages claim one name ours is kept, and the other is reported."""
    found: dict[str, EntryPoint] = {}
    problems: list[str] = []
    for entry in sorted(set(entries), key=lambda e: (not e.value.startswith("policies."), e.value)):
        if entry.name in found:
            kept = found[entry.name].value
            problems.append(f"policy {entry.name!r} of {entry.value} is skipped: {kept} has that name")
        else:
            found[entry.name] = entry
    return Registry(entries=found, problems=tuple(problems))
