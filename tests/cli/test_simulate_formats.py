"""Traces as other systems write them: what is taken, what is passed over and said, and what is refused."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from cli.traces.reading import Reading, Trace, read_trace
from cli.traces.times import weeks_to
from scheduler.domain.errors import InvalidInput
from scheduler.domain.instant import format_instant

PAI = "arrival_s,length_s,units\n0.0,6302.0,1\n68.5,1000.0,4\n"
MS = 1_772_409_600_000  # 2026-03-02T00:00:00Z


def trace(folder: Path, text: str, **said: str) -> Trace:
    """The trace in a file of that text."""
    path = folder / "trace.txt"
    path.write_text(text)
    return read_trace(path, Reading(**said))  # type: ignore[arg-type]  # each test names texts of it


def ray_job(**said: object) -> dict[str, object]:
    """A job of Ray's list that took an hour."""
    return {
        "type": "SUBMISSION", "job_id": None, "submission_id": "raysubmit_a", "status": "SUCCEEDED",
        "start_time": MS, "end_time": MS + 3_600_000, "metadata": {"gpus": "4"}, **said,
    }  # fmt: skip


def test_the_pai_sample_begins_on_the_day_that_is_named(tmp_path: Path) -> None:
    """Its times count from its beginning and know no weekday: the first job comes on that very day."""
    found = trace(tmp_path, PAI, shift_to="2026-03-04").requests
    began = datetime(2026, 3, 4, tzinfo=UTC)
    assert [("pai-1", began, 1), ("pai-2", began + timedelta(seconds=68.5), 4)] == [
        (each.job_id, each.submitted, each.gpus) for each in found
    ]
    assert [timedelta(seconds=6302), timedelta(seconds=1000)] == [each.length for each in found]
    assert datetime(2022, 1, 1, tzinfo=UTC) == trace(tmp_path, PAI, shift_to="2022").requests[0].submitted


@pytest.mark.parametrize(
    ("text", "shift_to", "named"),
    [
        (PAI, "", "count from its beginning"),
        (PAI, "soon", "is no date"),
        (PAI.replace("68.5", "later"), "2026-03-04", "line 3: arrival_s is 'later'"),
        (PAI.replace("68.5", "1e300"), "2026-03-04", "line 3: arrival_s"),
        (PAI.replace("1000.0,4", "1000.0,0"), "2026-03-04", "gpus is '0'"),
    ],
)
def test_what_is_wrong_in_the_pai_sample_is_named(tmp_path: Path, text: str, shift_to: str, named: str) -> None:
    """With its line."""
    with pytest.raises(InvalidInput, match=named):
        trace(tmp_path, text, shift_to=shift_to)


@pytest.mark.parametrize(
    ("said", "gpus"),
    [({}, 4), ({"entrypoint_num_gpus": 2.0}, 2), ({"metadata": {"num_gpus": "8"}}, 8)],
)
def test_rays_list_gives_the_submission_the_length_and_the_gpus(
    tmp_path: Path, said: dict[str, object], gpus: int
) -> None:
    """Ray's start time is that of the submission."""
    found = trace(tmp_path, json.dumps([ray_job(**said)]))
    [job] = found.requests
    assert ("raysubmit_a", datetime(2026, 3, 2, tzinfo=UTC), timedelta(hours=1), gpus) == (
        job.job_id,
        job.submitted,
        job.length,
        job.gpus,
    )
    assert ("lengths of Ray's list hold the waits inside Ray",) == found.notes


def test_what_of_rays_list_cannot_be_replayed_is_counted(tmp_path: Path) -> None:
    """Jobs that run still, one that never did, and those that say no GPUs."""
    jobs = [
        ray_job(),
        ray_job(submission_id="b", end_time=None),
        ray_job(submission_id="c", end_time=0),
        ray_job(submission_id="f", status="RUNNING"),
        ray_job(submission_id="g", status="STOPPED", end_time=MS),
        ray_job(submission_id="d", metadata={}),
        ray_job(submission_id="e", metadata=None),
    ]
    found = trace(tmp_path, json.dumps(jobs))
    assert 1 == len(found.requests)
    left = {"b": "not_over", "c": "not_over", "f": "not_over", "g": "never_ran"}
    assert left == {each.job_id: each.why for each in found.left}
    assert "2 jobs that say no GPUs of Ray's list are passed over" == found.notes[0]


