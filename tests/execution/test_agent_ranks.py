"""A training of several processes: what each is told, one stop for each, and what the failure of one does."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from scheduler.execution.agent import RANKS_FILE
from tests.execution.agent_node import Node, alive, python, stop_like_ray, tree
from tests.execution.conftest import Until

RANK = """
import os, signal, sys, time
rank, folder = os.environ["RANK"], os.environ["CARBONSCHED_CHECKPOINT"]
def write(name, text):
    with open(os.path.join(folder, name + rank), "w") as out:
        out.write(text)
stops = []
signal.signal(signal.SIGTERM, lambda *_: stops.append(1))
write("ready", "")
while not stops:
    if rank == "1" and os.path.exists(os.path.join(folder, "fail")):
        os.kill(os.getpid(), 9) if "killed" in sys.argv else sys.exit(3)
    time.sleep(0.01)
if "stubborn" in sys.argv:
    time.sleep(60)
time.sleep(0.3)
write("saved", str(len(stops)))
"""
"""A rank that counts its stops; rank 1 fails when told."""


def ranks(command: str | list[str], count: int = 3, grace_s: float = 20.0) -> str:
    """What the agent is given to start so many processes."""
    order = shlex.quote(json.dumps({"command": command, "ranks": count, "grace_s": grace_s}))
    return f"exec {shlex.quote(sys.executable)} -I ../.carbonsched/{RANKS_FILE} {order}"


def began(node: Node, count: int = 3) -> bool:
    """Whether every rank is ready for a stop."""
    return len([*node.checkpoint.glob("ready*")]) == count


def saved(node: Node) -> dict[str, str]:
    """How many stops each rank that saved itself saw."""
    return {path.name: path.read_text() for path in node.checkpoint.glob("saved*")}


def test_each_rank_is_told_what_torchrun_would_tell_it(node: Node) -> None:
    """They differ by their number alone, and meet at one address."""
    names = ("RANK", "LOCAL_RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE", "NODE_RANK", "GROUP_RANK", "OMP_NUM_THREADS",
             "MASTER_ADDR", "CUDA_VISIBLE_DEVICES")  # fmt: skip
    code = f"import os; print(os.environ['MASTER_PORT'], *map(os.environ.get, {names}), os.path.basename(os.getcwd()))"
    assert 0 == node.start(ranks(python(code)), env={"CUDA_VISIBLE_DEVICES": "4,5,6"}).wait(timeout=20)
    lines = sorted(line.split(" ", 1) for line in node.log.read_text().splitlines())
    assert 1 == len({port for port, _ in lines})
    assert 1024 < int(lines[0][0])
    assert [f"{r} {r} 3 3 0 0 1 127.0.0.1 4,5,6 work" for r in range(3)] == [told for _, told in lines]


def test_what_the_job_sets_itself_is_kept(node: Node) -> None:
    """A port that a firewall leaves open, and threads that the data loading needs."""
    env = {"MASTER_PORT": "29511", "OMP_NUM_THREADS": "4"}
    command = ranks("echo $MASTER_PORT $OMP_NUM_THREADS", count=1)
    assert 0 == node.start(command, env=env, keep=["OMP_NUM_THREADS"]).wait(timeout=20)
    assert "29511 4\n" == node.log.read_text()


def test_all_ranks_that_end_well_end_well(node: Node) -> None:
    """The run waits for the last of them."""
    assert 0 == node.run(ranks("sleep 0.$RANK; touch $CARBONSCHED_CHECKPOINT/done$RANK"))
    assert 3 == len([*node.checkpoint.glob("done*")])
    assert ("exited", 0, "") == tuple(node.outcome[k] for k in ("reason", "exit_code", "error"))


@pytest.mark.parametrize("behind", ["", "shell"])
def test_a_stop_by_ray_reaches_each_rank_once_and_their_saves_complete(node: Node, until: Until, behind: str) -> None:
    """Behind a shell too, which dies of its own."""
    (node.root / "rank.py").write_text(RANK)
    words = [sys.executable, "-S", str(node.root / "rank.py")]
    agent = node.start(ranks(f"{shlex.join(words)} && true" if behind else words))
    until(lambda: began(node))
    stop_like_ray(agent)
    agent.wait(timeout=20)
    assert {"saved0": "1", "saved1": "1", "saved2": "1"} == saved(node)
    assert ("stopped", -15 if behind else 0) == (node.outcome["reason"], node.outcome["exit_code"])


def test_a_higher_fence_kills_every_rank(node: Node, until: Until) -> None:
    """A save of any of them would lie over a later attempt's checkpoint."""
    agent = node.start(ranks(python(RANK)))
    until(lambda: began(node))
    (node.beside / "carbonsched-fence.6").write_text("{}")
    assert 128 + 9 == agent.wait(timeout=20)
    assert {} == saved(node)
    assert "fenced" == node.outcome["reason"]


