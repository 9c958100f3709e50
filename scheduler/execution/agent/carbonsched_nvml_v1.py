"""Reads the energy counters and the power of a node's GPUs by NVML, in a process of its own: a driver may hang.

Only such GPUs are read as the training sees. Where there is no NVML it says so, and is not asked again.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import json
import os
import site
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import TextIO

VISIBLE = "CUDA_VISIBLE_DEVICES"
RAYS_COPY = "_private/thirdparty/pynvml/pynvml.py"  # Ray brings the binding along, so that few nodes are without
REST_LOOKS, REST_EVERY_S = 3, 0.1  # at a GPU before the training; it sinks into rest between two looks


class Nvml:
    """The GPUs of this node, as far as the training sees them.

    Args:
        lib: NVML's Python binding.
        visible: what the training finds in `CUDA_VISIBLE_DEVICES`; None where that is not set, and it sees all.
        most: how many GPUs the training has here; 0 where that is not known.
        node: how this node is called in the readings.
    """

    def __init__(self, lib: ModuleType, visible: str | None, most: int, node: str) -> None:
        self.lib, self.visible, self.most, self.node = lib, visible, most, node
        self.known: dict[str, str] = {}  # the UUID that was last read in each place
        lib.nvmlInit()

    def read(self, shares: Mapping[str, float] | None = None, *, rest: bool = False) -> list[dict[str, object]]:
        """One reading of each GPU, or of those places of the visible ones that `shares` names, each by its share.

        Args:
            rest: whether to look at what they draw at rest too, which takes some tenths of a second.
        """
        places = self._places()
        weights = [1.0] * len(places)
        if shares is not None:
            held = {int(number): share for number, share in shares.items() if int(number) < len(places)}
            places, weights = [places[number] for number in held], [*held.values()]
        resting = self._at_rest(places) if rest else []  # first, for the counters are to be read as late as can be
        read = [self._reading(place, weight) for place, weight in zip(places, weights)]
        if read and all(one["mj"] is None and one["mw"] is None for one in read):
            self._again()
        for one, power_w in zip(read, resting):
            one["rest_w"] = power_w
        return read

    def _again(self) -> None:
        """Open NVML anew for the next reading: a driver that was loaded anew knows nothing of the first time."""
        self._ask("nvmlShutdown")
        self._ask("nvmlInit")

    def _places(self) -> list[str]:
        """The visible devices by number or UUID; like CUDA, none from the first on that does not exist."""
        count = self._ask("nvmlDeviceGetCount") or 0
        if self.visible is None:
            return [] if 0 < self.most < count else [str(number) for number in range(count)]
        places = []
        for word in map(str.strip, self.visible.split(",")):
            if not (word.startswith(("GPU-", "MIG-")) or (word.isdigit() and int(word) < count)):
                break
            places.append(word)
        return places

    def _reading(self, place: str, weight: float) -> dict[str, object]:
        """What one GPU, or slice of one, says now; null is what it does not say."""
        handle, share, flag = self._handle(place)
        uuid = place if place.startswith("MIG-") else self._uuid(handle)
        self.known[place] = uuid or self.known.get(place, f"unknown-{place}")
        whole = handle is not None and share > 0
        return {
            "node": self.node,
            "place": place,
            "uuid": self.known[place],
            "mj": self._number("nvmlDeviceGetTotalEnergyConsumption", handle) if whole else None,
            "mw": self._number("nvmlDeviceGetPowerUsage", handle) if whole else None,
            "share": share * weight,
            "flag": flag or ("shared" if weight < 1 else ""),
        }

    def _handle(self, place: str) -> tuple[object, float, str]:
        """The GPU, the share of it that is the training's, and what is to be said of that."""
        if place.startswith("MIG-"):
            piece = self._ask("nvmlDeviceGetHandleByUUID", place)
            parent = self._ask("nvmlDeviceGetDeviceHandleFromMigDeviceHandle", piece)
            slices = getattr(self._ask("nvmlDeviceGetAttributes", piece), "gpuInstanceSliceCount", 0)
            most = self._ask("nvmlDeviceGetMaxMigDeviceCount", parent)
            known = isinstance(slices, int) and isinstance(most, int) and 0 < slices <= most
            return (parent, slices / most, "mig") if known else (parent, 0.0, "mig_unshared")
        if place.startswith("GPU-"):
            handle = self._by_uuid(place)
        else:
            handle = self._ask("nvmlDeviceGetHandleByIndex", int(place))
        modes = self._ask("nvmlDeviceGetMigMode", handle)
        if modes and modes[0]:  # which slice of it CUDA takes is not known
            return handle, 0.0, "mig_unshared"
        return handle, 1.0, ""

    def _by_uuid(self, start: str) -> object:
        """The GPU whose UUID begins so, as CUDA allows to write it."""
        for number in range(self._ask("nvmlDeviceGetCount") or 0):
            handle = self._ask("nvmlDeviceGetHandleByIndex", number)
            if handle is not None and self._uuid(handle).startswith(start):
                return handle
        return None

    def _uuid(self, handle: object) -> str:
        """The UUID of a GPU, empty where it does not say."""
        said = self._ask("nvmlDeviceGetUUID", handle)
        return said.decode() if isinstance(said, bytes) else str(said or "")

    def _at_rest(self, places: Sequence[str]) -> list[float | None]:
        """The least that each GPU draws while nothing runs on it [W]; None where something does, or none can tell."""
        looks = []
        for look in range(REST_LOOKS):
            time.sleep(REST_EVERY_S if look else 0)
            looks.append([self._resting_w(place) for place in places])
        return [min((w for w in seen if w), default=None) if None not in seen else None for seen in zip(*looks)]

    def _resting_w(self, place: str) -> float | None:
        """What a whole GPU draws now [W], None unless nothing runs on it."""
        handle, share, _ = self._handle(place)
        busy = getattr(self._ask("nvmlDeviceGetUtilizationRates", handle), "gpu", None)
        processes = self._ask("nvmlDeviceGetComputeRunningProcesses", handle)
        power_mw = self._number("nvmlDeviceGetPowerUsage", handle)
        return power_mw / 1000 if power_mw and share == 1 and busy == 0 and processes == [] else None

    def _number(self, name: str, handle: object) -> int | None:
        """A figure that cannot be below 0, None where there is none."""
        said = self._ask(name, handle)
        return said if isinstance(said, int) and said >= 0 else None

    def _ask(self, name: str, *args: object):  # type: ignore[no-untyped-def]  # noqa: ANN202  # NVML answers all kinds
        """What NVML answers, None where it refuses or does not know the question, or what is asked of is None."""
        try:
            return None if None in args else getattr(self.lib, name)(*args)
        except (self.lib.NVMLError, AttributeError):
            return None


