"""Logged-in questions to WattTime: a token for half an hour, got once however many threads need it.

https://docs.watttime.org, GET /login. A token is used until shortly before its end on a clock that never jumps. One
that is refused all the same is replaced once a call: 401 comes where it ran out, 403 for that or for the plan.
"""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from threading import Lock
from typing import Final

from intensity_sources.watttime_refusals import login_refusal, may_be_the_token, refusal
from intensity_sources.watttime_rows import WHO, parse_login
from intensity_sources.web import Web
from intensity_sources.web_json import parse_json
from scheduler.domain.errors import SourceUnavailable
from scheduler.ports import Clock

LIFE_S: Final = 30 * 60.0
"""How long a token is good, by WattTime's documentation. [s]"""
MARGIN_S: Final = 5 * 60.0
"""It is replaced this much before. [s]"""


class Login:
    """An account, and the token it has now.

    Args:
        web: the way there; basic: name and password as a Basic header.
        clock: time.
    """

    def __init__(self, web: Web, basic: str, clock: Clock) -> None:
        self._web = web
        self._header = basic
        self._clock = clock
        self._lock = Lock()
        self._token: str | None = None
        self._good_until_s = 0.0
        self._attempts = 0
        self._failure: SourceUnavailable | None = None

    def call(self) -> Call:
        """What one call of the source asks through: it may replace the token once."""
        return Call(self._web, self)

    def token(self, until_s: float) -> str:
        """A token that is good for minutes; whoever waits for the login of another takes what that gave.

        Raises:
            SourceUnavailable: the account was refused, or no login ended in time.
        """
        seen = self._attempts
        if not self._lock.acquire(timeout=max(0.0, until_s - self._clock.monotonic_s())):
            raise self._web.unavailable("no login ended in time", hint="it is slow or stuck: try again later")
        try:
            if self._token is not None and self._clock.monotonic_s() < self._good_until_s:
                return self._token
            if self._attempts != seen and self._failure is not None:
                raise type(self._failure)(self._failure.message, hint=self._failure.hint)
            return self._renewed(until_s)
        finally:
            self._lock.release()

    def drop(self, token: str) -> None:
        """Use `token` no more; one that replaced it stays."""
        with self._lock:
            if self._token == token:
                self._token = None

    def _renewed(self, until_s: float) -> str:
        """A new token, with the lock held."""
        began_s = self._clock.monotonic_s()
        self._token = self._failure = None
        try:
            token = fetch_token(self._web, self._header, until_s)
        except SourceUnavailable as exc:
            self._failure = exc
            raise
        finally:
            self._attempts += 1
        self._web.secrets.add(token)
        self._token, self._good_until_s = token, began_s + LIFE_S - MARGIN_S
        return token


class Call:
    """One call of the source: any number of questions in one time, a refused token replaced once."""

    def __init__(self, web: Web, login: Login) -> None:
        self._web = web
        self._login = login
        self._is_renewed = False
        self._until_s = web.deadline_s()

    def go_on(self) -> None:
        """Take time for the next part, after one that came."""
        self._until_s = self._web.deadline_s()

    def get(self, path: str, params: Mapping[str, str], what: str) -> object:
        """The answer as JSON values, login and all in the time of the call.

        Args:
            path: of the endpoint; params: its query.
            what: what was asked for, for errors.

        Raises:
            NotCovered: the plan or the service has it not.
            SourceUnavailable: anything else but an answer.
        """
        until_s = self._until_s
        while True:
            token = self._login.token(until_s)
            reply = self._web.get(
                path, params=params, credentials={"Authorization": f"Bearer {token}"}, until_s=until_s
            )
            if reply.status == HTTPStatus.OK:
                return parse_json(reply.body, source=WHO)
            if self._is_renewed or not may_be_the_token(reply):
                raise refusal(reply, what)
            self._is_renewed = True
            self._login.drop(token)


def fetch_token(web: Web, basic: str, until_s: float) -> str:
    """Log in with a Basic header."""
    reply = web.get("/login", credentials={"Authorization": basic}, until_s=until_s)
    if reply.status != HTTPStatus.OK:
        raise login_refusal(reply)
    return parse_login(parse_json(reply.body, source=WHO))