@pytest.mark.parametrize(("status", "failed"), [("SUCCEEDED", False), ("FAILED", True), ("STOPPED", True)])
def test_a_job_of_ray_that_was_not_done_ends_by_itself_after_what_it_took(
    tmp_path: Path, status: str, *, failed: bool
) -> None:
    """It is replayed for that long."""
    [request] = trace(tmp_path, json.dumps([ray_job(status=status)])).requests
    assert (failed, timedelta(hours=1)) == (request.failed, request.length)


def test_what_ray_prints_is_read_as_what_it_answers(tmp_path: Path) -> None:
    """``ray job list`` prints Python; a mapping by id is what older versions answer."""
    printed = """[JobDetails(type=<JobType.SUBMISSION: 'SUBMISSION'>, job_id=None, submission_id='raysubmit_a',
        driver_info=DriverInfo(id='02', node_ip_address='10.0.0.1', pid='9'), status=<JobStatus.FAILED: 'FAILED'>,
        entrypoint='python -c \\'print("x")\\'', start_time=1772409600000, end_time=1772413200000,
        metadata={'gpus': '4'}, runtime_env={'env_vars': {'A': 'b'}}, driver_exit_code=None)]"""
    by_id = json.dumps({"raysubmit_a": {**ray_job(status="FAILED"), "submission_id": None, "job_id": None}})
    listed = json.dumps([ray_job(status="FAILED")])
    assert 1 == len({repr(trace(tmp_path, text).requests) for text in (listed, printed)})
    assert trace(tmp_path, by_id.replace('"submission_id": null, ', "")).requests[0].failed


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("[{]", "is no list of jobs"),
        ("[1]", "entry 1 is no job"),
        ("[]", "holds no job"),
        (json.dumps([ray_job(metadata={"gpus": "two"})]), "gpus is 'two'"),
        (json.dumps([ray_job(start_time=1e300)]), "start_time"),
        (json.dumps([ray_job(end_time=MS - 1)]), "duration of -0.001 s"),
        (json.dumps([ray_job(status="ODD")]), "entry 1: status is 'ODD'"),
        (json.dumps([ray_job(submission_id="")]), "entry 1: the job has no id"),
        ("[" * 100_000, "is no list of jobs"),
        ("[JobDetails(start_time=open('x'))]", "holds no job"),
        ("[JobDetails(start_time=x)]", "is no list of jobs"),
        (json.dumps([ray_job(), ray_job()]), "is there already"),
    ],
)
def test_what_is_wrong_in_rays_list_is_named(tmp_path: Path, text: str, named: str) -> None:
    """With its entry, where it has one."""
    with pytest.raises(InvalidInput, match=named):
        trace(tmp_path, text)


SACCT = "JobID|Submit|Start|Elapsed|Timelimit|AllocTRES|ReqTRES|State"
TRES = "billing=16,cpu=16,gres/gpu:a100=8,gres/gpu=8,mem=128G,node=1"


def sacct_line(job_id: str, elapsed: str, state: str, tres: str = TRES) -> str:
    """A line of sacct's table."""
    return f"{job_id}|2026-03-02T06:00:00|Unknown|{elapsed}|1-00:00:00|{tres}|gres/gpu=8|{state}"


