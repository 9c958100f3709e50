"""The language of a report, as the command line or a setting names it, telling times in the reporting time zone."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from scheduler.reporting.language import Language


def language_of(code: str | None) -> Language:
    """The language of that code, or the one of the setting `report_language` where none is given.

    Raises:
        UnknownName: there is no report in that language.
        CarbonschedError: what knows its marks is not installed.
    """
    from cli import wiring
    from scheduler.domain.errors import CarbonschedError
    from scheduler.domain.time_zone import parse_time_zone
    from scheduler.reporting.language import ENGLISH
    from scheduler.reporting.language_codes import ENGLISH_CODE, parse_language

    settings = wiring.settings()
    chosen = parse_language(code or settings.text("report_language"))
    name = settings.text("reporting_time_zone")
    if chosen == ENGLISH_CODE:
        return replace(ENGLISH, zone=parse_time_zone(name), zone_name=name)
    try:
        from scheduler.reporting.locales import language
    except ImportError as exc:
        hint = "pip install 'carbonsched[report]'"
        raise CarbonschedError(f"a report in {chosen} needs {exc.name}, which is not here", hint=hint) from exc
    return language(chosen, zone=parse_time_zone(name), zone_name=name)
