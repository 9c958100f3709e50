"""A node with made-up GPUs, and hands on how they misbehave."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Final

from tests.execution import fake_pynvml

CALLS: Final = sorted(name for name in vars(fake_pynvml) if name.startswith("nvml"))
"""Every call that the meter makes."""


class NvmlWorld:
    """The file that says what the fake NVML answers."""

    def __init__(self, root: Path, *gpus: dict[str, object], **more: object) -> None:
        self.path = root / "nvml.json"
        self.now: dict[str, object] = {"gpus": list(gpus), **more}
        self.write()

    def write(self, **more: object) -> None:
        """Have it so from now on."""
        self.now |= more
        part = self.path.with_suffix(".part")
        part.write_text(json.dumps(self.now))
        part.replace(self.path)

    def change(self, number: int, **more: object) -> None:
        """Change one GPU."""
        gpus = self.now["gpus"]
        assert isinstance(gpus, list)
        gpus[number] |= more
        self.write()

    @property
    def env(self) -> dict[str, str]:
        """The variable that leads to it."""
        return {"FAKE_NVML": str(self.path)}

    @property
    def read(self) -> set[str]:
        """The UUIDs of the GPUs that were asked anything."""
        path = Path(f"{self.path}.read")
        return {*path.read_text().split()} if path.exists() else set()

    def put(self, folder: Path) -> None:
        """Lay the fake beside the agent."""
        source = Path(fake_pynvml.__file__)
        (folder / "pynvml.py").write_bytes(source.read_bytes())


def one(uuid: str, w: float, **more: object) -> dict[str, object]:
    """A GPU with a counter."""
    return {"uuid": uuid, "w": w, "since": time.time() - 100.0, **more}


def old(uuid: str, w: float, **more: object) -> dict[str, object]:
    """A GPU without a counter."""
    return {"uuid": uuid, "w": w, **more}


def environ(world: NvmlWorld, visible: str | None) -> dict[str, str]:
    """What the agent finds."""
    return {**world.env, **({} if visible is None else {"CUDA_VISIBLE_DEVICES": visible})}
