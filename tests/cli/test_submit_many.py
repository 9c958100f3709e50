"""Several jobs in one command: all or none, planned beside each other, each with its id."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from cli import main, wiring
from cli.submit_store import MOST, Wish, submitted
from scheduler.domain.errors import Infeasible, InvalidInput, StoreError
from scheduler.domain.job import Job
from scheduler.domain.placement import Segment
from scheduler.execution.placed import Placed
from scheduler.execution.placing import PlanningPlacer
from scheduler.records.locks import lock_file
from scheduler.records.rows import JobRow, JobState
from scheduler.records.store import open_store
from scheduler.records.transaction import Transaction
from tests.records.cases import T0, document, make_cluster, make_row

Said = Callable[..., tuple[int, str, str]]


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a cluster of two nodes and nothing stored."""
    cluster = make_cluster().model_copy(update={"gpus": 16})
    (tmp_path / "france.yaml").write_text(cluster.model_dump_json(exclude_defaults=True))
    monkeypatch.setenv("CARBONSCHED_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("CARBONSCHED_CLUSTERS", str(tmp_path / "france.yaml"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def said(capsys: pytest.CaptureFixture[str]) -> Said:
    """Runs a command that starts no scheduler; its code, data and talk."""

    def run(*words: str) -> tuple[int, str, str]:
        """Run it."""
        code = main.run(["submit", *words, *([] if "--dry-run" in words else ["--no-serve"])])
        return code, *capsys.readouterr()

    return run


def lines(path: Path, *jobs: dict[str, object]) -> str:
    """A file of jobs, a line each."""
    whole = {"entrypoint": "python train.py", "gpus": 8, "duration": "1h", "deadline": "24h", "home": "france"}
    path.write_text("\n".join(json.dumps({**whole, "name": f"job{n}", **job}) for n, job in enumerate(jobs)) + "\n\n")
    return str(path)


def stored() -> list[JobRow]:
    """What is in the store."""
    with wiring.store().reading() as tx:
        return tx.jobs()


def test_a_job_a_line_is_a_job_each(desk: Path, said: Said) -> None:
    """Their ids come a line each, in their order; empty lines are none."""
    code, out, err = said(lines(desk / "jobs.jsonl", {}, {}, {"name": "third"}))
    rows = stored()
    assert (0, [row.id for row in rows]) == (code, out.split())
    assert ["job0", "job1", "third"] == [row.job.name for row in rows]
    assert "3 jobs submitted, 0 were there already" in err


def test_job_files_and_lines_may_be_mixed_and_share_what_is_set(desk: Path, said: Said) -> None:
    """One snapshot of a working folder serves all of its jobs."""
    (desk / "work").mkdir()
    (desk / "work" / "train.py").write_text("")
    (desk / "one.yaml").write_text(
        "name: one\nentrypoint: python train.py\nworking_dir: work\ngpus: 2\nduration: 1h\nhome: france\n"
    )
    jobs = lines(desk / "jobs.jsonl", {"working_dir": "work"}, {"working_dir": "work"})
    code, out, _ = said("one.yaml", jobs, "--set", "gpus=4", "--json")
    answers = json.loads(out)
    assert 0 == code
    assert [row.id for row in stored()] == [answer["job_id"] for answer in answers]
    assert [4, 4, 4] == [row.job.gpus for row in stored()]
    assert 1 == len({row.package for row in stored()}) == len([*(desk / "state" / "packages").glob("*.zip")])


def test_what_each_job_holds_keeps_the_limits_that_are_stored_of_it(desk: Path, said: Said) -> None:
    """All of one command were submitted at one instant, from which the earliest start of each counts."""
    later: dict[str, object] = {"earliest_start": "30m"}
    code, _, _ = said(lines(desk / "jobs.jsonl", *[later] * 6))
    with wiring.store().reading() as tx:
        starts = [tx.newest_plans([row.id])[row.id].placement.start for row in tx.jobs()]
        earliest = [row.submitted_at + timedelta(minutes=30) for row in tx.jobs()]
    assert (0, 6) == (code, len(starts))
    assert all(start >= first for start, first in zip(starts, earliest, strict=True))


def test_jobs_of_one_command_count_on_different_gpus(desk: Path, said: Said) -> None:
    """Two nodes take two at once; the third waits, as it would in a command of its own."""
    jobs = lines(desk / "jobs.jsonl", {}, {}, {})
    for words in ([], ["--dry-run"]):
        code, out, _ = said(jobs, "--json", *words)
        assert 0 == code
        starts = sorted(answer["plan"]["placement"][0]["start"] for answer in json.loads(out))
        if words:
            assert 3 == len(stored())
        else:
            assert starts[0] == starts[1] < starts[2]


def test_of_several_jobs_all_are_submitted_or_none(desk: Path, said: Said) -> None:
    """The error names the line; what came before it is not stored."""
    jobs = lines(desk / "jobs.jsonl", {}, {"deadline": "10m"}, {})
    code, out, err = said(jobs)
    assert (Infeasible.exit_code, "", []) == (code, out, stored())
    assert err.startswith(f"error: {jobs}:2: ")
    jobs = lines(desk / "jobs.jsonl", {}, {"gpu_count": 8})
    code, _, err = said(jobs)
    assert (InvalidInput.exit_code, []) == (code, stored())
    assert f"{jobs}:2" in err


def test_keys_make_a_file_of_jobs_repeatable(desk: Path, said: Said) -> None:
    """What is there already is told by its id."""
    jobs = lines(desk / "jobs.jsonl", {"key": "a"}, {"key": "b"})
    _, first, _ = said(jobs)
    lines(desk / "jobs.jsonl", {"key": "a"}, {"key": "b"}, {"key": "c"})
    code, again, err = said(jobs)
    assert (0, first.split()) == (code, again.split()[:2])
    assert 3 == len(stored())
    assert "1 jobs submitted, 2 were there already" in err


@pytest.mark.parametrize(
    ("words", "says"),
    [(["--key", "K"], "--key is of one job"), (["--wait"], "--wait watches one job")],
)
def test_what_is_of_one_job_is_refused_for_several(desk: Path, said: Said, words: list[str], says: str) -> None:
    """Nothing is stored."""
    code, _, err = said(lines(desk / "jobs.jsonl", {}, {}), *words)
    assert (InvalidInput.exit_code, []) == (code, stored())
    assert says in err


@dataclass
class Meddler:
    """A planner that is slow enough for somebody else to write to the store before each of its first plans."""

    placer: PlanningPlacer
    write: Callable[[Transaction, int], None]
    times: int
    plans: int = 0

    def submitted(
        self, job: Job, reference: Mapping[str, str], *, now: datetime, taken: Sequence[Segment], explain: bool
    ) -> Placed:
        """Let the other one write, then plan."""
        self.plans += 1
        if self.plans <= self.times:
            with open_store(wiring.state_folder(), busy_s=0.0).writing() as tx:
                self.write(tx, self.plans)
        return self.placer.submitted(job, reference, now=now, taken=taken, explain=explain)


def meddled(write: Callable[[Transaction, int], None], times: int) -> Meddler:
    """A job submitted while somebody else writes."""
    placer = wiring.placer(wiring.settings(), wiring.clusters())
    meddler = Meddler(placer, write, times)
    job = Job.from_mapping(
        {"name": "mine", "entrypoint": "train", "gpus": 8, "duration": "1h", "deadline": "24h", "home": "france"},
        what="job",
    )
    reference = placer.grid.reference(None)
    submitted(wiring.store(), [Wish("", job, Path())], meddler, reference, [None])  # type: ignore[arg-type]  # all that is used of it
    return meddler


@pytest.mark.usefixtures("desk")
def test_nobody_waits_while_a_submit_plans() -> None:
    """What another command writes then is written at once; where it took no room, the plan stands."""

    def tell(tx: Transaction, _n: int) -> None:
        """A hold, as `carbonsched hold` writes it before the engine has looked."""
        tx.add_event(tx.jobs()[0].id, wiring.now(), "asked", "hold")

    meddled(tell, 0)
    assert 1 == meddled(tell, 1).plans
    assert 2 == len(stored())


@pytest.mark.usefixtures("desk")
@pytest.mark.parametrize("times", [1, 2])
def test_room_that_went_meanwhile_is_planned_around(times: int) -> None:
    """Each time somebody was faster it plans again, and in the end with the store in its hand."""

    def take(tx: Transaction, n: int) -> None:
        """Another job takes the whole cluster for one more hour."""
        row = replace(make_row(job_id=f"j{n}"), state=JobState.PLANNED, finished_at=None)
        tx.add_job(row)
        begins_h = (wiring.now() - T0) / timedelta(hours=1) + n - 1.1
        plan = document([make_cluster()], [("france", begins_h, begins_h + 1.1)])
        plan["placement"][0]["gpus"] = 16  # type: ignore[index]  # of a document that the test made
        tx.add_plan(row.id, wiring.now(), plan)
        tx.add_event(row.id, wiring.now(), "submitted", "")

    assert times + 1 == meddled(take, times).plans
    with wiring.store().reading() as tx:
        [mine] = [row for row in tx.jobs() if row.job.name == "mine"]
        start = tx.newest_plans([mine.id])[mine.id].placement.segments[0].start
    assert abs(start - mine.submitted_at - times * timedelta(hours=1)) < timedelta(minutes=5)


def test_a_submit_that_waits_for_ever_says_so(desk: Path, said: Said, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another one plans, and does not come to its end."""
    monkeypatch.setattr("cli.submit_store._TURN_S", 0.01)
    wiring.state_folder().prepare()
    with lock_file(wiring.state_folder().submits):
        code, _, err = said(lines(desk / "jobs.jsonl", {}))
    assert (StoreError.exit_code, []) == (code, stored())
    assert "other jobs have been planned for 0.01 s" in err


def test_a_file_without_jobs_and_one_with_too_many_are_refused(desk: Path, said: Said) -> None:
    """Others wait while they are planned, so there is an end to it."""
    (desk / "none.jsonl").write_text("\n")
    assert "holds no job" in said("none.jsonl")[2]
    code, _, err = said(lines(desk / "many.jsonl", *[{}] * (MOST + 1)))
    assert InvalidInput.exit_code == code
    assert f"{MOST + 1} jobs are too many" in err


def test_a_single_line_answers_as_a_job_file_does(desk: Path, said: Said) -> None:
    """One JSON object, not a list of one."""
    answer: dict[str, Any] = json.loads(said(lines(desk / "jobs.jsonl", {}), "--json")[1])
    assert ("planned", [answer["job_id"]]) == (answer["state"], [row.id for row in stored()])
