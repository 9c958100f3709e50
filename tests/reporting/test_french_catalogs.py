"""The catalogs of both French languages: whole, with the glossary's words, and none that flatters."""

from __future__ import annotations

import csv
import re
import string
from collections.abc import Iterator

import pytest

from scheduler.domain.errors import UnknownName
from scheduler.reporting.language import Language
from scheduler.reporting.language_codes import CODES
from scheduler.reporting.locales import BASE, catalog, language, spaced
from tests.reporting.msgids import ROOT, Key, msgids

LOCALE = ROOT / "scheduler/reporting/locale"
FRENCH = [code for code in CODES if code != "en"]
FLATTERS = re.compile(r"neutr|compens|vert\b|verte|propre à|durable|climat", re.IGNORECASE)
GLOSSARY = list(csv.DictReader((LOCALE / "glossary.csv").read_text("utf-8").splitlines()))


def told(key: Key, lang: Language) -> list[str]:
    """What a language says for a text, in all its forms."""
    context, text = key
    if isinstance(text, tuple):
        return [lang.counted(*text, 1), lang.counted(*text, 2)]
    return [lang.word(context, text) if context else lang.translate(text)]


def pairs(code: str) -> Iterator[tuple[str, str]]:
    """Each text with each of its translations."""
    lang = language(code)
    for key in sorted(msgids(), key=str):
        forms = key[1] if isinstance(key[1], tuple) else (key[1],)
        yield from zip(forms, told(key, lang), strict=True)


def places(text: str) -> set[tuple[str, str]]:
    """The named places of a text, with how each is filled."""
    return {(name, spec or "") for _, name, spec, _ in string.Formatter().parse(text) if name}


def test_every_text_is_translated_and_nothing_else() -> None:
    """The base says all that a report may ask for; a country says otherwise only what the base says."""
    named = {
        name: {(m.context or "", tuple(m.id) if isinstance(m.id, tuple) else m.id) for m in catalog(name) if m.id}
        for name in (BASE, *(code.replace("-", "_") for code in FRENCH))
    }
    assert msgids() == named[BASE]
    assert all(keys <= named[BASE] for keys in named.values())
    for name in named:
        assert all(all(m.string) if isinstance(m.string, tuple) else m.string for m in catalog(name) if m.id)
        assert not any(m.fuzzy for m in catalog(name) if m.id)


@pytest.mark.parametrize("code", FRENCH)
def test_the_places_of_a_text_are_those_of_its_translation(code: str) -> None:
    """And how each is filled; only the count may be a word."""
    for english, french in pairs(code):
        assert places(english) == places(french), english


@pytest.mark.parametrize("code", FRENCH)
def test_no_word_flatters(code: str) -> None:
    """Nothing is neutral or made up for, and nothing avoided but where the English says so."""
    for english, french in pairs(code):
        assert not FLATTERS.search(french), french
        assert ("évit" in french.lower()) == ("avoid" in english.lower()), french


@pytest.mark.parametrize("code", FRENCH)
def test_the_words_are_those_of_the_glossary(code: str) -> None:
    """Each term by its one translation, wherever the English has it, but for where it is another word."""
    used = set()
    texts = list(pairs(code))
    for row in GLOSSARY:
        term = re.compile(rf"\b{re.escape(row['english'])}s?\b", re.IGNORECASE)
        for english, french in texts:
            bare = re.sub(r"\{[^}]*\}", "", english)
            if term.search(bare) and not any(each in bare for each in filter(None, row["elsewhere"].split("|"))):
                used.add(row["term"])
                plain = re.sub(r"\s", " ", french).lower()
                assert any(each.lower() in plain for each in row[code].split("|")), (row["term"], english, french)
    assert {row["term"] for row in GLOSSARY} == used


def test_every_term_says_why() -> None:
    """A glossary row has a word for each language and where it is from."""
    assert all(all(row[name] for name in ("term", "english", *FRENCH, "why")) for row in GLOSSARY)
    assert len({row["term"] for row in GLOSSARY}) == len(GLOSSARY)


@pytest.mark.parametrize("code", FRENCH)
def test_marks_have_the_spaces_of_their_country(code: str) -> None:
    """None that a line could end at; before the high marks a thin one in France and none in Canada."""
    high, percent = ("", "\u00a0") if code == "fr-CA" else ("\u202f", "\u202f")
    lang = language(code)
    assert f"a{high}; b\u00a0: l’c{high}? «\u00a0d\u00a0» 3{percent}%" == spaced(
        "a ; b : l'c ? « d » 3 %", high=high, percent=percent
    )
    assert f"94,9{percent}%" == lang.percent(0.9499)
    for _, french in pairs(code):
        assert not re.search(r" [;:!?%»]|« ", french), french
        assert not re.search(r"(?<![\s\u00a0\u202f\d{}\[])[%»]", french), french


def test_a_language_nobody_speaks_here_is_refused() -> None:
    """With those that there are."""
    with pytest.raises(UnknownName) as caught:
        language("fr")
    assert "unknown language 'fr'" == caught.value.message
    assert "known: en, fr-CA, fr-FR" in caught.value.hint
