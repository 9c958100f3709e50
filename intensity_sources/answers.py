"""A question to a provider that needs no credential: a GET that succeeds with JSON, or an error that says why not."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus

from intensity_sources.web import Web
from intensity_sources.web_json import parse_json


def ask(web: Web, path: str, params: Mapping[str, str] | None = None, *, until_s: float) -> object:
    """What the provider answers, as JSON values.

    Args:
        until_s: end of the question on the monotonic clock. [s]

    Raises:
        SourceUnavailable: it gave no success in time, or no JSON.
    """
    reply = web.get(path, params=params, until_s=until_s)
    if reply.status != HTTPStatus.OK:
        raise web.refused(reply)
    return parse_json(reply.body, source=web.source)
