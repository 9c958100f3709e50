"""activity.csv: what an organisation's own inventory takes from here, a row a month, project and cluster.

References: GHG Protocol, Corporate Standard, Scope 2 Guidance (2015) and Scope 3 Standard (2011); ISO 14064-1:2018,
annex B; ADEME, "Methode pour la realisation des bilans d'emissions de gaz a effet de serre", version 5 (2022), in which
what energy emits before it is used is among purchased goods.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from scheduler.domain.basis import Basis
from scheduler.domain.cluster import Cluster, Tenure
from scheduler.domain.units import G_PER_KG
from scheduler.records.accounts import Accrual
from scheduler.reporting.job_report import JobReport
from scheduler.reporting.rows import Cell, as_csv

NO_TENURE: Final = "the cluster file states no tenure, so no scope is named"
NOT_DIRECT: Final = "the intensities are life-cycle ones, which are no scope 2 figure: report on a direct basis for it"
NO_SPLIT: Final = "upstream and grid losses are not split out: the source gives one figure"
PURCHASE: Final = (
    "amortised hardware is for products; an inventory counts it in full in its year of purchase: never both"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Posts:
    """Where the electricity and the hardware of a cluster belong in an inventory."""

    electricity: str
    electricity_iso: str
    electricity_beges: str
    upstream: str
    upstream_beges: str
    hardware: str
    hardware_beges: str


POSTS: Final[dict[Tenure, Posts]] = {
    "owned": Posts(
        electricity="scope 2", electricity_iso="2", electricity_beges="2.1",
        upstream="scope 3 category 3", upstream_beges="4.1",
        hardware="scope 3 category 2", hardware_beges="4.2",
    ),
    "leased": Posts(
        electricity="scope 3 category 8", electricity_iso="4", electricity_beges="4.4",
        upstream="scope 3 category 8", upstream_beges="4.4",
        hardware="scope 3 category 8", hardware_beges="4.4",
    ),
    "cloud": Posts(
        electricity="scope 3 category 1", electricity_iso="4", electricity_beges="4.5",
        upstream="scope 3 category 1", upstream_beges="4.5",
        hardware="scope 3 category 1", hardware_beges="4.5",
    ),
    "granted": Posts(
        electricity="scope 3 category 1, the centre's own scope 2", electricity_iso="4", electricity_beges="4.5",
        upstream="scope 3 category 1", upstream_beges="4.5",
        hardware="scope 3 category 1", hardware_beges="4.5",
    ),
}  # fmt: skip
"""By whose the hardware is; compute that is granted, as at a national centre, is a service that nobody bills."""


def activity_csv(reports: Sequence[JobReport], *, organisation: str = "") -> str:
    """The table of the jobs that really ran, as CSV; numbers with a point, whatever the reader's language.

    Raises:
        BasisMismatch: two jobs were accounted on different bases.
    """
    priced = [report for report in reports if report.account is not None and not report.simulated]
    bases = [report.basis for report in priced if report.basis is not None]
    for basis in bases[1:]:
        bases[0].require_same(basis)
    groups: dict[tuple[str, str, str], list[tuple[JobReport, Accrual]]] = {}
    for report in priced:
        assert report.account is not None  # noqa: S101  # chosen above
        for accrual in report.account.accruals:
            key = (f"{accrual.month:%Y-%m}", report.history.row.job.project, accrual.cluster.name)
            groups.setdefault(key, []).append((report, accrual))
    rows = [
        _row(month, organisation, project, parts, bases[0]) for (month, project, _), parts in sorted(groups.items())
    ]
    rows += [_unpriced(report, organisation) for report in reports if report.unpriced and not report.simulated]
    return as_csv(COLUMNS, sorted(rows, key=lambda row: tuple(str(row[name]) for name in _KEY)))


COLUMNS: Final = (
    "month", "organisation", "project", "cluster", "zone", "country", "tenure", "jobs", "gpu_hours", "kwh_it",
    "kwh_facility", "kg_location_direct", "kg_location_lifecycle", "kg_upstream", "kg_grid_losses", "kg_market_based",
    "market_certificate", "kg_embodied_product", "basis", "electricity", "electricity_iso_14064_1",
    "electricity_beges_v5", "upstream", "upstream_beges_v5", "hardware", "hardware_beges_v5", "intensity_coverage",
    "measured_share", "status", "notes",
)  # fmt: skip
"""Of the table, in their order."""
_KEY: Final = ("month", "project", "cluster")


def _row(
    month: str, organisation: str, project: str, parts: Sequence[tuple[JobReport, Accrual]], basis: Basis
) -> dict[str, Cell]:
    """One month of a project on a cluster."""
    cluster = parts[-1][1].cluster
    accruals = [accrual for _, accrual in parts]
    reports = {report.history.row.id: report for report, _ in parts}.values()
    facility_kwh = sum(each.facility_kwh for each in accruals)
    electricity_kg = sum(each.emissions.total - each.emissions.embodied for each in accruals)
    direct = basis.boundary == "direct"
    posts = POSTS[cluster.tenure] if cluster.tenure else None
    market = cluster.market
    return {
        "month": month,
        "organisation": organisation,
        "project": project,
        "cluster": cluster.name,
        "zone": cluster.zone,
        "country": cluster.in_country,
        "tenure": cluster.tenure,
        "jobs": len(reports),
        "gpu_hours": sum(each.gpu_h for each in accruals),
        "kwh_it": sum(each.it_kwh for each in accruals),
        "kwh_facility": facility_kwh,
        "kg_location_direct": electricity_kg if direct else None,
        "kg_location_lifecycle": None if direct else electricity_kg,
        "kg_upstream": None,
        "kg_grid_losses": None,
        "kg_market_based": facility_kwh * market.g_per_kwh / G_PER_KG if market else None,
        "market_certificate": market.certificate if market else None,
        "kg_embodied_product": sum(each.emissions.embodied for each in accruals),
        "basis": str(basis),
        "electricity": posts.electricity if posts else None,
        "electricity_iso_14064_1": posts.electricity_iso if posts else None,
        "electricity_beges_v5": posts.electricity_beges if posts else None,
        "upstream": posts.upstream if posts else None,
        "upstream_beges_v5": posts.upstream_beges if posts else None,
        "hardware": posts.hardware if posts else None,
        "hardware_beges_v5": posts.hardware_beges if posts else None,
        "intensity_coverage": _weighted(reports, "intensity_coverage"),
        "measured_share": _weighted(reports, "measured_share"),
        "status": _least_firm(reports),
        "notes": "; ".join(_notes(cluster, direct=direct)),
    }


def _unpriced(report: JobReport, organisation: str) -> dict[str, Cell]:
    """A job that ran and has no figure: a row that says so, for nobody may take the table for whole without it."""
    first, row = report.history.attempts[0], report.history.row
    empty: dict[str, Cell] = dict.fromkeys(COLUMNS)
    return empty | {
        "month": f"{first.reserved[0]:%Y-%m}",
        "organisation": organisation,
        "project": row.job.project,
        "cluster": first.cluster.name,
        "zone": first.cluster.zone,
        "country": first.cluster.in_country,
        "tenure": first.cluster.tenure,
        "jobs": 1,
        "status": "provisional",
        "notes": f"the job {row.id} ran and has no figure: {report.no_account}",
    }


def _notes(cluster: Cluster, *, direct: bool) -> list[str]:
    """Why cells are empty, and what not to add up."""
    return [
        *([] if cluster.tenure else [NO_TENURE]),
        *([] if direct else [NOT_DIRECT]),
        NO_SPLIT,
        PURCHASE,
    ]


def _weighted(reports: Iterable[JobReport], name: str) -> float:
    """A share of some jobs, by their GPU-hours. [-]"""
    accounts = [report.account for report in reports if report.account is not None]
    hours = sum(each.gpu_h for each in accounts)
    return sum(getattr(each, name) * each.gpu_h for each in accounts) / hours if hours else 0.0


def _least_firm(reports: Iterable[JobReport]) -> str:
    """The status of a sum is that of its least firm part."""
    found = {report.status for report in reports}
    return next(status for status in ("provisional", "settled", "final") if status in found)
