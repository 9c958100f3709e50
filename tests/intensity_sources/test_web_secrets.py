"""No word of a credential leaves a source, however it is quoted."""

from __future__ import annotations

import html
import json
from datetime import UTC, datetime
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from intensity_sources.web_secrets import MASK, Secrets, basic_header, required_secret
from scheduler.domain.errors import CredentialMissing, NotCovered, SourceUnavailable, UnknownName
from scheduler.ports import SourceSetup
from tests.execution.fake_clock import FakeClock

PRINTABLE = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=12, max_size=60)
WORDS = st.text(st.characters(min_codepoint=0x4E00, max_codepoint=0x4EFF), max_size=30)


@settings(max_examples=100)
@given(
    secret=PRINTABLE, before=WORDS, after=WORDS, form=st.sampled_from([str, quote, quote_plus, json.dumps, html.escape])
)
def test_a_credential_is_masked_as_it_is_and_as_it_is_quoted(
    secret: str, before: str, after: str, form: object
) -> None:
    """In an address, in JSON, in a page; what stands around it stays."""
    assert callable(form)
    shown = Secrets((secret,)).hide(before + form(secret) + after)
    assert secret not in shown
    assert form(secret) not in shown
    assert shown.startswith(before)
    assert shown.endswith(after)
    assert MASK in shown


def test_a_credential_with_a_slash_is_masked_in_a_path() -> None:
    """Where the slash stays and the rest is quoted."""
    assert MASK == Secrets(("00000000/:00",)).hide("00000000/%3A00")


@settings(max_examples=100)
@given(secret=PRINTABLE, cut=st.integers(10, 60))
def test_a_credential_that_was_cut_off_is_masked(secret: str, cut: int) -> None:
    """Ten characters of it are enough."""
    assert secret[:cut] not in Secrets((secret,)).hide(f"no key {secret[:cut]}")
    assert secret[-cut:] not in Secrets((secret,)).hide(f"{secret[-cut:]} is no key")


def test_words_that_hold_none_stay_as_they_are() -> None:
    """And so do words in which next to nothing is secret."""
    assert "nothing here" == Secrets(("k3y-of-mine", "", "abc")).hide("nothing here")
    assert "abc" == Secrets(("abc",)).hide("abc")


def test_a_credential_is_masked_in_any_case() -> None:
    """A host is written in small letters."""
    assert f"{MASK}.example.org" == Secrets(("K3Y-of-Mine",)).hide("k3y-OF-mine.example.org")


def test_a_token_that_was_issued_later_is_masked_too() -> None:
    """The last ones at least."""
    secrets = Secrets(("password-1",))
    for number in range(40):
        secrets.add(f"token-number-{number:04}")
    assert f"{MASK} {MASK}" == secrets.hide("token-number-0039 password-1")


def test_secrets_are_not_printed() -> None:
    """Not by themselves."""
    assert "password-1" not in repr(Secrets(("password-1",)))


@pytest.mark.parametrize("kind", [SourceUnavailable, NotCovered])
def test_an_error_that_passes_the_guard_is_clean(kind: type[SourceUnavailable]) -> None:
    """Message, hint, arguments and whatever led to it; its kind stays."""
    error = kind("bad k3y-of-mine", hint="look at k3y-of-mine")
    with pytest.raises(kind) as caught, Secrets(("k3y-of-mine",)).guard():
        raise error from ValueError("https://host/?key=k3y-of-mine")
    assert (f"bad {MASK}", f"look at {MASK}") == (caught.value.message, caught.value.hint)
    assert f"bad {MASK}" == str(caught.value)
    assert caught.value.__cause__ is None


def test_an_error_with_arguments_of_its_own_passes_too() -> None:
    """The guard changes words, and makes no new error."""
    with pytest.raises(UnknownName, match=r"'\*\*\*'"), Secrets(("k3y-of-mine",)).guard():
        raise UnknownName("option", "k3y-of-mine", ())


def setup(value: str | None) -> SourceSetup:
    """What a source with one secret is connected with."""
    return SourceSetup(options={}, secret=lambda name: value, clock=FakeClock(datetime(2026, 1, 1, tzinfo=UTC)))


def test_a_secret_comes_without_blanks_around_it() -> None:
    """A file ends in a line break."""
    assert "k3y" == required_secret(setup(" k3y\n"), "KEY", source="example", where="there")


@pytest.mark.parametrize("value", [None, "", " \n"])
def test_a_secret_that_is_not_set_is_named(value: str | None) -> None:
    """With where to get one."""
    with pytest.raises(CredentialMissing, match="example needs KEY, which is not set") as caught:
        required_secret(setup(value), "KEY", source="example", where="https://example.org")
    assert "https://example.org" in caught.value.hint


@pytest.mark.parametrize("value", ["k3y\r\nHost: evil", "schlüssel", "k3y\x00"])
def test_a_secret_that_no_header_can_carry_is_refused(value: str) -> None:
    """And is not repeated."""
    with pytest.raises(CredentialMissing, match="KEY has a character") as caught:
        required_secret(setup(value), "KEY", source="example", where="there")
    assert value not in f"{caught.value.message}{caught.value.hint}"


def test_basic_is_as_the_standard_has_it() -> None:
    """RFC 7617's own example."""
    assert "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==" == basic_header("Aladdin", "open sesame")
