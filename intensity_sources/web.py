"""The one way from a source to its provider: HTTPS GET with an end in time, few retries and no redirects.

HTTPS_PROXY, NO_PROXY and REQUESTS_CA_BUNDLE of the environment hold, unlike on the way to a cluster: a provider is on
the Internet, where many machines get by a proxy only. ~/.netrc has no say, and this machine itself needs no proxy.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, timedelta
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Final
from urllib.parse import urlsplit

from tenacity import RetryCallState, Retrying, retry_if_result, wait_exponential, wait_random

from intensity_sources.web_line import Reply, Silence, exchange
from intensity_sources.web_secrets import Secrets
from intensity_sources.web_words import is_loopback, said, where_to
from scheduler.domain.errors import InvalidInput, SourceUnavailable
from scheduler.ports import Clock

BUDGET_S: Final = 25.0
"""Longest that one question takes, its retries included. [s]"""
_ATTEMPTS: Final = 4
_FIRST_PAUSE_S: Final = 0.5
_LONGEST_PAUSE_S: Final = 8.0
_PASSING: Final = (
    HTTPStatus.REQUEST_TIMEOUT,
    HTTPStatus.TOO_MANY_REQUESTS,
    HTTPStatus.INTERNAL_SERVER_ERROR,
    HTTPStatus.BAD_GATEWAY,
    HTTPStatus.SERVICE_UNAVAILABLE,
    HTTPStatus.GATEWAY_TIMEOUT,
)
"""Statuses that are often gone a moment later."""


class Web:
    """The way to one provider.

    Args:
        source: who asks, for errors.
        base_url: of the provider; https wherever a credential travels to another machine.
        clock: time; secrets: credentials that no word may show.
    """

    def __init__(self, *, source: str, base_url: str, clock: Clock, secrets: Iterable[str] = ()) -> None:
        values = tuple(secrets)
        self.source = source
        self.secrets = Secrets(values)
        self._clock = clock
        self._base_url = _checked(source, base_url, with_credential=bool(values))

    def deadline_s(self) -> float:
        """The end of a question that begins now, on the monotonic clock. [s]"""
        return self._clock.monotonic_s() + BUDGET_S

    def get(
        self,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        credentials: Mapping[str, str] | None = None,
        until_s: float | None = None,
    ) -> Reply:
        """The answer, of whatever status but a redirect; tried again only where that may help.

        Args:
            path: after the base URL, beginning with a slash.
            params: the query; holds no credential.
            credentials: headers that hold one.
            until_s: end of the question that this request belongs to, of its own where there is none. [s]

        Raises:
            SourceUnavailable: nothing whole came back in time, or a redirect.
        """
        end_s = self.deadline_s() if until_s is None else until_s
        tries = Retrying(
            retry=retry_if_result(_may_pass),
            wait=self._pause_s,
            stop=lambda state: self._is_last(state, end_s),
            sleep=lambda seconds: self._clock.sleep(timedelta(seconds=seconds)),
            retry_error_callback=_last_outcome,
        )
        with self.guard():
            outcome = tries(self._try, path, params or {}, credentials or {}, end_s)
            if isinstance(outcome, Silence):
                raise self.unavailable(outcome.why, hint=outcome.hint)
            if HTTPStatus.MULTIPLE_CHOICES <= outcome.status < HTTPStatus.BAD_REQUEST:
                where = where_to(self.secrets.hide(outcome.location))  # before it is taken apart
                raise self.unavailable(f"it redirects to {where}", hint="check its base_url, and that it still exists")
            return outcome

    def refused(self, reply: Reply, *, hint: str = "") -> SourceUnavailable:
        """The error for an answer that is no success, in the provider's own words."""
        if not hint:
            busy = reply.status == HTTPStatus.TOO_MANY_REQUESTS
            hint = "it wants fewer requests: wait" if busy else "try again later, or name another source"
        return self.unavailable(f"it answered {reply.status}: {said(reply.body)}", hint=hint)

    def unavailable(self, why: str, *, hint: str) -> SourceUnavailable:
        """The error for a provider that gave nothing usable."""
        return SourceUnavailable(f"{self.source}: {why}", hint=hint)

    @contextmanager
    def guard(self) -> Iterator[None]:
        """What every public method of a source runs in: no credential leaves in an error."""
        with self.secrets.guard():
            yield

    def _try(
        self, path: str, params: Mapping[str, str], credentials: Mapping[str, str], end_s: float
    ) -> Reply | Silence:
        """One attempt, in what is left of the time."""
        left_s = end_s - self._clock.monotonic_s()
        if left_s <= 0:
            return Silence(why="no time was left to ask it", hint="it is slow or stuck: try again later")
        return exchange(self._base_url + path, params=params, headers=credentials, within_s=left_s)

    def _pause_s(self, state: RetryCallState) -> float:
        """Time until the next attempt: what the provider asks for, else doubling, with chance in it. [s]"""
        outcome = _last_outcome(state)
        asked_s = self._asked_pause_s(outcome.retry_after) if isinstance(outcome, Reply) else None
        if asked_s is not None:
            return asked_s
        doubling = wait_exponential(multiplier=_FIRST_PAUSE_S, max=_LONGEST_PAUSE_S)
        return doubling(state) + wait_random(0, _FIRST_PAUSE_S)(state)

    def _asked_pause_s(self, header: str) -> float | None:
        """What a ``Retry-After`` header asks for, seconds or a date (RFC 9110 section 10.2.3). [s]"""
        text = header.strip()
        if text.isascii() and text.isdigit():
            return float(text[:9])
        try:
            moment = parsedate_to_datetime(text)
        except ValueError:
            return None
        aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return max(0.0, (aware - self._clock.now()).total_seconds())

    def _is_last(self, state: RetryCallState, end_s: float) -> bool:
        """Whether there are no more tries, or the next would come too late."""
        return state.attempt_number >= _ATTEMPTS or self._clock.monotonic_s() + state.upcoming_sleep >= end_s


def _may_pass(outcome: Reply | Silence) -> bool:
    """Whether the next try may do better."""
    return outcome.passing if isinstance(outcome, Silence) else outcome.status in _PASSING


def _last_outcome(state: RetryCallState) -> Reply | Silence:
    """What the last attempt gave; raises what it raised."""
    if state.outcome is None:
        raise RuntimeError("asked for an outcome before the first attempt")
    outcome: Reply | Silence = state.outcome.result()
    return outcome


def _checked(source: str, base_url: str, *, with_credential: bool) -> str:
    """The base URL without a slash at its end; raises `InvalidInput` where it cannot be meant."""
    try:
        parts = urlsplit(base_url.strip())
        host, has_password = parts.hostname or "", bool(parts.username or parts.password)
        _ = parts.port
    except ValueError:
        raise InvalidInput(f"{source}: its base_url is no address", hint="write it as https://host/path") from None
    if has_password or parts.query or parts.fragment:
        raise InvalidInput(f"{source}: its base_url holds more than host and path", hint="keep credentials apart")
    if parts.scheme not in {"http", "https"} or not host:
        raise InvalidInput(f"{source}: base_url {base_url!r} is no address", hint="write it as https://host/path")
    if with_credential and parts.scheme == "http" and not is_loopback(host):
        raise InvalidInput(f"{source}: its credential would travel readable to {host}", hint="use https in base_url")
    return base_url.strip().rstrip("/")
