"""What the log says once of each cluster that is not safe to use: an old Ray, no token, a token that others can read.

It asks the clusters beside the loop, so that none of them holds it up.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from cli import doctor_clusters
from scheduler.domain.errors import CarbonschedError, ClusterUnreachable
from scheduler.execution.ray_rest import RayRest

if TYPE_CHECKING:
    from cli.findings import Finding
    from scheduler.domain.cluster import Cluster

_EVERY_S: Final = 60.0
"""Between two looks for clusters that are new, or did not answer yet. [s]"""

_log = logging.getLogger(__name__)


@dataclass(slots=True, kw_only=True)
class Cautions:
    """Warns of each cluster once, and again where its file leads elsewhere.

    Args:
        declared: the clusters as they are declared now.
    """

    declared: Callable[[], Sequence[Cluster]]
    _known: set[str] = field(default_factory=set)
    _asked: set[str] = field(default_factory=set)

    def start(self) -> None:
        """Look in a thread of its own, now and then, as long as the process lives."""
        threading.Thread(target=self._keep_looking, name="cautions", daemon=True).start()

    def look(self) -> None:
        """Warn of what was not known at the last look."""
        try:
            clusters = self.declared()
        except CarbonschedError:
            return  # the loop says so itself
        for cluster in clusters:
            self._look_at(cluster)

    def _keep_looking(self) -> None:
        """Look again and again."""
        while True:
            self.look()
            threading.Event().wait(_EVERY_S)

    def _look_at(self, cluster: Cluster) -> None:
        """Warn of one cluster; what its file says is known before it answers."""
        if cluster.ray is None:
            return
        way = f"{cluster.name} {cluster.ray.model_dump_json()}"
        try:
            if way not in self._known:
                self._known.add(way)
                self._warn(doctor_clusters.plain_token(cluster))
            if way not in self._asked:
                version = RayRest.connect(cluster, os.environ).version()
                self._asked.add(way)
                self._warn(doctor_clusters.weaknesses(cluster, cluster.ray, version))
        except ClusterUnreachable:
            return  # asked again at the next look
        except CarbonschedError:
            self._asked.add(way)  # its jobs wait, and say why

    def _warn(self, findings: Sequence[Finding]) -> None:
        """A line a finding."""
        for finding in findings:
            _log.warning("%s %s (%s)", finding.what, finding.text, finding.hint)
