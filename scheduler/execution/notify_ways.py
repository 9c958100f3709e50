"""The two ways a notice leaves: a webhook, or a command that reads it; each is given a bounded time."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import tempfile
from dataclasses import dataclass, field
from datetime import timedelta
from http import HTTPStatus
from typing import Final
from urllib.parse import urlsplit

import requests
from tenacity import RetryError, Retrying, retry_if_exception, retry_if_result, stop_after_attempt, wait_exponential

from scheduler.domain.errors import CarbonschedError
from scheduler.ports import Clock

WEBHOOK_TIMEOUT_S: Final = (3.0, 10.0)
"""To connect, and between two bytes of the answer. [s]"""
COMMAND_TIMEOUT: Final = timedelta(seconds=30)
_ATTEMPTS: Final = 3
_SHOWN: Final = 200
_WEB: Final = ("http://", "https://")


class NotTold(CarbonschedError):
    """A webhook or a command did not take a notice."""


def label(target: str) -> str:
    """A target as it may be shown: a webhook's path often is its password, and so may a command's words be."""
    if target.startswith(_WEB):
        return f"webhook at {urlsplit(target).hostname}"
    return f"command {shlex.split(target)[0]}"


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookOrCommand:
    """Sends to an http or https address, and runs anything else without a shell."""

    clock: Clock
    command_timeout: timedelta = COMMAND_TIMEOUT
    session: requests.Session = field(default_factory=requests.Session, repr=False)

    def send(self, target: str, body: bytes) -> None:
        """Hand `body` over.

        Raises:
            NotTold: it was not taken in time, or refused.
        """
        if target.startswith(_WEB):
            self._post(target, body)
        else:
            self._run(target, body)

    def _post(self, url: str, body: bytes) -> None:
        """Post it, again where the connection broke or the other side is busy; a redirect counts as a refusal."""
        tries = Retrying(
            retry=retry_if_exception(_is_passing) | retry_if_result(_is_busy),
            stop=stop_after_attempt(_ATTEMPTS),
            wait=wait_exponential(),
            sleep=lambda seconds: self.clock.sleep(timedelta(seconds=seconds)),
        )
        headers = {"Content-Type": "application/json", "User-Agent": "carbonsched"}
        try:
            answer = tries(
                self.session.post, url, data=body, headers=headers, timeout=WEBHOOK_TIMEOUT_S, allow_redirects=False
            )
        except RetryError as exc:
            last = exc.last_attempt
            why = "it cannot be reached" if last.failed else f"it answered {last.result().status_code}"
            raise NotTold(f"{label(url)}: {why}") from exc
        except (requests.RequestException, ValueError) as exc:
            raise NotTold(f"{label(url)}: {type(exc).__name__}") from exc
        if not answer.ok or answer.is_redirect:
            raise NotTold(f"{label(url)}: it answered {answer.status_code}")

    def _run(self, line: str, body: bytes) -> None:
        """Run the command with the notice on its input; past its time it is killed with all that it started."""
        limit_s = self.command_timeout.total_seconds()
        with tempfile.TemporaryFile() as said:
            try:
                process = subprocess.Popen(
                    shlex.split(line), stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=said,
                    start_new_session=True,
                )  # fmt: skip
            except (OSError, ValueError) as exc:
                raise NotTold(f"{label(line)}: {getattr(exc, 'strerror', None) or exc}") from exc
            try:
                process.communicate(body, timeout=limit_s)
            except subprocess.TimeoutExpired as exc:
                os.killpg(process.pid, signal.SIGKILL)
                process.communicate()
                raise NotTold(f"{label(line)}: it took over {limit_s:g} s and was killed") from exc
            said.seek(0)
            words = " ".join(said.read().decode(errors="replace").split())[-_SHOWN:]
        if process.returncode != 0:
            raise NotTold(f"{label(line)}: it ended with {process.returncode}{': ' + words if words else ''}")


def _is_passing(exc: BaseException) -> bool:
    """Whether a post failed for a reason that is often gone a moment later."""
    return isinstance(exc, requests.ConnectionError | requests.Timeout)


def _is_busy(answer: requests.Response) -> bool:
    """Whether the other side may take it a moment later."""
    status = answer.status_code
    return status >= HTTPStatus.INTERNAL_SERVER_ERROR or status == HTTPStatus.TOO_MANY_REQUESTS
