"""WattTime's token: got once for everyone, kept while it is good, replaced once where it is not."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
import requests
import responses

from intensity_sources.watttime import WattTime
from intensity_sources.watttime_login import Login
from intensity_sources.web import Web
from scheduler.domain.errors import NotCovered, SourceUnavailable
from scheduler.ports import SourceSetup
from tests.execution.fake_clock import FakeClock
from tests.intensity_sources.watttime_answers import BASE, CURRENT, HOUR, MOER, NAME, NOW, WORD, Json, forecast

MINUTE = timedelta(minutes=1)
NGINX = "<html><head><title>403 Forbidden</title></head></html>"


class Service:
    """A WattTime that counts its logins and takes the tokens that a test says.

    Args:
        http: what answers.
        takes: how often each token is good before it is refused; for ever where nothing is said.
        refusal: status and body then.
    """

    def __init__(self, http: responses.RequestsMock) -> None:
        self.logins = 0
        self.questions = 0
        self.bad: set[str] = set()
        self.refusal: tuple[int, str] = (401, "Jwt is expired")
        self.login_pause_s = 0.0
        self.login_reply: tuple[int, str] | None = None
        self._lock = threading.Lock()
        http.add_callback("GET", f"{BASE}/login", callback=self._login)
        http.add_callback("GET", f"{BASE}/v3/forecast", callback=self._answer)

    def _login(self, request: requests.PreparedRequest) -> tuple[int, dict[str, str], str]:
        """Give out the next token."""
        time.sleep(self.login_pause_s)
        with self._lock:
            self.logins += 1
            number = self.logins
        if self.login_reply is not None:
            return self.login_reply[0], {}, self.login_reply[1]
        return 200, {}, json.dumps({"token": f"token-{number}"})

    def _answer(self, request: requests.PreparedRequest) -> tuple[int, dict[str, str], str]:
        """Answer whoever has a good token."""
        with self._lock:
            self.questions += 1
        token = str(request.headers["Authorization"]).removeprefix("Bearer ")
        if token in self.bad:
            return self.refusal[0], {}, self.refusal[1]
        return 200, {}, json.dumps(forecast(1))


@pytest.fixture
def service() -> Iterator[Service]:
    """A service in good health."""
    with responses.RequestsMock(assert_all_requests_are_fired=False) as http:
        yield Service(http)


class Wall(FakeClock):
    """A clock whose wall can be set without its monotonic side."""

    def set_back(self, by: timedelta) -> None:
        """As on the night that winter time begins, on a machine that keeps local time."""
        self.at -= by
        self.began -= by


@pytest.fixture
def clock() -> Wall:
    """A clock that the test moves."""
    return Wall(NOW)


@pytest.fixture
def source(clock: Wall) -> WattTime:
    """The source on that clock."""
    secrets = {"WATTTIME_USERNAME": NAME, "WATTTIME_PASSWORD": WORD}
    return WattTime.connect(SourceSetup(options={}, secret=secrets.get, clock=clock))


def ask(source: WattTime) -> Json:
    """One question."""
    return source.forecast("CA-QC", MOER, CURRENT, CURRENT + HOUR)


def test_a_token_serves_until_shortly_before_its_end(source: WattTime, service: Service, clock: Wall) -> None:
    """Half an hour is its life; five minutes before it is replaced."""
    for minutes, logins in ((0, 1), (24, 1), (24.9, 1), (25, 2), (49, 2), (50, 3)):
        clock.at = NOW
        clock.began = NOW - minutes * MINUTE
        ask(source)
        assert logins == service.logins


def test_the_life_of_a_token_is_not_told_by_the_wall(source: WattTime, service: Service, clock: Wall) -> None:
    """An hour set back on the wall makes no token young again."""
    ask(source)
    clock.began -= 26 * MINUTE
    clock.set_back(HOUR)
    source.forecast("CA-QC", MOER, CURRENT, CURRENT + HOUR)
    assert 2 == service.logins


@pytest.mark.parametrize(
    "refusal", [(401, "Jwt is expired"), (401, "Jwt is missing"), (403, NGINX), (403, "Forbidden")]
)
def test_a_refused_token_is_replaced_once(source: WattTime, service: Service, refusal: tuple[int, str]) -> None:
    """And the question is asked again."""
    service.bad, service.refusal = {"token-1"}, refusal
    ask(source)
    assert (2, 2) == (service.logins, service.questions)
    ask(source)
    assert (2, 3) == (service.logins, service.questions)


@pytest.mark.parametrize("refusal", [(401, "Jwt issuer is not configured"), (403, NGINX)])
def test_a_second_refusal_is_the_answer(source: WattTime, service: Service, refusal: tuple[int, str]) -> None:
    """There is no loop of logins."""
    service.bad, service.refusal = {"token-1", "token-2", "token-3"}, refusal
    with pytest.raises(SourceUnavailable, match=f"answered {refusal[0]}") as caught:
        ask(source)
    assert "a token that it had just issued" in caught.value.hint
    assert (2, 2) == (service.logins, service.questions)


def test_a_plan_is_no_matter_of_the_token(source: WattTime, service: Service) -> None:
    """It is told at once, without a login."""
    service.bad = {"token-1"}
    service.refusal = (403, '{"error": "Invalid scope. You do not have sufficient access to this"}')
    with pytest.raises(NotCovered, match="the plan of WATTTIME_USERNAME does not reach the forecast of HQ"):
        ask(source)
    assert (1, 1) == (service.logins, service.questions)


@pytest.mark.parametrize(
    ("reply", "why"),
    [
        ((401, "Unauthorized"), "does not know the account of WATTTIME_USERNAME and WATTTIME_PASSWORD"),
        ((403, "Forbidden"), "does not know the account of WATTTIME_USERNAME and WATTTIME_PASSWORD"),
        ((403, NGINX), "answered 403 to a login: a web page"),
        ((404, ""), "answered 404 to a login: nothing"),
        ((200, "{}"), "the token is no text"),
        ((200, "<html>"), "a web page"),
    ],
)
def test_a_login_that_fails_is_told_after_one_try(
    source: WattTime, service: Service, reply: tuple[int, str], why: str
) -> None:
    """With the name of the secrets, not their values."""
    service.login_reply = reply
    with pytest.raises(SourceUnavailable) as caught:
        ask(source)
    assert why in caught.value.message
    assert (1, 0) == (service.logins, service.questions)


def test_many_threads_log_in_once(source: WattTime, service: Service) -> None:
    """The first does, the others wait for it."""
    service.login_pause_s = 0.2
    with ThreadPoolExecutor(12) as pool:
        found = [future.result() for future in [pool.submit(ask, source) for _ in range(12)]]
    assert (12, 1, 12) == (len(found), service.logins, service.questions)


def test_many_threads_with_a_refused_token_log_in_once_more(source: WattTime, service: Service) -> None:
    """Whoever comes late with the old token takes the new one."""
    ask(source)
    service.bad, service.login_pause_s = {"token-1"}, 0.2
    with ThreadPoolExecutor(12) as pool:
        assert 12 == len([future.result() for future in [pool.submit(ask, source) for _ in range(12)]])
    assert 2 == service.logins


def test_threads_that_waited_for_a_login_that_failed_fail_with_it(source: WattTime, service: Service) -> None:
    """A hundred logins in five minutes is the limit, and trying again at once would not help."""
    service.login_pause_s, service.login_reply = 0.3, (403, "Forbidden")

    def refused() -> bool:
        """Whether the question ends as the login did."""
        with pytest.raises(SourceUnavailable, match="does not know the account"):
            ask(source)
        return True

    with ThreadPoolExecutor(8) as pool:
        assert all(future.result() for future in [pool.submit(refused) for _ in range(8)])
    assert service.logins <= 2


def test_nobody_waits_for_the_login_of_another_beyond_his_time(service: Service, clock: Wall) -> None:
    """A login that hangs holds up its own question alone."""
    service.login_pause_s = 0.8
    web = Web(source="watttime", base_url=BASE, clock=clock)
    login = Login(web, "Basic eA==", clock)
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(login.token, clock.monotonic_s() + 20)
        while not login._lock.locked():
            time.sleep(0.01)
        with pytest.raises(SourceUnavailable, match="no login ended in time"):
            login.token(clock.monotonic_s() + 0.1)
        assert "token-1" == slow.result()


def test_a_failed_login_is_not_remembered(source: WattTime, service: Service) -> None:
    """The next question tries again."""
    service.login_reply = (503, "down")
    with pytest.raises(SourceUnavailable, match="answered 503 to a login: down"):
        ask(source)
    service.login_reply = None
    assert ask(source) is not None


def test_a_long_past_outlives_a_token(clock: Wall) -> None:
    """Parts that together take longer than half an hour log in again in between."""
    secrets = {"WATTTIME_USERNAME": NAME, "WATTTIME_PASSWORD": WORD}
    source = WattTime.connect(SourceSetup(options={}, secret=secrets.get, clock=clock))
    start = datetime(2025, 11, 1, tzinfo=UTC)
    with responses.RequestsMock(assert_all_requests_are_fired=False) as http:
        service = Service(http)

        def part(request: requests.PreparedRequest) -> tuple[int, dict[str, str], str]:
            """Take a quarter of an hour for the rows of an hour."""
            clock.began -= 15 * MINUTE
            first = datetime.fromisoformat(str(request.params["start"]))  # type: ignore[attr-defined]  # of responses
            return 200, {}, json.dumps({"data": forecast_rows(first), "meta": forecast(1)["meta"]})

        http.add_callback("GET", f"{BASE}/v3/historical", callback=part)
        series = source.series("CA-QC", MOER, start, start + 128 * 24 * HOUR)
    assert (start, 2) == (series.start, service.logins)


def forecast_rows(first: datetime) -> Json:
    """Two rows from an instant on."""
    return [{"point_time": (first + i * 5 * MINUTE).isoformat(), "value": 800} for i in range(2)]
