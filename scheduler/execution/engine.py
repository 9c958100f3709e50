"""The engine: one pass looks at every open job and takes the steps that its situation calls for.

What is wanted lives in the store, what is real on the clusters; each step writes its intent before it acts
and may be repeated, so the process can die at any instant. Whatever may make it wait is asked on a lane of its own:
a cluster that does not answer delays its own jobs only. Decisions and writes are made on this one thread.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from scheduler.domain.errors import CarbonschedError
from scheduler.domain.instant import to_the_second
from scheduler.execution.alarms import Alarms
from scheduler.execution.closing import Closing
from scheduler.execution.fleet_placing import FleetPlacer
from scheduler.execution.fleets import Fleets
from scheduler.execution.flows import Flows, Steps
from scheduler.execution.intents import NO_ROOM, Intents
from scheduler.execution.lanes import InTurn, Lanes
from scheduler.execution.launching import Launcher
from scheduler.execution.lookout import Lookout, View, live_segment
from scheduler.execution.mishaps import INTERNAL, Mishaps
from scheduler.execution.placing import PlanningPlacer
from scheduler.execution.probes import Probes
from scheduler.execution.questions import Answer
from scheduler.execution.replanning import Replanner
from scheduler.execution.runs import NOT_STOPPED, RUNS_ON, Runs
from scheduler.execution.sites import Sites
from scheduler.execution.transitions import TERMINAL, Action, decide
from scheduler.execution.words import Words
from scheduler.ports import Clock
from scheduler.records.rows import FINAL, JobMark, JobState, SegmentRow, StoredJob
from scheduler.records.store import Store

_READ_AT_ONCE: Final = 200
"""Jobs are read from the store so many at a time."""
_STEPS_A_PASS: Final = 6
"""A job takes at most so many steps before the others have their turn."""
_ROOM_AGAIN: Final = timedelta(seconds=5)
"""How soon a cluster without room is asked again."""
_PATIENCE_S: Final = 1.0
"""A pass waits so long for answers; a job whose answer takes longer goes on in a later pass. [s]"""
_WAKE_EVERY_S: Final = 15.0
"""Sleeping jobs are woken for what has changed so often at most: all of them are read then. [s]"""
_FORECASTS: Final = "forecasts"
_FLEETS: Final = "fleets of jobs"
"""Names of flows that are of no single job; no job's id has so many letters."""