def binding() -> ModuleType | None:
    """NVML's Python binding: the one that is installed, or Ray's own copy; None where there is neither."""
    try:
        return importlib.import_module("pynvml")
    except ImportError:
        ray = importlib.util.find_spec("ray")
    for folder in (ray.submodule_search_locations or []) if ray else []:
        spec = importlib.util.spec_from_file_location("pynvml", Path(folder) / RAYS_COPY)
        if spec and spec.loader and (Path(folder) / RAYS_COPY).exists():
            made = sys.modules["pynvml"] = importlib.util.module_from_spec(spec)  # it looks itself up as it is read
            spec.loader.exec_module(made)
            return made
    return None


def opened(visible: str | None, most: int, node: str) -> tuple[Nvml | None, str]:
    """NVML, ready; or None and why there is none on this node."""
    lib = binding()
    if lib is None:
        return None, "no pynvml"
    try:
        return Nvml(lib, visible, most, node), ""
    except lib.NVMLError as exc:
        return None, type(exc).__name__


def this_node() -> str:
    """A name of this machine that says nothing of where it stands."""
    return hashlib.sha256(os.uname().nodename.encode()).hexdigest()[:12]


def channel() -> TextIO:
    """Where answers go, and nothing else: what a library prints goes to the job's log from here on."""
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    return out


def serve(out: TextIO, answer: Callable[[str], Mapping[str, object]]) -> None:
    """Answer each line that comes with what `answer` makes of it, until nobody asks any more."""
    for line in sys.stdin:
        out.write(json.dumps(answer(json.loads(line)["what"])) + "\n")
        out.flush()


def main() -> int:
    """Read when asked, until the agent is gone; returns the exit status."""
    sys.path[:0] = [str(Path(__file__).resolve().parent), site.getusersitepackages()]  # python -I leaves both out
    out, order = channel(), json.loads(sys.stdin.readline())
    nvml, why = opened(os.environ.get(VISIBLE), order["gpus"], this_node())

    def answer(what: str) -> dict[str, object]:
        """The readings; where there can be none, why."""
        if nvml is None:
            return {"error": "", "off": why, "gpus": []}
        gpus = nvml.read(rest=what == "begin")
        return {"error": "", "off": "" if gpus or what != "begin" else "no GPU is seen to be the job's", "gpus": gpus}

    serve(out, answer)
    return 0


if __name__ == "__main__":
    sys.exit(main())
