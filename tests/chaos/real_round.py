"""One round on real Ray: a batch of short trainings while processes are killed and lines are cut around them."""

from __future__ import annotations

import os
import signal
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Final, Literal, Protocol

import yaml

from scheduler.records.rows import JobState
from scheduler.records.state_folder import StateFolder
from scheduler.records.store import Store, open_store
from tests.chaos.exercised import DOUBLED
from tests.chaos.proxy import Mood, Proxy
from tests.chaos.real_heads import Victim
from tests.chaos.real_judge import GRACE_S, LEASE_S, TRAINING_WORD, RealJudge, Wish, command, parent_of
from tests.chaos.sim_round import Played
from tests.chaos.witness import TRAINING, Life, lives
from tests.story.conftest import Desk

Act = Literal["scheduler", "supervisor", "agent", "training", "storage", Mood, Victim]


class Restart(Protocol):
    """Kills a process of a head by -9 and starts the head again; how many trainings lived on."""

    def __call__(self, name: str, victim: Victim, *, orphans: bool) -> int:
        """Do it."""


_STRIKES_WITHIN_S: Final = 15.0
"""How much longer a line stays as it is where nothing was asked over it yet. [s]"""

_FINDS_WITHIN_S: Final = 8.0
"""How long a fault waits for a training to strike before it has one submitted. [s]"""

BATCH: Final = (
    Wish("moves", 30, moves=True),
    Wish("long", 14),
    Wish("short", 4),
    Wish("middle", 8),
    Wish("moves-too", 32, moves=True),
    Wish("fails", 2, code=3, ends=frozenset({JobState.FAILED})),
    Wish("unwanted", 900, ends=frozenset({JobState.CANCELLED}), person="cancel"),
    Wish("paused", 10, person="hold"),
)


