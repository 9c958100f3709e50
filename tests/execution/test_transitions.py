"""The table of transitions: a case for every row, and the docs' copy of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduler.execution.transitions import RULES, Action, Situation, decide
from scheduler.records.evidence import Outcome
from scheduler.records.rows import FINAL, JobState
from tests.records.cases import make_outcome

OUTCOME = make_outcome()
IDLE = Situation(state=JobState.PLANNED, wanted="run")
LIVE = Situation(state=JobState.RUNNING, wanted="run", phase="granted", seen="running")

CASES = {
    "nothing runs, cancel wanted": (replace(IDLE, wanted="cancel"), Action.CANCEL),
    "nothing runs, hold wanted": (replace(IDLE, wanted="hold"), Action.HOLD),
    "held": (replace(IDLE, wanted="hold", state=JobState.HELD), Action.WAIT),
    "held, run wanted": (replace(IDLE, state=JobState.HELD), Action.QUEUE),
    "queued": (replace(IDLE, state=JobState.QUEUED), Action.PLAN),
    "planned or suspended, start has come": (replace(IDLE, start_due=True), Action.INTEND),
    "planned or suspended, its plan is an hour old, or older than its last run or than what has changed since": (
        replace(IDLE, plan_stale=True),
        Action.RECONSIDER,
    ),
    "planned or suspended, start lies ahead": (IDLE, Action.WAIT),
    "its outcome was read": (replace(LIVE, outcome=OUTCOME, seen="succeeded"), Action.CLOSE),
    "cluster unreachable: unknown, not lost": (replace(LIVE, seen="unreachable", lease_over=True), Action.WAIT),
    "intent written, cluster restarted since: what it ran may live on": (
        replace(LIVE, phase="intended", seen="absent", restarted=True),
        Action.WAIT,
    ),
    "intent written, cluster restarted since, lease has run out": (
        replace(LIVE, phase="intended", seen="absent", restarted=True, lease_over=True),
        Action.CLOSE_UNKNOWN,
    ),
    "intent written, cluster knows nothing, run wanted": (
        replace(LIVE, phase="intended", seen="absent", state=JobState.LAUNCHING),
        Action.SUBMIT,
    ),
    "intent written, cluster knows nothing, run no longer wanted: the launch may land yet": (
        replace(LIVE, phase="intended", seen="absent", wanted="cancel", may_land=True),
        Action.WAIT,
    ),
    "intent written, cluster knows nothing, run no longer wanted": (
        replace(LIVE, phase="intended", seen="absent", wanted="cancel"),
        Action.CLOSE_UNSTARTED,
    ),
    "cluster says that it never ran": (
        replace(LIVE, phase="intended", seen="failed", never_ran=True),
        Action.CLOSE_UNSTARTED,
    ),
    "runs, not yet noted": (replace(LIVE, phase="intended"), Action.GRANT),
    "runs, a stop is due and waits for its next checkpoint": (
        replace(LIVE, stop_due=True, awaits_save=True),
        Action.WAIT,
    ),
    "runs, no checkpoint came for its suspend": (replace(LIVE, stop_due=True, no_save=True), Action.RUN_ON),
    "alive, stop wanted, not known to be asked": (replace(LIVE, stop_due=True), Action.STOP),
    "pending too long: withdrawn, and elsewhere only once it is over": (
        replace(LIVE, phase="intended", seen="pending", pending_long=True),
        Action.STOP,
    ),
    "runs, its end has moved": (replace(LIVE, end_moved=True), Action.EXPECT),
    "runs, its policy decides again, or what follows is an hour old or older than what has changed since": (
        replace(LIVE, decision_due=True),
        Action.GO_ON,
    ),
    "alive": (replace(LIVE, stop_sent=True, stop_due=True), Action.WAIT),
    "over, outcome unread, lease has run out": (replace(LIVE, seen="failed", lease_over=True), Action.CLOSE_UNKNOWN),
    "over, outcome unread": (replace(LIVE, seen="stopped"), Action.WAIT),
}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.when)
def test_each_row_of_the_table_decides_its_case(rule: object) -> None:
    """Every row is reached by its own case, so none is dead and none is shadowed by another."""
    situation, action = CASES[rule.when]  # type: ignore[attr-defined]  # parametrized over RULES
    assert decide(situation) == (action, rule.when)  # type: ignore[attr-defined]  # the same


@given(
    state=st.sampled_from([s for s in JobState if s not in FINAL]),
    wanted=st.sampled_from(["run", "hold", "cancel"]),
    phase=st.sampled_from([None, "intended", "granted"]),
    seen=st.sampled_from(["absent", "pending", "running", "stopped", "succeeded", "failed", "unreachable"]),
    outcome=st.sampled_from([None, OUTCOME]),
    flags=st.tuples(*[st.booleans()] * 11),
)
def test_every_situation_has_a_step(
    *, state: JobState, wanted: str, phase: str | None, seen: str, outcome: Outcome | None, flags: tuple[bool, ...]
) -> None:
    """No situation falls through, and a segment that may live is never closed as unknown before its lease is over."""
    stop_sent, start_due, stop_due, never_ran, lease_over, restarted, pending_long, awaits_save, no_save = flags[:9]
    moved, decides = flags[9:]
    action, _ = decide(
        Situation(
            state=state,
            wanted=wanted,  # type: ignore[arg-type]  # drawn from its words
            phase=phase,  # type: ignore[arg-type]  # the same
            seen="not asked" if phase is None else seen,  # type: ignore[arg-type]  # the same
            outcome=None if phase is None else outcome,
            stop_sent=stop_sent,
            start_due=start_due,
            stop_due=stop_due,
            never_ran=never_ran,
            restarted=restarted,
            pending_long=pending_long,
            awaits_save=awaits_save,
            no_save=no_save,
            end_moved=moved,
            decision_due=decides,
            lease_over=lease_over and seen in ("stopped", "succeeded", "failed", "absent"),
        )
    )
    if action is Action.CLOSE_UNKNOWN:
        assert lease_over
    if seen == "unreachable" and phase is not None and outcome is None and not never_ran:
        assert action is Action.WAIT


def test_the_docs_show_the_table_as_it_is() -> None:
    """docs/states.md lists every row in order, with its step."""
    text = (Path(__file__).parents[2] / "docs" / "states.md").read_text(encoding="utf-8")
    rows = [f"| {number} | {rule.when} | {rule.then.value} |" for number, rule in enumerate(RULES, start=1)]
    assert "\n".join(rows) in text
