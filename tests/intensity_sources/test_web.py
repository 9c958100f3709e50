"""The way to a provider: what may pass is tried again, all of it ends in time, and no credential is said."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import requests
import responses
from requests.adapters import HTTPAdapter
from responses import matchers

from intensity_sources import web_line
from intensity_sources.web import BUDGET_S, Web
from scheduler.domain.errors import InvalidInput, SourceUnavailable
from tests.execution.fake_clock import FakeClock

BASE = "https://api.example.org/v4"
START = datetime(2026, 3, 10, 12, tzinfo=UTC)
KEY = "MARKED/k+ey=12345"


@pytest.fixture
def clock() -> FakeClock:
    """A clock that sleeps by moving on."""
    return FakeClock(START)


@pytest.fixture
def web(clock: FakeClock) -> Web:
    """The way to a provider with a key."""
    return Web(source="example", base_url=f"{BASE}/", clock=clock, secrets=(KEY,))


def slept_s(clock: FakeClock) -> float:
    """How long it waited. [s]"""
    return (clock.now() - START).total_seconds()


def test_query_and_credential_go_where_they_belong(web: Web, http: responses.RequestsMock) -> None:
    """The key travels in its header, the query holds what was asked and nothing else."""
    http.get(
        f"{BASE}/zones",
        body=b"[1]",
        match=[
            matchers.query_param_matcher({"zone": "FR"}, strict_match=True),
            matchers.header_matcher({"auth-token": KEY, "User-Agent": "carbonsched", "Accept": "application/json"}),
        ],
    )
    reply = web.get("/zones", params={"zone": "FR"}, credentials={"auth-token": KEY})
    assert (200, b"[1]") == (reply.status, reply.body)


def test_a_netrc_file_has_no_say(web: Web, http: responses.RequestsMock, own_home: Path) -> None:
    """A password that lies there for the host is not sent."""
    netrc = own_home / ".netrc"
    netrc.write_text("machine api.example.org login me password fromnetrc\n")
    netrc.chmod(0o600)
    http.get(f"{BASE}/a", body=b"1")
    web.get("/a")
    assert "Authorization" not in http.calls[0].request.headers


@pytest.mark.parametrize(
    ("base_url", "ways"),
    [("https://api.example.org", 2), ("http://127.0.0.1:9", 0), ("http://[::1]:9", 0)],
)
def test_the_proxy_of_the_environment_is_for_other_machines(
    clock: FakeClock, monkeypatch: pytest.MonkeyPatch, base_url: str, ways: int
) -> None:
    """A provider is reached through it, this machine never is."""
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example.org:3128")
    monkeypatch.setenv("HTTP_PROXY", "http://proxy.example.org:3128")
    seen: list[dict[str, str]] = []

    def send(adapter: object, request: requests.PreparedRequest, **how: object) -> requests.Response:
        """Note the proxies and answer."""
        proxies = how["proxies"]
        assert isinstance(proxies, dict)
        seen.append(proxies)
        raise requests.exceptions.InvalidProxyURL("no")

    monkeypatch.setattr(HTTPAdapter, "send", send)
    with pytest.raises(SourceUnavailable):
        Web(source="example", base_url=base_url, clock=clock).get("/a")
    assert ways == len(seen[0])


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_what_may_pass_is_tried_again(web: Web, http: responses.RequestsMock, clock: FakeClock, status: int) -> None:
    """A moment later it may be gone."""
    http.get(f"{BASE}/a", status=status)
    http.get(f"{BASE}/a", body=b"1")
    assert b"1" == web.get("/a").body
    assert 0.5 <= slept_s(clock) <= 1.0


def test_a_connection_that_broke_is_tried_again(web: Web, http: responses.RequestsMock) -> None:
    """Also where the answer broke off."""
    http.get(f"{BASE}/a", body=requests.ConnectionError("Connection aborted."))
    http.get(f"{BASE}/a", body=requests.exceptions.ChunkedEncodingError("IncompleteRead"))
    http.get(f"{BASE}/a", body=b"1")
    assert b"1" == web.get("/a").body


@pytest.mark.parametrize("status", [200, 400, 401, 403, 404, 422, 501])
def test_nothing_else_is_tried_again(web: Web, http: responses.RequestsMock, clock: FakeClock, status: int) -> None:
    """The answer is what its adapter makes of it."""
    http.get(f"{BASE}/a", status=status, body=b"{}")
    assert status == web.get("/a").status
    assert (1, 0.0) == (len(http.calls), slept_s(clock))


def test_it_gives_up_after_four(web: Web, http: responses.RequestsMock) -> None:
    """The last refusal is what came of it."""
    http.get(f"{BASE}/a", status=503, body=b'{"message": "down"}')
    reply = web.get("/a")
    assert (503, 4) == (reply.status, len(http.calls))
    assert "example: it answered 503: down" == web.refused(reply).message


@pytest.mark.parametrize(
    ("header", "waited_s"),
    [("7", 7.0), ("0", 0.0), ("Tue, 10 Mar 2026 12:00:09 GMT", 9.0), ("Tue, 10 Mar 2026 11:00:00 GMT", 0.0)],
)
def test_it_waits_as_long_as_it_is_asked_to(
    web: Web, http: responses.RequestsMock, clock: FakeClock, header: str, waited_s: float
) -> None:
    """Seconds or a date (RFC 9110), by the clock of the port."""
    http.get(f"{BASE}/a", status=429, headers={"Retry-After": header})
    http.get(f"{BASE}/a", body=b"1")
    assert b"1" == web.get("/a").body
    assert waited_s == slept_s(clock)


@pytest.mark.parametrize("header", ["26", "99999999999999999999", "Wed, 11 Mar 2026 12:00:00 GMT"])
def test_a_wait_beyond_its_time_is_not_begun(
    web: Web, http: responses.RequestsMock, clock: FakeClock, header: str
) -> None:
    """The refusal is told at once."""
    http.get(f"{BASE}/a", status=429, headers={"Retry-After": header})
    assert 429 == web.get("/a").status
    assert (1, 0.0) == (len(http.calls), slept_s(clock))


@pytest.mark.parametrize("header", ["soon", "-5", "", "Mon, 99 Foo 2026", "1e3", "٣"])
def test_a_wait_that_is_none_is_passed_over(
    web: Web, http: responses.RequestsMock, clock: FakeClock, header: str
) -> None:
    """Then its own pauses hold."""
    http.get(f"{BASE}/a", status=429, headers={"Retry-After": header} if header.isascii() else {})
    http.get(f"{BASE}/a", body=b"1")
    web.get("/a")
    assert 0.5 <= slept_s(clock) <= 1.0


def test_all_tries_end_within_the_budget(web: Web, http: responses.RequestsMock, clock: FakeClock) -> None:
    """However often the provider asks for a little more time."""
    http.get(f"{BASE}/a", status=429, headers={"Retry-After": "11"})
    web.get("/a")
    assert (3, 22.0) == (len(http.calls), slept_s(clock))
    assert slept_s(clock) < BUDGET_S


def test_a_question_that_has_no_time_left_is_not_asked(web: Web, clock: FakeClock) -> None:
    """Its time was used up by those before it."""
    with pytest.raises(SourceUnavailable, match="example: no time was left to ask it"):
        web.get("/a", until_s=clock.monotonic_s())


@pytest.mark.parametrize(
    ("location", "told"),
    [
        ("https://me:pw@docs.example.org/v4?key=MARKED", "docs.example.org/v4"),
        ("/login#top", "/login"),
        ("", "nowhere"),
        ("http://[broken", "an address that is none"),
    ],
)
def test_a_redirect_is_an_error_that_says_where_to(
    web: Web, http: responses.RequestsMock, location: str, told: str
) -> None:
    """Without the query and the password in it; nothing is sent there."""
    http.get(f"{BASE}/a", status=302, headers={"Location": location})
    with pytest.raises(SourceUnavailable) as caught:
        web.get("/a")
    assert f"example: it redirects to {told}" == caught.value.message


@pytest.mark.parametrize(
    ("raised", "why", "tries"),
    [
        (requests.exceptions.SSLError(f"{KEY}"), "its TLS certificate is not trusted", 1),
        (requests.exceptions.ProxyError(f"{KEY}"), "the proxy gave no connection", 4),
        (requests.ConnectTimeout(f"{KEY}"), "no connection within 5 s", 1),
        (requests.ReadTimeout(f"{KEY}"), "nothing came for 15 s", 1),
        (requests.ConnectionError("Read timed out."), "nothing came for 15 s", 1),
        (requests.ConnectionError("Connection refused"), "no connection", 4),
        (requests.ConnectionError("Failed to resolve 'api'"), "no connection", 4),
        (requests.ConnectionError(f"https://api?{KEY}"), "the connection broke", 4),
        (requests.exceptions.ContentDecodingError(f"{KEY}"), "its answer cannot be unpacked", 1),
        (requests.exceptions.InvalidHeader(f"{KEY}"), "the request could not be made (InvalidHeader)", 1),
    ],
)
def test_silence_is_told_in_our_words(
    web: Web, http: responses.RequestsMock, raised: Exception, why: str, tries: int
) -> None:
    """The library's own would print the request."""
    http.get(f"{BASE}/a", body=raised)
    with pytest.raises(SourceUnavailable) as caught:
        web.get("/a")
    assert (f"example: {why}", tries) == (caught.value.message, len(http.calls))
    assert caught.value.hint
    assert (None, None) == (caught.value.__cause__, caught.value.__context__)


