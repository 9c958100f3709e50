"""Whether a difference is the scheduler's doing: what would have happened anyway is listed and not summed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, cast

from scheduler.domain.cluster import Cluster
from scheduler.domain.instant import parse_instant
from scheduler.domain.said import Said
from scheduler.records.gather import JobHistory
from scheduler.records.home_run import HomeRun
from scheduler.records.project_past import LEAST_HOME_SHARE

_NONE: Final = timedelta(0)
_WAY: Final = timedelta(minutes=10)
"""How long a start may take to happen once it is due; this project's choice."""
_NO_ROOM: Final = Said("home had no room to run it by its deadline")
_KEPT_OUT: Final = Said("its own rules kept it out of home's zone")
_NO_CHOICE: Final = Said("it had neither slack nor another cluster to go to")


@dataclass(frozen=True, slots=True, kw_only=True)
class Additionality:
    """What bears on whose doing a difference is.

    Args:
        home_had_capacity: home could have run it by its deadline; None without a home, or where the hardware does not
            compare.
        flexible: it had slack, or more than one cluster to go to.
        pinned: its user named clusters or countries that leave one zone.
        home_share: home's share of its project's GPU-hours in the twelve months before; None where that is unknown. [-]
        reasons: why its difference is listed and not summed; none where it is summed.
    """

    home_had_capacity: bool | None
    flexible: bool
    pinned: bool
    home_share: float | None
    reasons: tuple[str, ...]

    @property
    def additional(self) -> bool:
        """Whether its difference is summed."""
        return not self.reasons


def additionality(history: JobHistory, run: HomeRun | None, home_share: float | None, *, seated: bool) -> Additionality:
    """The flags of a job.

    Args:
        history: what it was promised and what it did.
        run: its run at home; None where that cannot be laid out.
        home_share: of the project's GPU-hours before. [-]
        seated: whether home, where there is one, ever has the GPUs that it used.

    Notes:
        They only take away what was shifted: a job that ran at home, in one piece and when its turn came, changed
        nothing that could be claimed, and what its repeats cost stays in the sum.
    """
    home, possible, job = history.home, _possible(history), history.row.job
    by = history.row.deadline_at + max(_NONE, _over(history)) + _WAY
    zones = {cluster.zone for cluster in possible}
    flexible = len(possible) > 1 or _slack(history) > _NONE
    capacity = None if home is None or (seated and run is None) else run is not None and run.ran[1] <= by
    left = home is not None and any(each.cluster.name != home.name for each in history.attempts)
    reasons = [
        *([_NO_ROOM] if left and capacity is False else []),
        *([_KEPT_OUT] if left and zones and home is not None and home.zone not in zones else []),
        *([_NO_CHOICE] if not flexible and (left or _waited(history, run)) else []),
        *([_no_home(home, home_share)] if home and home_share is not None and home_share < LEAST_HOME_SHARE else []),
    ]
    return Additionality(
        home_had_capacity=capacity,
        flexible=flexible,
        pinned=bool(job.allowed or job.data.countries) and len(zones) == 1,
        home_share=home_share,
        reasons=tuple(reasons),
    )


def _waited(history: JobHistory, run: HomeRun | None) -> bool:
    """Whether it was suspended by its plan, or made to wait beyond its turn at home."""
    if any(each.ended_by == "plan" for each in history.attempts):
        return True
    return run is not None and history.attempts[0].reserved[0] - run.reserved[0] > _WAY


def _no_home(home: Cluster, share: float) -> str:
    """That a cluster is no home of the project."""
    return Said(
        "{home} had {share:.3g} % of its project's GPU-hours in the twelve months before, under {least:.3g} %",
        home=home.name,
        share=100 * share,
        least=100 * LEAST_HOME_SHARE,
    )


def _possible(history: JobHistory) -> Sequence[Cluster]:
    """The clusters that could have taken it when it was accepted."""
    rejected = cast("Sequence[dict[str, str]]", history.planned.document.get("rejected") or ())
    names = {each["cluster"] for each in rejected}
    return [cluster for name, cluster in history.clusters.items() if name not in names]


def _slack(history: JobHistory) -> timedelta:
    """Time to its deadline beyond what was planned to be run; under 0 for one that was late from the start."""
    length = sum((each.end - each.start for each in history.planned.placement.segments), _NONE)
    return history.row.deadline_at - parse_instant(history.row.counterfactual["not_before"]) - length


def _over(history: JobHistory) -> timedelta:
    """How late it was in the end: of home no more is asked than was kept here."""
    by = history.row.deadline_at
    return max((each.ran[1] for each in history.attempts), default=by) - by
