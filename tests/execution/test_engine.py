"""The engine against a fake cluster: every way a job can go, and that a crash at any step loses and doubles nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from scheduler.domain.cluster import Cluster
from scheduler.domain.errors import CarbonschedError, ClusterRefused, ClusterUnreachable
from scheduler.domain.job import Job
from scheduler.domain.placement import Placement, Segment
from scheduler.execution.engine import Engine
from scheduler.execution.harvest import Harvester
from scheduler.execution.launching import Launcher
from scheduler.execution.lookout import Lookout
from scheduler.execution.placing import Placed
from scheduler.execution.sites import Claim, Site, Sites, coming, room, usable
from scheduler.ports import Capacity, JobStatus, Launch, Observation
from scheduler.records.evidence import Outcome, outcome_name, samples_name
from scheduler.records.evidence_files import EvidenceFiles
from scheduler.records.rows import JobRow, JobState, SegmentRow
from scheduler.records.state_folder import StateFolder
from scheduler.records.store import Store, open_store

START = datetime(2026, 3, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)


@dataclass
class FakeClock:
    """A clock that a test moves."""

    at: datetime = START

    def now(self) -> datetime:
        """The moment the test set."""
        return self.at

    def monotonic_s(self) -> float:
        """Seconds since the start. [s]"""
        return (self.at - START).total_seconds()

    def sleep(self, duration: timedelta) -> None:
        """Move on."""
        self.at += duration


@dataclass
class FakeCluster:
    """A cluster that a test tells what to say; `started` counts how often each id really began."""

    free: int = 8
    session: str = "s"
    queues: bool = False
    cut: bool = False
    refuses: str = ""
    status: dict[str, JobStatus] = field(default_factory=dict)
    error_type: str = ""
    exit_code: int | None = None
    launches: dict[str, Launch] = field(default_factory=dict)
    started: list[str] = field(default_factory=list)
    stopped: list[str] = field(default_factory=list)
    files: dict[str, bytes] = field(default_factory=dict)

    def _answer(self) -> None:
        """Fail where the test cut the line."""
        if self.cut:
            raise ClusterUnreachable("fake does not answer")

    def probe(self) -> Capacity:
        """What is free."""
        self._answer()
        return Capacity(
            session=self.session, ray_version="2", gpus_total=8, gpus_free=self.free, free_by_node=(self.free,)
        )

    def submit(self, launch: Launch) -> None:
        """Start it once."""
        self._answer()
        if self.refuses:
            raise ClusterRefused(self.refuses)
        if launch.sid not in self.status:
            self.status[launch.sid] = "pending" if self.queues else "running"
            if not self.queues:
                self.started.append(launch.sid)
            self.launches[launch.sid] = launch

    def observe(self, sid: str) -> Observation:
        """What became of it."""
        self._answer()
        status = self.status.get(sid, "absent")
        node_id = "" if status == "pending" or (status == "stopped" and self.queues) else "n"
        return Observation(
            sid=sid, status=status, node_id=node_id, error_type=self.error_type, exit_code=self.exit_code
        )

    def stop(self, sid: str) -> None:
        """Note the request."""
        self._answer()
        self.stopped.append(sid)

    def logs(self, sid: str) -> str:
        """What it printed."""
        self._answer()
        return f"log of {sid}\n"

    def evidence(self, node_id: str, name: str, *, tail: int | None = None) -> bytes | None:
        """What its agent wrote."""
        self._answer()
        return self.files.get(name)

    def end(self, sid: str, status: JobStatus, ended: datetime, **changes: object) -> None:
        """Let an attempt end with an outcome."""
        unix = ended.timestamp()
        outcome = {
            "v": 1, "sid": sid, "fence": 1, "started_unix": unix - 600, "ended_unix": unix, "duration_s": 600.0,
            "exit_code": 0, "reason": "exited", "stop_received_unix": None, "progress_before": 0.0, "progress": None,
            "samples": 1, "energy_j": None, "energy_source": "model", "error": "",
        } | changes  # fmt: skip
        self.status[sid] = status
        self.files[outcome_name(sid)] = json.dumps(outcome).encode()


@dataclass
class FakePlacer:
    """Hands out the placements that a test wrote."""

    placements: list[Placement]
    taken: list[tuple[Segment, ...]] = field(default_factory=list)
    asked: list[tuple[Segment, ...]] = field(default_factory=list)
    jobs: list[Job] = field(default_factory=list)
    improved: Placement | None = None

    def place(self, row: JobRow, past: list[SegmentRow], *, now: datetime, taken: tuple[Segment, ...]) -> Placed:
        """The next placement; what was taken is kept for the test."""
        self.taken.append(taken)
        return Placed(plan=None, document=document(self.placements.pop(0)), reason="")  # type: ignore[arg-type]  # the engine stores the document only

    def better(
        self,
        row: JobRow,
        past: list[SegmentRow],
        ahead: list[Segment],
        *,
        now: datetime,
        taken: tuple[Segment, ...],
    ) -> Placed | None:
        """What the test wrote as better, if anything."""
        self.asked.append(tuple(ahead))
        self.jobs.append(row.job)
        return None if self.improved is None else Placed(plan=None, document=document(self.improved))  # type: ignore[arg-type]  # as above

    def worked(self, row: JobRow, segment: SegmentRow, outcome: Outcome) -> float:
        """A third of the work each time."""
        return row.progress + 1 / 3


def document(placement: Placement) -> dict[str, object]:
    """A plan's document with just what the engine reads."""
    return {
        "placement": [
            {"cluster": s.cluster, "start": s.start.isoformat(), "end": s.end.isoformat(), "gpus": s.gpus}
            for s in placement.segments
        ]
    }


