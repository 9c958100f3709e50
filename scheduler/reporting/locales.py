"""The languages that a report can be made in, each with its catalog and its country's marks.

Catalogs are gettext's: `fr` holds the sentences, `fr_CA` and `fr_FR` only what a country says otherwise. The text that
translators edit is what is read, so nothing compiled can be older than it. It is written with plain spaces and
apostrophes: those that a country prints are laid in here, by rule and not by hand.
"""

from __future__ import annotations

import gettext
import io
import re
from dataclasses import dataclass, replace
from datetime import UTC, tzinfo
from functools import cache, partial
from importlib import resources
from typing import Final

from babel import Locale
from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

from scheduler.reporting.language import ENGLISH, Language
from scheduler.reporting.language_codes import ENGLISH_CODE, parse_language

BASE: Final = "fr"
"""What both countries say alike."""
_THIN: Final = "\u202f"
_FIXED: Final = "\u00a0"
_UNIT: Final = re.compile(r"(?<=\}) (?=(?:kg|kWh|g|h|s|Go|GPU-h|min|ans)\b)")
"""Between a figure and its unit, where no line may end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Country:
    """How a country spaces its marks; the colon and the quotes have the same space in both.

    Args:
        high: before `;`, `!` and `?`.
        percent: before the percent sign, as CLDR has it.
    """

    high: str
    percent: str


_COUNTRIES: Final = {
    # Office québécois de la langue française, Banque de dépannage linguistique, on spaces; CLDR's fr_CA for percent
    "fr-CA": _Country(high="", percent=_FIXED),
    # "Lexique des règles typographiques en usage à l'Imprimerie nationale"; CLDR's fr for percent
    "fr-FR": _Country(high=_THIN, percent=_THIN),
}


def language(code: str, *, zone: tzinfo = UTC, zone_name: str = "UTC") -> Language:
    """A language by its code.

    Args:
        code: as in BCP 47.
        zone: the time zone that instants are told in; zone_name: what it is called.

    Raises:
        UnknownName: there is no report in that language.
    """
    made = ENGLISH if parse_language(code) == ENGLISH_CODE else _french(code)
    return replace(made, zone=zone, zone_name=zone_name)


def catalog(name: str) -> Catalog:
    """The catalog of a language or a country, as it is written."""
    path = resources.files("scheduler.reporting") / "locale" / name / "LC_MESSAGES" / "carbonsched.po"
    with path.open("rb") as file:
        return read_po(file, locale=name, abort_invalid=True)


@cache
def _french(code: str) -> Language:
    """French as one country writes it."""
    locale = Locale.parse(code, sep="-")
    texts = _texts(catalog(str(locale)))
    texts.add_fallback(_texts(catalog(BASE)))
    marks, country = locale.number_symbols["latn"], _COUNTRIES[code]
    laid = cache(partial(spaced, high=country.high, percent=country.percent))
    return Language(
        code=code,
        translate=lambda text: laid(texts.gettext(text)) if text else "",  # of nothing gettext tells its own header
        counted=lambda one, many, count: laid(texts.ngettext(one, many, count)),
        in_context=lambda context, word: laid(texts.pgettext(context, word)),
        decimal=marks["decimal"],
        group=marks["group"],
        first_day="1er",
        quotes=("«" + _FIXED, _FIXED + "»"),
    )


def spaced(text: str, *, high: str, percent: str) -> str:
    """A French text with the spaces of its marks, none of which a line may end at, and its own apostrophe."""
    for mark in ";!?":
        text = text.replace(f" {mark}", high + mark)
    text = text.replace("'", "’").replace(" :", _FIXED + ":").replace("« ", "«" + _FIXED).replace(" »", _FIXED + "»")
    return _UNIT.sub(_FIXED, text.replace(" %", percent + "%"))


def _texts(made: Catalog) -> gettext.GNUTranslations:
    """A catalog as gettext looks things up in it."""
    compiled = io.BytesIO()
    write_mo(compiled, made)
    compiled.seek(0)
    return gettext.GNUTranslations(compiled)
