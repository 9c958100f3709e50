"""A cluster that cannot even be asked, such as one whose token is missing: its own jobs wait and say why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NoReturn

from scheduler.domain.errors import CarbonschedError


@dataclass(frozen=True, slots=True)
class Unusable:
    """An executor that answers every call with what is wrong with its cluster."""

    problem: CarbonschedError

    def _refuse(self, *_arguments: object, **_options: object) -> NoReturn:
        """Raise the problem, fresh each time."""
        raise type(self.problem)(self.problem.message, hint=self.problem.hint)

    probe = submit = observe = stop = logs = evidence = _refuse
