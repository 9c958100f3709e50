"""One node of several: what its ranks are told, what is said of them, one stop each, nothing left behind."""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from scheduler.execution.agent import NODE_FILE
from tests.execution.agent_node import Node, alive, python, tree
from tests.execution.conftest import Until
from tests.execution.test_agent_ranks import RANK, began, saved


@dataclass
class Second:
    """The second of three nodes, with two ranks."""

    node: Node
    made: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def start(self, command: str | list[str], grace_s: float = 20.0) -> subprocess.Popen[bytes]:
        """Start its ranks as an actor does."""
        order = {"command": command, "ranks": 2, "grace_s": grace_s, "node": 1, "nodes": 3}
        self.node.checkpoint.mkdir(parents=True, exist_ok=True)
        process = subprocess.Popen(
            [sys.executable, "-I", f".carbonsched/{NODE_FILE}", json.dumps(order)],
            cwd=self.node.root / "package",
            env={**os.environ, "CARBONSCHED_CHECKPOINT": str(self.node.checkpoint)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self.made.append(process)
        return process


@pytest.fixture
def second(node: Node) -> Iterator[Second]:
    """A node; what a failed test left of its ranks is killed."""
    made = Second(node)
    yield made
    for process in made.made:
        if process.poll() is None:
            with contextlib.suppress(ProcessLookupError):  # it ended by itself meanwhile
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        for pipe in (process.stdin, process.stdout):
            assert pipe is not None
            with contextlib.suppress(BrokenPipeError):
                pipe.close()


def said(process: subprocess.Popen[bytes]) -> list[str]:
    """What it said until its end, its standard input open all the while."""
    assert process.stdout is not None
    lines = process.stdout.read().decode().splitlines()
    assert 0 == process.wait(timeout=20)
    return lines


def tell(process: subprocess.Popen[bytes]) -> None:
    """Tell it to stop."""
    assert process.stdin is not None
    process.stdin.write(b"stop\n")
    process.stdin.flush()


def ranks(*words: str) -> list[str]:
    """The rank that counts its stops; the first of this node is called 1 there, so that it can be told to fail."""
    return python(RANK.replace('os.environ["RANK"]', 'str(int(os.environ["RANK"]) - 1)'), *words)


def test_each_rank_is_told_its_place_among_all(second: Second) -> None:
    """Ranks count on from node to node; what lies in the job's folder is at hand."""
    names = "$RANK $LOCAL_RANK $WORLD_SIZE $LOCAL_WORLD_SIZE $NODE_RANK $GROUP_RANK $GROUP_WORLD_SIZE"
    lines = said(second.start(f"echo {names} $OMP_NUM_THREADS $(basename $PWD)"))
    assert ["e 0", "o [2] 2 0 6 2 1 1 3 1 work", "o [3] 3 1 6 2 1 1 3 1 work"] == sorted(lines)
    assert "e 0" == lines[-1]


def test_what_a_rank_prints_is_passed_on_whole(second: Second) -> None:
    """Long lines, no end of a line, errors; and its standard input is empty."""
    code = (
        "import os, sys; print('x' * 9000 + 'y'); sys.stdout.flush(); os.write(2, sys.stdin.read().encode() + b'end')"
    )
    lines = said(second.start(python(code)))
    for rank in (2, 3):
        mine = [line.removeprefix(f"o [{rank}] ") for line in lines if line.startswith(f"o [{rank}]")]
        assert "x" * 9000 + "yend" == "".join(mine)


@pytest.mark.parametrize("behind", ["", "shell"])
def test_however_often_it_is_told_each_rank_gets_one_stop(second: Second, until: Until, behind: str) -> None:
    """A message may be sent again; a save behind a shell that dies of its own completes too."""
    words = ranks()
    process = second.start(f"{shlex.join(words)} && true" if behind else words)
    until(lambda: began(second.node, 2))
    tell(process)
    tell(process)
    assert f"e {-15 if behind else 0}" == said(process)[-1]
    assert {"saved1": "1", "saved2": "1"} == saved(second.node)


@pytest.mark.parametrize(("how", "code"), [("exits", 3), ("killed", -9)])
def test_a_rank_that_fails_is_told_at_once_and_the_other_is_stopped(
    second: Second, until: Until, how: str, code: int
) -> None:
    """Once, though the others' leader then tells this node to stop too."""
    process = second.start(ranks(how))
    until(lambda: began(second.node, 2))
    (second.node.checkpoint / "fail").touch()
    assert process.stdout is not None
    assert f"f 2 {code}\n".encode() == process.stdout.readline()
    tell(process)
    assert [f"e {code}"] == said(process)
    assert {"saved2": "1"} == saved(second.node)


def test_a_rank_that_ignores_the_stop_is_killed(second: Second, until: Until) -> None:
    """The grace is its, no more."""
    process = second.start(ranks("stubborn"), grace_s=0.3)
    until(lambda: began(second.node, 2))
    tell(process)
    assert "e -9" == said(process)[-1]
    assert {} == saved(second.node)


def test_a_command_that_is_not_there_is_said(second: Second) -> None:
    """As in a shell, by its code."""
    lines = said(second.start(["/no/such/program"]))
    assert "e 127" == lines[-1]
    assert "the command cannot be run" in lines[0]


@pytest.mark.skipif(sys.platform != "linux", reason="Ray has nodes of its own on Linux only")
def test_no_rank_outlives_what_stands_above_it(second: Second, until: Until) -> None:
    """The end of its standard input is the death of the actor: a retry elsewhere never makes two of it."""
    process = second.start(ranks())
    until(lambda: began(second.node, 2))
    below = tree(process.pid)
    assert 2 == len(below)
    assert process.stdin is not None
    process.stdin.close()
    assert -9 == process.wait(timeout=20)
    until(lambda: not any(alive(pid) for pid in below))


def test_the_agent_takes_the_leaders_word_for_nodes_that_are_lost(node: Node) -> None:
    """No exit code of the training's, for it was not the training that failed."""
    told = json.dumps({"reason": "lost_node", "error": "node 1 was lost"})
    assert 75 == node.run(f"echo {shlex.quote(told)} > ${{CARBONSCHED_PROGRESS%.progress}}.nodes; exit 75")
    assert ("lost_node", None, "node 1 was lost") == tuple(node.outcome[k] for k in ("reason", "exit_code", "error"))


def test_what_the_leader_did_not_write_whole_is_no_word(node: Node) -> None:
    """Then its exit code stands."""
    assert 75 == node.run("echo '{' > ${CARBONSCHED_PROGRESS%.progress}.nodes; exit 75")
    assert ("exited", 75) == (node.outcome["reason"], node.outcome["exit_code"])
