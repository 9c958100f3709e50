"""An upgrade, and a step back, with jobs running: what an agent wrote is read, or the job waits and says who can."""

from __future__ import annotations

import json

import pytest

from scheduler.records.evidence import PROTOCOL, NewerAgent, outcome_name, parse_outcome, parse_samples
from scheduler.records.rows import JobState
from tests.execution.engine_world import FIRST, HOUR, START, NewWorld, stretch
from tests.records.agent_files import OUTCOME, lines, outcome

FIRST_KEYS = (
    "v", "sid", "fence", "started_unix", "ended_unix", "duration_s", "exit_code", "reason", "stop_received_unix",
    "progress_before", "progress", "samples", "energy_j", "energy_source", "error",
)  # fmt: skip
"""What the first agent that was ever released wrote into an outcome; an upgrade meets such agents for weeks."""


def test_the_outcome_of_the_first_agent_is_read() -> None:
    """Not one of its keys may become unreadable, nor a later one needed."""
    first = {key: OUTCOME[key] for key in FIRST_KEYS}
    assert "cs-x-s1-a1" == parse_outcome(json.dumps(first).encode()).sid


@pytest.mark.parametrize("version", [PROTOCOL + 1, PROTOCOL + 7])
def test_a_newer_agents_files_are_refused_by_its_number(version: int) -> None:
    """Whatever else they hold; the way out is the carbonsched that launched it."""
    for read, raw in ((parse_outcome, outcome(v=version)), (parse_samples, lines({"v": version, "n": "other"}))):
        with pytest.raises(NewerAgent, match=f"protocol {version}, and this carbonsched reads {PROTOCOL}") as raised:
            read(raw)
        assert "run the newer carbonsched" in raised.value.hint


def test_a_job_whose_outcome_is_too_new_waits_and_is_not_started_again(new_world: NewWorld) -> None:
    """Its training may have done all its work: long past every lease it waits, with the reason; a newer one goes on."""
    world = new_world(stretch("one", 0, 3))
    world.at(0)
    world.at(0.1)
    world.one.end(FIRST, "succeeded", START + 2 * HOUR, v=PROTOCOL + 1)
    for hours_h in (2, 2.1, 3, 5, 9):
        world.at(hours_h)
    assert (JobState.RUNNING, [FIRST]) == (world.job.state, world.one.started)
    assert f"written by an agent of protocol {PROTOCOL + 1}" in world.job.reason
    assert [] == world.events("interrupted") + world.events("lost")
    readable = json.loads(world.one.files[outcome_name(FIRST)]) | {"v": PROTOCOL}
    world.one.files[outcome_name(FIRST)] = json.dumps(readable).encode()
    world.at(9.1)
    world.at(9.2)
    assert (JobState.SUCCEEDED, [FIRST]) == (world.job.state, world.one.started)
