"""Rows of a dataset on an Opendatasoft portal, Explore API v2.1.

https://help.opendatasoft.com/apis/ods-explore-v2/explore_v2.1.html. One page of records holds 100 rows and paging
ends at 10,000, so what is longer than a page is asked for as an export, which has no limit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from intensity_sources.answers import ask
from intensity_sources.web import Web
from intensity_sources.web_json import items, malformed, members
from scheduler.domain.instant import format_instant

PAGE_ROWS: Final = 100
"""Most rows of one page of records. [-]"""
_MEMBERS_OF_ERRORS: Final = ("error_code", "errorcode")
"""Members of the two shapes of an error: of a wrong request, and of a spent quota."""

Row = Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Dataset:
    """One dataset of a portal.

    Args:
        name: its identifier.
        time_field: the column with the time of a row.
        fields: the other columns that are wanted.
        step: time between rows.
    """

    name: str
    time_field: str
    fields: tuple[str, ...]
    step: timedelta


def fetch_rows(web: Web, dataset: Dataset, start: datetime, end: datetime, *, until_s: float) -> Sequence[Row]:
    """The rows whose time lies in ``[start, end)``, in whatever order.

    Raises:
        SourceUnavailable: the portal gave no rows.
    """
    path, time = f"/catalog/datasets/{dataset.name}", dataset.time_field
    query = {
        "select": ",".join((time, *dataset.fields)),
        "where": f'{time} >= "{format_instant(start)}" AND {time} < "{format_instant(end)}"',
        "order_by": time,
        "timezone": "UTC",
    }
    if (end - start) <= dataset.step * PAGE_ROWS:
        page = ask(web, f"{path}/records", query | {"limit": str(PAGE_ROWS)}, until_s=until_s)
        rows = parse_rows(page, source=web.source)
        if _is_whole(page, len(rows)):
            return rows
    return parse_rows(ask(web, f"{path}/exports/json", query, until_s=until_s), source=web.source)


def parse_rows(answer: object, *, source: str) -> Sequence[Row]:
    """The rows of a page of records or of an export.

    Raises:
        SourceUnavailable: the answer is an error, or holds anything but rows.
    """
    if isinstance(answer, dict) and any(name in answer for name in _MEMBERS_OF_ERRORS):
        raise malformed(source, f"it answered with an error: {answer.get('message', answer.get('error', ''))}")
    rows = answer.get("results") if isinstance(answer, dict) else answer
    return [members(row, "a row", source=source) for row in items(rows, "its list of rows", source=source)]


def _is_whole(page: object, rows: int) -> bool:
    """Whether a page holds all that was found."""
    found = page.get("total_count") if isinstance(page, dict) else None
    return not isinstance(found, int) or found <= rows
