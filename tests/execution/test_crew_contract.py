"""What everybody who makes replays must do: this process, processes of this machine, and a real Ray cluster."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from cli.replays.crew import Alone, Crew
from cli.replays.processes import Processes
from cli.replays.ray_address import RAY_SETTINGS, ClientServer
from cli.replays.work import Order
from policies.run_now import RunNow
from policies.threshold import Threshold
from scheduler.domain.errors import CarbonschedError, ClusterRefused, ClusterUnreachable, InvalidInput
from scheduler.execution import local_process
from scheduler.execution.local_ports import Ports
from scheduler.execution.local_ray import LocalRay
from scheduler.simulation.results import Replayed
from tests.execution.crew_world import Deadly, orders, work

KEPT = "what is finished is kept"


def unseen(_order: Order, _jobs: int, _took_s: float) -> None:
    """Nobody looks how far a replay is."""


@dataclass
class Bench:
    """A crew to test, what it said, and whether anything of it still runs."""

    crew: Crew
    said: list[str] = field(default_factory=list)
    runs: Callable[[], bool] = lambda: False


@pytest.fixture(params=["alone", "processes", pytest.param("ray", marks=pytest.mark.ray)])
def bench(request: pytest.FixtureRequest) -> Bench:
    """Each crew in turn."""
    if request.param == "ray":
        made = request.getfixturevalue("ray_bench")
        assert isinstance(made, Bench)
        return made
    if request.param == "processes":
        return Bench(Processes(2, KEPT), runs=lambda: bool(multiprocessing.active_children()))
    return Bench(Alone())


@pytest.fixture
def ray_bench(local_ray: LocalRay, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    """The cluster in Quebec, by its client server, which wants its token."""
    monkeypatch.setenv("RAY_AUTH_MODE", "token")
    monkeypatch.setenv("RAY_AUTH_TOKEN_PATH", str(local_ray.state_dir / "local" / "quebec.token"))
    for name, value in RAY_SETTINGS.items():
        monkeypatch.setenv(name, value)
    import ray  # noqa: PLC0415  # it reads its settings when it is imported

    from cli.replays.ray_cluster import RayCluster  # noqa: PLC0415  # the same

    said: list[str] = []
    base = json.loads((local_ray.state_dir / "local" / "quebec.json").read_text())["base"]
    server = ClientServer(host="127.0.0.1", port=Ports(base).client)
    crew = RayCluster(server, way_out=KEPT, say=said.append, again=lambda _order: None)
    yield Bench(crew, said, ray.is_initialized)
    ray.shutdown()


def result(one: Replayed) -> list[list[object]]:
    """What a replay came to, less the time that it took."""
    return [
        np.asarray(each).tolist() for each in (one.spans, one.start_us, one.finish_us, one.solves, one.bill.total_kg)
    ]


def test_each_replay_comes_once_and_to_the_same(bench: Bench) -> None:
    """Whoever makes it; behind them nothing runs on."""
    wanted = orders()
    with closing(bench.crew.made(wanted, unseen)) as making:
        made = list(making)
    assert set(wanted) == {order for order, _ in made}
    assert len(wanted) == len(made)
    alone = {order: result(one) for order, one in Alone().made(wanted, unseen)}
    assert alone == {order: result(one) for order, one in made}
    assert not bench.runs()


def test_a_replay_that_cannot_be_made_says_why(bench: Bench) -> None:
    """In the words of the policy, with its hint."""
    wanted = [Order(work=work(replanned=False), policy=Threshold(), perfect=False)]
    with closing(bench.crew.made(wanted, unseen)) as making, pytest.raises(InvalidInput, match="each hour") as raised:
        next(making)
    assert "--replan 1h" in raised.value.hint
    assert not bench.runs()


def test_whoever_turns_away_leaves_nothing_running(bench: Bench) -> None:
    """As on Ctrl-C, with replays still to be made."""
    with closing(bench.crew.made(orders() * 3, unseen)) as making:
        next(making)
    assert not bench.runs()


def test_a_killed_process_is_an_error_of_one_line_behind_what_is_done() -> None:
    """It says what becomes of finished replays, and the other processes end."""
    first, deadly = orders()[0], Order(work=work(), policy=Deadly(), perfect=False)
    with closing(Processes(1, KEPT).made([first, deadly], unseen)) as making:
        assert first is next(making)[0]
        with pytest.raises(CarbonschedError, match="was killed") as raised:
            next(making)
    assert KEPT in raised.value.hint
    assert not multiprocessing.active_children()


MISMATCH = """Version mismatch: The cluster was started with:
    Ray: 2.55.0
    Python: 3.12.1
