"""The fence beside the checkpoint and the lease on it: who may train, who stops, and when."""

from __future__ import annotations

import itertools
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.execution.agent_node import COUNTS_STOPS, SID, Node, alive, python, tree
from tests.execution.conftest import Until

LOGS_ITS_LIFE = """
import os, sys, time
with open(sys.argv[1], "a") as log:
    def note(what):
        log.write(f"{what} {time.monotonic()}\\n"), log.flush()
    note("begins " + sys.argv[2])
    while True:
        time.sleep(0.005)
        note("runs " + sys.argv[2])
"""
"""A training that notes when it was alive, until SIGKILL."""


def fences(node: Node) -> dict[str, dict[str, object]]:
    """The fences that stand, by number."""
    return {file.suffix[1:]: json.loads(file.read_text()) for file in node.beside.glob("carbonsched-fence.*")}


def put_fence(node: Node, number: int, *, state: str = "held", every_s: float = 0.2, age_s: float = 0.0) -> None:
    """Another attempt's fence, as it is so long after its last renewal."""
    node.beside.mkdir(parents=True, exist_ok=True)
    fence = node.beside / f"carbonsched-fence.{number}"
    fence.write_text(json.dumps({"state": state, "every_s": every_s}))
    os.utime(fence, (time.time() - age_s, time.time() - age_s))


def break_fence(node: Node) -> None:
    """Put something in place of the fence that cannot be written."""
    fence = node.beside / "carbonsched-fence.5"
    fence.unlink()
    fence.mkdir()


@pytest.mark.parametrize("state", ["held", "released", "raised"])
def test_a_higher_fence_keeps_the_training_from_starting(node: Node, state: str) -> None:
    """A later attempt owns the checkpoint, whatever became of it; its fence is left as it is."""
    put_fence(node, 6, state=state)
    assert 75 == node.run(f"touch {node.root}/ran")
    assert ("fenced", None, 0) == tuple(node.outcome[k] for k in ("reason", "exit_code", "samples"))
    assert not (node.root / "ran").exists()
    assert {"5": "released", "6": state} == {number: fence["state"] for number, fence in fences(node).items()}


def test_a_fence_is_held_while_the_training_runs_and_released_at_its_end(node: Node) -> None:
    """The next attempt need not wait for one that is over."""
    assert 0 == node.run(f"cat {node.beside}/carbonsched-fence.5 > {node.root}/during; sleep 0.3")
    assert {"state": "held", "every_s": 0.1} == json.loads((node.root / "during").read_text())
    assert {"5": {"state": "released", "every_s": 0.1}} == fences(node)


@pytest.mark.parametrize(("state", "age_s"), [("held", 5.0), ("released", 0.0), ("raised", 0.0)])
def test_a_lower_fence_that_nobody_trains_under_costs_no_wait(node: Node, state: str, age_s: float) -> None:
    """Not renewed for more than two of its holder's intervals, or released; afterwards it is gone."""
    put_fence(node, 4, state=state, age_s=age_s)
    assert 0 == node.run("true")
    assert "waited for" not in node.log.read_text()
    assert {"5"} == set(fences(node))


@pytest.mark.parametrize("text", ["", "4", "[]", '{"state": "held"}'])
def test_a_lower_fence_that_cannot_be_read_is_waited_for(node: Node, text: str) -> None:
    """Whatever wrote it may run; it is somebody's for two of the reader's own intervals."""
    node.beside.mkdir(parents=True)
    (node.beside / "carbonsched-fence.4").write_text(text)
    assert 0 == node.run("true")
    assert "an earlier attempt of this job may still run: it is waited for" in node.log.read_text()


def test_a_lower_fence_that_is_renewed_is_waited_for_until_it_is_released(node: Node, until: Until) -> None:
    """The own fence stands meanwhile, so that the other sees it."""
    put_fence(node, 4, every_s=10.0)
    agent = node.start(f"touch {node.root}/ran")
    until(lambda: "5" in fences(node))
    time.sleep(0.3)
    assert not (node.root / "ran").exists()
    put_fence(node, 4, state="released")
    assert 0 == agent.wait(timeout=20)
    assert (node.root / "ran").exists()


def test_a_stop_ends_the_wait_for_a_lower_fence(node: Node, until: Until) -> None:
    """Nothing was started, and nothing is."""
    put_fence(node, 4, every_s=60.0)
    agent = node.start(f"touch {node.root}/ran")
    until(lambda: "5" in fences(node))
    agent.send_signal(signal.SIGTERM)
    assert 75 == agent.wait(timeout=20)
    assert ("not_started", "stopped before it began") == (node.outcome["reason"], node.outcome["error"])
    assert "released" == fences(node)["5"]["state"]


def test_a_higher_fence_kills_a_running_training_at_once(node: Node, until: Until) -> None:
    """No SIGTERM: what it would save now would lie over the later attempt's checkpoint."""
    agent = node.start(python(COUNTS_STOPS, "0.3"), grace_s=60.0)
    until((node.checkpoint / "ready").exists)
    put_fence(node, 6)
    raised = time.monotonic()
    assert 128 + 9 == agent.wait(timeout=20)
    assert time.monotonic() - raised < 3.0
    assert ("fenced", -9, None) == tuple(node.outcome[k] for k in ("reason", "exit_code", "stop_received_unix"))
    assert "a later attempt holds the fence: killed at once" == node.outcome["error"]
    assert not (node.checkpoint / "saved").exists()
    assert {"5": "released", "6": "held"} == {number: fence["state"] for number, fence in fences(node).items()}


