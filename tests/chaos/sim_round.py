"""One round of the simulated world: jobs, hours of random faults, then calm until every job is over."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from random import Random

from scheduler.domain.errors import StoreError
from scheduler.execution.engine import Engine
from scheduler.records.rows import FINAL, JobState
from scheduler.records.state_folder import StateFolder
from scheduler.records.store import Store, open_store
from tests.chaos.faults import Faults, Killed, Line
from tests.chaos.sim_cluster import SimCluster, settle
from tests.chaos.sim_engine import RandomPlacer, declared, new_engine, new_job
from tests.chaos.sim_judge import Judge
from tests.chaos.simulated import Nature, SimClock, Storage, World

CLUSTERS = ("one", "two", "three")
_CALM_PASSES = 2000
_JUMP_S = 3600.0
_AWAY_S = 600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Played:
    """What a round came to."""

    injected: Counter[str]
    facts: Counter[str]
    violations: list[tuple[str, str]]


@dataclass(slots=True, kw_only=True)
class Round:
    """A world with an engine in it."""

    rng: Random
    clock: SimClock
    world: World
    faults: Faults
    clusters: dict[str, SimCluster]
    store: Store
    placer: RandomPlacer
    judge: Judge
    engine: Engine

    def play(self, passes: int) -> Played:
        """Let things go wrong for so many passes, then let everything come to its end."""
        for _ in range(passes):
            if self.rng.random() < 0.4:
                self._mischief()
            if self.rng.random() < 0.02:
                self._person()
            self._pass(self.rng.uniform(2, 60))
        self.faults.calm()
        for each in self.clusters.values():
            each.others = 0
        for _ in range(_CALM_PASSES):
            if not self._open_jobs():
                break
            self._pass(60)
        self.judge.verdict()
        self.faults.counts["what a storage missed while it was away"] += sum(
            each.missed for each in self.world.storage.values()
        )
        self.store.close()
        return Played(injected=self.faults.counts, facts=self.judge.facts, violations=self.judge.found)

    def _pass(self, length_s: float) -> None:
        """Let time pass, then the engine; a dead one is followed by another."""
        settle(self.world, self.clusters, self.clock.true_s + length_s)
        try:
            self.engine.step()
        except StoreError:
            self.faults.counts["passes that a full disk ended"] += 1  # the loop goes on, in the same process
        except Killed:
            self.engine = new_engine(self.store, self.clock, self.placer, self.clusters, self.faults)
        self.judge.look()

    def _open_jobs(self) -> int:
        """How many jobs are not over; in the end nobody holds one any longer."""
        with self.store.writing() as tx:
            jobs = tx.open_jobs()
            for job in jobs:
                if job.wanted == "hold":
                    tx.set_job(job.id, wanted="run")
        return len(jobs)

    def _mischief(self) -> None:
        """One random fault."""
        now_s, cluster = self.clock.true_s, self.rng.choice([*self.clusters.values()])
        line = self.faults.lines[cluster.name]
        long_s = self.rng.choice([20.0, 120.0, 1500.0])
        side = self.rng.choice(["before", "after"])
        acts: list[tuple[int, Callable[[], None]]] = [
            (8, lambda: self.faults.die_at("write", self.rng.randint(1, 12), side)),
            (8, lambda: self.faults.die_at("call", self.rng.randint(1, 20), side)),
            (6, lambda: self.faults.die_at(self.rng.choice(["submit", "stop", "probe", "logs"]), 1, side)),
            (6, lambda: line.loses.add(self.rng.choice(["submit", "submit", "stop", "probe"]))),
            (3, lambda: setattr(line, "cut_until_s", now_s + long_s)),
            (4, lambda: setattr(line, "mute_until_s", now_s + self.rng.uniform(5, 60))),
            (3, lambda: setattr(line, "blind_until_s", now_s + long_s)),
            (1, lambda: self._restart(cluster)),
            (2, cluster.lose_supervisor),
            (2, cluster.lose_agent),
            (1, self._jump),
            (5, self._person),
            (1, lambda: setattr(cluster, "others", self.rng.choice([0, 0, 6, 8]))),
            (1, lambda: setattr(self.faults, "full_until_s", now_s + self.rng.choice([5.0, 60.0, 600.0]))),
            (4, self._storage_away),
        ]
        [act] = self.rng.choices([act for _, act in acts], weights=[weight for weight, _ in acts])
        act()

    def _restart(self, cluster: SimCluster) -> None:
        """A cluster's head dies and comes back."""
        self.faults.counts["clusters restarted"] += 1
        cluster.restart()

    def _storage_away(self) -> None:
        """A storage cannot be reached for ten minutes; only a job's that is open is worth it."""
        with self.store.reading() as tx:
            jobs = [job.id for job in tx.open_jobs() if job.state not in FINAL]
        if jobs:
            self.world.storage[self.rng.choice(jobs)].away_until_s = self.clock.true_s + _AWAY_S
            self.faults.counts["storages away for ten minutes"] += 1

    def _jump(self) -> None:
        """The wall clock jumps by an hour; it is never more than one off."""
        by_s = self.rng.choice([-_JUMP_S, _JUMP_S]) if self.clock.jumped_s == 0 else -self.clock.jumped_s
        self.clock.jumped_s += by_s
        self.faults.counts[f"clock jumped {'ahead' if by_s > 0 else 'back'} by an hour"] += 1

    def _person(self) -> None:
        """Somebody changes their mind about a job, as the commands let them."""
        with self.store.writing() as tx:
            open_jobs = [job for job in tx.open_jobs() if job.state not in FINAL]
            if not open_jobs:
                return
            launching = [job for job in open_jobs if job.state == JobState.LAUNCHING]
            job = self.rng.choice(launching or open_jobs)
            held = job.wanted == "hold"
            wanted = self.rng.choices(["hold", "release", "cancel"], weights=[0 if held else 5, 8 if held else 0, 1])[0]
            if (wanted == "hold" and (job.wanted == "cancel" or job.job.interruptible is None)) or (
                wanted == "release" and job.wanted == "cancel"
            ):
                return
            tx.set_job(job.id, wanted="run" if wanted == "release" else wanted)  # type: ignore[arg-type]  # one of its words
        self.judge.asked[job.id].add(wanted)
        self.faults.counts[f"jobs a person asked to {wanted}"] += 1


