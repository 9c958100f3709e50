"""The way to a dashboard: what is asked again, what a silence is called, and where a token never goes."""

from __future__ import annotations

import pytest
import requests
import responses
from pydantic import BaseModel

from scheduler.domain.cluster import Cluster, RayAddress
from scheduler.domain.errors import ClusterRefused, ClusterUnreachable, InvalidInput
from scheduler.execution.ray_http import TIMEOUT_S, RayHttp
from scheduler.execution.ray_rest import RayRest
from tests.execution.ray_answers import URL, FastClock, expect


@pytest.fixture
def http(executor: RayRest) -> RayHttp:
    """The way to the cluster whose answers the test gives."""
    return executor.http


def way(clock: FastClock, *, token: str | None = "t", **changes: object) -> RayHttp:
    """A way with another address."""
    return RayHttp(name="quebec", ray=RayAddress.model_validate({"address": URL, **changes}), token=token, clock=clock)


class Recorder(requests.Session):
    """A session that notes how it was asked, and answers 200."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: dict[str, object] = {}

    def request(self, method: str | bytes, url: str | bytes, *args: object, **options: object) -> requests.Response:
        """Note it."""
        self.asked = {"method": method, "url": url, "trust_env": self.trust_env, **options}
        answer = requests.Response()
        answer.status_code, answer._content = 200, b"{}"
        return answer


def test_every_request_has_timeouts_and_trusts_nothing_around_it(clock: FastClock) -> None:
    """No proxy of the environment, no ~/.netrc, no redirect, and the cluster's own idea of certificates."""
    session = Recorder()
    ray = RayAddress(address="https://ray.example/", verify="/etc/ca.pem")
    RayHttp(name="quebec", ray=ray, token="t0ken", clock=clock, session=session).call("GET", "/api/version")
    assert {
        "method": "GET",
        "url": "https://ray.example/api/version",
        "trust_env": False,
        "params": None,
        "json": None,
        "data": None,
        "headers": {"User-Agent": "carbonsched", "Authorization": "Bearer t0ken"},
        "timeout": (3.0, 15.0),
        "verify": "/etc/ca.pem",
        "allow_redirects": False,
    } == session.asked
    assert (3.0, 15.0) == TIMEOUT_S


def test_without_a_token_none_is_sent(clock: FastClock) -> None:
    """A cluster may be open."""
    session = Recorder()
    RayHttp(name="q", ray=RayAddress(address=URL), token=None, clock=clock, session=session).call("GET", "/")
    assert {"User-Agent": "carbonsched"} == session.asked["headers"]


def test_a_broken_connection_is_tried_again_where_that_does_no_harm(
    http: RayHttp, answers: responses.RequestsMock, clock: FastClock
) -> None:
    """Twice, after pauses that nobody notices."""
    for _ in range(2):
        expect(answers, "GET", "/x", requests.ConnectionError("Connection aborted"))
    expect(answers, "GET", "/x", b"at last")
    assert b"at last" == http.call("GET", "/x", repeatable=True).body
    assert 2 == len(clock.slept_s)
    assert sum(clock.slept_s) < 1


@pytest.mark.parametrize(("repeatable", "times"), [(False, 1), (True, 3)])
def test_a_connection_that_stays_broken_is_unreachable(
    http: RayHttp, answers: responses.RequestsMock, repeatable: bool, times: int  # noqa: FBT001  # a parameter of the test
) -> None:  # fmt: skip
    """A submission is sent once."""
    asked = expect(answers, "GET", "/x", requests.ConnectionError("Connection refused"))
    with pytest.raises(ClusterUnreachable, match=f"cluster 'quebec' at {URL}: no connection") as raised:
        http.call("GET", "/x", repeatable=repeatable)
    assert "tunnel" in raised.value.hint
    assert times == asked.call_count


@pytest.mark.parametrize(
    ("silence", "said"),
    [
        (requests.ConnectTimeout(), "no connection within 3 s"),
        (requests.ReadTimeout(), "no answer within 15 s"),
        (requests.ConnectionError("Connection aborted"), "the connection broke"),
        (requests.exceptions.ChunkedEncodingError("cut"), "the connection broke"),
        (requests.ConnectionError("BadStatusLine('\\x00')"), "does not speak HTTP"),
        (requests.exceptions.SSLError("certificate verify failed"), "its TLS certificate is not trusted"),
        (requests.exceptions.InvalidURL("port"), "the connection broke"),
    ],
)
def test_a_silence_is_called_by_its_name(
    http: RayHttp, answers: responses.RequestsMock, silence: Exception, said: str
) -> None:
    """Each says another way out."""
    expect(answers, "GET", "/x", silence)
    with pytest.raises(ClusterUnreachable, match=said) as raised:
        http.call("GET", "/x")
    assert raised.value.hint