def test_a_fence_out_of_reach_is_borne_for_the_lease_and_no_longer(node: Node, until: Until) -> None:
    """A storage that is away for long may hide a higher fence; the training may save itself first."""
    agent = node.start(python(COUNTS_STOPS, "0"), lease_s=0.5)
    until((node.checkpoint / "ready").exists)
    break_fence(node)
    broken = time.monotonic()
    assert 0 == agent.wait(timeout=20)
    assert 0.3 < time.monotonic() - broken
    assert "lost_lease" == node.outcome["reason"]
    assert "1" == (node.checkpoint / "saved").read_text()


def test_a_fence_out_of_reach_for_two_thirds_of_the_lease_changes_nothing(node: Node, until: Until) -> None:
    """As ten minutes of the real fifteen: the training ends by itself; the log tells of the trouble."""
    agent = node.start(python(COUNTS_STOPS, "0"), lease_s=1.5)
    until((node.checkpoint / "ready").exists)
    break_fence(node)
    time.sleep(1.0)
    (node.beside / "carbonsched-fence.5").rmdir()
    until(lambda: "5" in fences(node))
    time.sleep(0.8)
    assert None is agent.poll()
    for pid in [agent.pid, *tree(agent.pid)]:
        os.kill(pid, signal.SIGTERM)
    assert 0 == agent.wait(timeout=20)
    assert "stopped" == node.outcome["reason"]
    assert "the fence could not be renewed" in node.log.read_text()


def test_a_fence_is_renewed_again_after_its_process_died(node: Node, until: Until) -> None:
    """Somebody short of memory may kill it; the training goes on."""
    agent = node.start(python(COUNTS_STOPS, "0"), lease_s=5.0)
    until((node.checkpoint / "ready").exists)
    (helper,) = [pid for pid in tree(agent.pid) if "carbonsched_storage" in Path(f"/proc/{pid}/cmdline").read_text()]
    os.kill(helper, signal.SIGKILL)
    until(lambda: "the process that reaches the storage died" in node.log.read_text())
    (node.beside / "carbonsched-fence.5").unlink()
    until((node.beside / "carbonsched-fence.5").exists)
    put_fence(node, 6)
    assert 128 + 9 == agent.wait(timeout=20)
    assert "fenced" == node.outcome["reason"]


def test_an_agent_whose_parent_is_gone_trains_on_for_the_lease(node: Node, until: Until) -> None:
    """Its Ray has died: nobody above can see or stop it any more, and a retry will come."""
    script = node.root / "training.py"
    script.write_text(COUNTS_STOPS)
    command = f"exec {sys.executable} -S {script} 0"
    asked = {"sid": SID, "command": command, "checkpoint_dir": str(node.checkpoint), "fence": 5, "grace_s": 20.0,
             "sample_every_s": 0.1, "progress": 0.25, "lease_s": 1.0}  # fmt: skip
    code = "import subprocess, sys; subprocess.Popen([sys.executable, *sys.argv[1:]], start_new_session=True).wait()"
    with node.log.open("ab") as log:
        ray = subprocess.Popen(
            python(code, "-I", str(node.agent)), cwd=node.root / "package", stdout=log, stderr=log,
            env={**os.environ, "CARBONSCHED_AGENT": json.dumps(asked)},
        )  # fmt: skip
    node.processes.append(ray)
    until((node.checkpoint / "ready").exists)
    below = tree(ray.pid)
    ray.kill()
    ray.wait()
    gone = time.monotonic()
    until(lambda: "Ray's process above is gone" in node.log.read_text())
    assert all(alive(pid) for pid in below)
    until((node.beside / f"carbonsched-{SID}.outcome.json").exists)
    assert 1.0 <= time.monotonic() - gone < 6.0
    assert ("lost_lease", 0) == (node.outcome["reason"], node.outcome["exit_code"])
    assert "1" == (node.checkpoint / "saved").read_text()
    until(lambda: not any(alive(pid) for pid in below))


def test_two_trainings_of_one_job_never_overlap(node: Node, until: Until) -> None:
    """Whenever the later ones come: each waits until the one before it is dead."""
    log = node.root / "lives"
    agents = []
    for number, pause_s in ((5, 0.0), (6, 0.35), (7, 0.02), (9, 0.4), (8, 0.1)):
        time.sleep(pause_s)
        command = python(LOGS_ITS_LIFE, str(log), str(number))
        agents.append(node.start(command, fence=number, sid=f"cs-7f3a-s2-a{number}", grace_s=5.0))
        if number == 5:
            until(log.exists)
    until(lambda: "runs 9" in log.read_text(), within_s=30)
    put_fence(node, 10)
    assert [True] * 5 == [agent.wait(timeout=20) != 0 for agent in agents]
    lives: dict[str, list[float]] = {}
    for _, who, at in (line.split() for line in log.read_text().splitlines() if len(line.split()) == 3):
        lives.setdefault(who, []).append(float(at))
    assert {"5", "9"} <= set(lives)
    assert "8" not in lives
    ordered = sorted(lives.values())
    assert all(max(before) < min(after) for before, after in itertools.pairwise(ordered))
