"""What the answers of the Electricity Maps API say: rows of intensities, forecasts and what a plan reaches.

https://portal.electricitymaps.com/developer-hub/api/reference. Versions 3 and 4 are read alike: what version 3 leaves
unsaid is what its documentation gives as the default. An answer that says of itself that it is of another zone, factor
type or flow than was asked for is refused. A row that does not say that it is no estimate is one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import numpy as np

from intensity_sources.points import Points, figures_of, times_of
from intensity_sources.web_json import Members, instant, items, malformed, members
from intensity_sources.web_words import one_line
from scheduler.domain.basis import Basis
from scheduler.domain.errors import NotCovered, UnusableAnswer

WHO: Final = "electricity-maps"
SIGNAL: Final = "carbon-intensity"
SIGNAL_FIELD: Final = "carbonIntensity"
STEPS: Final[Mapping[str, timedelta]] = {
    "hourly": timedelta(hours=1),
    "15_minutes": timedelta(minutes=15),
    "5_minutes": timedelta(minutes=5),
}
"""``temporalGranularity`` and its length; days and longer follow local time and have no even one."""
EVERYTHING: Final = "*"
"""Stands in a zone's access list for every endpoint."""
_UNSAID: Final[Members] = {"emissionFactorType": "lifecycle", "flowTraced": True, "temporalGranularity": "hourly"}
_SILENT: Final = object()
"""Stands for what an answer does not say."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """What is asked of one zone.

    Args:
        zone: as Electricity Maps calls it; basis: average, CO2e.
        granularity: a key of `STEPS`.
    """

    zone: str
    basis: Basis
    granularity: str

    @property
    def factors(self) -> str:
        """The value of ``emissionFactorType``."""
        return self.basis.boundary

    @property
    def flow_traced(self) -> bool:
        """Whether imports count."""
        return self.basis.flow == "consumption"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came: rows, the step that they have by their own word, and when a forecast was issued."""

    points: Points
    step: timedelta
    issued_at: datetime | None = None


def parse_rows(answer: object, ask: Ask) -> Answer:
    """The rows of an answer to latest, history or past-range.

    Raises:
        NotCovered: it says that there is no data.
        SourceUnavailable: it is of something else than was asked for, or not of a shape that is known.
    """
    whole = _of_the_zone(answer, ask)
    if SIGNAL_FIELD in whole:
        rows: Sequence[object] = (whole,)
    else:
        rows = items(whole.get("history", whole.get("data")), "its list of rows", source=WHO)
    cells = _rows(rows, whole, ask)
    estimated = [row.get("isEstimated") is not False or row.get("estimationMethod") is not None for row in cells]
    return Answer(
        points=Points(
            times=_starts(cells),
            updated=times_of([row.get("updatedAt") for row in cells], "updatedAt", source=WHO),
            g_per_kwh=figures_of([row[SIGNAL_FIELD] for row in cells], SIGNAL_FIELD, source=WHO),
            estimated=np.array(estimated, dtype=np.bool_),
        ),
        step=_step(whole),
    )


def parse_forecast(answer: object, ask: Ask) -> Answer:
    """The rows of a forecast and when it was issued; raises as `parse_rows` does."""
    whole = _of_the_zone(answer, ask)
    cells = _rows(items(whole.get("forecast"), "its forecast", source=WHO), whole, ask)
    issued = whole.get("updatedAt")
    times = _starts(cells)
    return Answer(
        points=Points(
            times=times,
            updated=times_of([None] * len(cells), "updatedAt", source=WHO),
            g_per_kwh=figures_of([row[SIGNAL_FIELD] for row in cells], SIGNAL_FIELD, source=WHO),
            estimated=np.ones(len(cells), dtype=np.bool_),
        ),
        step=_step(whole),
        issued_at=None if issued is None else instant(issued, "updatedAt", source=WHO),
    )


def parse_zones(answer: object) -> Mapping[str, tuple[str, ...]]:
    """What the plan reaches of each zone, such as ``carbon-intensity/latest``; without a list, everything.

    The lists over-promise: an endpoint in them may still be refused. So they serve to say what there is, and an
    empty one to leave a zone out.
    """
    found: dict[str, tuple[str, ...]] = {}
    for zone, said in members(answer, "its list of zones", source=WHO).items():
        access = members(said, f"zone {zone}", source=WHO).get("access", [EVERYTHING])
        words = items(access, f"the access of zone {zone}", source=WHO)
        reached = dict.fromkeys(word for word in words if isinstance(word, str))
        found[zone] = tuple(word for word in reached if word == EVERYTHING or word.startswith(f"{SIGNAL}/"))
    return found


def _of_the_zone(answer: object, ask: Ask) -> Members:
    """The answer as an object of the zone asked for; one of errors with status 200 is an error."""
    whole = members(answer, "its answer", source=WHO)
    if "zone" not in whole:
        status = whole.get("status")
        if status == "no-data":
            raise NotCovered(f"{WHO} has no data for {ask.zone}", hint="name another source for the zone")
        told = next((whole[key] for key in ("message", "error") if isinstance(whole.get(key), str)), status)
        raise malformed(WHO, f"its answer names no zone{f' and says: {told}' if isinstance(told, str) else ''}")
    if whole["zone"] != ask.zone:
        raise _other("zone", whole["zone"], ask.zone)
    return whole


def _rows(rows: Sequence[object], whole: Members, ask: Ask) -> Sequence[Members]:
    """Rows that have a time and a figure, and are what was asked for."""
    cells = [members(row, "a row", source=WHO) for row in rows]
    if not all(SIGNAL_FIELD in row and "datetime" in row for row in cells):
        raise malformed(WHO, f"a row has no {SIGNAL_FIELD} or no datetime")
    for told in (row.get("zone", ask.zone) for row in cells):
        if told != ask.zone:
            raise _other("zone", told, ask.zone)
    for name, asked in (("emissionFactorType", ask.factors), ("flowTraced", ask.flow_traced)):
        unsaid = whole.get(name, _SILENT)
        for told in (row.get(name, unsaid) for row in cells):
            if told is _SILENT and asked != _UNSAID[name]:
                raise _unsaid(name, asked)
            if told is not asked and told is not _SILENT and (type(told) is not type(asked) or told != asked):
                raise _other(name, told, asked)
    return cells


def _starts(cells: Sequence[Members]) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """When the rows begin."""
    if any(row["datetime"] is None for row in cells):
        raise malformed(WHO, "a row has no datetime")
    return times_of([row["datetime"] for row in cells], "datetime", source=WHO)


def _step(whole: Members) -> timedelta:
    """The length of the intervals, as the answer itself says."""
    granularity = whole.get("temporalGranularity", _UNSAID["temporalGranularity"])
    step = STEPS.get(granularity) if isinstance(granularity, str) else None
    if step is None:
        raise malformed(WHO, f"its temporalGranularity is {granularity!r}, which has no even step")
    return step


def _other(what: str, told: object, asked: object) -> UnusableAnswer:
    """The error for an answer to another question."""
    return UnusableAnswer(
        f"{WHO} answered with {what} {one_line(repr(told))}, asked for {asked!r}",
        hint="its answer would be another number under the same name, so it is not used; name another source",
    )


def _unsaid(what: str, asked: object) -> NotCovered:
    """The error for an answer that may be to another question, because it does not say what it is of."""
    return NotCovered(
        f"{WHO} does not say that its answer is of {what} {asked!r}, so it counts as {_UNSAID[what]!r}",
        hint="ask for average lifecycle consumption CO2e, or name another source",
    )
