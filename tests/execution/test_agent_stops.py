"""How the agent ends a training, and how it ends with it: stops by Ray, fences, the grace, and its own death."""

from __future__ import annotations

import os
import signal
import sys
import time

import pytest

from tests.execution.agent_node import COUNTS_STOPS, SID, Node, alive, python, stop_like_ray, tree
from tests.execution.conftest import Until


def test_a_training_has_the_signal_handling_of_a_fresh_process(node: Node) -> None:
    """A stop is neither blocked nor ignored in it."""
    code = (
        "import sys; from signal import *; sys.exit(getsignal(15) != SIG_DFL or 15 in pthread_sigmask(SIG_BLOCK, ()))"
    )
    assert 0 == node.run(python(code))


def test_a_stop_by_ray_reaches_the_training_once_and_its_save_completes(node: Node, until: Until) -> None:
    """The agent does not pass on what Ray sent to everybody, and waits for a save of two seconds."""
    agent = node.start(python(COUNTS_STOPS, "2"))
    until((node.checkpoint / "ready").exists)
    stop_like_ray(agent)
    assert 0 == agent.wait(timeout=20)
    assert "1" == (node.checkpoint / "saved").read_text()
    outcome = node.outcome
    assert ("stopped", 0, "") == (outcome["reason"], outcome["exit_code"], outcome["error"])
    assert isinstance(outcome["stop_received_unix"], float)


def test_the_outcome_waits_for_a_saver_behind_a_shell(node: Node, until: Until) -> None:
    """The shell of ``a && b`` dies of the stop at once, a goes on saving, b never runs."""
    node.checkpoint.mkdir(parents=True)
    saver = node.root / "saver.py"
    saver.write_text(COUNTS_STOPS)
    agent = node.start(f"{sys.executable} -S {saver} 1 && touch {node.checkpoint}/second")
    until((node.checkpoint / "ready").exists)
    stop_like_ray(agent)
    assert 128 + 15 == agent.wait(timeout=20)
    assert ("stopped", -15) == (node.outcome["reason"], node.outcome["exit_code"])
    assert "1" == (node.checkpoint / "saved").read_text()
    assert not (node.checkpoint / "second").exists()


def test_no_outcome_stands_while_the_training_runs(node: Node, until: Until) -> None:
    """It appears whole, and no part of it stays behind."""
    agent = node.start(python(COUNTS_STOPS, "0"))
    until((node.checkpoint / "ready").exists)
    assert [] == [*node.logs.glob("*outcome*")]
    stop_like_ray(agent)
    agent.wait(timeout=20)
    assert [f"carbonsched-{SID}.outcome.json"] == [p.name for p in node.logs.iterdir() if "outcome" in p.name]


def test_what_outlives_its_grace_is_killed(node: Node, until: Until) -> None:
    """A training that ignores the stop ends by SIGKILL, and the outcome says why."""
    agent = node.start(f"trap '' TERM; touch {node.root}/ready; sleep 60; sleep 60", grace_s=0.5)
    until((node.root / "ready").exists)
    stop_like_ray(agent)
    assert 128 + 9 == agent.wait(timeout=20)
    assert (-9, "stopped") == (node.outcome["exit_code"], node.outcome["reason"])
    assert "what still ran after the grace of 0.5 s was killed" == node.outcome["error"]


def test_what_a_finished_training_leaves_running_is_killed_after_the_grace(node: Node) -> None:
    """A forgotten background process does not hold the GPUs for ever, and does not change how it ended."""
    started = time.monotonic()
    assert 0 == node.run("sleep 60 & exit 0", grace_s=0.5)
    assert 0.5 <= time.monotonic() - started < 20
    assert ("exited", 0, None) == tuple(node.outcome[k] for k in ("reason", "exit_code", "stop_received_unix"))
    assert "killed" in str(node.outcome["error"])


def test_a_stop_after_the_training_ended_does_not_undo_its_end(node: Node, until: Until) -> None:
    """What finished by itself is finished, though something it started still runs."""
    agent = node.start(f"sleep 1 & touch {node.root}/ready; exit 0")
    until((node.root / "ready").exists)
    time.sleep(0.3)
    stop_like_ray(agent)
    assert 0 == agent.wait(timeout=20)
    assert ("exited", 0, None) == tuple(node.outcome[k] for k in ("reason", "exit_code", "stop_received_unix"))


def test_a_hangup_ends_it_like_a_stop(node: Node, until: Until) -> None:
    """A lost terminal signals the whole session; the agent outlives it and tells."""
    agent = node.start(f"touch {node.root}/ready; exec sleep 60")
    until((node.root / "ready").exists)
    stop_like_ray(agent, signal.SIGHUP)
    assert 128 + 1 == agent.wait(timeout=20)
    assert ("stopped", -1) == (node.outcome["reason"], node.outcome["exit_code"])


def test_no_training_outlives_an_agent_that_was_killed(node: Node, until: Until) -> None:
    """Behind a shell too, so that a retry never makes two of it."""
    agent = node.start(f"touch {node.root}/ready; sleep 60; sleep 60")
    until((node.root / "ready").exists)
    until(lambda: len(tree(agent.pid)) >= 3)
    below = tree(agent.pid)
    os.kill(agent.pid, signal.SIGKILL)
    agent.wait(timeout=20)
    until(lambda: not any(alive(pid) for pid in below))


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ties a child to its parent")
def test_a_training_in_another_group_dies_with_its_agent(node: Node, until: Until) -> None:
    """Where the group is not the agent's own it is left alone, and the training alone is killed."""
    agent = node.start(["/bin/sleep", "60"], leads=False)
    until(lambda: tree(agent.pid))
    training = tree(agent.pid)
    os.kill(agent.pid, signal.SIGKILL)
    agent.wait(timeout=20)
    until(lambda: not any(alive(pid) for pid in training))