def stretch(cluster: str, start_h: float, end_h: float) -> Segment:
    """Eight GPUs for some hours after the start."""
    return Segment(cluster=cluster, start=START + start_h * HOUR, end=START + end_h * HOUR, gpus=8)


@dataclass
class World:
    """One job, two fake clusters and the engine between them."""

    store: Store
    clock: FakeClock
    one: FakeCluster
    two: FakeCluster
    engine: Engine

    @property
    def job(self) -> JobRow:
        """The job as it is stored."""
        with self.store.reading() as tx:
            return tx.job("abcdefgh")

    @property
    def segments(self) -> list[SegmentRow]:
        """Its segments as they are stored."""
        with self.store.reading() as tx:
            return tx.segments("abcdefgh")

    def want(self, wanted: str) -> None:
        """Say what a person wants."""
        with self.store.writing() as tx:
            tx.set_job("abcdefgh", wanted=wanted)  # type: ignore[arg-type]  # one of its words

    def at(self, hours_h: float) -> None:
        """Move the clock to some hours after the start, and pass once."""
        self.clock.at = START + hours_h * HOUR
        self.engine.step()


NewWorld = Callable[..., World]


def cluster(name: str) -> Cluster:
    """A declared cluster."""
    return Cluster.from_mapping(
        {
            "name": name, "zone": "FR", "gpus": 8, "source": "made up",
            "gpu": {"model": "A100", "tdp_w": 400, "idle_w": 63, "embodied_kg": 150},
            "node": {"gpus": 8, "host_w": 1600, "idle_w": 1000, "embodied_kg": 2500},
        },
        what=name,
    )  # fmt: skip


@pytest.fixture
def new_world(tmp_path: Path) -> NewWorld:
    """Builds a world with a job planned as the test says."""

    def build(*segments: Segment, replans: tuple[Placement, ...] = (), **changes: object) -> World:
        clock, one, two = FakeClock(), FakeCluster(), FakeCluster()
        store = open_store(StateFolder(tmp_path / "state"))
        spec = {"name": "a", "entrypoint": "train", "gpus": 8, "duration": "3h", "interruptible": True} | changes
        row = JobRow(
            id="abcdefgh", key=None, job=Job.from_mapping(spec, what="job"), spec_sha256="spec", package=None,
            intensity={}, counterfactual={}, state=JobState.PLANNED, wanted="run", reason="", progress=0.0, failures=0,
            interruptions=0, submitted_at=START, deadline_at=START + 24 * HOUR, finished_at=None,
        )  # fmt: skip
        with store.writing() as tx:
            tx.add_job(row)
            tx.add_plan(row.id, START, document(Placement(segments=segments)))
        sites = Sites(
            {
                "one": Site(cluster=cluster("one"), executor=one),
                "two": Site(cluster=cluster("two"), executor=two),
            }
        )
        engine = Engine(
            store=store,
            sites=sites,
            placer=FakePlacer(list(replans)),  # type: ignore[arg-type]  # lists for sequences
            launcher=Launcher(
                state=store.folder,
                secrets_dir=tmp_path,
                environ={"TOKEN": "s3cret"},
                sample_every=timedelta(seconds=30),
            ),
            lookout=Lookout(
                store=store,
                sites=sites,
                harvester=Harvester(evidence=EvidenceFiles(store.folder), clock=clock, every=timedelta(seconds=30)),
                clock=clock,
                lease=timedelta(minutes=15),
            ),
            clock=clock,
        )
        return World(store, clock, one, two, engine)

    return build


FIRST = "cs-abcdefgh-s1-a1"


