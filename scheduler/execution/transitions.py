"""What the engine does next with a job: one table, read from the top, the first rule that fits wins.

The engine is level-triggered: it looks at what is wanted, what is stored and what the cluster says, takes
one step that is safe to repeat, and looks again. Nothing here does I/O.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Literal

from scheduler.cluster_ports import JobStatus
from scheduler.records.evidence import Outcome
from scheduler.records.rows import JobState, Phase, Wanted

Seen = JobStatus | Literal["unreachable", "not asked"]

TERMINAL: Final = frozenset({"stopped", "succeeded", "failed", "absent"})
"""What a cluster says when the entrypoint no longer runs there."""


class Action(StrEnum):
    """One step."""

    WAIT = "wait"
    PLAN = "plan"
    CANCEL = "cancel: nothing runs"
    HOLD = "hold: nothing runs"
    QUEUE = "queue"
    INTEND = "write the intent"
    RECONSIDER = "plan again, keep the old plan unless it fails or the gain is worth it"
    SUBMIT = "submit under the same id"
    GRANT = "note that it runs"
    STOP = "ask to stop"
    EXPECT = "note when it will end, and plan others around it"
    GO_ON = "ask whether it goes on, and what follows"
    RUN_ON = "let it run on, and plan others around it"
    CLOSE = "close by its outcome"
    CLOSE_UNSTARTED = "close: it never started"
    CLOSE_UNKNOWN = "close: outcome unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """All that a step depends on.

    Args:
        state, wanted: of the job.
        phase: of its open segment, None where it has none.
        seen: what the cluster says of that segment now.
        outcome: of that segment, None while unread.
        stop_sent: whether this process has asked the cluster to stop it; asking again changes nothing there.
        start_due: whether the next segment's start has come.
        plan_stale: whether the plan is due to be looked at again; not so shortly before a start.
        stop_due: whether the plan suspends the segment by now.
        awaits_save: whether a stop is due that waits for the next checkpoint of a training that saves in its own time.
        no_save: whether the plan's stop has waited for that in vain.
        end_moved: whether what it says of its progress moves the end that others plan around.
        decision_due: whether its policy decides again by now, or what its plan was made from has changed.
        restarted: whether the cluster is another than the one the intent was written for.
        may_land: whether a launch whose answer was lost may still reach the cluster.
        pending_long: whether it has been pending for longer than a start can take.
        never_ran: whether the cluster says that the entrypoint did not run at all.
        lease_over: whether lease and grace have passed since it was last seen alive, and since it was seen over.
    """

    state: JobState
    wanted: Wanted
    phase: Phase | None = None
    seen: Seen = "not asked"
    outcome: Outcome | None = None
    stop_sent: bool = False
    start_due: bool = False
    plan_stale: bool = False
    stop_due: bool = False
    awaits_save: bool = False
    no_save: bool = False
    end_moved: bool = False
    decision_due: bool = False
    restarted: bool = False
    may_land: bool = False
    pending_long: bool = False
    never_ran: bool = False
    lease_over: bool = False


@dataclass(frozen=True, slots=True)
class Rule:
    """One row of the table."""

    when: str
    fits: Callable[[Situation], bool]
    then: Action


RULES: Final = (
    # Nothing of the job is on a cluster.
    Rule("nothing runs, cancel wanted", lambda s: s.phase is None and s.wanted == "cancel", Action.CANCEL),
    Rule(
        "nothing runs, hold wanted",
        lambda s: s.phase is None and s.wanted == "hold" and s.state != JobState.HELD,
        Action.HOLD,
    ),
    Rule("held", lambda s: s.phase is None and s.wanted == "hold", Action.WAIT),
    Rule("held, run wanted", lambda s: s.phase is None and s.state == JobState.HELD, Action.QUEUE),
    Rule("queued", lambda s: s.phase is None and s.state == JobState.QUEUED, Action.PLAN),
    Rule("planned or suspended, start has come", lambda s: s.phase is None and s.start_due, Action.INTEND),
    Rule(
        "planned or suspended, its plan is an hour old, or older than its last run or than what has changed since",
        lambda s: s.phase is None and s.plan_stale,
        Action.RECONSIDER,
    ),
    Rule("planned or suspended, start lies ahead", lambda s: s.phase is None, Action.WAIT),
    # A segment may be on a cluster.
    Rule("its outcome was read", lambda s: s.outcome is not None, Action.CLOSE),
    Rule("cluster unreachable: unknown, not lost", lambda s: s.seen == "unreachable", Action.WAIT),
    Rule(
        "intent written, cluster restarted since: what it ran may live on",
        lambda s: s.phase == "intended" and s.seen == "absent" and s.restarted and not s.lease_over,
        Action.WAIT,
    ),
    Rule(
        "intent written, cluster restarted since, lease has run out",
        lambda s: s.phase == "intended" and s.seen == "absent" and s.restarted,
        Action.CLOSE_UNKNOWN,
    ),
    Rule(
        "intent written, cluster knows nothing, run wanted",
        lambda s: s.phase == "intended" and s.seen == "absent" and s.wanted == "run",
        Action.SUBMIT,
    ),
    Rule(
        "intent written, cluster knows nothing, run no longer wanted: the launch may land yet",
        lambda s: s.phase == "intended" and s.seen == "absent" and s.may_land,
        Action.WAIT,
    ),
    Rule(
        "intent written, cluster knows nothing, run no longer wanted",
        lambda s: s.phase == "intended" and s.seen == "absent",
        Action.CLOSE_UNSTARTED,
    ),
    Rule("cluster says that it never ran", lambda s: s.never_ran, Action.CLOSE_UNSTARTED),
    Rule("runs, not yet noted", lambda s: s.phase == "intended" and s.seen == "running", Action.GRANT),
    Rule(
        "runs, a stop is due and waits for its next checkpoint",
        lambda s: s.seen == "running" and s.awaits_save and not s.stop_sent,
        Action.WAIT,
    ),
    Rule("runs, no checkpoint came for its suspend", lambda s: s.seen == "running" and s.no_save, Action.RUN_ON),
    Rule(
        "alive, stop wanted, not known to be asked",
        lambda s: s.seen in ("running", "pending") and not s.stop_sent and (s.wanted != "run" or s.stop_due),
        Action.STOP,
    ),
    Rule(
        "pending too long: withdrawn, and elsewhere only once it is over",
        lambda s: s.seen == "pending" and s.pending_long and not s.stop_sent,
        Action.STOP,
    ),
    Rule("runs, its end has moved", lambda s: s.seen == "running" and s.end_moved, Action.EXPECT),
    Rule(
        "runs, its policy decides again, or what follows is an hour old or older than what has changed since",
        lambda s: s.seen == "running" and s.phase == "granted" and s.decision_due and s.wanted == "run",
        Action.GO_ON,
    ),
    Rule("alive", lambda s: s.seen in ("running", "pending"), Action.WAIT),
    Rule("over, outcome unread, lease has run out", lambda s: s.lease_over, Action.CLOSE_UNKNOWN),
    Rule("over, outcome unread", lambda s: s.seen in TERMINAL, Action.WAIT),
)


def decide(situation: Situation) -> tuple[Action, str]:
    """The step to take, and the rule that says so."""
    for rule in RULES:
        if rule.fits(situation):
            return rule.then, rule.when
    raise AssertionError(f"no rule fits {situation}")