@pytest.mark.parametrize(("how", "code", "status"), [("exits", 3, 3), ("killed", -9, 128 + 9)])
def test_a_rank_that_fails_has_the_others_stopped_once(
    node: Node, until: Until, how: str, code: int, status: int
) -> None:
    """They would wait for it in the next collective for ever; the run ends as it did."""
    agent = node.start(ranks(python(RANK, how)))
    until(lambda: began(node))
    (node.checkpoint / "fail").touch()
    assert status == agent.wait(timeout=20)
    assert {"saved0": "1", "saved2": "1"} == saved(node)
    assert ("exited", code, None) == tuple(node.outcome[k] for k in ("reason", "exit_code", "stop_received_unix"))
    assert f"rank 1 ended with {code}: the others are stopped" in node.log.read_text()


def test_a_rank_that_ignores_the_stop_after_a_failure_is_killed(node: Node, until: Until) -> None:
    """The grace is theirs, no more."""
    agent = node.start(ranks(python(RANK, "stubborn"), grace_s=0.3))
    until(lambda: began(node))
    (node.checkpoint / "fail").touch()
    assert 3 == agent.wait(timeout=20)
    assert {} == saved(node)


def test_a_command_that_is_not_there_fails_as_in_a_shell(node: Node) -> None:
    """And the log names it."""
    assert 125 == node.run(ranks(["/no/such/program"]))
    assert ("exited", 127) == (node.outcome["reason"], node.outcome["exit_code"])
    assert "the command cannot be run" in node.log.read_text()


def test_a_stop_among_the_starts_ends_what_has_begun(agent_path: Path) -> None:
    """Not every rank can have heard it; none is left over, and none has work to lose."""
    code = (
        f"import os, sys; sys.path.insert(0, {str(agent_path.parent)!r}); sys.argv[0] = 'x'\n"
        "import carbonsched_ranks_v1 as r\n"
        "heard = r.agent.Signals()\n"
        "spawn = lambda w, e: (os.kill(os.getpid(), 15), os.spawnvpe(os.P_NOWAIT, *w, e))[1]\n"
        "class Words(r.Ranks):\n    def words(self): return ('sleep', ['sleep', '60'])\n"
        "r.agent.spawn = spawn; print(Words(r.Order('', 3, 20.0), heard).to_end())"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=20, check=False)
    assert ("-9\n", "") == (ran.stdout, ran.stderr)


def test_no_rank_outlives_an_agent_that_was_killed(node: Node, until: Until) -> None:
    """A retry never makes two of it."""
    agent = node.start(ranks(python(RANK)))
    until(lambda: began(node))
    below = tree(agent.pid)
    assert 6 == len(below)  # the guard, what reaches the storage, the starter and three ranks
    os.kill(agent.pid, signal.SIGKILL)
    agent.wait(timeout=20)
    until(lambda: not any(alive(pid) for pid in below))