def play(seed: int, folder: Path, *, jobs: int, passes: int) -> Played:
    """Play the round of a seed in an empty folder."""
    rng = Random(seed)
    clock = SimClock()
    world = World(clock)
    faults = Faults(rng=rng, clock=clock, lines={name: Line() for name in CLUSTERS})
    store = open_store(StateFolder(folder / "state"))
    placer = RandomPlacer(rng=rng, clusters={name: declared(name) for name in CLUSTERS}, clock=clock)
    clusters: dict[str, SimCluster] = {}
    judge = Judge(world=world, store=store, clusters=clusters)
    for name in CLUSTERS:
        clusters[name] = SimCluster(
            name=name, world=world, faults=faults, rng=rng, judge_stop=judge.stop_asked
        )  # fmt: skip
    with store.writing() as tx:
        for number in range(jobs):
            row = new_job(rng, number, folder / "storage", clock.now())
            whole = row.job.duration_on("A100")
            assert whole is not None
            seen = rng.random() < 0.7
            world.storage[row.id] = Storage(folder / "storage" / f"job{number}.carbonsched" if seen else None)
            world.natures[row.id] = Nature(
                length_s=whole.total_seconds() * rng.uniform(0.9, 1.1),
                fails_at_s=rng.uniform(30, whole.total_seconds()) if rng.random() < 0.1 else float("inf"),
                reports=rng.random() < 0.7,
            )
            tx.add_job(row)
            tx.add_plan(row.id, clock.now(), placer.document(row.job, 0.0, clock.now() + timedelta(minutes=4 * number)))
    engine = new_engine(store, clock, placer, clusters, faults)
    return Round(
        rng=rng, clock=clock, world=world, faults=faults, clusters=clusters, store=store, placer=placer, judge=judge,
        engine=engine,
    ).play(passes)  # fmt: skip
