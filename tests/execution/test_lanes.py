"""Lanes, flows and circuits: who waits for whom."""

from __future__ import annotations

import contextlib
import time
from datetime import UTC, datetime, timedelta
from threading import Event, current_thread, main_thread

import pytest

from scheduler.domain.errors import ClusterUnreachable
from scheduler.execution.circuits import Circuits
from scheduler.execution.clock import SystemClock
from scheduler.execution.flows import Flows
from scheduler.execution.lanes import InTurn, Lanes, Threads, Within
from tests.execution.fake_clock import FakeClock

START = datetime(2026, 3, 1, tzinfo=UTC)


def stays() -> bool:
    """Nobody asks to leave."""
    return False


@pytest.mark.parametrize("lanes", [InTurn(), Threads()])
def test_answers_and_errors_reach_whoever_awaits_them(lanes: Lanes) -> None:
    """Whatever lane it was asked on."""
    found: list[object] = []

    async def steps() -> None:
        """Ask twice."""
        found.append(await lanes.ask("a", lambda: 3))
        try:
            await lanes.ask("b", lambda: 1 // 0)
        except ZeroDivisionError:
            found.append("caught")

    flows = Flows(lanes=lanes, clock=SystemClock())
    flows.begin("one", steps())
    flows.settle(2.0, stays)
    assert [3, "caught"] == found
    assert not flows.has("one")


def test_work_runs_on_its_lane_and_the_rest_on_one_thread() -> None:
    """So that only one thread ever decides and writes."""
    lanes, threads = Threads(), []

    async def steps(lane: str) -> None:
        """Note both threads."""
        threads.append((await lanes.ask(lane, current_thread), current_thread()))

    flows = Flows(lanes=lanes, clock=SystemClock())
    for lane in ("a", "b"):
        flows.begin(lane, steps(lane))
    flows.settle(2.0, stays)
    assert {("lane a", main_thread()), ("lane b", main_thread())} == {(one.name, two) for one, two in threads}


def test_a_lane_answers_in_order() -> None:
    """What was asked first is done first."""
    lanes, done = Threads(), []

    async def steps(n: int) -> None:
        """One of many."""
        await lanes.ask("a", lambda: done.append(n))

    flows = Flows(lanes=lanes, clock=SystemClock())
    for n in range(50):
        flows.begin(str(n), steps(n))
    flows.settle(2.0, stays)
    assert list(range(50)) == done


def test_one_answer_serves_all_that_await_it() -> None:
    """Both flows go on when it is there."""
    lanes, event, found = Threads(), Event(), []
    call = lanes.ask("a", event.wait)

    async def steps(n: int) -> None:
        """Wait for the same."""
        await call
        found.append(n)

    flows = Flows(lanes=lanes, clock=SystemClock())
    flows.begin("1", steps(1))
    flows.begin("2", steps(2))
    event.set()
    flows.settle(2.0, stays)
    assert [1, 2] == sorted(found)


def test_what_takes_too_long_holds_up_one_settling_only() -> None:
    """The next ones do not wait for it; it goes on when its answer is there, or when it gives up."""
    lanes, event, clock = Threads(), Event(), FakeClock(START)
    found: list[object] = []

    async def patient() -> None:
        """Wait."""
        found.append(await lanes.ask("a", lambda: event.wait() and "answered"))

    async def impatient() -> None:
        """Wait for five seconds."""
        found.append(await Within(lanes.ask("a", lambda: "late"), clock, clock.monotonic_s() + 5))

    flows = Flows(lanes=lanes, clock=clock)
    flows.begin("patient", patient())
    flows.begin("impatient", impatient())
    flows.settle(0.2, stays)
    assert [] == found
    clock.at += timedelta(seconds=6)
    flows.settle(0.2, stays)
    assert [None] == found
    event.set()
    ends_s = time.monotonic() + 10
    while flows.has("patient") and time.monotonic() < ends_s:
        flows.settle(0.2, stays)
        time.sleep(0.01)
    assert [None, "answered"] == found


def test_settling_is_left_when_asked() -> None:
    """A signal ends the wait, not the answer."""
    lanes, event = Threads(), Event()

    async def steps() -> None:
        """Wait for ever."""
        await lanes.ask("a", event.wait)

    flows = Flows(lanes=lanes, clock=SystemClock())
    flows.begin("one", steps())
    flows.settle(60.0, lambda: True)
    assert flows.has("one")
    event.set()


def test_a_circuit_opens_lets_one_through_and_closes() -> None:
    """Closed, open for 2 s, half-open, open for 4 s, half-open, closed."""
    clock = FakeClock(START)
    circuits = Circuits(clock=clock)

    def ask(*, answers: bool) -> str:
        """Ask once; how the circuit stands after it."""
        with contextlib.suppress(ClusterUnreachable), circuits.asking("one"):
            if not answers:
                raise ClusterUnreachable("no answer")
        return circuits.of("one").state(clock.monotonic_s())

    assert ["closed", "open"] == [ask(answers=True), ask(answers=False)]
    clock.at += timedelta(seconds=1)
    assert "open" == ask(answers=True)  # not asked at all
    clock.at += timedelta(seconds=1)
    assert "half-open" == circuits.of("one").state(clock.monotonic_s())
    assert "open" == ask(answers=False)
    clock.at += timedelta(seconds=3)
    assert {"silent": "no answer", "circuit": "open", "failures": 2, "since": "2026-03-01T00:00:00Z"} == dict(
        circuits.told()["one"]
    )
    clock.at += timedelta(seconds=1)
    assert ("closed", "") == (ask(answers=True), circuits.of("one").silence)


def test_a_circuit_is_its_clusters_own() -> None:
    """Another cluster is asked as always, and no pause is longer than a minute."""
    clock = FakeClock(START)
    circuits = Circuits(clock=clock)
    for _ in range(12):
        circuits.of("one").failed("no answer", clock.now(), clock.monotonic_s())
        clock.at += timedelta(seconds=60)
    with circuits.asking("two"):
        pass
    assert {"one": "half-open", "two": "closed"} == {name: told["circuit"] for name, told in circuits.told().items()}
