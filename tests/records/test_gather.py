"""What the store and the evidence hold of a job, brought together."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest

from scheduler.domain.cluster import Cluster
from scheduler.domain.job import Job
from scheduler.records.evidence_files import EvidenceFiles
from scheduler.records.gather import JobHistory, clusters_of, gather, gather_all
from scheduler.records.rows import JobState
from scheduler.records.state_folder import StateFolder
from scheduler.records.store import open_store
from scheduler.records.transaction import Transaction
from tests.records.agent_files import lines, outcome
from tests.records.cases import T0, at, document, make_cluster, make_job, make_plan, make_row, make_segment
from tests.records.metered import gpu, line, written

FRANCE = make_cluster()
QUEBEC = make_cluster("quebec", "CA-QC")
CONFIGS = sorted((Path(__file__).parents[2] / "cluster_configs").glob("*.yaml"))


class World:
    """One job in a store, with its evidence."""

    def __init__(self, folder: StateFolder, tx: Transaction) -> None:
        self.evidence = EvidenceFiles(folder)
        self.tx = tx

    def submit(self, job: Job | None = None, *placed: tuple[str, float, float], home: str = "france") -> None:
        """Store the job `j1` with its first plan."""
        self.tx.add_job(replace(make_row(job, home=home), state=JobState.RUNNING, finished_at=None, progress=0.25))
        self.plan(FRANCE, QUEBEC, placed=placed)

    def plan(self, *clusters: Cluster, placed: tuple[tuple[str, float, float], ...] = ()) -> int:
        """Store another plan. Returns its id."""
        return self.tx.add_plan("j1", T0, document(clusters, placed or (("france", 0, 2),)))

    def segment(self, number: int = 1, **changes: object) -> None:
        """Store a segment."""
        sid = f"cs-j1-s{number}-a1"
        self.tx.add_segment(make_segment(**{"n": number, "sid": sid, **changes}))

    def history(self, now_h: float = 5) -> JobHistory:
        """The history of the job at an hour."""
        return gather(self.tx, self.evidence, self.tx.job("j1"), now=at(now_h))


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """A store with nothing in it."""
    folder = StateFolder(tmp_path / "state")
    store = open_store(folder)
    with store.writing() as tx:
        yield World(folder, tx)
    store.close()


def seconds(moment: datetime) -> float:
    """Seconds since 1970. [s]"""
    return moment.timestamp()


def test_a_job_of_which_nothing_ran_has_a_history_of_its_plan(world: World) -> None:
    """No attempts, no pause, the progress that is stored."""
    world.submit()
    history = world.history()
    assert ((), None, 0.25, ()) == (history.attempts, history.paused_until, history.progress, history.problems)
    assert ({"france": FRANCE, "quebec": QUEBEC}, FRANCE, None) == (history.clusters, history.home, history.data_at)


def test_outcomes_become_attempts_in_order_of_time(world: World) -> None:
    """Each with its own evidence."""
    world.submit()
    world.segment(1)
    world.segment(2, cluster="quebec", granted_at=at(3), released_at=at(4), seen_at=None)
    world.evidence.keep_outcome("j1", "cs-j1-s2-a1", outcome(
        sid="cs-j1-s2-a1", started_unix=seconds(at(3.25)), duration_s=1800))  # fmt: skip
    first, second = world.history().attempts
    assert ("cs-j1-s1-a1", FRANCE, "nothing") == (first.sid, first.cluster, first.known_by)
    assert ("cs-j1-s2-a1", QUEBEC, (at(3.25), at(3.75))) == (second.sid, second.cluster, second.ran)


def test_an_attempt_keeps_the_cluster_as_it_was_when_it_was_planned(world: World) -> None:
    """A file that changed, or a cluster that came later, changes nothing of what ran before."""
    world.submit()
    world.segment(1)
    newer = make_cluster(pue=1.9), make_cluster("toronto", "CA-ON")
    plan_id = world.plan(*newer, placed=(("toronto", 3, 4),))
    world.segment(2, plan_id=plan_id, cluster="toronto")
    world.segment(3, plan_id=plan_id, cluster="france")
    history = world.history()
    assert [FRANCE, newer[1], newer[0]] == [each.cluster for each in history.attempts]
    assert (FRANCE, 1) == (history.home, history.planned.id)


def test_the_progress_of_an_open_segment_is_its_last_sample_that_says_one(world: World) -> None:
    """A sample without one leaves the one before."""
    world.submit()
    world.segment(1, phase="granted", released_at=None, end="")
    at_unix = seconds(at(0.5))
    world.evidence.keep_samples("j1", "cs-j1-s1-a1", lines(
        {"t_unix": at_unix, "progress": 0.5}, {"n": 1, "t_unix": at_unix + 30, "progress": None}))  # fmt: skip
    history = world.history(2)
    assert (0.5, "samples", (at(0.5), at(2))) == (
        history.progress, history.attempts[0].known_by, history.attempts[0].ran,
    )  # fmt: skip


@pytest.mark.parametrize("name", ["cs-j1-s1-a1.outcome.json", "cs-j1-s1-a1.samples.jsonl"])
def test_evidence_that_cannot_be_read_counts_as_none_and_is_named(world: World, name: str) -> None:
    """One bad file costs its attempt the benefit, not the report."""
    world.submit()
    world.segment(1, phase="granted", released_at=None, end="")
    folder = world.evidence.state.evidence("j1")
    folder.mkdir(parents=True)
    (folder / f"carbonsched-{name}").write_bytes(b"garbage\n")
    history = world.history()
    assert ("nothing", (at(0), at(5))) == (history.attempts[0].known_by, history.attempts[0].ran)
    assert 1 == len(history.problems)
    assert history.problems[0].startswith("cs-j1-s1-a1: ")


SUSPENDED = {"end": "suspended", "is_last": False, "stop_asked_at": at(2)}


@pytest.mark.parametrize(
    ("placed", "until_h"),
    [
        ((("france", 0, 2), ("france", 8, 9)), 5),
        ((("france", 0, 2), ("quebec", 8, 9)), None),
        ((("france", 0, 2),), 5),
    ],
)
def test_a_pause_lasts_until_now_unless_the_job_goes_elsewhere(
    world: World, placed: tuple[tuple[str, float, float], ...], until_h: float | None
) -> None:
    """On the way back to the same cluster, and where nobody knows, its nodes are still its own."""
    world.submit(None, *placed)
    world.segment(1, **SUSPENDED)
    assert (None if until_h is None else at(until_h)) == world.history(5).paused_until


def test_a_newer_plan_says_where_a_paused_job_goes(world: World) -> None:
    """All of its stretches lie ahead."""
    world.submit(None, ("france", 0, 2), ("france", 8, 9))
    world.segment(1, **SUSPENDED)
    world.plan(FRANCE, QUEBEC, placed=(("quebec", 6, 7),))
    assert world.history(5).paused_until is None


def test_a_segment_on_its_way_ends_no_pause_where_it_goes_back(world: World) -> None:
    """Until its GPUs are granted the nodes wait."""
    world.submit(None, ("france", 0, 2), ("france", 4, 9))
    world.segment(1, **SUSPENDED)
    world.segment(2, phase="intended", granted_at=None, released_at=None, seen_at=None, end="")
    assert at(5) == world.history(5).paused_until


def test_a_cancel_ends_a_pause(world: World) -> None:
    """The nodes were kept up to then, and not a moment longer."""
    world.submit(None, ("france", 0, 2), ("france", 8, 9))
    world.segment(1, **SUSPENDED)
    world.tx.set_job("j1", state=JobState.CANCELLED, finished_at=at(3))
    assert at(3) == world.history(5).paused_until


def test_a_cancel_of_what_runs_begins_no_pause(world: World) -> None:
    """However long it took until its end was read."""
    world.submit()
    world.segment(1, **SUSPENDED)
    world.tx.add_event("j1", at(1.9), "cancelling", "segment 1 on france asked to stop")
    world.tx.set_job("j1", state=JobState.CANCELLED, finished_at=at(4))
    assert world.history(5).paused_until is None


def test_a_cancel_that_was_taken_back_ends_no_pause(world: World) -> None:
    """The job goes on, on nodes that waited for it."""
    world.submit(None, ("france", 0, 2), ("france", 8, 9))
    world.segment(1, **SUSPENDED)
    world.tx.add_event("j1", at(1.9), "cancelling", "segment 1 on france asked to stop")
    assert at(5) == world.history(5).paused_until


@pytest.mark.parametrize("end", ["finished", "failed", "interrupted"])
def test_only_a_suspend_begins_a_pause(world: World, end: str) -> None:
    """Nobody keeps nodes for a job that is over or that was cut off."""
    world.submit(None, ("france", 0, 2), ("france", 8, 9))
    world.segment(1, end=end)
    assert world.history(5).paused_until is None


def test_the_place_of_the_data_is_a_declared_cluster_or_unknown(world: World) -> None:
    """A name that nobody declared is no place."""
    world.submit(make_job(data={"size_gb": 1, "at": "quebec"}))
    assert QUEBEC == world.history().data_at


def test_a_home_that_was_not_declared_is_none(world: World) -> None:
    """The rule names it; nothing is known of it."""
    world.submit(home="atlantis")
    assert world.history().home is None


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_a_declared_cluster_comes_back_from_a_plan_as_it_was(path: Path) -> None:
    """Ranges, defaults and all, but for how to reach it."""
    declared = Cluster.from_yaml(path.read_text(), what=path.name)
    plan = make_plan([declared], [(declared.name, 0, 1)])
    stored = replace(plan, document=json.loads(json.dumps(plan.document)))
    assert {declared.name: declared.model_copy(update={"ray": None})} == clusters_of(stored)


def metered_world(world: World, *powers_w: float | None) -> None:
    """A job of one segment over two hours, and a line of readings an hour at those powers."""
    world.submit()
    world.segment()
    sid, start_s = "cs-j1-s1-a1", seconds(at(0))
    joules = [0.0]
    for power_w in powers_w:
        joules.append(joules[-1] + 3600 * (power_w or 0.0))
    raw = written(*(line(n, gpu(j), every_s=3600.0, t_unix=start_s + 3600 * n) for n, j in enumerate(joules)))
    world.evidence.keep_samples("j1", sid, raw)
    told = outcome(sid=sid, started_unix=start_s, ended_unix=start_s + 7200, duration_s=7200.0)
    world.evidence.keep_outcome("j1", sid, told)


def test_what_was_metered_of_an_ended_segment_is_in_its_attempt(world: World) -> None:
    """The curve of its samples, and one GPU of eight that had a meter says so."""
    metered_world(world, 300.0, 400.0)
    (made,) = world.history().attempts
    assert made.energy is not None
    assert [0.0, 0.3, 0.7] == pytest.approx(made.energy.gpu_kwh)
    assert [0.125, 0.125] == pytest.approx(made.energy.measured)
    assert "node-1" == made.node


def test_a_plan_is_held_without_what_only_explains_it(world: World) -> None:
    """Its price and its placement are there, its alternatives are not."""
    world.submit()
    history = world.history()
    assert {"placement", "emissions_kg"} == set(history.planned.document)
    assert history.clusters == {"france": FRANCE, "quebec": QUEBEC}


def test_many_jobs_are_gathered_as_one_by_one(world: World) -> None:
    """In their order, by a few queries, with the same histories."""
    world.submit()
    world.segment()
    for n in range(2, 5):
        world.tx.add_job(make_row(make_job(), submitted_h=n, job_id=f"j{n}"))
        world.tx.add_plan(f"j{n}", T0, document([FRANCE, QUEBEC], (("france", n, n + 1),)))
    rows = world.tx.jobs()
    assert [gather(world.tx, world.evidence, row, now=at(9)) for row in rows] == list(
        gather_all(world.tx, world.evidence, rows, now=at(9))
    )


def test_a_cluster_that_many_plans_declare_is_made_once(world: World) -> None:
    """And one that was declared otherwise later is another."""
    world.submit(None, ("france", 0, 2))
    world.segment(1, plan_id=1)
    world.segment(2, plan_id=world.plan(FRANCE, placed=(("france", 2, 3),)))
    other = make_cluster(gpus=128)
    world.segment(3, plan_id=world.plan(other, placed=(("france", 3, 4),)))
    first, second, third = (each.cluster for each in world.history().attempts)
    assert first is second
    assert 128 == third.gpus


def test_what_clusters_kept_from_plans_is_no_part_of_a_history(world: World) -> None:
    """An older plan has it in any form, and its figures stay readable."""
    world.submit()
    plan = world.tx.newest_plans(["j1"])["j1"]
    kept = {"calendar": "office hours", "reserve": 99, "walltime": "0s", "quotas": 3}
    declared = FRANCE.model_dump(mode="json", exclude_defaults=True) | kept
    older = replace(plan, document={**plan.document, "clusters": {"france": declared}})
    assert {"france": FRANCE} == clusters_of(older)