def test_a_job_waits_for_its_start_then_runs_and_succeeds(new_world: NewWorld) -> None:
    """Nothing is sent before the planned start; the outcome ends it and its log is kept."""
    world = new_world(stretch("one", 1, 4))
    world.at(0.5)
    assert (world.job.state, world.one.started) == (JobState.PLANNED, [])
    world.at(1)
    world.at(1.01)
    assert (world.job.state, world.one.started) == (JobState.RUNNING, [FIRST])
    world.one.end(FIRST, "succeeded", START + 4 * HOUR)
    world.at(4)
    assert (world.job.state, world.job.progress, world.job.finished_at) == (JobState.SUCCEEDED, 1.0, world.clock.at)
    assert EvidenceFiles(world.store.folder).log("abcdefgh", FIRST) == f"log of {FIRST}\n"


def test_a_launch_carries_what_the_store_knows(new_world: NewWorld) -> None:
    """The fence is the segment's number, the secret is resolved, the checkpoint lies under the job's id."""
    world = new_world(stretch("one", 0, 3), secrets=["TOKEN"], env={"A": "NO"})
    world.at(0)
    launch = world.one.launches[FIRST]
    assert (launch.fence, launch.env, launch.gpus) == (world.segments[0].fence, {"A": "NO", "TOKEN": "s3cret"}, 8)
    assert launch.checkpoint_dir.endswith("/abcdefgh/checkpoint")
    assert "s3cret" not in world.store.folder.database.read_bytes().decode(errors="replace")


def test_a_missing_secret_is_said_and_nothing_is_sent(new_world: NewWorld) -> None:
    """The job waits with the reason; once the secret is there it starts."""
    world = new_world(stretch("one", 0, 3), secrets=["ABSENT"])
    world.at(0)
    assert (world.one.started, world.job.reason) == ([], "the secret 'ABSENT' is not set")


def test_a_plan_of_two_segments_moves(new_world: NewWorld) -> None:
    """It is stopped its checkpoint time before the first ends, and resumes on the other cluster with the next."""
    pause = {"checkpoint": "6m"}
    world = new_world(stretch("one", 0, 1), stretch("two", 2, 4), interruptible=pause)
    world.at(0)
    world.at(0.85)
    assert world.one.stopped == []
    world.at(0.9)
    assert (world.one.stopped, world.job.state) == ([FIRST], JobState.SUSPENDING)
    world.one.end(FIRST, "stopped", START + HOUR, reason="stopped", stop_received_unix=0.0, progress=0.3)
    world.at(1)
    assert (world.job.state, world.job.progress) == (JobState.SUSPENDED, 0.3)
    world.at(1.5)
    assert world.two.started == []
    world.at(2)
    world.at(2.01)
    assert (world.two.started, world.job.state) == (["cs-abcdefgh-s2-a1"], JobState.RUNNING)
    assert world.two.launches["cs-abcdefgh-s2-a1"].progress == 0.3
    world.two.end("cs-abcdefgh-s2-a1", "succeeded", START + 4 * HOUR)
    world.at(4)
    assert world.job.state is JobState.SUCCEEDED
    assert [s.end for s in world.segments] == ["suspended", "finished"]


def test_a_stop_is_asked_once(new_world: NewWorld) -> None:
    """A training that takes its time to save is not asked again."""
    world = new_world(stretch("one", 0, 1), stretch("one", 2, 4))
    for hours_h in (0, 0.1, 1, 1.01, 1.02):
        world.at(hours_h)
    assert world.one.stopped == [FIRST]


def test_a_waiting_plan_is_looked_at_every_hour_and_kept_where_it_is_as_good(new_world: NewWorld) -> None:
    """Once an hour, not in each pass, and no more within ten minutes of the start."""
    world = new_world(stretch("one", 3, 6))
    for hours_h in (0.5, 1, 1.01, 1.5, 2, 2.01, 2.9):
        world.at(hours_h)
    assert world.engine.placer.asked == [(stretch("one", 3, 6),)] * 2  # type: ignore[attr-defined]  # the fake's own


def test_a_better_plan_replaces_one_that_waits(new_world: NewWorld) -> None:
    """The new plan binds, and says that it is new."""
    world = new_world(stretch("one", 3, 6))
    world.engine.placer.improved = Placement(segments=(stretch("two", 2, 5),))  # type: ignore[attr-defined]  # the same
    world.at(1)
    world.at(2)
    assert (world.one.started, world.two.started) == ([], [FIRST])


def test_a_plan_is_looked_at_again_after_each_run(new_world: NewWorld) -> None:
    """What was really done is known once a segment has ended: the rest is planned on it."""
    world = new_world(stretch("one", 0, 1), stretch("two", 2, 4))
    world.at(0)
    world.at(0.1)
    world.at(1)
    world.one.end(FIRST, "stopped", START + HOUR, reason="stopped", stop_received_unix=0.0, progress=0.1)
    world.at(1.01)
    assert world.engine.placer.asked == [(stretch("two", 2, 4),)]  # type: ignore[attr-defined]  # the same


