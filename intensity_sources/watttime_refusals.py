"""What a refusal of the WattTime API means; its words are JSON, bare text or a page of what stands before it."""

from __future__ import annotations

from http import HTTPStatus
from typing import Final

from intensity_sources.watttime_rows import WHO
from intensity_sources.web_line import Reply
from intensity_sources.web_words import said
from scheduler.domain.errors import NotCovered, SourceUnavailable, UnusableAnswer

USERNAME: Final = "WATTTIME_USERNAME"
PASSWORD: Final = "WATTTIME_PASSWORD"  # noqa: S105  # the name of the secret, not the secret
PLANS: Final = "https://watttime.org/data-plans"
PREVIEW: Final = "CAISO_NORTH"
"""The one region that an account without a plan may ask for (docs.watttime.org)."""

_SCOPE: Final = ("scope", "sufficient access", "subscription", "not authorized")
_NO_COVERAGE: Final = "no coverage"
_ELSE: Final = "try again later, or name another source for the zone"


def login_refusal(reply: Reply) -> SourceUnavailable:
    """The error for a login that failed; a page is from something in between, not about the account."""
    words = said(reply.body)
    if reply.status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN) and not _is_page(reply):
        return SourceUnavailable(
            f"{WHO} does not know the account of {USERNAME} and {PASSWORD} (it said {words!r})",
            hint="check both; https://docs.watttime.org says how to register",
        )
    return SourceUnavailable(f"{WHO} answered {reply.status} to a login: {words}", hint=_ELSE)


def may_be_the_token(reply: Reply) -> bool:
    """Whether a new token may help: a 401, or a 403 that does not speak of the plan."""
    if reply.status == HTTPStatus.UNAUTHORIZED:
        return True
    return reply.status == HTTPStatus.FORBIDDEN and not _is_plan(reply)


def refusal(reply: Reply, what: str) -> SourceUnavailable:
    """The error for an answer that is no success, after a new token did not help either."""
    words = said(reply.body)
    told = f"{WHO} answered {reply.status}: {words}"
    if reply.status == HTTPStatus.FORBIDDEN and _is_plan(reply):
        return NotCovered(
            f"{WHO}: the plan of {USERNAME} does not reach {what}", hint=f"without one {PREVIEW} alone: {PLANS}"
        )
    if reply.status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        return SourceUnavailable(
            told, hint=f"it refused a token that it had just issued; the plan may not reach {what}: {PLANS}"
        )
    if reply.status == HTTPStatus.NOT_FOUND and _NO_COVERAGE in words.lower():
        return NotCovered(f"{WHO} does not cover {what}", hint="name another source for the zone")
    if reply.status == HTTPStatus.TOO_MANY_REQUESTS:
        return SourceUnavailable(told, hint="it takes 3,000 requests in 5 minutes and 100 logins: ask less often")
    if reply.status in (HTTPStatus.BAD_REQUEST, HTTPStatus.UNPROCESSABLE_ENTITY):
        return UnusableAnswer(told, hint=f"it does not take the question for {what}; check the region")
    return SourceUnavailable(told, hint=_ELSE)


def _is_plan(reply: Reply) -> bool:
    """Whether a refusal speaks of what the account may ask for."""
    return any(mark in said(reply.body).lower() for mark in _SCOPE)


def _is_page(reply: Reply) -> bool:
    """Whether the words are a web page."""
    return reply.body.lstrip().startswith(b"<")