def test_an_answer_without_end_is_not_kept(
    web: Web, http: responses.RequestsMock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More than any answer has is dropped where it comes in."""
    monkeypatch.setattr(web_line, "MOST_BYTES", 2**20)
    http.get(f"{BASE}/a", body=b"x" * (2**20 + 1))
    with pytest.raises(SourceUnavailable, match="longer than 1 MiB"):
        web.get("/a")


@pytest.mark.parametrize(
    ("base_url", "why"),
    [
        ("http://api.example.org", "travel readable to api.example.org"),
        ("https://me:pw@api.example.org", "more than host and path"),
        ("https://api.example.org/v4?key=1", "more than host and path"),
        ("ftp://api.example.org", "is no address"),
        ("api.example.org", "is no address"),
        ("https://api.example.org:port", "is no address"),
        ("", "is no address"),
    ],
)
def test_an_address_that_cannot_be_meant_is_refused(clock: FakeClock, base_url: str, why: str) -> None:
    """Before anything is sent there, and a password in it is not repeated."""
    with pytest.raises(InvalidInput, match=why) as caught:
        Web(source="example", base_url=base_url, clock=clock, secrets=(KEY,))
    assert "pw" not in f"{caught.value.message}{caught.value.hint}"


@pytest.mark.parametrize("base_url", ["http://127.0.0.1:80/v4", "http://localhost", "http://[::1]:1"])
def test_this_machine_may_be_asked_without_tls(clock: FakeClock, base_url: str) -> None:
    """Nobody is on that way."""
    assert "example" == Web(source="example", base_url=base_url, clock=clock, secrets=(KEY,)).source


def test_without_a_credential_plain_http_is_allowed(clock: FakeClock) -> None:
    """There is nothing to read on the way but what is public."""
    assert "example" == Web(source="example", base_url="http://api.example.org", clock=clock).source


def test_what_a_provider_quotes_is_masked(web: Web, http: responses.RequestsMock) -> None:
    """The key, whole or cut, as it is or as an address writes it."""
    for body in (KEY, f'{{"error": "no key {KEY}"}}', "MARKED%2Fk%2Bey%3D12345", KEY[:12], "x" * 145 + KEY):
        http.get(f"{BASE}/{len(http.calls)}", status=401, body=body)
        with pytest.raises(SourceUnavailable) as caught, web.guard():
            raise web.refused(web.get(f"/{len(http.calls)}"))
        assert "MARKED" not in f"{caught.value.message}{caught.value.hint}{caught.value!r}"
        assert "***" in caught.value.message


def test_a_way_does_not_print_its_secrets(web: Web, http: responses.RequestsMock) -> None:
    """Nor does an answer print its body, which may hold a token."""
    http.get(f"{BASE}/login", body=b'{"token": "MARKED"}', headers={"Retry-After": "1"})
    assert "MARKED" not in repr(web.get("/login"))
    assert "MARKED" not in f"{web!r}{vars(web)}"


def test_the_budget_leaves_room_below_half_a_minute() -> None:
    """One question ends before 30 seconds with time to spare for what is made of it."""
    assert timedelta(seconds=BUDGET_S) <= timedelta(seconds=28)
