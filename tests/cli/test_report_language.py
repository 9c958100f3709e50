"""`carbonsched report --lang`: for people in French, for programs always the same."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from scheduler.domain.errors import InvalidInput
from tests.cli.settle_world import FRANCE, Moment, add, call, csv, table
from tests.cli.settle_world import moment as moment  # noqa: PLC0414  # a fixture
from tests.cli.settle_world import place as place  # noqa: PLC0414  # a fixture

Capsys = pytest.CaptureFixture[str]


@pytest.fixture
def ran(place: Path, moment: Moment) -> Path:
    """A job of March, seen in June."""
    table(place, 300, days=40)
    add("aaaa", FRANCE, 1, 3, csv(place), project="nlp")
    moment.day(100)
    return place


def told(capsys: Capsys, *words: str) -> str:
    """What a report that succeeds puts on stdout."""
    code, out, _ = call(capsys, "report", *words)
    assert 0 == code
    return out


def test_people_read_it_in_their_language(ran: Path, capsys: Capsys) -> None:
    """As Markdown and as a page, with the marks of the country."""
    assert "# Emissions report: PROVISIONAL" in told(capsys)
    assert "# Rapport d’émissions\u00a0: PROVISOIRE" in told(capsys, "--lang", "fr-CA")
    assert "Seulement\u00a0: projet nlp." in told(capsys, "--lang", "fr-FR", "--project", "nlp")
    call(capsys, "report", "--lang", "fr-FR", "-o", str(ran / "rapport.html"))
    assert '<html lang="fr-FR">' in (ran / "rapport.html").read_text("utf-8")


def test_programs_read_the_same_in_every_language(ran: Path, capsys: Capsys) -> None:
    """Names, points and times of JSON and CSV know no language."""
    for form in ("json", "csv"):
        assert told(capsys, "--format", form) == told(capsys, "--format", form, "--lang", "fr-CA")


def test_a_setting_names_the_language(ran: Path, capsys: Capsys, monkeypatch: pytest.MonkeyPatch) -> None:
    """And the command line another one."""
    monkeypatch.setenv("CARBONSCHED_REPORT_LANGUAGE", "fr-FR")
    assert "PROVISOIRE" in told(capsys)
    assert "PROVISIONAL" in told(capsys, "--lang", "en")


def test_a_closed_period_is_told_in_it_too(ran: Path, capsys: Capsys) -> None:
    """As it was published, and as it would be today."""
    moment_of = ("--period", "2024-03", "--lang", "fr-CA")
    code, _, err = call(capsys, "period", "close", "2024-03")
    if code != 0:
        pytest.fail(err)
    published = told(capsys, *moment_of, "--as-published", "1")
    assert "Émissions de 2024-03\u00a0: édition 1" in published
    assert "- tel que publié dans l’édition 1" in published
    restated = told(capsys, *moment_of, "--restated")
    assert "l’édition 1 de 2024-03 dit " in restated
    assert "retraité, non publié" in restated


@pytest.mark.parametrize("code", ["fr", "FR-ca", "french"])
def test_another_language_is_refused_with_those_that_there_are(ran: Path, capsys: Capsys, code: str) -> None:
    """By the name that was given."""
    exit_code, out, err = call(capsys, "report", "--lang", code)
    assert (InvalidInput.exit_code, "") == (exit_code, out)
    assert f"unknown language {code!r}" in err
    assert "known: en, fr-CA, fr-FR" in err


def test_a_setting_that_is_no_language_is_refused(ran: Path, capsys: Capsys, monkeypatch: pytest.MonkeyPatch) -> None:
    """By its name, before anything is read."""
    monkeypatch.setenv("CARBONSCHED_REPORT_LANGUAGE", "klingon")
    code, _, err = call(capsys, "report")
    assert InvalidInput.exit_code == code
    assert "report_language" in err
    assert "klingon" in err


def test_what_french_needs_is_named_where_it_is_not_installed(
    ran: Path, capsys: Capsys, monkeypatch: pytest.MonkeyPatch
) -> None:
    """English needs none of it."""
    monkeypatch.setitem(sys.modules, "babel", None)
    monkeypatch.delitem(sys.modules, "scheduler.reporting.locales", raising=False)
    code, out, err = call(capsys, "report", "--lang", "fr-CA")
    assert (1, "") == (code, out)
    assert "a report in fr-CA needs babel, which is not here" in err
    assert "pip install 'carbonsched[report]'" in err
    assert "# Emissions report" in told(capsys)
