"""Short rounds of chaos in the simulated world, and that their judge sees what is wrong."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from random import Random
from types import SimpleNamespace

import pytest

from scheduler.records.rows import JobState
from scheduler.records.state_folder import StateFolder
from scheduler.records.store import open_store
from tests.chaos.sim_engine import RandomPlacer, declared, new_job
from tests.chaos.sim_judge import DOUBLE_RUNS, LOST_JOBS, WRONG_STATES, Judge
from tests.chaos.sim_round import play
from tests.chaos.simulated import START, SimClock, Storage, Training, World


@pytest.mark.parametrize("seed", [5, 23, pytest.param(106, marks=pytest.mark.soak)])
def test_hours_of_chaos_lose_double_and_mistake_nothing(tmp_path: Path, seed: int) -> None:
    """Deaths at writes and calls, lost answers, restarts, orphans, clock jumps and people: every job ends as it did."""
    played = play(seed, tmp_path, jobs=12, passes=250)
    assert [] == played.violations
    assert sum(played.injected.values()) > 50
    assert sum(count for name, count in played.injected.items() if name.startswith("scheduler killed")) > 5


def test_a_round_can_be_played_again(tmp_path: Path) -> None:
    """The seed says all: what struck one run strikes the next."""
    one, two = (play(3, tmp_path / name, jobs=4, passes=60) for name in ("one", "two"))
    assert one == two


def test_the_judge_sees_lost_and_mistaken_jobs_and_double_runs(tmp_path: Path) -> None:
    """One job still open, one called succeeded that never ran, one with two trainings at once."""
    world, store = World(SimClock(true_s=1000.0)), open_store(StateFolder(tmp_path))
    both = {name: declared(name) for name in ("one", "two")}
    placer = RandomPlacer(rng=Random(1), clusters=both, clock=SimClock())
    for number, state in enumerate((JobState.PLANNED, JobState.SUCCEEDED, JobState.CANCELLED)):
        row = replace(new_job(Random(1), number, tmp_path, START), state=state)
        world.storage[row.id] = Storage(None)
        with store.writing() as tx:
            tx.add_job(row)
            tx.add_plan(row.id, START, placer.document(row.job, 0.0, START + timedelta(hours=1)))
    judge = Judge(world=world, store=store, clusters={})
    judge.asked["job00002"].add("cancel")
    for fence in (1, 2):
        world.trainings.append(_training("job00002", fence))
    judge.verdict()
    kinds = [kind for kind, _ in judge.found]
    assert [kinds.count(kind) for kind in (LOST_JOBS, WRONG_STATES, DOUBLE_RUNS)] == [1, 1, 1]


def _training(job_id: str, fence: int) -> Training:
    """A training that ran for 100 s."""
    launch = SimpleNamespace(sid=f"cs-{job_id}-s1-a{fence}", fence=fence, metadata={"carbonsched_job": job_id})
    return Training(
        launch=launch,  # type: ignore[arg-type]  # all that is looked at
        cluster="one",
        node_id="n",
        begun_s=100.0,
        from_s=0.0,
        length_s=600.0,
        fails_at_s=float("inf"),
        reports=True,
        ended_s=200.0,
        how="killed",
        known=False,
    )
