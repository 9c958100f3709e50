"""What a reader must know of one job: figures assumed, evidence unread, data not counted, a claim that is weak."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from scheduler.domain.cluster import Cluster
from scheduler.domain.intensity import IntensitySeries
from scheduler.domain.said import Said
from scheduler.planning.caveats import QUEBEC
from scheduler.records.gather import JobHistory
from scheduler.reporting.words import traffic_text

HOMELESS = Said("there is no home to compare with: the place is not in question, and the spatial part is 0")
WEAK = Said(
    "on average intensities a move to {zone} is a weak claim: hydro not used there is exported and displaces "
    "fossil generation in the US north-east",
    zone=QUEBEC,
)


def job_notes(history: JobHistory, intensity: Mapping[str, IntensitySeries]) -> tuple[str, ...]:
    """The notes of a job, those on its intensities first."""
    used = {attempt.cluster.name: attempt.cluster for attempt in history.attempts}
    if history.home is not None and used:
        used.setdefault(history.home.name, history.home)
    stored = traffic_text(history.attempts)
    return (
        *_on_intensity(intensity),
        *_on_pue(used),
        *(Said("evidence that cannot be read: {problem}", problem=Said(each)) for each in history.problems),
        *_on_data(history),
        *([Said("its storage: {traffic}", traffic=stored)] if stored else []),
        *([HOMELESS] if used and history.home is None else []),
        *_on_leakage(history, intensity),
    )


def _on_intensity(intensity: Mapping[str, IntensitySeries]) -> Iterator[str]:
    """Which intensities nobody observed, and what their sources say of them."""
    yield from sorted(
        Said(_KINDS[piece.kind, bool(series.pieces)], zone=series.zone, source=piece.source.name)
        for series in intensity.values()
        for piece in {(each.kind, each.source): each for each in series.origins}.values()
        if piece.kind != "observed"
    )
    yield from (
        Said("intensity of {zone}: {note}", zone=series.zone, note=Said(note))
        for series in intensity.values()
        for note in series.notes
    )


_KINDS: Final = {
    ("estimated", False): Said("the intensity of {zone} is estimated"),
    ("estimated", True): Said("the intensity of {zone} is estimated where it comes from {source}"),
    ("forecast", False): Said("the intensity of {zone} is forecast"),
    ("forecast", True): Said("the intensity of {zone} is forecast where it comes from {source}"),
}


def _on_pue(used: Mapping[str, Cluster]) -> Iterator[str]:
    """The clusters that state no PUE."""
    for name, cluster in sorted(used.items()):
        if cluster.pue is None:
            pue = cluster.stated_pue
            yield Said(
                "{cluster} states no PUE: {central:g} [{low:g}, {high:g}] stands in",
                cluster=name, central=pue.central, low=pue.low, high=pue.high,
            )  # fmt: skip


def _on_data(history: JobHistory) -> Iterator[str]:
    """That its data lie nobody knows where."""
    data = history.row.job.data
    if data.size_gb and history.data_at is None and history.attempts:
        yield Said("copies of its {size:g} GB of data are not counted: where they lie is not known", size=data.size_gb)


def _on_leakage(history: JobHistory, intensity: Mapping[str, IntensitySeries]) -> Iterator[str]:
    """That a move is worth less than an average says, where that is known."""
    zones = {attempt.cluster.zone for attempt in history.attempts}
    moved_in = history.home is not None and history.home.zone != QUEBEC and QUEBEC in zones
    if moved_in and any(series.basis.signal == "average" for series in intensity.values()):
        yield WEAK
