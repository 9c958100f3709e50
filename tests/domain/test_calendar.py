"""When a cluster is closed: weekly by local time, through changes of the clocks, or once; and what is refused."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scheduler.domain.calendar import Calendar
from scheduler.domain.cluster import Cluster
from scheduler.domain.errors import InvalidInput
from tests.planning.worlds import cluster

HOUR = timedelta(hours=1)
MONDAY = datetime(2026, 3, 2, tzinfo=UTC)


def calendar(*closed: dict[str, object], tz: str = "UTC") -> Calendar:
    """Some closures."""
    return Calendar.from_mapping({"tz": tz, "closed": list(closed)}, what="a test")


def hours(closures: Calendar, start: datetime = MONDAY, days: int = 7) -> list[tuple[float, float]]:
    """When something is closed in the days from an instant on. [h]"""
    found = closures.within(start, start + timedelta(days=days))
    return [((each.start - start) / HOUR, (each.end - start) / HOUR) for each in found]


@pytest.mark.parametrize(
    ("closure", "expected"),
    [
        ({"every": "mon", "hours": "08:00-12:00"}, [(8, 12)]),
        ({"every": ["Sat", "sun"]}, [(120, 144), (144, 168)]),
        ({"every": "wed", "hours": "22:00-06:00"}, [(70, 78)]),
        ({"every": "day", "hours": "23:00-24:00"}, [(24 * n + 23, 24 * n + 24) for n in range(7)]),
        ({"every": "sun", "hours": "18:00-06:00"}, [(0, 6), (162, 168)]),
        ({"since": "2026-03-03T00:00Z", "until": "2026-03-03T05:30+02:00"}, [(24, 27.5)]),
        ({"since": "2026-02-01T00:00Z", "until": "2026-04-01T00:00Z"}, [(0, 168)]),
        ({"since": "2026-02-01T00:00Z", "until": "2026-03-02T00:00Z"}, []),
    ],
)
def test_closures_recur_weekly_or_come_once(closure: dict[str, object], expected: list[tuple[float, float]]) -> None:
    """By day and hours, past midnight too, or between two instants; cut to the time that is asked for."""
    assert expected == hours(calendar(closure))


def test_weekly_hours_are_local() -> None:
    """Eight in Paris is seven in UTC in winter, and half past two in Kolkata the evening before."""
    assert [(7.0, 11.0)] == hours(calendar({"every": "mon", "hours": "08:00-12:00"}, tz="Europe/Paris"))
    assert [(2.5, 3.5)] == hours(calendar({"every": "mon", "hours": "08:00-09:00"}, tz="Asia/Kolkata"))


def test_where_clocks_change_local_hours_stay_and_what_is_doubtful_is_closed() -> None:
    """On 29 March half past two is skipped in Paris, on 25 October it comes twice: the longer reading counts."""
    nights = calendar({"every": "sun", "hours": "02:30-03:30"}, tz="Europe/Paris")
    spring, autumn = datetime(2026, 3, 29, tzinfo=UTC), datetime(2026, 10, 25, tzinfo=UTC)
    days = calendar({"every": "sun"}, tz="Europe/Paris")
    assert [(0.5, 1.5)] == hours(nights, spring, 1)
    assert [(0.5, 2.5)] == hours(nights, autumn, 1)
    assert [(0.0, 22.0)] == hours(days, spring, 1)
    assert [(0.0, 23.0)] == hours(days, autumn, 1)


@settings(max_examples=60, deadline=None)
@given(
    start_h=st.integers(0, 3000), span_h=st.integers(1, 400),
    hours_said=st.sampled_from(["00:00-24:00", "22:30-06:00", "08:00-09:00"]),
    tz=st.sampled_from(["UTC", "America/Montreal", "Asia/Kolkata"]),
)  # fmt: skip
def test_what_is_closed_hangs_on_no_question(start_h: int, span_h: int, hours_said: str, tz: str) -> None:
    """A part of a longer time is closed just when the longer one is there."""
    closures = calendar({"every": ["mon", "thu"], "hours": hours_said}, tz=tz)
    start = MONDAY + start_h * HOUR
    end = start + span_h * HOUR
    cut = [
        (max(each.start, start), min(each.end, end))
        for each in closures.within(MONDAY - 30 * HOUR, MONDAY + 4000 * HOUR)
        if each.start < end and each.end > start
    ]
    assert cut == [(each.start, each.end) for each in closures.within(start, end)]


@pytest.mark.parametrize(
    ("said", "message", "hint"),
    [
        ("mon-fri", "'mon-fri' is no list of closures", "write closed: and a list of"),
        ({"closed": {"every": "mon"}}, "is no list of closures", "write closed: and a list of"),
        ({"open": []}, "unknown key 'calendar.open'", "known: closed, tz"),
        ({"tz": "Paris"}, "there is no time zone 'Paris'", "Europe/Paris"),
        ({"closed": [{}]}, "a closure does not say when", "{every: mon, hours: 08:00-12:00}"),
        ({"closed": [{"every": "moon"}]}, "unknown day 'moon'", "did you mean 'mon'?"),
        ({"closed": [{"every": []}]}, "[] names no day", "write mon"),
        ({"closed": [{"every": "mon", "hours": "8-12"}]}, "'8-12' are no hours of a day", "write 08:00-12:00"),
        ({"closed": [{"every": "mon", "hours": "24:00-06:00"}]}, "are no hours of a day", "write 08:00-12:00"),
        ({"closed": [{"every": "mon", "hours": "08:00-08:00"}]}, "ends when it begins", "leave hours out"),
        ({"closed": [{"hours": "08:00-12:00"}]}, "the closure of 08:00-12:00 names no day", "every: mon"),
        ({"closed": [{"every": "mon", "since": "2026-01-01T00:00Z"}]}, "is both weekly and dated", "every: mon"),
        ({"closed": [{"since": "2026-01-01T00:00Z"}]}, "needs since and until", "until: "),
        ({"closed": [{"since": "2026-01-01T00:00", "until": "2026-01-02T00:00Z"}]}, "has no time zone", "offset"),
        (
            {"closed": [{"since": "2026-01-02T00:00Z", "until": "2026-01-01T00:00Z"}]},
            "begins at 2026-01-02T00:00:00Z",
            "until is later than since",
        ),
        ({"closed": [{"every": "mon", "gpus": 99}]}, "calendar.closed: gpus is 99, and the cluster has 16", "gpus"),
    ],
)
def test_what_says_no_closure_is_refused_with_the_way_out(said: object, message: str, hint: str) -> None:
    """The key, what is wrong, and what to write."""
    with pytest.raises(InvalidInput) as refused:
        cluster(calendar=said)
    assert message in refused.value.message
    assert hint in refused.value.hint


@pytest.mark.parametrize(
    ("changes", "message"),
    [({"reserve": 17}, "reserve is 17, and the cluster has 16 GPUs"), ({"walltime": "0s"}, "walltime is 0")],
)
def test_a_cluster_keeps_back_no_more_than_it_has(changes: dict[str, object], message: str) -> None:
    """A reserve of all GPUs is one way to drain it; a run of no length is none."""
    assert 0 == cluster(reserve=16).open_gpus
    with pytest.raises(InvalidInput) as refused:
        cluster(**changes)  # type: ignore[arg-type]  # keys of a cluster file
    assert message in refused.value.message


def test_a_cluster_with_a_calendar_is_written_and_read_back() -> None:
    """As plans keep it, and as its file says it."""
    closed = [
        {"every": "day", "hours": "22:00-06:00", "gpus": 8},
        {"since": "2026-12-24T00:00Z", "until": "2027-01-02T00:00Z"},
    ]
    made = cluster(calendar={"tz": "Europe/Paris", "closed": closed}, walltime="48h", reserve=4)
    assert made == Cluster.from_mapping(made.model_dump(mode="json", exclude_defaults=True), what="a plan")


def test_the_schema_says_the_form() -> None:
    """`carbonsched schema cluster` is where an editor looks."""
    schema = Cluster.model_json_schema()
    closure = schema["$defs"]["Closure"]["properties"]
    assert {"every", "hours", "since", "until", "gpus"} == set(closure)
    assert "calendar" in schema["properties"]