def test_the_next_plan_is_told_how_long_a_save_really_took(new_world: NewWorld) -> None:
    """The job states nothing; its first suspend took six minutes."""
    world = new_world(stretch("one", 0, 1), stretch("two", 2, 4))
    world.at(0)
    world.at(0.1)
    world.at(1)
    told = (START + 0.9 * HOUR).timestamp()
    world.one.end(FIRST, "stopped", START + HOUR, reason="stopped", stop_received_unix=told, progress=0.1)
    world.at(1.01)
    [job] = world.engine.placer.jobs  # type: ignore[attr-defined]  # the same
    assert job.interruptible is not None
    assert timedelta(minutes=6) == job.interruptible.checkpoint


def test_a_stop_that_did_not_reach_the_cluster_is_asked_again(new_world: NewWorld) -> None:
    """The line was cut at the very moment: the intent stands, and the request follows when the line is back."""
    world = new_world(stretch("one", 0, 1), stretch("one", 2, 4))
    world.at(0)
    world.at(0.1)
    stop, world.one.stop = world.one.stop, _unreachable  # type: ignore[method-assign]  # the fake is the test's own
    world.at(1)
    assert (world.one.stopped, world.job.state) == ([], JobState.SUSPENDING)
    world.one.stop = stop  # type: ignore[method-assign]  # the same
    world.at(1.1)
    assert world.one.stopped == [FIRST]


def _unreachable(sid: str) -> None:
    """A cut line."""
    raise ClusterUnreachable("fake does not answer")


def test_a_run_past_its_planned_end_is_left_alone(new_world: NewWorld) -> None:
    """The last segment ends when the work ends."""
    world = new_world(stretch("one", 0, 1))
    for hours_h in (0, 0.1, 1.5, 30):
        world.at(hours_h)
    assert (world.one.stopped, world.job.state) == ([], JobState.RUNNING)


@pytest.mark.parametrize(("wanted", "state"), [("cancel", JobState.CANCELLED), ("hold", JobState.HELD)])
def test_a_person_stops_what_runs(new_world: NewWorld, wanted: str, state: JobState) -> None:
    """What runs is asked to stop, and the job is what the person wanted once it has."""
    world = new_world(stretch("one", 0, 3))
    world.at(0)
    world.at(0.1)
    world.want(wanted)
    world.at(0.2)
    assert world.one.stopped == [FIRST]
    world.one.end(FIRST, "stopped", START + 0.3 * HOUR, reason="stopped", stop_received_unix=0.0)
    world.at(0.3)
    assert (world.job.state, round(world.job.progress, 3)) == (state, 0.333)


def test_a_job_released_before_it_had_stopped_is_planned_again(new_world: NewWorld) -> None:
    """The stop is on its way and cannot be called back; its plan says nothing of how to go on."""
    world = new_world(stretch("one", 0, 3), replans=(Placement(segments=(stretch("two", 1, 3),)),))
    world.at(0)
    world.at(0.1)
    world.want("hold")
    world.at(0.2)
    world.want("run")
    world.at(0.21)
    world.one.end(FIRST, "stopped", START + 0.3 * HOUR, reason="stopped", stop_received_unix=0.0, progress=0.1)
    world.at(0.3)
    assert (world.job.state, world.job.progress) == (JobState.SUSPENDED, 0.1)
    world.at(1)
    world.at(1.1)
    assert (world.job.state, world.two.started) == (JobState.RUNNING, ["cs-abcdefgh-s2-a1"])


def test_what_was_withdrawn_and_started_all_the_same_is_planned_again(new_world: NewWorld) -> None:
    """A pending job may start just as its stop is asked for: it is stopped, and goes on by a new plan."""
    world = new_world(stretch("one", 0, 3), replans=(Placement(segments=(stretch("two", 1, 3),)),))
    world.one.queues = True
    world.at(0)
    world.at(70 / 3600)
    assert world.one.stopped == [FIRST]
    world.one.queues, world.one.status[FIRST] = False, "running"
    world.at(72 / 3600)
    world.one.end(FIRST, "stopped", START + timedelta(seconds=74), reason="stopped", stop_received_unix=0.0)
    world.at(80 / 3600)
    world.at(1)
    world.at(1.1)
    assert (world.job.state, world.two.started) == (JobState.RUNNING, ["cs-abcdefgh-s2-a1"])


