"""Sources come in by entry point, and a broken plugin stops nothing."""

from __future__ import annotations

from importlib.metadata import EntryPoint

import pytest

from intensity_sources.csv_file import CsvFile
from intensity_sources.registry import GROUP, find_sources
from intensity_sources.static_tables import StaticTables
from scheduler.domain.errors import InvalidInput, UnknownName


def point(name: str, value: str) -> EntryPoint:
    """An entry point as a distribution registers it."""
    return EntryPoint(name=name, value=value, group=GROUP)


class WithoutCard(CsvFile):
    """A plugin that lost its card."""

    card = None  # type: ignore[assignment]  # it is no card


MADE = StaticTables()
STATIC = point("static-tables", "intensity_sources.static_tables:StaticTables")
CSV = point("csv-file", "intensity_sources.csv_file:CsvFile")


def test_registered_sources_are_found_by_name() -> None:
    """The tool's own come through the same door as a third party's."""
    found = find_sources([STATIC, CSV])
    assert {"static-tables": StaticTables, "csv-file": CsvFile} == found.factories
    assert StaticTables is found.named("static-tables")
    assert () == found.skipped


def test_entry_point_names_are_the_sources_own() -> None:
    """What a user writes is what the source calls itself."""
    assert ["static-tables", "csv-file"] == [StaticTables.name, CsvFile.name]


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("no_such_module_here:Source", "ModuleNotFoundError"),
        ("intensity_sources.static_tables:Nothing", "AttributeError"),
        ("intensity_sources.yearly:YearRow", "is no intensity source: it has no name, card, connect, zones, series"),
        ("intensity_sources.yearly:read_rows", "it has no name"),
        (f"{__name__}:MADE", "it is no class"),
        (f"{__name__}:WithoutCard", "its card is no SourceCard"),
    ],
)
def test_a_plugin_that_cannot_be_used_is_skipped_and_said(value: str, reason: str) -> None:
    """The others stay usable."""
    found = find_sources([point("broken", value), STATIC])
    assert ["static-tables"] == list(found.factories)
    assert ["broken"] == [skipped.name for skipped in found.skipped]
    assert reason in found.skipped[0].reason


def test_a_broken_plugin_that_is_named_says_what_is_wrong() -> None:
    """Whoever wants it learns why it cannot be had."""
    with pytest.raises(InvalidInput, match="'broken' cannot be used: ModuleNotFoundError"):
        find_sources([point("broken", "no_such_module_here:Source")]).named("broken")


def test_an_unknown_source_is_answered_with_the_known_ones() -> None:
    """The hint lists them."""
    with pytest.raises(UnknownName, match="intensity source 'static'") as caught:
        find_sources([STATIC]).named("static")
    assert "static-tables" in caught.value.hint


def test_installed_distributions_are_asked_by_default() -> None:
    """Without a list the environment's own entry points are read."""
    assert all(reason.name for reason in find_sources().skipped)
