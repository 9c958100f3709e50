"""Sources as they are opened: connected once with the options in force, and again where a file or option changed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from intensity_sources.registry import Sources
from scheduler.domain.errors import InvalidInput
from scheduler.ports import Clock, IntensitySource, SourceSetup


@dataclass(frozen=True, slots=True)
class Opened:
    """Connected sources by name, options and the state of their file."""

    _sources: dict[tuple[tuple[str, str], ...], IntensitySource] = field(default_factory=dict)

    def source(
        self,
        sources: Sources,
        name: str,
        options: Mapping[str, str],
        *,
        secret: Callable[[str], str | None],
        clock: Clock,
    ) -> IntensitySource:
        """The source; asks nobody.

        Raises:
            CredentialMissing: a secret that it needs is not set.
            InvalidInput: one of its options cannot be meant, or its file is gone.
        """
        if "path" in options and not Path(options["path"]).exists():
            raise InvalidInput(f"the intensity table {options['path']} is gone", hint="put it back where it was")
        key = tuple(sorted({"source": name, **options, **file_stamp(options)}.items()))
        if key not in self._sources:
            setup = SourceSetup(options=options, secret=secret, clock=clock)
            self._sources[key] = sources.named(name).connect(setup)
        return self._sources[key]


def with_whole_path(options: Mapping[str, str]) -> dict[str, str]:
    """Options with a file's path as every folder reads it."""
    return {name: str(Path(text).expanduser().absolute()) if name == "path" else text for name, text in options.items()}


def file_stamp(options: Mapping[str, str]) -> dict[str, str]:
    """When the file of a source was written, for one that has a file."""
    path = Path(options["path"]) if "path" in options else None
    return {} if path is None or not path.exists() else {"mtime_ns": str(path.stat().st_mtime_ns)}
