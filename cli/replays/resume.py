"""Finished replays in a folder, so that an interrupted sweep loses only what was in flight.

A replay is known by a hash of all that it follows from: the jobs, clusters and intensities as they were read, what
forecasts say, the policy with its options, and the version of the method. A file holds arrays and nothing that runs.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Final
from zipfile import ZIP_DEFLATED, BadZipFile, ZipFile

import numpy as np

from cli.schema import VERSION
from scheduler.domain.errors import InvalidInput
from scheduler.ports import Policy
from scheduler.simulation.bill import Bill
from scheduler.simulation.results import Replayed

if TYPE_CHECKING:
    from cli.replays.case import Asked, Case

METHOD: Final = "1"
"""Of replays: rises with every change of what one comes to."""
_FIELDS: Final = tuple(each.name for each in fields(Replayed) if each.name != "bill")
_BILL: Final = tuple(each.name for each in fields(Bill))


@dataclass(frozen=True, slots=True)
class Kept:
    """The replays that a folder holds."""

    folder: Path

    @classmethod
    def at(cls, folder: Path) -> Kept:
        """The folder, made where it is not there.

        Raises:
            InvalidInput: it cannot be.
        """
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as exc:
            raise InvalidInput(f"--resume {folder} cannot be used: {exc.strerror}", hint="name another folder") from exc
        return cls(folder)

    def take(self, key: str) -> Replayed | None:
        """A replay that was finished before; None where there is none, or its file is not whole."""
        path = self._path(key)
        if not path.exists():
            return None
        try:
            with path.open("rb") as stream, np.load(stream, allow_pickle=False) as said:
                found = {name: said[name] if said[name].ndim else said[name].item() for name in (*_FIELDS, *_BILL)}
        except (OSError, ValueError, KeyError, EOFError, BadZipFile):
            return None  # what was cut off is made again
        bill = Bill(**{name: found[name] for name in _BILL})
        return Replayed(**{name: found[name] for name in _FIELDS}, bill=bill)

    def keep(self, key: str, done: Replayed) -> None:
        """Keep a replay as a whole, or not at all.

        Raises:
            InvalidInput: it cannot be written.
        """
        part = self.folder / f".{key}.{os.getpid()}.part"
        arrays = {name: getattr(done, name) for name in _FIELDS} | {name: getattr(done.bill, name) for name in _BILL}
        try:
            with ZipFile(part, "w", ZIP_DEFLATED) as whole:
                for name, value in arrays.items():
                    with whole.open(f"{name}.npy", "w") as stream:
                        np.lib.format.write_array(stream, np.asarray(value), allow_pickle=False)
            part.replace(self._path(key))
        except OSError as exc:
            part.unlink(missing_ok=True)
            raise InvalidInput(f"{self.folder} cannot be written: {exc.strerror}", hint="name another folder") from exc

    def _path(self, key: str) -> Path:
        """The file of a replay."""
        return self.folder / f"{key}.npz"


def ground_of(asked: Asked, case: Case) -> str:
    """The hash of what all replays of a case follow from."""
    table, forecasts = case.world.table, Path(asked.forecasts)
    said = hashlib.sha256(f"carbonsched {VERSION} replay {METHOD}".encode())
    options = [f"{each.name}={getattr(asked, each.name)!r}" for each in fields(asked) if each.name not in _READ]
    for text in (*options, repr(table.start), str(table.step_us), repr(table.zones), str(table.basis)):
        said.update(text.encode() + b"\0")
    said.update(np.ascontiguousarray(table.g_per_kwh).tobytes())
    _add(said, [cluster.model_dump_json() for cluster in case.world.clusters])
    _add(said, [repr(request) for request in case.requests])
    if forecasts.is_file():
        said.update(forecasts.read_bytes())
    return said.hexdigest()


_READ: Final = ("jobs", "clusters", "intensity_table", "since", "until")
"""Options that name what was read, which is in the hash itself."""


def key_of(ground: str, policy: Policy, *, perfect: bool) -> str:
    """The hash of one replay.

    Args:
        ground: of the case; policy: with its options; perfect: whether it was told perfectly.
    """
    return hashlib.sha256(f"{ground} {type(policy).__qualname__} {policy!r} {perfect}".encode()).hexdigest()


def _add(said: hashlib._Hash, texts: Sequence[str]) -> None:
    """Add texts to a hash, each with its end."""
    for text in texts:
        said.update(text.encode() + b"\0")