def test_a_launch_that_lands_after_it_was_cancelled_is_stopped(new_world: NewWorld) -> None:
    """Its answer was lost and the cluster knew nothing yet: the job is not closed before the launch can have landed."""
    world = new_world(stretch("one", 0, 3))
    submit, world.one.submit = world.one.submit, _lost  # type: ignore[method-assign]  # the fake is the test's own
    world.at(0)
    world.want("cancel")
    world.at(5 / 3600)
    assert world.job.state is JobState.LAUNCHING
    [segment] = world.segments
    submit(world.engine.launcher.launch(world.job, segment, cluster("one")))
    world.at(10 / 3600)
    assert world.one.stopped == [FIRST]


def test_a_launch_that_never_landed_is_cancelled_after_a_minute(new_world: NewWorld) -> None:
    """By then nothing can be on the way any longer."""
    world = new_world(stretch("one", 0, 3))
    world.one.submit = _lost  # type: ignore[method-assign]  # the fake is the test's own
    world.at(0)
    world.want("cancel")
    world.at(61 / 3600)
    assert (world.job.state, world.segments[0].end) == (JobState.CANCELLED, "never_started")


@pytest.mark.parametrize("error", [ClusterUnreachable, ClusterRefused])
def test_evidence_that_cannot_be_read_holds_up_no_stop(new_world: NewWorld, error: type[CarbonschedError]) -> None:
    """A cluster whose logs fail while its jobs answer still hears what a person wants."""
    world = new_world(stretch("one", 0, 3))
    world.at(0)
    world.at(0.1)

    def fails(node_id: str, name: str, *, tail: int | None = None) -> bytes | None:
        """No file is handed out."""
        raise error("its logs fail")

    evidence, world.one.evidence = world.one.evidence, fails  # type: ignore[method-assign]  # the fake is the test's own
    world.want("cancel")
    world.at(0.2)
    assert world.one.stopped == [FIRST]
    world.one.end(FIRST, "stopped", START + 0.2 * HOUR, reason="stopped", stop_received_unix=0.0)
    world.at(0.21)
    assert (world.job.state, world.one.stopped) == (JobState.CANCELLING, [FIRST])
    world.one.evidence = evidence  # type: ignore[method-assign]  # the same
    world.at(0.3)
    assert world.job.state is JobState.CANCELLED


@pytest.mark.parametrize(("wanted", "state"), [("cancel", JobState.CANCELLED), ("hold", JobState.HELD)])
def test_a_person_stops_what_waits(new_world: NewWorld, wanted: str, state: JobState) -> None:
    """Nothing was sent, nothing is asked of the cluster."""
    world = new_world(stretch("one", 1, 4))
    world.want(wanted)
    world.at(0)
    assert (world.job.state, world.one.started, world.one.stopped) == (state, [], [])


def test_a_released_job_is_planned_again(new_world: NewWorld) -> None:
    """Held past its start, it gets a new plan when it is released."""
    world = new_world(stretch("one", 1, 4), replans=(Placement(segments=(stretch("two", 6, 9),)),))
    world.want("hold")
    world.at(2)
    world.want("run")
    world.at(5)
    assert (world.job.state, world.one.started) == (JobState.PLANNED, [])
    world.at(6)
    assert world.two.started == [FIRST]


def test_no_room_is_said_and_waited_for(new_world: NewWorld) -> None:
    """Ray never queues for us: with too few free GPUs nothing is sent, and the reason is shown."""
    world = new_world(stretch("one", 0, 3))
    world.one.free = 4
    world.at(0)
    assert world.one.started == []
    assert world.job.reason == "no room on one: 4 of 8 GPUs free on a node"
    world.one.free = 8
    world.at(0.1)
    world.at(0.2)
    assert (world.job.state, world.job.reason) == (JobState.RUNNING, "")


def test_after_ten_minutes_without_room_it_is_planned_around_what_others_use(new_world: NewWorld) -> None:
    """Patience first; then a plan that knows that the cluster is full, and a start on the other one."""
    world = new_world(stretch("one", 0, 3), replans=(Placement(segments=(stretch("two", 0, 3),)),))
    world.one.free = 4
    world.at(0)
    world.at(0.16)
    assert world.job.state is JobState.PLANNED
    world.at(0.17)
    [taken] = world.engine.placer.taken  # type: ignore[attr-defined]  # the fake's own
    assert [(s.cluster, s.gpus) for s in taken] == [("one", 8)]
    world.at(0.2)
    assert (world.job.state, world.two.started) == (JobState.RUNNING, [FIRST])


def test_what_stays_pending_is_withdrawn_and_goes_elsewhere_only_once_it_is_over(new_world: NewWorld) -> None:
    """A stop of a pending job lies: it may still start, so nothing else is sent before the cluster says it is over."""
    world = new_world(stretch("one", 0, 3), replans=(Placement(segments=(stretch("two", 0, 3),)),))
    world.one.queues = True
    world.at(0)
    world.at(50 / 3600)
    assert world.one.stopped == []
    for second in (70, 80, 200, 1000):
        world.at(second / 3600)
    assert (world.one.stopped, world.two.started) == ([FIRST], [])
    world.one.status[FIRST] = "stopped"
    world.at(1010 / 3600)
    world.at(1020 / 3600)
    assert world.two.started == ["cs-abcdefgh-s1-a2"]
    assert (world.job.state, world.job.interruptions) == (JobState.RUNNING, 0)


