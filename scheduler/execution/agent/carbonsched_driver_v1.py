"""Becomes the driver of a training that runs on its cluster's Ray, attached to that cluster and no other.

The agent starts it in place of the training, which then takes its place, so that the driver is the process that a stop
reaches. Ray itself finds the cluster by a file that may be missing, and then takes any cluster of the machine; the
raylet above this process cannot be another one's.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from scheduler.execution.agent import carbonsched_agent_v1 as agent
else:
    sys.path.insert(0, str(Path(__file__).resolve().parent))  # python -I leaves it out; only our own files lie there
    import carbonsched_agent_v1 as agent

ADDRESS = "RAY_ADDRESS"
JOB_CONFIG = "RAY_JOB_CONFIG_JSON_ENV_VAR"  # by which Ray tells a driver the environment of its workers
FOR_US = (agent.SETTINGS_ENV, "RAY_JOB_STOP_WAIT_TIME_S")
WORK = "work"  # the user's folder in the package, in which each worker starts


def own_address() -> str | None:
    """The address that the raylet above this process was started with; None where none can be seen."""
    parents = dict(agent.parents())
    pid = os.getpid()
    while pid := parents.get(pid, 0):
        found = re.search(r"--gcs-address=(\S+)", command_line(pid))
        if found:
            return found[1]
    return None


def command_line(pid: int) -> str:
    """The words that a process was started with; empty where they cannot be seen."""
    if sys.platform != "linux":
        words = ["/bin/ps", "-ww", "-o", "command=", "-p", str(pid)]
        return subprocess.run(words, stdout=subprocess.PIPE, text=True, check=False).stdout
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    return ""


def for_workers(text: str) -> str:
    """What Ray tells a driver, with the job's own variables and folder for its workers."""
    config = json.loads(text)
    told = config.setdefault("runtime_env", {}).setdefault("env_vars", {})
    for name in FOR_US:
        told.pop(name, None)
    told.update({name: value for name, value in os.environ.items() if name.startswith("CARBONSCHED_")})
    told["PYTHONPATH"] = os.pathsep.join(filter(None, (WORK, told.get("PYTHONPATH"))))
    return json.dumps(config)


def main() -> int:
    """Become the command that the first argument holds; returns only where it cannot be run."""
    command = json.loads(sys.argv[1])
    environ = dict(os.environ)
    environ.update({ADDRESS: address} if (address := own_address()) else {})
    if JOB_CONFIG in environ:
        environ[JOB_CONFIG] = for_workers(environ[JOB_CONFIG])
    words = ["/bin/sh", "-c", command] if isinstance(command, str) else command
    try:
        os.execvpe(words[0], words, environ)  # noqa: S606  # no shell, unless the user asked for one
    except OSError as exc:
        agent.complain(f"the command cannot be run: {exc}")
        return 126 if isinstance(exc, PermissionError) else 127


if __name__ == "__main__":
    sys.exit(main())
