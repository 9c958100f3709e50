"""What an agent wrote, read to the letter or refused."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduler.records.evidence import PROTOCOL, BadEvidence, Traffic, parse_outcome, parse_samples
from tests.records.agent_files import OUTCOME, lines, outcome


def test_a_sample_is_read_whole() -> None:
    """Every field, the instant in UTC."""
    (sample,) = parse_samples(lines({}))
    assert (0, datetime(2023, 11, 14, 22, 13, 20, 500000, tzinfo=UTC), 0.25, None, "model") == (
        sample.n, sample.at, sample.progress, sample.energy_j, sample.energy_source,
    )  # fmt: skip


def test_an_outcome_is_read_whole() -> None:
    """Every field, those that later agents add left aside."""
    read = parse_outcome(outcome(new_field=[1]))
    assert ("cs-x-s1-a1", 7, 3600.25, -15, "stopped", None, 1e6, "nvml_counter", "") == (
        read.sid, read.fence, read.duration_s, read.exit_code, read.reason, read.progress, read.energy_j,
        read.energy_source, read.error,
    )  # fmt: skip
    assert datetime(2023, 11, 14, 23, 13, 10, tzinfo=UTC) == read.stop_received_at


def test_when_the_checkpoint_was_saved_is_read_where_the_agent_says() -> None:
    """Agents of the same protocol that were started before there was such a key say nothing of it."""
    saved = datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)
    assert [saved, None] == [s.saved_at for s in parse_samples(lines({"saved_unix": 1700000000}, {"n": 1}))]
    assert (saved, None) == (parse_outcome(outcome(saved_unix=1.7e9)).saved_at, parse_outcome(outcome()).saved_at)


def test_an_outcome_of_a_command_that_never_was_has_no_exit_code() -> None:
    """Null is a value where the training has none."""
    read = parse_outcome(outcome(exit_code=None, stop_received_unix=None, reason="not_started", error="no such file"))
    assert (None, None, "not_started", "no such file") == (
        read.exit_code, read.stop_received_at, read.reason, read.error,
    )  # fmt: skip


@pytest.mark.parametrize("torn", [b"", b"{", lines({"n": 2})[:-1]])
def test_a_torn_last_line_is_left_for_the_next_reading(torn: bytes) -> None:
    """Only what ends with a line end was written whole."""
    assert [0, 1] == [sample.n for sample in parse_samples(lines({}, {"n": 1}) + torn)]


def test_an_empty_file_has_no_samples() -> None:
    """An agent that has just begun."""
    assert [] == parse_samples(b"")


def test_samples_come_in_their_order_each_once() -> None:
    """What two copies of a file hold twice counts once, and the first writing stands."""
    found = parse_samples(lines({"n": 2}, {"n": 0}, {"n": 2, "progress": 0.9}, {"n": 1}))
    assert [(0, 0.25), (1, 0.25), (2, 0.25)] == [(sample.n, sample.progress) for sample in found]


@pytest.mark.parametrize(
    "raw",
    [b"\n", b"garbage\n", b"\xff\xfe\n", b"[]\n", b"[" * 100_000 + b"\n", b"null\n", lines({"v": PROTOCOL + 1}),
     lines({"v": None}), lines({"v": "1"}), lines({}) + b"\n"],
)  # fmt: skip
def test_what_is_not_of_the_agents_protocol_is_refused(raw: bytes) -> None:
    """Garbage, another version, an empty line between."""
    with pytest.raises(BadEvidence):
        parse_samples(raw)


BAD: dict[str, list[object]] = {
    "n": [-1, 0.5, "0", True, None],
    "t_unix": ["now", None, True, 1e300, float("nan"), float("inf"), 10**400],
    "progress": [1.5, -0.1, "half", True, float("nan")],
    "energy_j": [-1.0, "much", float("inf"), False],
    "energy_source": ["guess", None, 1, ["model"]],
    "saved_unix": ["now", True, float("nan")],
}


@pytest.mark.parametrize(("key", "value"), [(key, value) for key, values in BAD.items() for value in values])
def test_a_sample_with_a_field_that_no_agent_writes_is_refused(key: str, value: object) -> None:
    """A number that is none, a fraction over one, energy below nothing."""
    with pytest.raises(BadEvidence):
        parse_samples(lines({key: value}))


TRAFFIC = {
    "read_bytes": 5,
    "read_s": 1.5,
    "read_requests": 3,
    "written_bytes": 7,
    "written_s": 2,
    "written_requests": 4,
}


def test_what_a_newer_agent_of_the_same_protocol_says_is_read() -> None:
    """The training's own time, whether its save is safe, and what travelled to a storage and from there."""
    read = parse_outcome(outcome(trained_unix=1700000002, trained_s=3590.5, saved="copied", storage=TRAFFIC))
    trained_at = datetime(2023, 11, 14, 22, 13, 22, tzinfo=UTC)
    assert (trained_at, 3590.5, "copied") == (read.trained_at, read.trained_s, read.saved)
    assert Traffic(
        read_bytes=5, read_s=1.5, read_requests=3, written_bytes=7, written_s=2.0, written_requests=4
    ) == read.traffic  # fmt: skip