def test_an_intent_whose_cluster_was_restarted_is_not_sent_again_before_its_lease(new_world: NewWorld) -> None:
    """The old cluster may have taken it and died with the training alive: the same id would start a second copy."""
    world = new_world(stretch("one", 0, 3), replans=(Placement(segments=(stretch("two", 0, 6),)),))
    submit, world.one.submit = world.one.submit, _lost  # type: ignore[method-assign]  # the fake is the test's own
    world.at(0)
    assert [s.phase for s in world.segments] == ["intended"]
    world.one.submit = submit  # type: ignore[method-assign]  # the same
    world.one.session = "another"
    world.at(0.1)
    assert world.one.started == []
    world.at(17.1 / 60)
    world.at(0.3)
    assert (world.one.started, world.two.started) == ([], ["cs-abcdefgh-s1-a2"])


def _lost(launch: Launch) -> None:
    """A request whose answer never comes."""
    raise ClusterUnreachable("fake does not answer")


def test_the_copy_on_the_storage_stands_in_for_a_cluster_that_forgot(new_world: NewWorld, tmp_path: Path) -> None:
    """A restarted cluster knows nothing of the job; what its agent wrote beside the checkpoint closes it at once."""
    checkpoint = tmp_path / "saves" / "a"
    world = new_world(stretch("one", 0, 3), checkpoint={"dir": str(checkpoint)})
    world.at(0)
    world.at(0.1)
    world.one.end(FIRST, "succeeded", START + HOUR)
    beside = tmp_path / "saves" / "a.carbonsched"
    beside.mkdir(parents=True)
    (beside / outcome_name(FIRST)).write_bytes(world.one.files.pop(outcome_name(FIRST)))
    del world.one.status[FIRST]
    world.at(1)
    assert world.job.state is JobState.SUCCEEDED


def test_an_unreachable_cluster_loses_nothing(new_world: NewWorld) -> None:
    """Its jobs are kept, however long it is silent, and go on where they were."""
    world = new_world(stretch("one", 0, 3))
    world.at(0)
    world.at(0.1)
    world.one.cut = True
    for hours_h in (0.2, 1, 2, 5):
        world.at(hours_h)
    assert (world.job.state, world.job.reason) == (JobState.RUNNING, "fake does not answer")
    world.one.cut = False
    world.one.end(FIRST, "succeeded", START + 3 * HOUR)
    world.at(6)
    assert (world.job.state, world.one.started) == (JobState.SUCCEEDED, [FIRST])


def test_a_silent_cluster_is_asked_less_and_less(new_world: NewWorld) -> None:
    """Between two tries the pause doubles, so a dead cluster does not slow the others down."""
    world = new_world(stretch("one", 0, 3))
    world.at(0)
    asked = []
    observe = world.one.observe

    def counted(sid: str) -> Observation:
        """Note the moment."""
        asked.append(world.clock.monotonic_s())
        return observe(sid)

    world.one.observe = counted  # type: ignore[method-assign]  # the fake is the test's own
    world.one.cut = True
    for second in range(1, 60):
        world.at(second / 3600)
    assert len(asked) <= 6


def test_a_refusal_is_said_and_tried_again(new_world: NewWorld) -> None:
    """A wrong token is the operator's to mend: the job waits and says why."""
    world = new_world(stretch("one", 0, 3))
    world.one.refuses = "one refuses the token"
    world.at(0)
    assert (world.job.state, world.job.reason) == (JobState.LAUNCHING, "one refuses the token")
    world.one.refuses = ""
    world.at(0.1)
    world.at(0.2)
    assert world.job.state is JobState.RUNNING


def test_an_exit_code_fails_the_job(new_world: NewWorld) -> None:
    """A failure of its own is final without retries."""
    world = new_world(stretch("one", 0, 3))
    world.at(0)
    world.at(0.1)
    world.one.end(FIRST, "failed", START + HOUR, exit_code=3)
    world.at(1)
    assert (world.job.state, world.job.reason) == (JobState.FAILED, "exit code 3")