def test_what_takes_long_is_not_asked_again(http: RayHttp, answers: responses.RequestsMock) -> None:
    """One timeout is enough of a wait."""
    asked = expect(answers, "GET", "/x", requests.ReadTimeout())
    with pytest.raises(ClusterUnreachable):
        http.call("GET", "/x", repeatable=True)
    assert 1 == asked.call_count


@pytest.mark.parametrize(("status", "said"), [(401, "wants a token"), (403, "refused the token")])
def test_a_stranger_is_told_where_a_token_is_looked_for(
    http: RayHttp, answers: responses.RequestsMock, status: int, said: str
) -> None:
    """Its name, never its value."""
    expect(answers, "GET", "/x", "no", status)
    with pytest.raises(ClusterRefused, match=f"cluster 'quebec' at {URL} {said}") as raised:
        http.call("GET", "/x")
    assert "looked for it in environment variable QC_TOKEN" == raised.value.hint


def test_a_redirect_is_not_followed(http: RayHttp, answers: responses.RequestsMock) -> None:
    """The token is for one address."""
    answers.add("GET", f"{URL}/x", status=302, headers={"Location": "http://elsewhere.example/"})
    with pytest.raises(ClusterUnreachable, match="it redirects elsewhere"):
        http.call("GET", "/x")


class Anything(BaseModel):
    """A form with one field."""

    x: int


@pytest.mark.parametrize("body", ["<html>", '{"y": 1}', '{"x": "one"}', "", b"\xff"])
def test_an_answer_in_another_form_is_not_rays(
    http: RayHttp, answers: responses.RequestsMock, body: str | bytes
) -> None:
    """Something else answers at that address, and of the jobs nothing is known."""
    expect(answers, "GET", "/x", body)
    with pytest.raises(ClusterUnreachable, match="what answers there is no Ray dashboard"):
        http.parsed(http.call("GET", "/x"), Anything)


@pytest.mark.parametrize(
    "address", ["http://ray.example:8265", "http://10.0.0.1:8265", "http://127.0.0.1.example", "http://[2001:db8::1]:1"]
)
def test_a_token_never_travels_readable_to_another_machine(clock: FastClock, address: str) -> None:
    """Refused before the first request; without a token there is nothing to read."""
    with pytest.raises(InvalidInput, match="its token would travel readable"):
        way(clock, address=address)
    way(clock, address=address, token=None)


@pytest.mark.parametrize(
    "address", ["http://127.0.0.1:1", "http://localhost:1", "http://[::1]:1", "https://ray.example"]
)
def test_a_token_may_go_where_nobody_listens(clock: FastClock, address: str) -> None:
    """To this machine itself, and through TLS."""
    assert address == way(clock, address=address).ray.address


def test_an_address_holds_no_password(clock: FastClock) -> None:
    """It would show in every error."""
    with pytest.raises(InvalidInput, match="its address holds a password") as raised:
        way(clock, address="https://me:secret@ray.example")
    assert "secret" not in raised.value.message + raised.value.hint


def test_a_via_that_means_nothing_is_refused(clock: FastClock) -> None:
    """Before the first request; the hint has the forms."""
    with pytest.raises(InvalidInput, match="cluster 'quebec': via 'bastion'") as raised:
        way(clock, via="bastion")
    assert "ssh://user@host" in raised.value.hint


def cluster(**ray: object) -> Cluster:
    """A cluster with this address."""
    figures = {"tdp_w": 400, "idle_w": 63, "embodied_kg": 150}
    node = {"gpus": 8, "host_w": 1600, "idle_w": 1000, "embodied_kg": 2500}
    data: dict[str, object] = {"name": "quebec", "zone": "CA-QC", "gpus": 8, "source": "declared"}
    data |= {"gpu": {"model": "A100", **figures}, "node": node}
    return Cluster.from_mapping({**data, **({"ray": ray} if ray else {})}, what="a test's cluster")


def test_an_executor_is_made_from_a_cluster_and_the_environment() -> None:
    """The token is looked up, the Python command taken over."""
    made = RayRest.connect(cluster(address=URL, token_env="QC", python="python3.12"), {"QC": "t0ken"})
    assert ("quebec", "t0ken", "python3.12", 900.0) == (
        made.http.name, made.http.token, made.python, made.lease.total_seconds(),
    )  # fmt: skip


def test_a_cluster_without_an_address_cannot_be_spoken_to() -> None:
    """It is good for plans only."""
    with pytest.raises(InvalidInput, match="cluster 'quebec' has no Ray address"):
        RayRest.connect(cluster(), {})
