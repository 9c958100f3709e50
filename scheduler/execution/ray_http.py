"""One cluster's dashboard over HTTP: timeouts, its token, and every failure in words that name the cluster.

Ray's own client is not used: it has no timeouts, and the variable RAY_ADDRESS overrides the address it is given.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from http import HTTPStatus
from typing import Final, Literal, TypeVar
from urllib.parse import urlsplit

import requests
from pydantic import BaseModel, ValidationError
from requests.adapters import HTTPAdapter
from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_exponential

from scheduler.domain.cluster import RayAddress
from scheduler.domain.errors import ClusterRefused, ClusterUnreachable, InvalidInput
from scheduler.execution.ray_token import where_looked
from scheduler.execution.ray_tunnel import Tunnel
from scheduler.execution.ray_via import Bastion, Proxy, is_loopback, parse_via, target_of
from scheduler.execution.redact import redacted
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
    _tunnel: Tunnel | None = field(init=False, default=None, repr=False)

    def __post_init__(self) -> None:
        """Refuse an address that would leak the token, and find the way that `via` says."""
        address = urlsplit(self.ray.address)
        if address.username or address.password:
            raise InvalidInput(f"cluster {self.name!r}: its address holds a password", hint="use token_env instead")
        if self.token and travels_readable(self.ray, cluster=self.name) and not self.ray.allow_plain_token:
            raise InvalidInput(
                f"cluster {self.name!r}: its token would travel readable to {self.ray.address}",
                hint="use https, or via: ssh://user@host; allow_plain_token: true under ray sends it all the same",
            )
        self.session.trust_env = False  # neither proxies nor ~/.netrc of this machine have a say in it
        via = None if self.ray.via is None else parse_via(self.ray.via, cluster=self.name)
        if isinstance(via, Proxy):
            self.session.proxies = {"http": via.url, "https": via.url}
        elif isinstance(via, Bastion):
            target = target_of(self.ray.address)
            tunnel = Tunnel(cluster=self.name, bastion=via, target=target, clock=self.clock)
            object.__setattr__(self, "_tunnel", tunnel)
            self.session.mount("https://", CertifiedFor(address.hostname or ""))

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
        base, headers = self._near_end()
        try:
            response = tries(
                self.session.request,
                method,
                base + path,
                params=params,
                json=json,
                data=data,
                headers=headers,
                timeout=TIMEOUT_S,
                verify=self.ray.verify,
                allow_redirects=False,
            )
        except (requests.RequestException, OSError) as exc:
            raise self._silent(exc) from exc
        return self._admitted(response)

    def _near_end(self) -> tuple[str, dict[str, str]]:
        """Where a request goes first, and its headers; through a tunnel the dashboard still hears its own name."""
        headers = {"User-Agent": "carbonsched"} | ({"Authorization": f"Bearer {self.token}"} if self.token else {})
        if self._tunnel is None:
            return self.ray.address.rstrip("/"), headers
        address = urlsplit(self.ray.address)
        near = address._replace(netloc=f"127.0.0.1:{self._tunnel.port()}").geturl()
        return near.rstrip("/"), {**headers, "Host": address.netloc}

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
        text = redacted(answer.text, [*secrets, self.token or ""])
        lines = [line for line in text.splitlines() if line.strip()]
        said = lines[-1].strip() if lines else "nothing"
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
        if isinstance(exc, requests.exceptions.ProxyError):
            return self.unreachable(f"its proxy {self.ray.via} hands nothing on", hint="see that the proxy is up")
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


def travels_readable(ray: RayAddress, *, cluster: str) -> bool:
    """Whether others could read what is sent to a dashboard: plain HTTP that leaves this machine outside of a tunnel.

    A proxy that is not this machine reads plain HTTP itself, unless what leads to it is encrypted and the dashboard
    stands beside it.
    """
    address = urlsplit(ray.address)
    if address.scheme == "https":
        return False
    via = None if ray.via is None else parse_via(ray.via, cluster=cluster)
    if isinstance(via, Bastion):
        return False
    return not is_loopback(address.hostname or "") or (via is not None and not via.private)


class CertifiedFor(HTTPAdapter):
    """TLS whose certificate has to be that of another name than the one connected to, as through a tunnel."""

    def __init__(self, name: str) -> None:
        self._name = name
        super().__init__()

    def init_poolmanager(self, connections: int, maxsize: int, block: bool = False, **options: object) -> None:  # noqa: FBT001, FBT002  # the library's signature
        """Pools that check for that name."""
        names = {"server_hostname": self._name, "assert_hostname": self._name}
        super().init_poolmanager(connections, maxsize, block, **names, **options)