def test_no_outcome_waits_for_the_lease_then_tries_again_under_a_higher_fence(new_world: NewWorld) -> None:
    """A supervisor that died may have left the training alive: only lease and grace make it safe to start another."""
    world = new_world(stretch("one", 0, 3), replans=(Placement(segments=(stretch("two", 0, 6),)),))
    world.at(0)
    world.at(0.1)
    world.one.status[FIRST] = "failed"
    world.at(0.2)
    assert (world.job.state, world.two.started) == (JobState.RUNNING, [])
    world.at(0.1 + 16.9 / 60)
    assert world.two.started == []
    world.at(0.1 + 17.6 / 60)
    world.at(0.5)
    assert (world.job.state, world.two.started) == (JobState.RUNNING, ["cs-abcdefgh-s1-a2"])
    assert world.segments[1].fence > world.segments[0].fence
    assert [s.end for s in world.segments] == ["unknown", ""]


def test_an_outcome_that_no_agent_wrote_counts_as_unread(new_world: NewWorld) -> None:
    """Garbage in its place holds nobody up for ever: the lease decides, as where there is none."""
    world = new_world(stretch("one", 0, 3), replans=(Placement(segments=(stretch("two", 0, 6),)),))
    world.at(0)
    world.at(0.1)
    world.one.status[FIRST] = "failed"
    world.one.files[outcome_name(FIRST)] = b"<html>"
    world.at(0.2)
    assert world.job.state is JobState.RUNNING
    world.at(0.1 + 17.6 / 60)
    assert world.segments[0].end == "unknown"


def test_a_bad_environment_fails_at_once(new_world: NewWorld) -> None:
    """Where the cluster says that the entrypoint never ran, nobody waits for a lease."""
    world = new_world(stretch("one", 0, 3))
    world.at(0)
    world.one.status[FIRST] = "failed"
    world.one.error_type = "RUNTIME_ENV_SETUP_FAILURE"
    world.at(0.1)
    assert (world.job.state, world.segments[0].end) == (JobState.FAILED, "never_started")


def test_a_supervisor_that_never_came_is_tried_again(new_world: NewWorld) -> None:
    """The cluster's own failure to start costs an interruption, not a failure."""
    world = new_world(stretch("one", 0, 3), replans=(Placement(segments=(stretch("one", 0, 3),)),))
    world.at(0)
    world.one.status[FIRST] = "failed"
    world.one.error_type = "JOB_SUPERVISOR_ACTOR_START_TIMEOUT"
    world.at(0.1)
    assert (world.job.failures, world.job.interruptions) == (0, 1)


def test_a_dead_supervisor_may_have_left_the_training_alive(new_world: NewWorld) -> None:
    """Ray calls the job failed, but only outcome or lease says that it is over."""
    world = new_world(stretch("one", 0, 3))
    world.at(0)
    world.at(0.1)
    world.one.status[FIRST] = "failed"
    world.one.error_type = "JOB_SUPERVISOR_ACTOR_DIED"
    world.at(0.2)
    assert (world.job.state, world.segments[0].phase) == (JobState.RUNNING, "granted")


def test_samples_are_brought_home_while_it_runs(new_world: NewWorld) -> None:
    """What the agent wrote is ours before the cluster can take it away."""
    world = new_world(stretch("one", 0, 3))
    world.at(0)
    line = {"v": 1, "n": 0, "t_unix": 0.0, "mono_s": 0.0, "energy_j": None, "energy_source": "model", "progress": 0.5}
    world.one.files[samples_name(FIRST)] = json.dumps(line).encode() + b"\n"
    world.at(0.1)
    assert [s.progress for s in EvidenceFiles(world.store.folder).samples("abcdefgh", FIRST)] == [0.5]


class Killed(BaseException):
    """The process dies here."""


@dataclass
class Crashing:
    """A store that kills the process before, or right after, its n-th write."""

    store: Store
    at: int
    after: bool
    writes: int = 0

    @property
    def folder(self) -> StateFolder:
        """The real folder."""
        return self.store.folder

    def reading(self) -> object:
        """The real view."""
        return self.store.reading()

    def writing(self) -> object:
        """The real transaction, unless this is where it dies."""
        self.writes += 1
        if self.writes == self.at:
            if not self.after:
                raise Killed
            return _dying(self.store)
        return self.store.writing()


class _dying:  # noqa: N801  # a context manager used like a function
    """A transaction that commits, and then the process dies."""

    def __init__(self, store: Store) -> None:
        """Open the real one."""
        self.inner = store.writing()

    def __enter__(self) -> object:
        """Begin."""
        return self.inner.__enter__()

    def __exit__(self, *exc: object) -> None:
        """Commit, then die."""
        self.inner.__exit__(*exc)  # type: ignore[arg-type]  # what the statement hands over
        raise Killed


