"""What WattTime refuses: told by what it is, and never with the account."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
import requests
import responses
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from intensity_sources.watttime import WattTime
from scheduler.domain.errors import (
    NotCovered,
    SourceUnavailable,
    UnusableAnswer,
)
from tests.intensity_sources.watttime_answers import (
    BASE,
    BASIC,
    CURRENT,
    HOUR,
    MOER,
    NAME,
    NOW,
    TOKEN,
    WORD,
    Json,
    forecast,
    historical,
    log_in,
    meta,
    row,
    serve,
    setup,
)

ASKED = {"region": "HQ", "signal_type": "co2_moer"}
ONE_H = {"horizon_hours": "1"}


@pytest.fixture
def source() -> WattTime:
    """The source with an account and no options."""
    return WattTime.connect(setup())


def test_an_index_is_never_an_intensity(source: WattTime, http: responses.RequestsMock) -> None:
    """Even where the right endpoint gave it."""
    log_in(http)
    serve(http, "forecast", forecast(1, units="percentile"), ASKED | ONE_H)
    with pytest.raises(SourceUnavailable, match="an index"):
        source.forecast("CA-QC", MOER, NOW, CURRENT + HOUR)


@pytest.mark.parametrize(
    ("reply", "kind", "why"),
    [
        ((400, {"error": "INVALID_QUERY_PARAMS", "msg": "start is wrong"}), UnusableAnswer, "400: start is wrong"),
        (
            (403, {"error": "Invalid scope", "message": "You do not have sufficient access"}),
            NotCovered,
            "does not reach",
        ),
        ((404, {"error": "No coverage available"}), NotCovered, "does not cover the forecast of HQ"),
        ((404, "<html></html>"), SourceUnavailable, "404: a web page"),
        ((422, {"error": "horizon"}), UnusableAnswer, "422: horizon"),
        ((418, ""), SourceUnavailable, "418: nothing"),
        ((200, "<html></html>"), UnusableAnswer, "a web page"),
        ((200, '{"data": [{"value": 8'), UnusableAnswer, "no whole JSON"),
    ],
)
def test_each_refusal_is_told_as_what_it_is(
    source: WattTime, http: responses.RequestsMock, reply: tuple[int, Json], kind: type[SourceUnavailable], why: str
) -> None:
    """By status and words together, after one login and one request."""
    log_in(http)
    serve(http, "forecast", reply[1], ASKED | ONE_H, status=reply[0])
    with pytest.raises(SourceUnavailable) as caught:
        source.forecast("CA-QC", MOER, NOW, CURRENT + HOUR)
    assert why in caught.value.message
    assert caught.value.hint
    assert (kind, 2) == (type(caught.value), len(http.calls))


@pytest.mark.parametrize("status", [429, 503])
def test_what_does_not_pass_in_time_is_told(source: WattTime, http: responses.RequestsMock, status: int) -> None:
    """After a few tries."""
    log_in(http)
    http.get(f"{BASE}/v3/forecast", status=status, body="later")
    with pytest.raises(SourceUnavailable, match=f"answered {status}: later"):
        source.forecast("CA-QC", MOER, NOW, CURRENT + HOUR)
    assert 5 == len(http.calls)


def test_a_redirect_to_the_documentation_is_told(source: WattTime, http: responses.RequestsMock) -> None:
    """An address that the service has not leads there; the token is not sent on."""
    log_in(http)
    http.get(f"{BASE}/v3/forecast", status=302, headers={"Location": "https://docs.watttime.org"})
    with pytest.raises(SourceUnavailable, match=r"redirects to docs\.watttime\.org"):
        source.forecast("CA-QC", MOER, NOW, CURRENT + HOUR)


def test_warnings_that_quote_the_account_are_masked(source: WattTime, http: responses.RequestsMock) -> None:
    """Free text of an answer is kept in the series, and goes to the store."""
    log_in(http)
    said = [{"type": NAME, "message": f"{TOKEN} and {WORD}"}]
    serve(http, "forecast", forecast(1, warnings=said), ASKED | ONE_H)
    series = source.forecast("CA-QC", MOER, NOW, CURRENT + HOUR)
    assert ("WattTime warns: ***: *** and ***",) == series.notes


ECHOES = st.sampled_from(
    [
        lambda secret: json.dumps({"error": f"bad {secret}", "message": secret}),
        lambda secret: json.dumps({"token": f"{secret} "}),
        lambda secret: json.dumps(historical(NOW, NOW, region=secret)),
        lambda secret: json.dumps(historical(NOW, NOW, units=secret)),
        lambda secret: json.dumps(historical(NOW, NOW, model={"date": secret})),
        lambda secret: json.dumps({"data": [row(NOW, point_time=secret)], "meta": meta()}),
        lambda secret: json.dumps(forecast(1, generated_at=secret)),
        lambda secret: f"<html>{secret}</html>",
        lambda secret: f"Jwt {secret[:14]}",
        lambda secret: secret,
    ]
)


@settings(max_examples=150, deadline=None)
@given(
    echo=ECHOES,
    secret=st.sampled_from([NAME, WORD, TOKEN, BASIC]),
    at_login=st.booleans(),
    status=st.sampled_from([200, 302, 400, 401, 403, 404, 418, 429, 500]),
    raised=st.none() | st.sampled_from([requests.ConnectionError, requests.ReadTimeout, requests.exceptions.SSLError]),
    ask=st.sampled_from(["series", "forecast", "issues", "located"]),
)
def test_the_account_and_its_token_are_in_no_error(
    *, echo: Json, secret: str, at_login: bool, status: int, raised: type[Exception] | None, ask: str
) -> None:
    """Whatever the service or the library says of them, on every path."""
    assume(not (at_login and secret == TOKEN))  # nobody has it yet
    source = WattTime.connect(setup(locations="SEA=0,0"))
    headers = {"Location": f"https://{secret}/{secret}", "Retry-After": "1"}
    with responses.RequestsMock(assert_all_requests_are_fired=False) as http:
        body = raised(f"https://host?key={secret}") if raised else echo(secret)
        if at_login:
            http.get(f"{BASE}/login", status=status, body=body, headers=headers)
        else:
            http.get(f"{BASE}/login", json={"token": TOKEN})
            for path in ("historical", "forecast", "forecast/historical", "region-from-loc"):
                http.get(f"{BASE}/v3/{path}", status=status, body=body, headers=headers)
        asks: dict[str, Callable[[], object]] = {
            "series": lambda: source.series("CA-QC", MOER, NOW - HOUR, NOW),
            "forecast": lambda: source.forecast("CA-QC", MOER, NOW, NOW + HOUR),
            "issues": lambda: source.issues("CA-QC", MOER, NOW - HOUR, NOW),
            "located": lambda: source.series("SEA", MOER, NOW - HOUR, NOW),
        }
        try:
            asks[ask]()
        except SourceUnavailable as exc:
            error = exc
        else:
            return
    told = f"{error.message}{error.hint}{error!r}{error.__cause__!r}{error.__context__!r}".lower()
    assert "marked" not in told
    assert BASIC[6:20].lower() not in told
