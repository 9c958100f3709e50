"""Settling beside a scheduler's passes: once a day, piece by piece, and nothing that goes wrong in it stops a pass."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from cli import wiring
from cli.serve_settling import FIRST_AFTER, DailySettling
from cli.settling import Round
from scheduler.domain.errors import StoreError
from scheduler.execution.lanes import Call, InTurn
from scheduler.records.statements import newest_statements
from tests.cli.loop_world import Clock, World
from tests.cli.loop_world import world as world  # noqa: PLC0414  # a fixture
from tests.cli.settle_world import FRANCE, PROVIDER, QUEBEC, Moment, Revising, add, anew, csv, table
from tests.cli.settle_world import maps as maps  # noqa: PLC0414  # a fixture
from tests.cli.settle_world import moment as moment  # noqa: PLC0414  # a fixture
from tests.cli.settle_world import place as place  # noqa: PLC0414  # a fixture


class Pieces(Round):
    """A round of pieces that are made up."""

    pieces: list[Callable[[], object]]

    def steps(self) -> Iterator[Callable[[], object]]:
        """The pieces."""
        yield from self.pieces


def settling(clock: Clock, *pieces: Callable[[], object]) -> tuple[DailySettling, list[int]]:
    """A settling whose rounds are made of the pieces, and a list that grows with each round."""
    begun: list[int] = []

    def begin() -> Round:
        """A round."""
        begun.append(1)
        made = Pieces(store=None)  # type: ignore[arg-type]  # it is not looked at
        made.pieces = list(pieces)
        return made

    return DailySettling(begin=begin, clock=clock), begun


def test_a_round_a_day_a_piece_a_pass() -> None:
    """Not at once when the scheduler starts, and not twice."""
    clock, did = Clock(), []
    daily, begun = settling(clock, lambda: did.append("a"), lambda: did.append("b"))
    daily.step(InTurn())
    assert ([], []) == (did, begun)
    clock.sleep(FIRST_AFTER)
    for done in (["a"], ["a", "b"], ["a", "b"], ["a", "b"]):
        daily.step(InTurn())
        assert done == did
    clock.sleep(timedelta(hours=23))
    daily.step(InTurn())
    assert [1] == begun
    clock.sleep(timedelta(hours=1))
    daily.step(InTurn())
    assert ([1, 1], ["a", "b", "a"]) == (begun, did)


class Later:
    """A lane on which nothing is done before it is told to."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, Call[object]]] = []

    def ask(self, lane: str, work: Callable[[], object], /) -> Call[object]:
        """Note it."""
        self.calls.append((lane, Call(work)))
        return self.calls[-1][1]

    def answered(self, _wait_s: float, /) -> list[Call[object]]:
        """Nobody asks here."""
        return []


def test_a_pass_does_not_wait_for_a_piece() -> None:
    """However long a provider takes, one piece is on the lane of intensities and no second."""
    clock, lanes = Clock(), Later()
    daily, _ = settling(clock, lambda: None)
    clock.sleep(FIRST_AFTER)
    for _ in range(5):
        daily.step(lanes)  # type: ignore[arg-type]  # lanes of another answer
    assert ["intensities"] == [lane for lane, _ in lanes.calls]


@pytest.mark.parametrize(
    ("error", "says"), [(StoreError("the disk is full"), "given up for today: the disk"), (KeyError("x"), "a bug")]
)
def test_what_goes_wrong_is_logged_and_the_round_given_up(
    error: Exception, says: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The next day it is tried again."""

    def fail() -> None:
        """As the test says."""
        raise error

    clock = Clock()
    daily, begun = settling(clock, fail)
    clock.sleep(FIRST_AFTER)
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            daily.step(InTurn())
    assert ([1], True) == (begun, says in caplog.text)
    clock.sleep(timedelta(days=1))
    daily.step(InTurn())
    assert [1, 1] == begun


def test_a_loop_settles_beside_its_passes(world: World, place: Path, moment: Moment) -> None:
    """What a person's settle would state is stated, without anybody asking for it."""
    table(place, 300)
    add("aaaa", FRANCE, 1, 3, csv(place))
    loop = world.loop()
    opened = wiring.store()
    loop.settling = DailySettling(begin=lambda: Round(store=opened, sparing=True), clock=world.clock)
    world.clock.at_each = lambda: world.stopping.append(15) if world.clock.monotonic_s() > 120 else None
    loop.run()
    with opened.reading() as tx:
        assert ["aaaa"] == list(newest_statements(tx))


def test_a_zone_that_was_asked_within_a_day_is_left_alone(maps: type[Revising], moment: Moment) -> None:
    """By whichever process: a scheduler that is started again and again does not ask each time."""
    add("aaaa", QUEBEC, 1, 3, PROVIDER)
    moment.day(40)
    Round(store=wiring.store(), sparing=True).run()
    asked = len(maps.asked)
    assert asked > 0
    moment.now += timedelta(hours=23)
    anew()
    Round(store=wiring.store(), sparing=True).run()
    assert asked == len(maps.asked)


def test_rounds_of_two_schedulers_at_once_do_no_harm(place: Path, moment: Moment) -> None:
    """One states, the other finds it stated."""
    table(place, 300)
    add("aaaa", FRANCE, 1, 3, csv(place))
    rounds = [Round(store=wiring.store(), sparing=True) for _ in range(2)]
    threads = [threading.Thread(target=each.run) for each in rounds]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with wiring.store().reading() as tx:
        assert 1 == newest_statements(tx)["aaaa"].number