@dataclass(slots=True, kw_only=True)
class RealRound:
    """A desk whose scheduler reaches the clusters through proxies.

    Args:
        clusters: the cluster files as they were written by `local up`, by name.
        restart: kills the head of that cluster and starts it again; None where heads are left alone.
    """

    rng: Random
    desk: Desk
    folder: Path
    clusters: dict[str, Path]
    judge: RealJudge = field(init=False)
    restart: Restart | None = None
    injected: Counter[str] = field(default_factory=Counter)
    _proxies: dict[str, Proxy] = field(default_factory=dict)

    def play(self, batch: tuple[Wish, ...], acts: list[Act], within_s: float = 300.0) -> Played:
        """Submit the batch, let the acts happen at random moments, and wait for the end of every job."""
        with ExitStack() as stack:
            self._set_up(stack)
            store = open_store(StateFolder(self.folder / "state"))
            stack.callback(store.close)
            stack.callback(self._tidy, store)
            ids: dict[Wish, str] = {}
            begun_s = time.monotonic()
            with ThreadPoolExecutor(1) as pool:
                submitting = pool.submit(lambda: [ids.setdefault(wish, self._submit(wish)) for wish in batch])
                while len(ids) < min(2, len(batch)) and not submitting.done():
                    time.sleep(0.1)
                self._mischief(store, ids, acts)
                submitting.result()
            for wish in (each for each in batch if each.person):
                self._person(store, ids, wish)
            while self.judge.look(store, ids) and time.monotonic() - begun_s < within_s:
                self._keep_serving(store)
                time.sleep(0.3)
            self.judge.verdict(store, ids)
        return Played(injected=self.injected, facts=self.judge.facts, violations=self.judge.found)

    # The desk

    def _set_up(self, stack: ExitStack) -> None:
        """A folder with the training, and cluster files that lead through proxies."""
        cluster = yaml.safe_load(next(iter(self.clusters.values())).read_text())
        self.judge = RealJudge(storage=Path(cluster["storage"][0]["path"]))
        self.folder.mkdir(parents=True)
        _point(self._link, self.judge.storage)
        declared = self.folder / "clusters"
        declared.mkdir()
        (self.folder / "train.py").write_text(TRAINING)
        (self.folder / "job.yaml").write_text(
            "name: chaos\nentrypoint: python train.py 5 0\nworking_dir: .\n"
            "excludes: [state, clusters, home, storage, nowhere]\ngpus: 2\n"
            "duration: 5s\ndeadline: 20m\nhome: france\nretries: 4\n"
            f"interruptible: {{checkpoint: 1s, restart: 1s, grace: {GRACE_S:g}s}}\n"
        )
        for name, path in self.clusters.items():
            cluster = yaml.safe_load(path.read_text())
            proxy = stack.enter_context(Proxy(int(cluster["ray"]["address"].rpartition(":")[2])))
            cluster["ray"]["address"] = f"http://127.0.0.1:{proxy.port}"
            cluster["storage"][0]["path"] = str(self._link)
            (declared / path.name).write_text(yaml.safe_dump(cluster, sort_keys=False))
            self._proxies[name] = proxy
        environ = dict(self.desk.environ) | {
            "CARBONSCHED_STATE_DIR": str(self.folder / "state"),
            "CARBONSCHED_CLUSTERS": str(declared),
            "CARBONSCHED_LEASE": f"{LEASE_S:g}s",
        }
        self.desk = replace(self.desk, folder=self.folder, environ=environ)

    def _submit(self, wish: Wish) -> str:
        """Submit one job of the batch; its id."""
        sets = {
            "name": wish.name, "duration": f"{wish.length_s:g}s",
            "entrypoint": f"python train.py {wish.length_s:g} {wish.code}", **({"retries": "0"} if wish.code else {}),
        }  # fmt: skip
        words = [word for key, value in sets.items() for word in ("--set", f"{key}={value}")]
        if wish.moves:
            words += ["--intensity-table", str(self._table(wish)), "--set", "deadline=2m"]
        elif wish.soon:
            words += ["--set", f"deadline={wish.length_s + 60:g}s"]
        done = self.desk.run("submit", "job.yaml", *words, "-q")
        assert done.code == 0, done.err
        return done.out.strip()

    def _table(self, wish: Wish) -> Path:
        """Intensities that make a move worth while: France is clean for 25 s, Quebec for 25 s a little later."""
        start = datetime.now(UTC).replace(microsecond=0)
        values = [(20 if slot < 5 else 900, 20 if 7 <= slot < 12 else 900) for slot in range(60)]
        rows = [f"{(start + timedelta(seconds=5 * slot)).isoformat()},{fr},{qc}"
                for slot, (fr, qc) in enumerate(values)]  # fmt: skip
        path = self.folder / f"{wish.name}.csv"
        path.write_text("\n".join(("utc,FR,CA-QC", *rows)) + "\n")
        return path

    def _tidy(self, store: Store) -> None:
        """End what this round started: the scheduler, and any training that is left."""
        pid = self._scheduler(store)
        if pid is not None:
            os.kill(pid, signal.SIGKILL)
        for path in self.judge.storage.glob("*/"):
            for life in lives(path):
                for pid in (life.parent, life.pid):
                    if any(word in command(pid) for word in ("carbonsched_agent", "train.py")):
                        os.kill(pid, signal.SIGKILL)

    # Mischief

    def _mischief(self, store: Store, ids: dict[Wish, str], acts: list[Act]) -> None:
        """The acts, each at a random moment."""
        for act in self.rng.sample(acts, len(acts)):
            self._wait(store, ids, self.rng.uniform(0.3, 2.5))
            self._act(store, ids, act)

    def _wait(self, store: Store, ids: dict[Wish, str], seconds: float) -> None:
        """Let time pass, looking all along."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.judge.look(store, ids)
            time.sleep(0.1)

    def _person(self, store: Store, ids: dict[Wish, str], wish: Wish) -> None:
        """A person cancels, or holds and releases a little later."""
        self.injected[f"jobs a person asked to {wish.person}"] += 1
        self.desk.run(wish.person, ids[wish])
        if wish.person == "hold":
            self._wait(store, ids, self.rng.choice([0.0, 6.0]))
            self.desk.run("release", ids[wish])

    def _act(self, store: Store, ids: dict[Wish, str], act: Act) -> None:
        """One fault."""
        if act in ("cut", "slow", "mute", "twice"):
            self._mood(store, ids, act)
        elif act == "scheduler":
            self._kill_scheduler(store, ids)
        elif act in ("gcs", "raylet", "dashboard"):
            self._kill_head(store, ids, act)
        elif act == "storage":
            self._take_storage(store, ids)
        else:
            self._kill_one(store, ids, act)

    def _mood(self, store: Store, ids: dict[Wish, str], mood: Mood) -> None:
        """A line over which something is asked is not itself for some seconds, and until that struck."""
        self._living(store, ids)
        with store.reading() as tx:
            busy = sorted({s.cluster for s in tx.open_segments()} & {*self._proxies})
        proxies = [self._proxies[self.rng.choice(busy or [*self._proxies])]]
        if mood == "twice":  # a submission is what must not happen twice, wherever it goes
            proxies = [*self._proxies.values()]
        before, doubled = sum(each.struck for each in proxies), sum(each.doubled for each in proxies)
        for each in proxies:
            each.mood = mood
        if mood == "twice":
            self._fresh(ids, 4)
        self._wait(store, ids, self.rng.uniform(1, 6))
        end = time.monotonic() + _STRIKES_WITHIN_S
        while time.monotonic() < end and (
            sum(each.struck for each in proxies) == before
            or (mood == "twice" and sum(each.doubled for each in proxies) == doubled)
        ):
            self._wait(store, ids, 0.2)
        for each in proxies:
            each.mood = "open"
        self.injected[f"lines {mood} for some seconds"] += 1
        self.injected[f"requests struck while a line was {mood}"] += sum(each.struck for each in proxies) - before
        if mood == "twice":
            self.injected[DOUBLED] += sum(each.doubled for each in proxies) - doubled

    def _take_storage(self, store: Store, ids: dict[Wish, str]) -> None:
        """The storage is away for two thirds of the lease, as ten minutes are of fifteen."""
        self._living(store, ids)
        before = self._missed(ids)
        self.judge.struck.update([*ids.values()])  # an attempt that begins now may give up
        _point(self._link, self.folder / "nowhere")
        self._wait(store, ids, LEASE_S * 2 / 3)
        _point(self._link, self.judge.storage)
        self._wait(store, ids, 1.5)
        self.injected["storages away for two thirds of the lease"] += 1
        self.injected["saves of trainings that a storage missed"] += self._missed(ids) - before

    def _missed(self, ids: dict[Wish, str]) -> int:
        """Saves that failed so far, by the trainings' own diaries."""
        return sum(life.missed for job_id in [*ids.values()] for life in lives(self.judge.storage / job_id))

    @property
    def _link(self) -> Path:
        """What the clusters mount, which leads to the storage."""
        return self.folder / "storage"

    def _kill_scheduler(self, store: Store, ids: dict[Wish, str]) -> None:
        """The scheduler dies by -9; another one comes a moment later."""
        end = time.monotonic() + 15
        while (pid := self._scheduler(store)) is None:
            if time.monotonic() > end:
                return
            self._wait(store, ids, 0.1)
        os.kill(pid, signal.SIGKILL)
        self.injected["scheduler killed by -9"] += 1
        self._wait(store, ids, self.rng.uniform(0, 2))
        self.desk.run("serve", "--background")

    def _kill_head(self, store: Store, ids: dict[Wish, str], victim: Victim) -> None:
        """A process of a head that runs something dies by -9, and the head comes back; what it ran may live on."""
        assert self.restart is not None
        living = [(self._cluster_of(store, job_id), life) for job_id, life in self._living(store, ids)]
        if not living:
            return
        name, killed_unix = self.rng.choice(sorted({cluster for cluster, _ in living})), time.time()
        self.judge.struck.update([*ids.values()])
        self.judge.facts["trainings that outlived their head"] += self.restart(name, victim, orphans=victim == "gcs")
        self.judge.forgive(time.time() - killed_unix)
        for cluster, life in living:
            if cluster == name and TRAINING_WORD in command(life.pid):
                self.judge.orphans[life.pid] = killed_unix
        (self.folder / "clusters" / self.clusters[name].name).touch()
        self.injected[f"{victim} of a head killed by -9, the head started again"] += 1

    def _cluster_of(self, store: Store, job_id: str) -> str:
        """Where the newest segment of a job is."""
        with store.reading() as tx:
            return tx.segments(job_id)[-1].cluster

    def _living(self, store: Store, ids: dict[Wish, str]) -> list[tuple[str, Life]]:
        """The trainings that run, once one does; where none comes, one more is submitted, so that faults find work."""
        for wait_s in (_FINDS_WITHIN_S, 2 * _FINDS_WITHIN_S):
            end = time.monotonic() + wait_s
            while time.monotonic() < end:
                found = self._found(ids)
                if found:
                    return found
                self._wait(store, ids, 0.2)
            self._fresh(ids, 14)
        return self._found(ids)

    def _fresh(self, ids: dict[Wish, str], length_s: float) -> None:
        """Submit one job more, which is to run at once."""
        wish = Wish(f"fresh-{len(ids)}", length_s, soon=True)
        ids[wish] = self._submit(wish)

    def _found(self, ids: dict[Wish, str]) -> list[tuple[str, Life]]:
        """The trainings that run now, and are not to fail."""
        return [
            (job_id, life)
            for wish, job_id in [*ids.items()]
            for life in lives(self.judge.storage / job_id)
            if not wish.code and not life.ended and "train.py" in command(life.pid)
        ]

    def _kill_one(self, store: Store, ids: dict[Wish, str], act: Act) -> None:
        """A training, its agent, or its supervisor dies by -9."""
        living = self._living(store, ids)
        if not living:
            return
        job_id, life = self.rng.choice(living)
        word = {"training": "train.py", "agent": "carbonsched_agent", "supervisor": "ray::JobSupervisor"}[act]
        pid = life.pid
        while pid > 1 and word not in command(pid):
            pid = parent_of(pid)
        if pid > 1:
            os.kill(pid, signal.SIGKILL)
            self.injected[f"{act}s killed by -9"] += 1
            self.judge.struck[job_id] += 1

    def _scheduler(self, store: Store) -> int | None:
        """The process that runs the loop, if it lives."""
        with store.reading() as tx:
            pid = tx.scheduler_pid()
        return pid if pid is not None and "serve" in command(pid) else None

    def _keep_serving(self, store: Store) -> None:
        """Whoever finds no scheduler starts one, as a watching command does."""
        if self._scheduler(store) is None:
            self.desk.run("serve", "--background")


def _point(link: Path, target: Path) -> None:
    """Let a link lead elsewhere, from one moment to the next."""
    new = link.with_name("new-link")
    new.symlink_to(target)
    new.replace(link)
