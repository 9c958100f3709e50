"""`/metrics` for Prometheus: what the loop and the store say when they are asked, nothing counted beside them.

Names and units follow Prometheus' own advice (prometheus.io, "Metric and label naming"): base units in the name,
counters end in `_total`. Counts come from the store, so a scheduler that is started anew goes on where it was.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, cast

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from scheduler.domain.errors import CarbonschedError
from scheduler.domain.units import G_PER_KG
from scheduler.execution.health import Health
from scheduler.ports import Clock
from scheduler.records.store import Store
from scheduler.records.tallies import Tally, tally

PATH: Final = "/metrics"


@dataclass(frozen=True, slots=True, eq=False)
class Metrics(Collector):
    """What Prometheus is told.

    Args:
        health: of the loop; store: that it works on.
    """

    health: Health
    store: Store
    clock: Clock

    def page(self, accept: str) -> tuple[str, bytes]:
        """Content type and body for whoever accepts `accept`."""
        registry = CollectorRegistry(auto_describe=False)
        registry.register(self)
        encode, content_type = choose_encoder(accept)
        return content_type, encode(registry)

    def collect(self) -> Iterator[Metric]:
        """Every family of figures; those of the store are left out while it cannot be read, and that is told."""
        yield from self._of_loop()
        try:
            with self.store.reading() as tx:
                counts = tally(tx, self.clock.now())
        except CarbonschedError:
            yield GaugeMetricFamily("carbonsched_store_readable", "Whether the store can be read.", value=0)
            return
        yield GaugeMetricFamily("carbonsched_store_readable", "Whether the store can be read.", value=1)
        yield from _of_store(counts)

    def _of_loop(self) -> Iterator[Metric]:
        """How the loop passes, and how each cluster answers it."""
        last = self.health.last
        passing = "Whether the loop passes; 0 once no pass has ended well for too long."
        yield GaugeMetricFamily("carbonsched_loop_passing", passing, value=not self.health.problem())
        if last is None:
            return
        when = "When a pass last ended well, in seconds since 1970."
        yield GaugeMetricFamily("carbonsched_last_pass_timestamp_seconds", when, value=last.at.timestamp())
        answering = GaugeMetricFamily(
            "carbonsched_cluster_answering", "Whether a cluster answers its requests.", labels=["cluster"]
        )
        failures = GaugeMetricFamily(
            "carbonsched_cluster_failures", "Requests to a cluster that failed in a row.", labels=["cluster"]
        )
        for name, told in sorted(last.clusters.items()):
            answering.add_metric([name], not told.get("silent"))
            failures.add_metric([name], _count(told, "failures"))
        yield answering
        yield failures


def _of_store(counts: Tally) -> Iterator[Metric]:
    """Jobs, GPUs and segments."""
    jobs = GaugeMetricFamily("carbonsched_jobs", "Jobs by state, those that ended too.", labels=["state"])
    for state, number in counts.jobs.items():
        jobs.add_metric([state.value], number)
    yield jobs
    late = "Open jobs whose deadline has passed."
    yield GaugeMetricFamily("carbonsched_jobs_overdue", late, value=counts.overdue)
    gpus = GaugeMetricFamily("carbonsched_granted_gpus", "GPUs that trainings have now.", labels=["cluster"])
    for name, number in sorted(counts.granted_gpus.items()):
        gpus.add_metric([name], number)
    yield gpus
    ended = CounterMetricFamily(
        "carbonsched_segments_ended", "Segments that are over, by how they ended.", labels=["cluster", "end"]
    )
    for (name, end), number in sorted(counts.ended.items()):
        ended.add_metric([name, end], number)
    yield ended
    emissions = GaugeMetricFamily(
        "carbonsched_stated_emissions_grams",
        "CO2e of jobs by their newest statements, which a settlement may restate; bases are never to be added up.",
        labels=["project", "line", "status", "basis", "simulated"],
    )
    for key, mass_kg in sorted(counts.stated_kg.items()):
        labels = [key.project, key.line, key.status, key.basis, str(key.simulated).lower()]
        emissions.add_metric(labels, G_PER_KG * mass_kg)  # Prometheus' unit of mass
    yield emissions


def _count(told: Mapping[str, object], name: str) -> int:
    """A count among what is told of a cluster, 0 where nothing is."""
    return cast("int", told.get(name, 0))
