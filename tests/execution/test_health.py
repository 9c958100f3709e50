"""Health: what the loop last told, when it counts as stuck, and who may ask."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from scheduler.domain.errors import InvalidInput
from scheduler.execution.health import Health
from scheduler.execution.health_http import parse_address, served
from scheduler.execution.metrics import Metrics
from scheduler.records.state_folder import StateFolder
from scheduler.records.store import open_store
from tests.execution.fake_clock import FakeClock

START = datetime(2026, 3, 1, 12, 0, 0, 250_000, tzinfo=UTC)


def health(clock: FakeClock, tick_s: float = 2.0) -> Health:
    """The health of a loop of that tick."""
    return Health(clock=clock, tick=timedelta(seconds=tick_s))


@pytest.fixture
def watched(tmp_path: Path) -> Callable[[Health, FakeClock], Metrics]:
    """What answers for a health, on an empty store."""
    return lambda one, clock: Metrics(one, open_store(StateFolder(tmp_path / "state")), clock)


def asked(port: int, path: str = "/healthz") -> tuple[int, str]:
    """Status and body of an answer."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as exc:
        with exc:
            return exc.code, exc.read().decode()


def test_a_fresh_pass_is_told_with_silent_clusters() -> None:
    """The answer holds the last pass to the second, the open jobs, and why each cluster is silent."""
    one = health(FakeClock(START))
    one.passed(open_jobs=3, clusters={"france": {"silent": ""}, "quebec": {"silent": "no connection"}})
    clusters = {"france": {"silent": ""}, "quebec": {"silent": "no connection"}}
    assert {"pass_at": "2026-03-01T12:00:00Z", "open_jobs": 3, "clusters": clusters} == one.as_json()


@pytest.mark.parametrize(("tick_s", "quiet_s", "stuck"), [(2, 120, False), (2, 121, True), (60, 300, False)])
def test_a_loop_is_stuck_after_two_minutes_or_five_ticks(tick_s: float, quiet_s: float, *, stuck: bool) -> None:
    """A slow tick is no sign of trouble, and neither is a pass that uploads a package."""
    clock = FakeClock(START)
    one = health(clock, tick_s)
    one.passed(open_jobs=0, clusters={})
    clock.sleep(timedelta(seconds=quiet_s))
    assert stuck is bool(one.problem())


def test_a_loop_that_never_passed_is_given_time_and_then_stuck() -> None:
    """Before the first pass there is nothing to tell, which is no trouble until it lasts."""
    clock = FakeClock(START)
    one = health(clock)
    assert {"pass_at": None, "open_jobs": None, "clusters": {}} == one.as_json()
    clock.sleep(timedelta(minutes=3))
    assert "no pass has ended well for 3m" == one.as_json()["problem"]


def test_http_answers_200_then_503_and_nothing_else(watched: Callable[[Health, FakeClock], Metrics]) -> None:
    """A watcher needs the status alone; other paths and methods are not there."""
    clock = FakeClock(START)
    one = health(clock)
    one.passed(open_jobs=1, clusters={"france": {"silent": ""}})
    with served(watched(one, clock), "127.0.0.1", 0) as port:
        fine = asked(port)
        other = asked(port, "/")
        clock.sleep(timedelta(hours=1))
        stuck = asked(port, "/healthz?x=1")
    assert (200, 404, 503) == (fine[0], other[0], stuck[0])
    assert {"pass_at": "2026-03-01T12:00:00Z", "open_jobs": 1, "clusters": {"france": {"silent": ""}}} == json.loads(
        fine[1]
    )
    assert "no pass has ended well for 1h" == json.loads(stuck[1])["problem"]


def test_http_ends_with_its_block_and_a_taken_port_is_said(
    watched: Callable[[Health, FakeClock], Metrics],
) -> None:
    """The port is free again afterwards, and while it is taken the way out is named."""
    clock = FakeClock(START)
    one = watched(health(clock), clock)
    with served(one, "127.0.0.1", 0) as port, pytest.raises(InvalidInput, match="cannot be listened on"):
        served(one, "127.0.0.1", port).__enter__()
    with served(one, "127.0.0.1", port) as again:
        assert port == again


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("127.0.0.1:80", ("127.0.0.1", 80)),
        ("localhost:1", ("localhost", 1)),
        ("[::1]:8764", ("::1", 8764)),
        (":0", ("127.0.0.1", 0)),
        ("8764", ("127.0.0.1", 8764)),
    ],
)
def test_an_address_is_this_machine_by_default(text: str, expected: tuple[str, int]) -> None:
    """Host and port, or a port alone."""
    assert expected == parse_address(text, insecure=False)


@pytest.mark.parametrize("text", ["0.0.0.0:80", "192.0.2.1:80", "example.org:80", "[::]:80"])
def test_other_machines_are_answered_only_on_demand(text: str) -> None:
    """Nobody is asked who they are, so a person must say that this is meant."""
    with pytest.raises(InvalidInput, match="other machines") as caught:
        parse_address(text, insecure=False)
    assert "--insecure" in caught.value.hint
    assert parse_address(text, insecure=True)[1] == 80


@pytest.mark.parametrize("text", ["", "localhost", "localhost:", "localhost:http", "127.0.0.1:65536", "127.0.0.1:²"])
def test_what_is_no_address_is_refused(text: str) -> None:
    """The hint shows one."""
    with pytest.raises(InvalidInput, match="is not HOST:PORT"):
        parse_address(text, insecure=False)