@pytest.mark.parametrize(
    ("state", "failed"),
    [
        ("COMPLETED", False), ("CANCELLED by 1000", True), ("FAILED", True), ("TIMEOUT", True), ("NODE_FAIL", True),
        ("OUT_OF_MEMORY", True), ("PREEMPTED", True), ("BOOT_FAIL", True), ("DEADLINE", True), ("", False),
    ],
)  # fmt: skip
def test_how_a_job_of_slurm_ended_says_whether_it_was_done(tmp_path: Path, state: str, *, failed: bool) -> None:
    """Whatever ended it, it is replayed for what it took; arrays and steps are told apart by their ids."""
    lines = [SACCT, sacct_line("123_4", "1-02:03:04", state), sacct_line("123_4.batch", "1-02:03:04", state)]
    [request] = trace(tmp_path, "\n".join(lines), tz="UTC").requests
    took = timedelta(days=1, hours=2, minutes=3, seconds=4)
    assert ("123_4", failed, took, 8) == (request.job_id, request.failed, request.length, request.gpus)


@pytest.mark.parametrize("state", ["RUNNING", "PENDING", "SUSPENDED", "REQUEUED", "COMPLETING"])
def test_a_job_of_slurm_that_is_not_over_is_named(tmp_path: Path, state: str) -> None:
    """How long it takes nobody knows, however long it has run."""
    lines = [SACCT, sacct_line("1", "01:00:00", "COMPLETED"), sacct_line("2", "00:59:00", state, "")]
    found = trace(tmp_path, "\n".join(lines), tz="UTC")
    assert ["1"] == [each.job_id for each in found.requests]
    assert [("2", "not_over")] == [(each.job_id, each.why) for each in found.left]
    assert state in found.left[0].reason


def test_a_job_of_slurm_that_took_no_time_is_named(tmp_path: Path) -> None:
    """Done within a second, or cancelled before it began."""
    ended = (("1", "00:00:00", "COMPLETED"), ("2", "00:00:00", "CANCELLED by 7"), ("3", "00:01:00", "COMPLETED"))
    found = trace(tmp_path, "\n".join([SACCT, *(sacct_line(*each) for each in ended)]), tz="UTC")
    said = {"1": "it took no time: COMPLETED", "2": "it never ran: CANCELLED by 7"}
    assert (said, {"never_ran"}) == (
        {each.job_id: each.reason for each in found.left},
        {each.why for each in found.left},
    )


@pytest.mark.parametrize(
    ("column", "cell", "gpus"),
    [
        ("AllocTRES", "gres/gpu=8", 8),
        ("AllocTRES", "cpu=4,gres/gpu:a100=3,gres/gpu:v100=2", 5),
        ("AllocTRES", "gres/gpu:a100=8,gres/gpu=8,gres/gpumem=0", 8),
        ("AllocGRES", "gpu:4", 4),
        ("AllocGRES", "gpu:a100:4(S:0-1),gpu:v100:2", 6),
        ("AllocGRES", "gres/gpu:1g.5gb:2", 2),
    ],
)
def test_the_gpus_of_slurm_are_counted_once(tmp_path: Path, column: str, cell: str, gpus: int) -> None:
    """A total beside its parts is the total."""
    text = f"JobIDRaw|Submit|ElapsedRaw|{column}|\n7|2026-03-02T06:00:00|60|{cell}|\n"
    [request] = trace(tmp_path, text, tz="UTC").requests
    assert gpus == request.gpus


@pytest.mark.parametrize(
    ("text", "named"),
    [
        (f"{SACCT}\n{sacct_line('1', 'INVALID', 'FAILED')}", "line 2: Elapsed is 'INVALID'"),
        (f"{SACCT}\n{sacct_line('1', '10:00', 'ODD')}", "line 2: status is 'ODD'"),
        ("JobID|Submit|ElapsedRaw|AllocTRES\n1|2026-03-02T06:00:00|1.5|gres/gpu=1\n", "ElapsedRaw is '1.5'"),
        ("JobID|Submit|ElapsedRaw|AllocTRES\n1|2026-03-02T06:00:00|60|\n", "ran and says no resources"),
        ("JobID|Submit|AllocTRES\n1|2026-03-02T06:00:00|gres/gpu=1\n", "no column 'ElapsedRaw'"),
        ("JobID|Submit|Elapsed\n1|2026-03-02T06:00:00|10:00\n", "no column 'AllocTRES'"),
        ("JobID|Submit|Elapsed|AllocTRES\n1|Unknown|10:00|gres/gpu=1\n", "line 2: submit_time 'Unknown'"),
        (f"{SACCT}\n{sacct_line('1', '10:00', 'FAILED')}\n{sacct_line('1', '10:00', 'FAILED')}", "there already"),
    ],
)
def test_what_is_wrong_in_slurms_table_is_named(tmp_path: Path, text: str, named: str) -> None:
    """With its line."""
    with pytest.raises(InvalidInput, match=named):
        trace(tmp_path, text, tz="UTC")


