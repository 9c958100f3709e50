"""What the agent costs the node it runs on: its part of one core, and its memory, with eight GPUs metered.

The agent and what it starts beside the training (its meter, its guard, its storage's process) are watched by their
process times, from `/proc`, in the settings that ship but for a shorter period: the cost of a sample is the difference
between two runs of different periods, the part of a core is that cost over 30 s plus what idling costs. NVML is a fake,
in Python: it costs more than the library, but its calls do not wait for a driver.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
AGENT = ROOT / "scheduler" / "execution" / "agent"
GPUS = 8
EVERY_S = 30.0
"""The period that ships. [s]"""
SHORT_S, LONG_S = 0.25, 2.5
"""The periods that are run. [s]"""
RUN_S = 30.0
CORE_LIMIT = 0.002
"""Most of one core. [-]"""
MEMORY_LIMIT_MB = 40.0
"""Most memory of the agent and its meter, what they share counted once. [MB]"""

NVML = """
import time
class NVMLError(Exception): pass
class Use: gpu = 0
def nvmlInit(): pass
def nvmlShutdown(): pass
def nvmlDeviceGetCount(): return 8
def nvmlDeviceGetHandleByIndex(number): return number
def nvmlDeviceGetUUID(handle): return "GPU-%032d" % handle
def nvmlDeviceGetMigMode(handle): return [0, 0]
def nvmlDeviceGetTotalEnergyConsumption(handle): return int(time.time() * 300000)
def nvmlDeviceGetPowerUsage(handle): return 300000
def nvmlDeviceGetUtilizationRates(handle): return Use
def nvmlDeviceGetComputeRunningProcesses(handle): return []
"""


def start(folder: Path, every_s: float) -> tuple[subprocess.Popen[bytes], int]:
    """Start the agent as Ray does; the process, and the pid of its training."""
    package = folder / "package" / ".carbonsched"
    package.mkdir(parents=True)
    for file in AGENT.glob("carbonsched_*_v1.py"):
        (package / file.name).write_bytes(file.read_bytes())
    (package / "pynvml.py").write_text(NVML)
    settings = {
        "sid": "cs-bench-s1-a1", "command": ["/bin/sleep", "600"], "checkpoint_dir": str(folder / "ck" / "checkpoint"),
        "fence": 1, "grace_s": 1.0, "sample_every_s": every_s, "progress": 0.0, "meter": "node", "gpus": GPUS,
    }  # fmt: skip
    visible = ",".join(map(str, range(GPUS)))
    environ = {**os.environ, "CARBONSCHED_AGENT": json.dumps(settings), "CUDA_VISIBLE_DEVICES": visible}
    words = [sys.executable, "-I", str(package / "carbonsched_agent_v1.py")]
    agent = subprocess.Popen(words, cwd=folder / "package", env=environ, start_new_session=True)
    end = time.monotonic() + 20
    while True:
        below = [pid for pid in family(agent.pid) if "sleep" in command(pid)]
        if below:
            return agent, below[0]
        if time.monotonic() > end:
            sys.exit("the training did not start")
        time.sleep(0.05)


def family(pid: int) -> list[int]:
    """A process and all below it."""
    parent = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            parent[int(folder.name)] = int((folder / "stat").read_bytes().rpartition(b")")[2].split()[1])
        except OSError:
            continue
    found = [pid]
    for one in found:
        found += [child for child, above in parent.items() if above == one]
    return found


def command(pid: int) -> str:
    """The words that a process was started with."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except OSError:
        return ""


def spent_s(pids: list[int]) -> float:
    """Time on a core that processes took. [s]"""
    total = 0
    for pid in pids:
        total += int(Path(f"/proc/{pid}/schedstat").read_text().split()[0])
    return total / 1e9


def memory_mb(pids: list[int]) -> tuple[float, float]:
    """Their memory: what is each one's own and once what they share, and all with what is shared counted each time."""
    own = shared = resident = 0
    for pid in pids:
        rows = dict(row.split(":", 1) for row in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:])
        kb = {name: int(value.split()[0]) for name, value in rows.items()}
        own += kb["Private_Clean"] + kb["Private_Dirty"]
        shared = max(shared, kb["Shared_Clean"] + kb["Shared_Dirty"])
        resident += kb["Rss"]
    return (own + shared) / 1024, resident / 1024


def run(every_s: float) -> tuple[float, float, float]:
    """Part of a core that samples and idling took, and the memory after it."""
    with tempfile.TemporaryDirectory() as folder:
        agent, training = start(Path(folder), every_s)
        ours = [pid for pid in family(agent.pid) if pid != training]
        time.sleep(3)  # what starting costs is no part of a day
        before, began = spent_s(ours), time.monotonic()
        time.sleep(RUN_S)
        part = (spent_s(ours) - before) / (time.monotonic() - began)
        memory = memory_mb(ours)
        lines = (
            Path(folder) / "ck" / "checkpoint.carbonsched" / "carbonsched-cs-bench-s1-a1.samples.jsonl"
        ).read_text()
        if len(json.loads(lines.splitlines()[-1])["gpus"]) != GPUS:
            sys.exit("not every GPU was metered")
        os.kill(training, 9)
        agent.wait()
        return part, *memory


def main() -> None:
    """Run it at two periods and print what it costs at the one that ships."""
    (short, shared_mb, resident_mb), (long, _, _) = run(SHORT_S), run(LONG_S)
    sample_s = max(0.0, (short - long) / (1 / SHORT_S - 1 / LONG_S))
    idle = max(0.0, long - sample_s / LONG_S)
    part = sample_s / EVERY_S + idle
    print(f"a sample of {GPUS} GPUs: {1000 * sample_s:.2f} ms of one core; idling: {100 * idle:.4f} % of it")
    print(f"every {EVERY_S:g} s: {100 * part:.3f} % of one core, wanted at most {100 * CORE_LIMIT:g} %")
    print(f"memory: {shared_mb:.1f} MB ({resident_mb:.1f} with shared pages counted each time), wanted at most "
          f"{MEMORY_LIMIT_MB:g} MB")  # fmt: skip


if __name__ == "__main__":
    main()
