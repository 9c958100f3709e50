"""A cluster that cannot even be asked, such as one whose token is missing: its own jobs wait and say why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NoReturn

from scheduler.domain.errors import CarbonschedError
from scheduler.ports import Capacity, Launch, Observation


@dataclass(frozen=True, slots=True)
class Unusable:  # ruff: noqa: ARG002  # the port's arguments, none of which gets anywhere
    """An executor that answers every call with what is wrong with its cluster."""

    problem: CarbonschedError

    def probe(self) -> Capacity:
        """Say what is wrong."""
        self._refuse()

    def submit(self, launch: Launch) -> None:
        """Say what is wrong."""
        self._refuse()

    def observe(self, sid: str) -> Observation:
        """Say what is wrong."""
        self._refuse()

    def stop(self, sid: str) -> None:
        """Say what is wrong."""
        self._refuse()

    def logs(self, sid: str) -> str:
        """Say what is wrong."""
        self._refuse()

    def evidence(self, node_id: str, name: str, *, tail: int | None = None) -> bytes | None:
        """Say what is wrong."""
        self._refuse()

    def _refuse(self) -> NoReturn:
        """Raise the problem, fresh each time."""
        raise type(self.problem)(self.problem.message, hint=self.problem.hint)