def test_what_an_older_agent_leaves_out_is_unknown() -> None:
    """Files of the same protocol that were written before there were such keys are read as they were meant."""
    read = parse_outcome(outcome())
    assert (None,) * 5 == (read.saved_at, read.trained_at, read.trained_s, read.saved, read.traffic)
    assert (None, "") == (read.measured_share, read.unmetered)


def test_how_much_was_metered_and_why_not_is_read() -> None:
    """Beside the total and its meter."""
    read = parse_outcome(outcome(measured_share=0.75))
    assert (1e6, "nvml_counter", 0.75, "") == (read.energy_j, read.energy_source, read.measured_share, read.unmetered)
    assert "no pynvml" == parse_outcome(outcome(measured_share=0.0, unmetered="no pynvml")).unmetered


BAD_OUTCOME: dict[str, list[object]] = {
    "sid": [1, None],
    "fence": [-1, "7", 1.5],
    "started_unix": [None, "x", float("nan")],
    "ended_unix": [None, float("inf")],
    "duration_s": [-0.001, None, float("nan"), "1"],
    "exit_code": [0.5, "0", True],
    "reason": ["finished", None, ""],
    "stop_received_unix": ["x", float("nan")],
    "progress": [2.0],
    "energy_j": [-1],
    "energy_source": ["rapl"],
    "error": [None, 3],
    "saved_unix": ["now", float("inf")],
    "trained_unix": ["now", 1700000000],
    "saved": ["perhaps", 1],
    "measured_share": [1.01, -0.1, "all"],
    "unmetered": [None, 3],
    "storage": [1, {}, {**TRAFFIC, "read_bytes": -1}, {**TRAFFIC, "written_s": None}],
}


@pytest.mark.parametrize(("key", "value"), [(key, value) for key, values in BAD_OUTCOME.items() for value in values])
def test_an_outcome_with_a_field_that_no_agent_writes_is_refused(key: str, value: object) -> None:
    """Least of all a duration below nothing, which would be energy below nothing."""
    with pytest.raises(BadEvidence, match="an outcome"):
        parse_outcome(outcome(**{key: value}))


@pytest.mark.parametrize("key", sorted(set(OUTCOME) - {"progress_before", "samples"}))
def test_an_outcome_without_a_field_is_refused(key: str) -> None:
    """What is missing is not zero."""
    with pytest.raises(BadEvidence):
        parse_outcome(json.dumps({name: value for name, value in OUTCOME.items() if name != key}).encode())


@given(raw=st.binary(max_size=80) | st.text(max_size=40).map(lambda text: json.dumps(text).encode()))
def test_no_bytes_raise_anything_else(raw: bytes) -> None:
    """Whatever a disk gives back, the answer is evidence or one kind of error."""
    for parse in (parse_samples, parse_outcome):
        try:
            parse(raw)
        except BadEvidence as exc:
            assert exc.message  # noqa: PT017  # either way is right: nothing else may come out


@given(
    read=st.lists(
        st.fixed_dictionaries(
            {"n": st.integers(0, 5), "progress": st.none() | st.floats(0, 1), "energy_j": st.none() | st.floats(0, 1e9)}
        ),
        max_size=8,
    )
)
def test_reading_further_never_changes_what_was_read(read: list[dict[str, object]]) -> None:
    """A longer reading of the same file holds the samples of the shorter one."""
    whole = lines(*read)
    last = {sample.n: sample for sample in parse_samples(whole)}
    for cut in (0, len(whole) // 3, len(whole) // 2, len(whole)):
        assert all(last[sample.n] == sample for sample in parse_samples(whole[:cut]))
