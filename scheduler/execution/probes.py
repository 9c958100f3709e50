"""What the clusters have free, asked once for all the jobs that want to know it in the same moment."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from scheduler.cluster_ports import Capacity
from scheduler.domain.errors import ClusterRefused, ClusterUnreachable
from scheduler.execution.lanes import Call, Lanes, Within
from scheduler.execution.lookout import Lookout
from scheduler.ports import Clock

FOR: Final = timedelta(seconds=2)
"""An answer serves whoever asks within this time."""
_SOON_S: Final = 3.0
"""A plan waits so long for a cluster to say what is free; one that takes longer counts as silent. [s]"""


@dataclass(slots=True, kw_only=True)
class Probes:
    """Asks clusters what they have free, each on its lane."""

    lookout: Lookout
    lanes: Lanes
    clock: Clock
    _asked: dict[str, tuple[float, Call[Capacity]]] = field(init=False, default_factory=dict)

    async def of(self, name: str) -> Capacity:
        """What the cluster of that name has."""
        return await self._call(name)

    async def soon(self, names: Iterable[str]) -> dict[str, Capacity | None]:
        """What each of them has, None where one refuses, or does not answer soon."""
        ends_s = self.clock.monotonic_s() + _SOON_S
        calls = {name: self._call(name) for name in names}
        found: dict[str, Capacity | None] = {}
        for name, call in calls.items():
            answer: Within[Capacity] = Within(call, self.clock, ends_s)
            try:
                found[name] = await answer
            except (ClusterRefused, ClusterUnreachable):
                found[name] = None
        return found

    def _call(self, name: str) -> Call[Capacity]:
        """The question that is on its way or was just answered, else a new one."""
        now_s = self.clock.monotonic_s()
        asked_s, call = self._asked.get(name, (float("-inf"), None))
        if call is None or (call.done and not 0 <= now_s - asked_s < FOR.total_seconds()):
            call = self.lanes.ask(name, lambda: self.lookout.probe(name))
            self._asked[name] = (now_s, call)
        return call
