"""The driver of a training on Ray: which cluster it is attached to, what its workers are told, and one stop."""

from __future__ import annotations

import json
import shlex
import sys

from scheduler.execution.agent import DRIVER_FILE
from scheduler.execution.ray_rest import DRIVER_NEEDS
from tests.execution.agent_node import COUNTS_STOPS, Node, python, stop_like_ray
from tests.execution.conftest import Until

CONFIG = {
    "runtime_env": {"env_vars": {"CARBONSCHED_AGENT": "{}", "RAY_JOB_STOP_WAIT_TIME_S": "9", "A": "1"}},
    "metadata": {"carbonsched_job": "7f3a"},
}
RAYS = {"RAY_ADDRESS": "192.0.2.2:1", "RAY_AUTH_TOKEN": "t", "RAY_JOB_CONFIG_JSON_ENV_VAR": json.dumps(CONFIG)}


def driver(command: str | list[str]) -> str:
    """What the agent is given to start a driver."""
    said = shlex.quote(json.dumps(command))
    return f"exec {shlex.quote(sys.executable)} -I ../.carbonsched/{DRIVER_FILE} {said}"


def seen(node: Node) -> dict[str, str]:
    """The variables that a driver printed."""
    return dict(line.split("=", 1) for line in node.log.read_text().splitlines() if "=" in line)


def test_a_driver_keeps_what_leads_to_its_ray(node: Node) -> None:
    """The token too, which no other training sees."""
    assert 0 == node.start(driver("env"), env=RAYS | {"RAY_OTHER": "1"}, keep=DRIVER_NEEDS).wait(timeout=20)
    assert set(RAYS) == {name for name in seen(node) if name.startswith("RAY_")}
    assert ("192.0.2.2:1", "t") == (seen(node)["RAY_ADDRESS"], seen(node)["RAY_AUTH_TOKEN"])


def test_the_address_is_the_raylets_above_it(node: Node) -> None:
    """Whatever cluster Ray took it for; the words of a parent are not mistaken for another's."""
    under = f"subprocess.call([sys.executable, '-I', '../.carbonsched/{DRIVER_FILE}', sys.argv[1]])"
    words = python(f"import subprocess, sys; sys.exit({under})", json.dumps("env"), "--gcs-address=192.0.2.7:20000")
    assert 0 == node.start(words, env=RAYS, keep=DRIVER_NEEDS).wait(timeout=20)
    assert "192.0.2.7:20000" == seen(node)["RAY_ADDRESS"]


def test_the_workers_are_told_what_the_driver_is(node: Node) -> None:
    """Where to save, and where the user's modules lie; nothing that is the agent's."""
    env = RAYS | {"CARBONSCHED_LOCAL": "mark"}
    assert 0 == node.start(driver(["/usr/bin/env"]), env=env, keep=DRIVER_NEEDS).wait(timeout=20)
    told = json.loads(seen(node)["RAY_JOB_CONFIG_JSON_ENV_VAR"])
    assert CONFIG["metadata"] == told["metadata"]
    env_vars = told["runtime_env"]["env_vars"]
    assert {"A": "1", "PYTHONPATH": "work"} == {k: v for k, v in env_vars.items() if not k.startswith("CARBONSCHED_")}
    assert (str(node.checkpoint), "7f3a", "mark") == tuple(
        env_vars[f"CARBONSCHED_{name}"] for name in ("CHECKPOINT", "JOB", "LOCAL")
    )
    assert "CARBONSCHED_AGENT" not in env_vars


def test_a_stop_reaches_the_driver_once(node: Node, until: Until) -> None:
    """It has taken the place of what started it, and its exit code is the run's."""
    agent = node.start(driver(python(COUNTS_STOPS, "0.3")), env=RAYS, keep=DRIVER_NEEDS)
    until((node.checkpoint / "ready").exists)
    stop_like_ray(agent)
    assert 0 == agent.wait(timeout=20)
    assert "1" == (node.checkpoint / "saved").read_text()
    assert ("stopped", 0) == (node.outcome["reason"], node.outcome["exit_code"])


def test_a_driver_that_is_not_there_fails_as_in_a_shell(node: Node) -> None:
    """And the log names it."""
    assert 125 == node.run(driver(["/no/such/program"]))
    assert ("exited", 127) == (node.outcome["reason"], node.outcome["exit_code"])
    assert "the command cannot be run" in node.log.read_text()
