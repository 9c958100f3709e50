"""First come, first served at home: who would have started when."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from scheduler.records.home_queue import Request, home_starts, starts_at_home
from tests.records.cases import at, make_cluster, make_history, make_job, run


def request(  # noqa: PLR0917  # a row of a table
    job_id: str, not_before_h: float, length_h: float, gpus: int, home_gpus: int = 8, together: int = 1
) -> Request:
    """A request in hours, at a home of nodes of eight."""
    return Request(
        job_id=job_id,
        not_before=at(not_before_h),
        length=timedelta(hours=length_h),
        gpus=gpus,
        together=together,
        home_gpus=home_gpus,
        node_gpus=8,
    )


def test_a_job_starts_at_once_where_there_is_room() -> None:
    """Two halves of home run beside each other."""
    assert {"a": at(0), "b": at(1)} == home_starts([request("a", 0, 5, 4), request("b", 1, 5, 4)])


def test_a_job_waits_until_enough_ended_before_it() -> None:
    """A wide one waits for both narrow ones."""
    queue = [request("a", 0, 3, 4), request("b", 0, 5, 4), request("c", 1, 1, 8)]
    assert at(5) == home_starts(queue)["c"]


def test_nobody_overtakes() -> None:
    """A narrow job that would fit waits behind a wide one: first come, first served, no backfill."""
    queue = [request("a", 0, 3, 6), request("b", 1, 1, 8), request("c", 1.5, 1, 2)]
    assert {"a": at(0), "b": at(3), "c": at(4)} == home_starts(queue)


def test_a_job_that_takes_no_time_holds_nobody_up() -> None:
    """Its GPUs are free the moment that it starts."""
    assert {"a": at(0), "b": at(0)} == home_starts([request("a", 0, 0, 8), request("b", 0, 1, 8)])


def test_a_job_wider_than_home_is_never_seated_and_holds_nobody_up() -> None:
    """Home could not have run it at all."""
    assert {"b": at(1)} == home_starts([request("a", 0, 9, 16), request("b", 1, 1, 8)])


def test_a_script_waits_for_room_on_one_node() -> None:
    """Two nodes with four free GPUs each have none for a script of eight; a driver that asks Ray takes them."""
    halves = [request("a", 0, 3, 6, 16, together=6), request("b", 0, 5, 6, 16, together=6)]
    assert at(3) == home_starts([*halves, request("c", 1, 1, 4, 16, together=4)])["c"]
    assert at(1) == home_starts([*halves, request("c", 1, 1, 4, 16)])["c"]


def test_jobs_fill_the_fullest_node_that_will_do() -> None:
    """So that a whole one stays free for who needs it."""
    queue = [request("a", 0, 9, 4, 16, together=4), request("b", 0, 9, 4, 16, together=4)]
    assert at(1) == home_starts([*queue, request("c", 1, 1, 8, 16, together=8)])["c"]


def test_a_home_that_grew_has_the_room_it_had_for_each() -> None:
    """What was declared when a job was accepted is what it could have had."""
    queue = [request("a", 0, 9, 8, 8, together=8), request("b", 1, 2, 8, 16, together=8), request("c", 2, 1, 8, 8)]
    assert {"a": at(0), "b": at(1), "c": at(9)} == home_starts(queue)


def test_a_node_that_is_not_whole_takes_no_more_than_it_has() -> None:
    """Twelve GPUs are a node of eight and one of four."""
    whole = request("a", 0, 1, 8, 12, together=8)
    assert {"a": at(0)} == home_starts([whole, request("b", 0, 1, 12, 12, together=8)])
    assert {"a": at(0), "b": at(0)} == home_starts([whole, request("b", 0, 1, 4, 12, together=4)])


QUEUE = st.lists(
    st.tuples(st.integers(0, 20), st.integers(0, 12), st.integers(1, 10)),
    max_size=14,
).map(lambda rows: [request(f"j{n:02}", start, length, gpus) for n, (start, length, gpus) in enumerate(rows)])


def naive(requests: list[Request]) -> dict[str, datetime]:
    """The same queue by looking at every hour: the head of the line starts when its GPUs are free."""
    line = sorted((r for r in requests if r.gpus <= r.home_gpus), key=lambda r: (r.not_before, r.job_id))
    starts: dict[str, datetime] = {}
    hour = 0
    while line:
        now = at(hour)
        while line and line[0].not_before <= now and used(requests, starts, now) + line[0].gpus <= line[0].home_gpus:
            head = line.pop(0)
            starts[head.job_id] = now
        hour += 1
    return starts


def used(requests: list[Request], starts: dict[str, datetime], now: datetime) -> int:
    """GPUs that run at an instant. [GPUs]"""
    return sum(r.gpus for r in requests if r.job_id in starts and starts[r.job_id] <= now < starts[r.job_id] + r.length)


@given(requests=QUEUE)
def test_the_queue_is_the_one_that_a_naive_simulation_finds(requests: list[Request]) -> None:
    """Hour by hour, whoever is first in line starts as soon as it fits."""
    assert naive(requests) == home_starts(requests)


@given(requests=QUEUE)
def test_the_baseline_never_exceeds_home(requests: list[Request]) -> None:
    """At no start are more GPUs taken than home has, nor does anyone start before it may."""
    starts = home_starts(requests)
    for r in requests:
        if r.job_id in starts:
            assert used(requests, starts, starts[r.job_id]) <= r.home_gpus
            assert starts[r.job_id] >= r.not_before


@given(requests=QUEUE, cut=st.integers(0, 14))
def test_a_start_hangs_on_no_later_job(requests: list[Request], cut: int) -> None:
    """What is registered after a job never moves its baseline."""
    line = sorted(requests, key=lambda r: (r.not_before, r.job_id))
    starts = home_starts(requests)
    assert {name: start for name, start in starts.items() if name in {r.job_id for r in line[:cut]}} == home_starts(
        line[:cut]
    )


HOME = make_cluster(gpus=8)


def test_jobs_queue_at_their_own_home_for_as_long_as_they_were_reserved() -> None:
    """Boot, useful work and teardown hold the GPUs; another home is another queue."""
    away = make_cluster("quebec", "CA-QC")
    histories = [
        make_history([run(away, 5, 6, reserved=(4.5, 6.25))], home=HOME, job_id="a"),
        make_history([run(away, 8, 9)], home=HOME, submitted_h=1, job_id="b"),
        make_history([run(HOME, 8, 9)], home=away, submitted_h=1, job_id="c"),
        make_history([], home=HOME, submitted_h=0, job_id="d"),
    ]
    assert {"a": at(0), "b": at(1.75), "c": at(1)} == starts_at_home(histories)


def test_a_job_that_cannot_be_compared_still_fills_its_home() -> None:
    """It would have taken some time there; the best that is known of it is the time it took."""
    hopper = make_cluster("toronto", "CA-ON", gpu={"model": "H100"})
    histories = [
        make_history([run(hopper, 0, 3)], home=HOME, job_id="a"),
        make_history([run(HOME, 5, 6)], home=HOME, job_id="b"),
    ]
    assert {"a": at(0), "b": at(3)} == starts_at_home(histories)


def test_an_exclusive_job_fills_whole_nodes_of_its_home() -> None:
    """Nobody sits beside it."""
    job = make_job(gpus=1, exclusive=True)
    histories = [
        make_history([run(HOME, 0, 2, gpus=1)], job=job, home=HOME, job_id="a"),
        make_history([run(HOME, 0, 2, gpus=1)], job=job, home=HOME, job_id="b"),
    ]
    assert {"a": at(0), "b": at(2)} == starts_at_home(histories)


def test_a_home_that_was_not_declared_seats_nobody() -> None:
    """There is nothing to lay the baseline on."""
    history = make_history([run(HOME, 0, 2)], home=HOME)
    assert {} == starts_at_home([replace(history, clusters={})])