This process on Ray Client was started with:
    Ray: 2.60.0
    Python: 3.11.7
"""


@pytest.mark.ray
@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (RuntimeError(MISMATCH), (1, "runs Ray 2.55.0 on Python 3.12.1, here is Ray 2.60.0", "Python 3.12 with ray")),
        (ConnectionError("ray client connection timeout"), (5, "no client server that takes us", "RAY_AUTH_TOKEN")),
        (ConnectionAbortedError("It failed:\nno pip\n"), (1, "cannot make replays ready: no pip", "log has all")),
    ],
)
def test_a_cluster_that_does_not_take_us_is_told_in_our_words(
    ray_bench: Bench, monkeypatch: pytest.MonkeyPatch, error: Exception, expected: tuple[int, str, str]
) -> None:
    """Its versions and ours, its token, its environment; one line each."""

    def refused(*_: object, **__: object) -> None:
        """Stands for Ray."""
        raise error

    monkeypatch.setattr("ray.init", refused)
    with closing(ray_bench.crew.made(orders(), unseen)) as making, pytest.raises(CarbonschedError) as raised:
        next(making)
    code, message, hint = expected
    assert code == raised.value.exit_code
    assert message in raised.value.message
    assert hint in raised.value.hint


@pytest.mark.ray
@pytest.mark.soak
def test_a_replay_whose_worker_died_is_begun_anew_and_not_for_ever(
    ray_bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first dies once, the second each time; each new beginning is said."""
    for name, value in (("_TRIES", 2), ("_LEAST_IN_FLIGHT", 1), ("_AHEAD", 0)):  # one after the other
        monkeypatch.setattr(f"cli.replays.ray_cluster.{name}", value)
    once = Order(work=work(), policy=Deadly(tmp_path / "died"), perfect=False)
    always = Order(work=once.work, policy=Deadly(), perfect=False)
    with closing(ray_bench.crew.made([once, always], unseen)) as making:
        _, replayed = next(making)
        with pytest.raises(ClusterRefused, match="2 times") as raised:
            next(making)
    [(_, plain)] = list(Alone().made([Order(work=once.work, policy=RunNow(), perfect=False)], unseen))
    assert result(plain) == result(replayed)
    assert ["a worker died: run-now (history) is begun anew (2 of 2)"] * 2 == ray_bench.said
    assert KEPT in raised.value.hint


@pytest.mark.ray
@pytest.mark.soak
def test_a_lost_cluster_is_told_and_nothing_is_begun_in_its_place(
    ray_bench: Bench, local_ray: LocalRay, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exit code 5, with what becomes of finished replays."""
    monkeypatch.setenv("RAY_CLIENT_RECONNECT_GRACE_PERIOD", "1")
    with closing(ray_bench.crew.made(orders() * 20, unseen)) as making:
        next(making)
        os.kill(_servant(local_ray), signal.SIGKILL)
        with pytest.raises(ClusterUnreachable, match="broke") as raised:
            list(making)
    assert (5, True) == (raised.value.exit_code, KEPT in raised.value.hint)
    assert not ray_bench.runs()


def _servant(local_ray: LocalRay) -> int:
    """The process of the cluster in Quebec that serves our connection."""
    kept = json.loads((local_ray.state_dir / "local" / "quebec.json").read_text())
    family = local_process.family(local_process.Process(kept["pid"], kept["started"]), kept["mark"])
    found = [each for each in family if b"specific-server" in Path(f"/proc/{each.pid}/cmdline").read_bytes()]
    return max(found, key=lambda each: int(each.started)).pid  # those of earlier connections may still be ending