@pytest.mark.parametrize("side", ["before", "after"])
@pytest.mark.parametrize("at", range(1, 25))
def test_a_crash_at_any_write_neither_loses_nor_doubles_the_job(new_world: NewWorld, at: int, side: str) -> None:
    """Whichever write the process dies at, the next one finishes the job, each segment started exactly once."""
    world = new_world(stretch("one", 0, 1), stretch("two", 2, 4))
    sound = world.engine
    dying = Crashing(world.store, at, side == "after")
    world.engine = replace(sound, store=dying, lookout=replace(sound.lookout, store=dying))  # type: ignore[arg-type]  # all that is used of a store
    for minute in range(0, 5 * 60, 15):
        now = START + timedelta(minutes=minute)
        world.clock.at = now
        try:
            world.engine.step()
        except Killed:
            world.engine = replace(sound, _stops_sent=set())
        if FIRST in world.one.stopped and world.one.status[FIRST] == "running":
            world.one.end(FIRST, "stopped", now, reason="stopped", stop_received_unix=now.timestamp())
        if minute >= 4 * 60 and world.two.status.get("cs-abcdefgh-s2-a1") == "running":
            world.two.end("cs-abcdefgh-s2-a1", "succeeded", now)
    assert world.job.state is JobState.SUCCEEDED
    assert (world.one.started, world.two.started) == ([FIRST], ["cs-abcdefgh-s2-a1"])


def test_what_was_sent_and_not_yet_shown_as_taken_is_not_given_twice(new_world: NewWorld) -> None:
    """A cluster that still shows its GPUs free right after a launch gets no second job for them."""
    world = new_world(stretch("one", 0, 3))
    with world.store.writing() as tx:
        tx.add_job(replace(tx.job("abcdefgh"), id="zzzzzzzz", submitted_at=START + timedelta(seconds=1)))
        tx.add_plan("zzzzzzzz", START, document(Placement(segments=(stretch("one", 0, 3),))))
    world.at(0)
    assert world.one.started == [FIRST]


@pytest.mark.parametrize(
    ("free", "sent", "left"),
    [((8,), (), 8), ((8, 8), (8,), 8), ((8, 4), (4,), 8), ((8, 4), (4, 8), 0), ((), (), 0), ((2,), (8,), 2)],
)
def test_room_is_what_is_left_on_the_emptiest_node(free: tuple[int, ...], sent: tuple[int, ...], left: int) -> None:
    """Launches on the way take the fullest node they fit on; one that fits nowhere is on its node already."""
    assert room(free, [Claim(gpus) for gpus in sent]) == left


@pytest.mark.parametrize(
    ("free", "one_node", "spread", "left", "left_in_all"),
    [((8, 8), 0, 0, 8, 16), ((8, 8), 4, 0, 8, 12), ((8, 8), 0, 12, 4, 4), ((8, 4), 4, 4, 4, 4), ((2, 2), 0, 8, 0, 0)],
)
def test_a_driver_takes_and_finds_gpus_on_any_node(
    free: tuple[int, ...], one_node: int, spread: int, left: int, left_in_all: int
) -> None:
    """Its workers may stand on several, so what they will take may be what a script counted on."""
    sent = [Claim(one_node), Claim(spread, spans=True)]
    assert (left, left_in_all) == (room(free, sent), room(free, sent, spans=True))


def test_the_gpus_of_a_drivers_workers_count_from_its_start() -> None:
    """The cluster shows them minutes later; those of a script soon, and then they count once."""
    capacity = Capacity(session="s", ray_version="2", gpus_total=16, gpus_free=12, free_by_node=(8, 4))
    script, driver = Claim(4), Claim(8, spans=True)
    assert [] == coming(capacity, [script], [])
    assert [script] == coming(capacity, [script, script], [script])
    assert [driver] == coming(capacity, [script, driver], [])
    assert [script, Claim(4, spans=True)] == coming(capacity, [script, driver], [script])


def test_a_driver_waits_for_room_in_all(new_world: NewWorld) -> None:
    """Two halves of nodes do; and while it runs nobody else gets what its workers have not asked for yet."""
    world = new_world(stretch("one", 0, 3), launch="ray")
    with world.store.writing() as tx:
        tx.add_job(replace(tx.job("abcdefgh"), id="zzzzzzzz", submitted_at=START + timedelta(seconds=1)))
        tx.add_plan("zzzzzzzz", START, document(Placement(segments=(stretch("one", 0.01, 3),))))
    world.one.free = 4
    world.at(0)
    assert world.job.reason == "no room on one: 4 of 8 GPUs free"
    world.one.free = 8
    world.at(0.01)
    world.at(0.1)
    assert world.job.state is JobState.RUNNING
    assert world.one.started == [FIRST]


def test_what_launches_can_get_at_is_whole_ones_on_a_node_or_any_gpu() -> None:
    """Five and three free GPUs are one launch of four, or eight for a driver's workers."""
    assert (4, 8) == (usable((5, 3), Claim(4)), usable((5, 3), Claim(4, spans=True)))