def test_a_status_of_the_contract_says_what_is_not_over(tmp_path: Path) -> None:
    """Its other cells are not asked for: it has no duration yet."""
    text = "job_id,submit_time,duration_hours,gpus,status\n"
    text += "a,2026-03-02T06:00:00Z,2,1,Killed\nb,2026-03-02T06:00:00Z,,1,running\n"
    found = trace(tmp_path, text)
    assert [("a", True)] == [(each.job_id, each.failed) for each in found.requests]
    assert [("b", "not_over", datetime(2026, 3, 2, 6, tzinfo=UTC))] == [
        (each.job_id, each.why, each.submitted) for each in found.left
    ]


def test_a_column_that_is_nearly_named_is_asked_about(tmp_path: Path) -> None:
    """A needed one in the error, another in the note."""
    text = "job_id,submit_time,duration_hours,gpus,slack_hour,vc\na,2026-03-02T06:00:00Z,2,1,3,x\n"
    assert ("trace.txt: columns not used: slack_hour (did you mean slack_hours?), vc",) == trace(tmp_path, text).notes
    with pytest.raises(InvalidInput, match="no column 'gpus'") as caught:
        trace(tmp_path, text.replace(",gpus,", ",GPUs,"))
    assert "it has 'GPUs': write it 'gpus'" == caught.value.hint


@pytest.mark.parametrize(
    ("written", "utc"),
    [
        ("2026-01-05T06:00:00", "2026-01-05T11:00:00Z"),
        ("2026-07-06T06:00:00.5", "2026-07-06T10:00:00.500000Z"),
        ("2026-01-05T06:00Z", "2026-01-05T06:00:00Z"),
        ("2026-01-05T06:00:00+01:00", "2026-01-05T05:00:00Z"),
        ("2026-11-01T01:30:00", "2026-11-01T05:30:00Z"),
    ],
)
def test_a_zone_holds_for_times_that_state_none(tmp_path: Path, written: str, utc: str) -> None:
    """A time with a zone of its own keeps it, and an hour that the clock shows twice is the first."""
    text = f"job_id,submit_time,duration_hours,gpus\na,{written},1,1\n"
    [request] = trace(tmp_path, text, tz="America/New_York").requests
    assert utc == format_instant(request.submitted)


@given(first=st.dates(date(1990, 1, 1), date(2040, 12, 31)), year=st.integers(2000, 2040))
@settings(max_examples=200, deadline=None)
@example(first=date(2017, 12, 31), year=2022)
@example(first=date(2024, 12, 31), year=2023)
def test_a_trace_that_is_moved_into_a_year_begins_in_it_on_its_weekday(first: date, year: int) -> None:
    """The last days of December too, and leap years; it lands within a week of its day of the year."""
    shift = weeks_to(first, str(year))
    there = first + shift
    assert (year, first.weekday()) == (there.year, there.weekday())
    assert timedelta(0) == shift % timedelta(weeks=1)
    assert abs(there.timetuple().tm_yday - first.timetuple().tm_yday) <= 7


@given(first=st.dates(date(1990, 1, 1), date(2040, 12, 31)), to=st.dates(date(1990, 1, 1), date(2040, 12, 31)))
@settings(max_examples=100, deadline=None)
def test_a_trace_that_is_moved_to_a_day_begins_on_the_next_of_its_weekday(first: date, to: date) -> None:
    """That day itself where it is one."""
    there = first + weeks_to(first, to.isoformat())
    assert first.weekday() == there.weekday()
    assert 0 <= (there - to).days < 7
