"""NVML as `pynvml` offers it, for GPUs that a file describes, so that it can misbehave in the middle of a run.

It is copied beside the agent as `pynvml.py`. The file is named by `FAKE_NVML`; a test may write it anew at any time.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

sys.stdout.write("a library that prints where answers are expected\n")
sys.stdout.flush()


class NVMLError(Exception):
    """As pynvml's."""


class NVMLError_NotSupported(NVMLError):  # noqa: N801  # as pynvml calls it
    """As pynvml's."""


class NVMLError_LibraryNotFound(NVMLError):  # noqa: N801  # as pynvml calls it
    """As pynvml's."""


def world(call: str) -> Any:  # noqa: ANN401  # whatever the test wrote
    """What there is now; the call that it names raises, hangs or crashes."""
    now = json.loads(Path(os.environ["FAKE_NVML"]).read_text())
    with Path(os.environ["FAKE_NVML"] + ".calls").open("a") as calls:
        calls.write(f"{call}\n")
    if call in now.get("raises", []):
        raise NVMLError_NotSupported(call)
    if call in now.get("crashes", []):
        raise RuntimeError(call)
    if call in now.get("hangs", []):
        time.sleep(600)
    return now


def gpu(call: str, handle: int) -> Any:  # noqa: ANN401  # the same
    """One GPU; a lost one answers nothing."""
    found = world(call)["gpus"][handle]
    if found.get("lost"):
        raise NVMLError(call)
    with Path(os.environ["FAKE_NVML"] + ".read").open("a") as read:
        read.write(f"{found['uuid']}\n")
    return found


def nvmlInit() -> None:  # noqa: N802  # this and the others are NVML's names
    """Without a library, as on a node without GPUs."""
    if world("nvmlInit").get("absent"):
        raise NVMLError_LibraryNotFound


def nvmlShutdown() -> None:  # noqa: N802
    """Nothing to shut."""
    world("nvmlShutdown")


def nvmlDeviceGetCount() -> int:  # noqa: N802
    """How many."""
    return len([one for one in world("nvmlDeviceGetCount")["gpus"] if "parent" not in one])


def nvmlDeviceGetHandleByIndex(number: int) -> int:  # noqa: N802
    """A handle is a number here."""
    world("nvmlDeviceGetHandleByIndex")
    return number


def nvmlDeviceGetHandleByUUID(uuid: str) -> int:  # noqa: N802
    """Of a GPU or of a MIG slice."""
    for number, one in enumerate(world("nvmlDeviceGetHandleByUUID")["gpus"]):
        if one["uuid"] == uuid:
            return number
    raise NVMLError(uuid)


def nvmlDeviceGetUUID(handle: int) -> Any:  # noqa: ANN401, N802
    """In bytes, as old bindings answer."""
    return gpu("nvmlDeviceGetUUID", handle)["uuid"].encode()


def nvmlDeviceGetTotalEnergyConsumption(handle: int) -> Any:  # noqa: ANN401, N802
    """Power times time, from what the counter began with [mJ]."""
    one = gpu("nvmlDeviceGetTotalEnergyConsumption", handle)
    if "since" not in one:
        raise NVMLError_NotSupported
    return one.get("base_mj", 0) + round(1000 * one["w"] * (time.time() - one["since"]))


def nvmlDeviceGetPowerUsage(handle: int) -> Any:  # noqa: ANN401, N802
    """Now [mW]."""
    one = gpu("nvmlDeviceGetPowerUsage", handle)
    return round(1000 * one.get("seen_w", one["w"]))


def nvmlDeviceGetUtilizationRates(handle: int) -> SimpleNamespace:  # noqa: N802
    """Per cent busy."""
    return SimpleNamespace(gpu=gpu("nvmlDeviceGetUtilizationRates", handle).get("busy", 0))


def nvmlDeviceGetComputeRunningProcesses(handle: int) -> Any:  # noqa: ANN401, N802
    """Who uses it."""
    return gpu("nvmlDeviceGetComputeRunningProcesses", handle).get("processes", [])


def nvmlDeviceGetMigMode(handle: int) -> Any:  # noqa: ANN401, N802
    """Now, and after a reboot."""
    mode = gpu("nvmlDeviceGetMigMode", handle).get("mig", 0)
    return [mode, mode]


def nvmlDeviceGetDeviceHandleFromMigDeviceHandle(handle: int) -> Any:  # noqa: ANN401, N802
    """The GPU that a slice is of."""
    return gpu("nvmlDeviceGetDeviceHandleFromMigDeviceHandle", handle)["parent"]


def nvmlDeviceGetAttributes(handle: int) -> SimpleNamespace:  # noqa: N802
    """How large a slice is."""
    return SimpleNamespace(gpuInstanceSliceCount=gpu("nvmlDeviceGetAttributes", handle)["slices"])


def nvmlDeviceGetMaxMigDeviceCount(handle: int) -> Any:  # noqa: ANN401, N802
    """Slices of a whole GPU."""
    return gpu("nvmlDeviceGetMaxMigDeviceCount", handle).get("most", 7)
