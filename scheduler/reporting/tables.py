"""A table of a report as its words and figures, before any markup."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column: its head, and whether it holds numbers, which stand to the right."""

    head: str
    numeric: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Rows under their columns.

    Args:
        caption: what it is of, also for who cannot see where it stands.
        rows: one text a column; the first names the row.
    """

    caption: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[str, ...], ...]


def table(caption: str, words: Sequence[str], numbers: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    """A table whose first columns hold words and whose last ones hold numbers."""
    columns = [Column(head=head) for head in words] + [Column(head=head, numeric=True) for head in numbers]
    return Table(caption=caption, columns=tuple(columns), rows=tuple(tuple(row) for row in rows))
