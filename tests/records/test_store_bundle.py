"""Records as lines: what comes back is what went out, merged or refused, and never half."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scheduler.domain.errors import CarbonschedError, InvalidInput, StoreError
from scheduler.records.bundle import Imported, export_lines, import_lines
from scheduler.records.evidence import outcome_name, samples_name
from scheduler.records.rows import FINAL, JobState
from scheduler.records.state_folder import StateFolder
from scheduler.records.store import Store, open_store
from tests.records.agent_files import lines, outcome
from tests.records.cases import T0, at, document, make_cluster, make_job, make_row, make_segment

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
TIMES = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001  # given a zone below
SHARES = st.floats(0, 1)


def opened(root: Path) -> Store:
    """A store."""
    return open_store(StateFolder(root))


def keep(store: Store, job_id: str, name: str, content: bytes) -> None:
    """Put a file of evidence where the harvest would."""
    folder = store.folder.evidence(job_id)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(content)


def add_job(store: Store, job_id: str = "j1", *, key: str | None = None, **changes: object) -> None:
    """A job that ran one segment, with all that is remembered of one."""
    sid = f"cs-{job_id}-s1-a1"
    with store.writing() as tx:
        tx.add_job(replace(make_row(make_job(**changes), job_id=job_id), key=key))
        tx.add_plan(job_id, T0, document([make_cluster()], [("france", 0, 10)]))
        plan_id = tx.add_plan(job_id, at(1), document([make_cluster()], [("france", 1, 11)]))
        tx.add_segment(make_segment(job_id=job_id, sid=sid, plan_id=plan_id))
        tx.add_event(job_id, T0, "submitted", "planned by carbon-aware")
    keep(store, job_id, samples_name(sid), lines({}, {"n": 1}))
    keep(store, job_id, outcome_name(sid), outcome(sid=sid))


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """A store with two ended jobs and an open one."""
    made = opened(tmp_path / "state")
    add_job(made, "j1")
    add_job(made, "j2", key="nightly", interruptible={"restart": "5m"}, deadline="24h", gpu=["A100"])
    with made.writing() as tx:
        tx.add_job(replace(make_row(job_id="j3"), state=JobState.PLANNED, finished_at=None))
    return made


@st.composite
def filled(draw: st.DrawFn) -> Callable[[Store], None]:
    """A way to fill a store with jobs that no person would think of."""
    jobs = []
    for n in range(draw(st.integers(0, 3))):
        row = replace(
            make_row(make_job(name=f"job{n}", project=draw(TEXTS), owner=draw(TEXTS)), job_id=f"j{n}"),
            key=draw(st.none() | st.just(f"key {n}")),
            state=draw(st.sampled_from(sorted(FINAL))),
            reason=draw(TEXTS),
            progress=draw(SHARES),
            failures=draw(st.integers(0, 2**40)),
            submitted_at=draw(TIMES),
            finished_at=draw(st.none() | TIMES),
            intensity=draw(st.dictionaries(TEXTS, TEXTS, max_size=3)),
        )
        plans = draw(st.lists(st.dictionaries(TEXTS, TEXTS | SHARES | st.none(), max_size=3), min_size=1, max_size=3))
        used = draw(st.lists(st.integers(0, len(plans) - 1), max_size=3))
        events = draw(st.lists(st.tuples(TIMES, TEXTS, TEXTS), max_size=3))
        said = draw(st.lists(st.binary(max_size=50), min_size=len(used), max_size=len(used)))
        seen = draw(st.none() | TIMES)
        jobs.append((row, plans, used, events, said, seen))

    def fill(store: Store) -> None:
        """Write them."""
        with store.writing() as tx:
            for row, plans, used, events, said, seen in jobs:
                tx.add_job(row)
                ids = [tx.add_plan(row.id, T0, plan) for plan in plans]
                for n, place in enumerate(used, 1):
                    sid = f"cs-{row.id}-s{n}-a1"
                    segment = make_segment(job_id=row.id, sid=sid, plan_id=ids[place], n=n, seen_at=seen)
                    tx.add_segment(segment)
                    keep(store, row.id, samples_name(sid), said[n - 1])
                for event in events:
                    tx.add_event(row.id, *event)

    return fill


@given(fill=filled(), fill_first=filled())
@settings(max_examples=20)
def test_what_comes_back_is_what_went_out(fill: Callable[[Store], None], fill_first: Callable[[Store], None]) -> None:
    """To the letter, into an empty store; a second time, and back where it came from, it changes nothing."""
    with tempfile.TemporaryDirectory() as scratch:
        one, other = opened(Path(scratch) / "one"), opened(Path(scratch) / "other")
        fill(one)
        out = list(export_lines(one))
        with one.reading() as tx:
            jobs = len(tx.jobs())
        assert Imported(added=jobs, known=0) == import_lines(other, out)
        assert out == list(export_lines(other))
        assert Imported(added=0, known=jobs) == import_lines(other, out)
        assert Imported(added=0, known=jobs) == import_lines(one, out)
        assert out == list(export_lines(other)) == list(export_lines(one))
        with one.reading() as mine, other.reading() as theirs:
            assert mine.jobs() == theirs.jobs()


def test_two_stores_are_merged_by_the_ids_of_their_jobs(store: Store, tmp_path: Path) -> None:
    """Numbers that both have given, of plans and of fences, do not meet."""
    other = opened(tmp_path / "other")
    add_job(other, "k1")
    assert Imported(added=2, known=0) == import_lines(other, export_lines(store))
    with store.reading() as mine, other.reading() as theirs:
        assert {"k1", "j1", "j2"} == {row.id for row in theirs.jobs()}
        assert mine.jobs()[0] == theirs.job("j1")
        assert ["nightly"] == [row.key for row in theirs.jobs() if row.id == "j2"]
        plans = [plan.id for row in theirs.jobs() for plan in theirs.plans(row.id)]
        assert sorted(set(plans)) == sorted(plans)
        (segment,) = theirs.segments("j1")
        assert theirs.plans("j1")[1].id == segment.plan_id
    assert Imported(added=1, known=2) == import_lines(store, export_lines(other))


def test_open_jobs_do_not_go_out(store: Store) -> None:
    """They are moved with a backup, by one scheduler at a time."""
    ids = {json.loads(line).get("id") for line in export_lines(store)}
    assert {None, "j1", "j2"} == ids


def test_nothing_that_may_be_secret_goes_out(tmp_path: Path) -> None:
    """Neither environments nor what the training printed; the names of secrets stay."""
    store = opened(tmp_path / "state")
    add_job(
        store, env={"WANDB_API_KEY": "hush-hush"}, runtime_env={"env_vars": {"X": "hush-hush"}}, secrets=["HF_TOKEN"]
    )
    keep(store, "j1", "cs-j1-s1-a1.log", b"hush-hush")
    text = "\n".join(export_lines(store))
    assert "hush-hush" not in text
    assert "HF_TOKEN" in text


def test_a_job_that_differs_is_refused_and_nothing_is_imported(store: Store, tmp_path: Path) -> None:
    """Not the jobs before it either, nor their evidence."""
    other = opened(tmp_path / "other")
    add_job(other, "j2", name="another")
    with pytest.raises(InvalidInput, match="j2 is in the store already, and differs"):
        import_lines(other, export_lines(store))
    with other.reading() as tx:
        assert ["j2"] == [row.id for row in tx.jobs()]
    assert not [path for path in other.folder.evidence("j1").glob("*") if path.is_file()]


def test_a_key_that_another_job_has_is_refused(store: Store, tmp_path: Path) -> None:
    """A key is one job."""
    other = opened(tmp_path / "other")
    add_job(other, "k1", key="nightly")
    with pytest.raises(InvalidInput, match="there is a job with the key 'nightly'"):
        import_lines(other, export_lines(store))


def test_evidence_that_is_there_and_differs_is_refused(store: Store, tmp_path: Path) -> None:
    """It is only ever added to."""
    other = opened(tmp_path / "other")
    keep(other, "j2", samples_name("cs-j2-s1-a1"), b"mine")
    with pytest.raises(InvalidInput, match="is there already, and differs"):
        import_lines(other, export_lines(store))
    assert b"mine" == (other.folder.evidence("j2") / samples_name("cs-j2-s1-a1")).read_bytes()
    with other.reading() as tx:
        assert [] == tx.jobs()


def changed(kind: str, **fields: object) -> Callable[[list[dict[str, object]]], None]:
    """A change of the first record of a kind."""

    def change(records: list[dict[str, object]]) -> None:
        """Change it in place."""
        next(record for record in records if record["record"] == kind).update(fields)

    return change


def without(kind: str, field: str) -> Callable[[list[dict[str, object]]], None]:
    """A field of the first record of a kind is gone."""

    def change(records: list[dict[str, object]]) -> None:
        """Drop it."""
        del next(record for record in records if record["record"] == kind)[field]

    return change


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (changed("header", version=2), "says that it is 'carbonsched-records' version 2"),
        (changed("header", format="x"), "says that it is 'x'"),
        (changed("job", id="../../planted"), "no job before it"),
        (changed("job", state="running"), "has not ended"),
        (changed("job", state="sleeping"), "state: Input should be"),
        (changed("job", submitted_at="yesterday"), "submitted_at"),
        (changed("job", job={"name": "x"}), "entrypoint"),
        (changed("job", more=1), "more of a JobRow"),
        (without("job", "reason"), "reason of a JobRow"),
        (without("job", "id"), "belongs to no job"),
        (changed("plan", made_at=5), "made_at"),
        (changed("segment", plan_id=9), "names no plan"),
        (changed("segment", phase="granted"), "has not ended"),
        (changed("segment", sid="../x"), "an id is none of carbonsched's"),
        (changed("event", record="rumour"), "'rumour' is no kind of record"),
        (changed("event", job_id="j9"), "belongs to no job before it"),
        (changed("evidence", name="../../planted"), "is no evidence of it"),
        (changed("evidence", name="cs-j1-s1-a1.log"), "is no evidence of it"),
        (changed("evidence", text=5), "is no evidence of it"),
    ],
)
def test_a_line_that_carbonsched_did_not_write_is_refused(
    store: Store, tmp_path: Path, change: Callable[[list[dict[str, object]]], None], why: str
) -> None:
    """With the way out, and nothing of the file is imported."""
    records = [json.loads(line) for line in export_lines(store)]
    change(records)
    other = opened(tmp_path / "other")
    with pytest.raises(CarbonschedError, match=why) as caught:
        import_lines(other, map(json.dumps, records))
    assert caught.value.hint
    with other.reading() as tx:
        assert [] == tx.jobs()
    assert not (tmp_path / "planted").exists()


def test_an_id_that_leads_elsewhere_is_refused(store: Store, tmp_path: Path) -> None:
    """Also where every line of the job agrees on it."""
    text = "\n".join(export_lines(store)).replace('"j1"', '"../j1"')
    with pytest.raises(InvalidInput, match="an id is none"):
        import_lines(opened(tmp_path / "other"), text.splitlines())


@pytest.mark.parametrize("text", ["", "garbage", "[1]", '{"record": 5}', "[" * 100_000])
def test_what_is_no_record_is_refused(store: Store, tmp_path: Path, text: str) -> None:
    """As the first line and as any other."""
    header = next(export_lines(store))
    for lines_given in ([text], [header, text]):
        with pytest.raises(InvalidInput, match=r"line [12] is no"):
            import_lines(opened(tmp_path / "other"), lines_given)


def test_a_job_that_comes_twice_is_refused(store: Store, tmp_path: Path) -> None:
    """The second might say something else."""
    out = list(export_lines(store))
    with pytest.raises(InvalidInput, match="comes twice"):
        import_lines(opened(tmp_path / "other"), [*out, *out[1:]])


def test_evidence_that_cannot_be_written_undoes_the_import(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk leaves neither jobs nor files."""
    other = opened(tmp_path / "other")
    room = [b"one file"]

    def full(path: Path, content: bytes) -> int:
        """A disk with room for one file."""
        if not room:
            raise OSError(28, "No space left on device")
        room.pop()
        return len(content)

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(StoreError, match="No space left"):
        import_lines(other, export_lines(store))
    assert [] == [path for path in other.folder.all_evidence.rglob("*") if path.is_file()]
    with other.reading() as tx:
        assert [] == tx.jobs()


def test_times_keep_their_microseconds(tmp_path: Path) -> None:
    """The order of events is read from them."""
    store, other = opened(tmp_path / "one"), opened(tmp_path / "other")
    moment = T0 + timedelta(microseconds=1)
    with store.writing() as tx:
        tx.add_job(replace(make_row(), finished_at=moment))
        tx.add_plan("j1", moment, {})
    import_lines(other, export_lines(store))
    with other.reading() as tx:
        assert (moment, moment) == (tx.job("j1").finished_at, tx.plans("j1")[0].made_at)
