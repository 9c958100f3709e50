"""One cluster's dashboard over HTTP: timeouts, its token, and every failure in words that name the cluster.

Ray's own client is not used: it has no timeouts, and the variable RAY_ADDRESS overrides the address it is given.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from http import HTTPStatus
from typing import Final, Literal, TypeVar
from urllib.parse import urlsplit

import requests
from pydantic import BaseModel, ValidationError
from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_exponential

from scheduler.domain.cluster import RayAddress
from scheduler.domain.errors import ClusterRefused, ClusterUnreachable, InvalidInput
from scheduler.execution.ray_token import where_looked
from scheduler.ports import Clock

TIMEOUT_S: Final = (3.0, 15.0)
"""To connect, and between two bytes of an answer. [s]"""

_ATTEMPTS: Final = 3
_FIRST_PAUSE_S: Final = 0.2
_BUSY: Final = (HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS)
_SHOWN: Final = 200

Method = Literal["GET", "POST", "PUT"]
Form = TypeVar("Form", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: neither a redirect nor a refusal of the token."""

    status: int
    body: bytes

    @property
    def text(self) -> str:
        """The body as text."""
        return self.body.decode(errors="replace")


@dataclass(frozen=True, slots=True, kw_only=True)
class RayHttp:
    """The way to one cluster.

    Args:
        name: of the cluster, for errors.
        token: its token; sent to its address only, and shown nowhere.
        session: carries the connections; a new one where none is given.
    """

    name: str
    ray: RayAddress
    token: str | None = field(repr=False)
    clock: Clock
    session: requests.Session = field(default_factory=requests.Session, repr=False)

    def __post_init__(self) -> None:
        """Refuse an address that would leak the token, and what is not built yet."""
        address = urlsplit(self.ray.address)
        if address.username or address.password:
            raise InvalidInput(f"cluster {self.name!r}: its address holds a password", hint="use token_env instead")
        if self.token and address.scheme == "http" and not _is_loopback(address.hostname or ""):
            raise InvalidInput(
                f"cluster {self.name!r}: its token would travel readable to {self.ray.address}",
                hint="use https, or a tunnel to http://127.0.0.1",
            )
        if self.ray.via is not None:
            raise InvalidInput(
                f"cluster {self.name!r}: via is not supported yet",
                hint="open the tunnel yourself (ssh -L 8265:localhost:8265 ...) and set address to its near end",
            )
        self.session.trust_env = False  # neither proxies nor ~/.netrc of this machine have a say in it

    def call(
        self,
        method: Method,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        json: object = None,
        data: bytes | None = None,
        repeatable: bool = False,
    ) -> Answer:
        """Send one request; a `repeatable` one is sent again where the connection broke.

        Raises:
            ClusterUnreachable: no answer; what the request did is unknown.
            ClusterRefused: the token is missing or wrong.
        """
        tries = Retrying(
            retry=retry_if_exception(_is_passing),
            stop=stop_after_attempt(_ATTEMPTS if repeatable else 1),
            wait=wait_exponential(multiplier=_FIRST_PAUSE_S),
            sleep=lambda seconds: self.clock.sleep(timedelta(seconds=seconds)),
            reraise=True,
        )
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        try:
            response = tries(
                self.session.request,
                method,
                self.ray.address.rstrip("/") + path,
                params=params,
                json=json,
                data=data,
                headers={"User-Agent": "carbonsched", **headers},
                timeout=TIMEOUT_S,
                verify=self.ray.verify,
                allow_redirects=False,
            )
        except (requests.RequestException, OSError) as exc:
            raise self._silent(exc) from exc
        return self._admitted(response)

    def _admitted(self, response: requests.Response) -> Answer:
        """The answer, unless something in front of the cluster gave it."""
        status = response.status_code
        if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
            why = "wants a token" if status == HTTPStatus.UNAUTHORIZED else "refused the token"
            raise ClusterRefused(
                f"cluster {self.name!r} at {self.ray.address} {why}", hint=f"looked for it in {where_looked(self.ray)}"
            )
        if response.is_redirect:
            raise self.unreachable("it redirects elsewhere", hint="the address is the dashboard's own")
        return Answer(status, response.content)

    def parsed(self, answer: Answer, form: type[Form]) -> Form:
        """The body of a good answer in the form that Ray gives it; anything else raises as `refusal` says."""
        if answer.status != HTTPStatus.OK:
            raise self.refusal(answer)
        try:
            return form.model_validate_json(answer.body)
        except ValidationError as exc:
            raise self.unreachable(
                "what answers there is no Ray dashboard", hint="the address is the dashboard's, usually port 8265"
            ) from exc

    def refusal(self, answer: Answer, *, secrets: Iterable[str] = ()) -> ClusterRefused | ClusterUnreachable:
        """The error for an answer that is no success; a failure inside the cluster says nothing about its jobs.

        Args:
            answer: what came back.
            secrets: values of the request that its error may repeat.
        """
        lines = [line for line in answer.text.splitlines() if line.strip()]
        said = lines[-1].strip() if lines else "nothing"
        for secret in sorted((s for s in (*secrets, self.token) if s), key=len, reverse=True):
            said = said.replace(secret, "***")
        said = f"{answer.status}: {said[:_SHOWN]}"
        if answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR or answer.status in _BUSY:
            return self.unreachable(f"it answered {said}", hint="it may be starting; see its dashboard's log")
        return ClusterRefused(f"cluster {self.name!r} at {self.ray.address} answered {said}")

    def unreachable(self, why: str, *, hint: str) -> ClusterUnreachable:
        """The error for a cluster that cannot be spoken to."""
        return ClusterUnreachable(f"cluster {self.name!r} at {self.ray.address}: {why}", hint=hint)

    def _silent(self, exc: Exception) -> ClusterUnreachable:
        """The error for a request that got no answer."""
        if isinstance(exc, requests.exceptions.SSLError):
            return self.unreachable("its TLS certificate is not trusted", hint="set ray.verify to the path of its CA")
        if isinstance(exc, requests.ConnectTimeout):
            why = f"no connection within {TIMEOUT_S[0]:g} s"
        elif isinstance(exc, requests.Timeout):
            why = f"no answer within {TIMEOUT_S[1]:g} s"
        elif "BadStatusLine" in repr(exc):
            return self.unreachable("what answers there does not speak HTTP", hint="give the dashboard's port")
        else:
            why = "no connection" if "refused" in str(exc) else "the connection broke"
        return self.unreachable(why, hint="is it up, and is the tunnel to it open?")


def _is_passing(exc: BaseException) -> bool:
    """Whether a request failed for a reason that is often gone a moment later."""
    lasting = (requests.Timeout, requests.exceptions.SSLError)
    return isinstance(exc, requests.ConnectionError) and not isinstance(exc, lasting)


def _is_loopback(host: str) -> bool:
    """Whether `host` is this machine itself."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
