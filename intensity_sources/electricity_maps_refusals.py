"""What a refusal of the Electricity Maps API means, told from its status and its words together.

401 has three meanings: a key that is none, a plan without that zone or endpoint, and too many requests
(electricitymaps-contrib, issue 8047). Trying again helps with none of them within a minute.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Final

from intensity_sources.electricity_maps_rows import WHO
from intensity_sources.web_json import parse_json
from intensity_sources.web_line import Reply
from intensity_sources.web_words import said
from scheduler.domain.errors import NotCovered, SourceUnavailable, UnusableAnswer

CREDENTIAL: Final = "ELECTRICITY_MAPS_TOKEN"
"""The name that the service's own documentation has for its credential is auth-token."""
PORTAL: Final = "https://portal.electricitymaps.com"

_BAD_KEY: Final = ("token is invalid", "invalid auth-token", "valid authentication header")
_NO_PLAN: Final = ("request unauthorized for", "do not have access")
_TOO_OFTEN: Final = ("rate limit", "ratelimit", "too many", "quota", "throttl", "requests per")
_NO_ZONE: Final = "does not exist"
_TRY_LATER: Final = "ask less often, or name another source for the zone"


class PlanLacks(NotCovered):
    """The plan behind the key does not reach an endpoint of a zone."""


class BadRange(UnusableAnswer):
    """A request that the service will not take as it is; a shorter range may do."""


def refusal(reply: Reply, *, zone: str, way: str, answered_before: bool) -> SourceUnavailable:
    """The error for an answer that is no success.

    Args:
        reply: what came back.
        zone: that was asked for; way: the endpoint.
        answered_before: whether the same endpoint of the same zone gave an answer to this key already.
    """
    words = said(reply.body)
    told = f"{WHO} answered {reply.status}: {words}"
    if reply.status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        return _unauthorized(told, words.lower(), zone=zone, way=way, answered_before=answered_before)
    if reply.status == HTTPStatus.BAD_REQUEST:
        if _NO_ZONE in words.lower():
            return NotCovered(f"{WHO} has no zone {zone!r}", hint="carbonsched intensity zones lists the zones")
        return BadRange(told, hint="the service does not take such a request; look for a newer version of this tool")
    if reply.status == HTTPStatus.NOT_FOUND:
        return _not_found(reply, told, zone)
    if reply.status == HTTPStatus.TOO_MANY_REQUESTS:
        return SourceUnavailable(told, hint=_TRY_LATER)
    return SourceUnavailable(told, hint="try again later, or name another source for the zone")


def _unauthorized(told: str, words: str, *, zone: str, way: str, answered_before: bool) -> SourceUnavailable:
    """Which of the meanings of 401 it is."""
    if any(mark in words for mark in _TOO_OFTEN):
        return SourceUnavailable(told, hint=f"it was asked too often: {_TRY_LATER}")
    if any(mark in words for mark in _NO_PLAN):
        if answered_before:
            return SourceUnavailable(
                f"{WHO} refused {way} of {zone}, which it answered before with this key",
                hint=f"it says so where it was asked too often, or the plan has changed: {_TRY_LATER}",
            )
        return PlanLacks(
            f"{WHO}: the plan of {CREDENTIAL} does not reach {way} of {zone}", hint=f"see the plan at {PORTAL}"
        )
    if any(mark in words for mark in _BAD_KEY):
        return SourceUnavailable(
            f"{WHO} does not know the key in {CREDENTIAL}", hint=f"copy it again from {PORTAL}, and mind its end"
        )
    return SourceUnavailable(
        told, hint=f"the key in {CREDENTIAL} may be wrong, its plan may not reach {zone}, or it was asked too often"
    )


def _not_found(reply: Reply, told: str, zone: str) -> SourceUnavailable:
    """No data where the service says so in JSON; anything else is a path that it has not."""
    try:
        answer = parse_json(reply.body, source=WHO)
    except SourceUnavailable:
        answer = None
    if isinstance(answer, dict):
        return NotCovered(f"{WHO} has no data for {zone}: {said(reply.body)}", hint="name another source for the zone")
    return SourceUnavailable(told, hint="its base_url ends in /v4 or /v3")