@dataclass(slots=True, kw_only=True)
class Engine:
    """Reconciles the store with the clusters.

    Args:
        lanes: where whatever takes time is asked.
        together: plans jobs that share room together; None to plan each by itself.
    """

    store: Store
    sites: Sites
    placer: PlanningPlacer
    launcher: Launcher
    lookout: Lookout
    clock: Clock
    lanes: Lanes = field(default_factory=InTurn)
    together: FleetPlacer | None = None
    _alarms: Alarms = field(init=False, default_factory=Alarms)
    _mishaps: Mishaps = field(init=False, default_factory=Mishaps)
    _known: set[str] | None = field(init=False, default=None)
    _shift: int = field(init=False, default=0)
    _woken_s: float = field(init=False, default=float("-inf"))
    _flows: Flows = field(init=False)
    _words: Words = field(init=False)
    _replanner: Replanner = field(init=False)
    _fleets: Fleets = field(init=False)
    _intents: Intents = field(init=False)
    _runs: Runs = field(init=False)
    _closing: Closing = field(init=False)

    def __post_init__(self) -> None:
        """Furnish the rooms."""
        store, sites, lookout, lanes, clock = self.store, self.sites, self.lookout, self.lanes, self.clock
        probes = Probes(lookout=lookout, lanes=lanes, clock=clock)
        self._flows = Flows(lanes=lanes, clock=clock)
        self._words = Words(store=store, clock=clock)
        self._replanner = Replanner(
            store=store, placer=self.placer, lookout=lookout, sites=sites, probes=probes, lanes=lanes, clock=clock
        )
        self._fleets = Fleets(
            store=store, placer=self.together, lookout=lookout, sites=sites, probes=probes, lanes=lanes, clock=clock
        )  # fmt: skip
        self._intents = Intents(
            store=store, sites=sites, launcher=self.launcher, lookout=lookout, probes=probes, lanes=lanes, clock=clock,
            words=self._words,
        )  # fmt: skip
        self._runs = Runs(
            store=store, sites=sites, lookout=lookout, replanner=self._replanner, lanes=lanes, clock=clock,
            words=self._words,
        )  # fmt: skip
        self._closing = Closing(
            store=store, sites=sites, placer=self.placer, lookout=lookout, lanes=lanes, clock=clock
        )  # fmt: skip

    def step(self, *, leave: Callable[[], bool] = lambda: False) -> int:
        """One pass over the open jobs, cut short between two of them where `leave` says so; how many are left open."""
        for stored in self._awake():
            if leave():
                break
            if not self._flows.has(stored.job.id):
                self._flows.begin(stored.job.id, self._guarded(stored))
        if self._replanner.freshen_due and not self._flows.has(_FORECASTS):
            self._flows.begin(_FORECASTS, self._beside(_FORECASTS, self._replanner.freshen()))
        if self._fleets.due and not self._flows.has(_FLEETS):
            self._flows.begin(_FLEETS, self._beside(_FLEETS, self._fleets.plan()))
        self._flows.settle(_PATIENCE_S, leave)
        self.lookout.tell()
        with self.store.reading() as tx:
            return len(tx.open_marks())

    def _awake(self) -> Iterator[StoredJob]:
        """The jobs that may have something to do, as they are stored, a batch at a time."""
        with self.store.reading() as tx:
            marks = tx.open_marks()
        now_s = self.clock.monotonic_s()
        if self.lookout.shifts.last != self._shift and now_s - self._woken_s >= _WAKE_EVERY_S:
            self._shift, self._woken_s = self.lookout.shifts.last, now_s
            self._alarms = Alarms()
        now = self.clock.now()
        awake = [mark.job_id for mark in marks if not self._alarms.asleep(mark, now)]
        known, self._known = self._known, {mark.job_id for mark in marks}
        for first in range(0, len(awake), _READ_AT_ONCE):
            for stored in self._read(awake[first : first + _READ_AT_ONCE]):
                if known is not None and stored.job.id not in known and stored.plan is not None:
                    placement = stored.plan.placement
                    self.lookout.shifts.less_room({s.cluster for s in placement.segments}, placement.finish)
                if known is None or stored.job.id not in known:
                    self._fleets.came(stored)
                yield stored

    def _read(self, job_ids: Sequence[str]) -> list[StoredJob]:
        """Jobs as they are stored now."""
        with self.store.reading() as tx:
            return tx.stored(job_ids)

    async def _guarded(self, stored: StoredJob) -> None:
        """Advance a job; a bug met on the way holds up that job alone, and is told in the log and in its reason."""
        job_id, now_s = stored.job.id, self.clock.monotonic_s()
        if self._mishaps.rests(job_id, now_s):
            return
        try:
            await self._advance(stored)
        except Exception as exc:  # noqa: BLE001  # whatever the bug is, the other jobs' suspends must come in time
            [stored] = self._read([job_id])
            self._words.reason(stored.job, self._mishaps.happened(job_id, exc, now_s))
        else:
            self._mishaps.over(job_id)

    async def _beside(self, name: str, steps: Steps) -> None:
        """Take steps that are of no single job; a bug on that way is told in the log, and holds up nothing but that."""
        now_s = self.clock.monotonic_s()
        if self._mishaps.rests(name, now_s):
            steps.close()
            return
        try:
            await steps
        except Exception as exc:  # noqa: BLE001  # as above
            self._mishaps.happened(name, exc, now_s)
        else:
            self._mishaps.over(name)

    async def _advance(self, stored: StoredJob) -> None:
        """Take a job's steps until there is none to take now."""
        for _ in range(_STEPS_A_PASS):
            if stored.job.state in FINAL:
                return
            try:
                answer = await self._ask(stored)
                view = self.lookout.look(stored, answer, self._runs.stops_sent)
                action, _ = decide(view.situation)
                if action is not Action.WAIT and answer is not None:
                    view, action = self._again(stored, answer)
                if action is Action.WAIT or not await self._do(action, view):
                    self._wait(view)
                    return
            except CarbonschedError as exc:
                self._words.reason(stored.job, exc.message)
                return
            [stored] = self._read([stored.job.id])

    async def _ask(self, stored: StoredJob) -> Answer | None:
        """What the cluster says of the job's open segment, None where it has none."""
        live = live_segment(stored.segments)
        if live is None:
            return None
        site = self.sites.named(live.cluster)
        self.lookout.before_asking(stored)
        return await self.lanes.ask(live.cluster, lambda: self.lookout.ask(site, stored.job, live))

    def _again(self, stored: StoredJob, answer: Answer) -> tuple[View, Action]:
        """The situation with what a person may have changed while the cluster was asked, and the step it calls for."""
        [now_stored] = self._read([stored.job.id])
        view = self.lookout.look(now_stored, answer, self._runs.stops_sent)
        action, _ = decide(view.situation)
        return view, action

    def _wait(self, view: View) -> None:
        """Keep the reason of a job that waits true, and let it sleep until its time comes or there may be room."""
        live = view.live
        if live is not None:
            if view.situation.seen == "running":
                self._runs.overrun(view, live)
            self._say_why(view, live)
            return
        if not view.situation.start_due and view.job.reason.startswith((NO_ROOM, INTERNAL)):
            self._words.reason(view.job, "")
        wake = self.clock.now() + _ROOM_AGAIN if view.situation.start_due else view.wake
        if wake is not None:
            self._alarms.set(JobMark(view.job.id, view.job.state, view.job.wanted), wake)

    def _say_why(self, view: View, live: SegmentRow) -> None:
        """Why a job with an open segment is where it is."""
        now, job = view.situation, view.job
        if view.silence:
            self._words.reason(job, self.lookout.circuits.of(live.cluster).silence or view.silence)
        elif live.phase == "granted" and now.seen in TERMINAL:
            until = to_the_second(self.lookout.leases.ends_at(job, live))
            unread = f" ({view.unread})" if view.unread else ""
            self._words.reason(job, f"over on {live.cluster}, its outcome unread{unread}: given up at {until}")
        elif now.awaits_save and not now.stop_sent:
            self._words.reason(job, "its suspend is due and waits for its next checkpoint")
        elif now.seen in ("running", "pending") and not job.reason.startswith((RUNS_ON, NOT_STOPPED)):
            self._words.reason(job, "")

    # Acting: each returns whether another step may follow at once

    async def _do(self, action: Action, view: View) -> bool:
        """Take one step."""
        job, live = view.job, view.live
        if live is not None:
            return await self._do_to(live, action, view)
        match action:
            case Action.PLAN:
                return await self._plan(view)
            case Action.CANCEL:
                return self._leave(view, JobState.CANCELLED, "cancelled by a person")
            case Action.HOLD:
                return self._leave(view, JobState.HELD, "held by a person")
            case Action.QUEUE:
                return self._words.settle(job, JobState.QUEUED, "released")
            case Action.RECONSIDER:
                return await self._reconsider(view)
            case _:
                return await self._intents.intend(view)

    async def _plan(self, view: View) -> bool:
        """Plan a queued job beside what others hold; once it has a reservation it is planned with them."""
        if self._replanner.busy or not await self._replanner.plan(view):
            return False
        self._fleets.claims(view.job)
        return True

    async def _reconsider(self, view: View) -> bool:
        """Have a waiting plan looked at again: with the others that share its room, else by itself."""
        if self._fleets.claims(view.job) or self._replanner.busy:
            return False
        return await self._replanner.reconsider(view)

    async def _do_to(self, live: SegmentRow, action: Action, view: View) -> bool:
        """Take one step with the segment that may be on a cluster."""
        match action:
            case Action.SUBMIT:
                return await self._intents.submit(view.job, live)
            case Action.GRANT:
                return self._runs.grant(view.job, live)
            case Action.STOP:
                return await self._runs.stop(view, live)
            case Action.EXPECT:
                return self._runs.expect(view, live)
            case Action.GO_ON:
                return await self._runs.go_on(view, live)
            case Action.RUN_ON:
                return self._runs.run_on_unsaved(view, live)
            case _:
                return await self._close(live, action, view)

    async def _close(self, live: SegmentRow, action: Action, view: View) -> bool:
        """Close a segment, by what is known of its end."""
        how = {Action.CLOSE: self._closing.by_outcome, Action.CLOSE_UNSTARTED: self._closing.unstarted}
        closed = await how.get(action, self._closing.unknown)(view, live)
        self._runs.forget(live)
        return closed

    def _leave(self, view: View, state: JobState, reason: str) -> bool:
        """Give up the reservation of a job of which nothing runs; others may take its room."""
        settled = self._words.settle(view.job, state, reason)
        if view.plan is not None:
            self.lookout.shifts.room({stretch.cluster for stretch in view.plan.placement.segments})
        return settled
