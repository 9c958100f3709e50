"""Samples of an agent that metered, made up."""

from __future__ import annotations

import json

BEGAN_S = 1_700_000_000.0
"""When the agent began, by the node's clock. [s since 1970]"""


def gpu(j: float | None, uuid: str = "GPU-0", **more: object) -> dict[str, object]:
    """What a line says of one GPU that counted `j` [J]."""
    return {"node": "n0", "uuid": uuid, "j": j, "p_j": None, "w": None, "mode": "counter", "flag": "", **more}


def line(n: int, *gpus: dict[str, object], every_s: float = 30.0, **more: object) -> dict[str, object]:
    """The `n`-th line, `every_s` [s] after the one before."""
    at_s = n * every_s
    fields = {"v": 1, "n": n, "t_unix": BEGAN_S + at_s, "mono_s": at_s, "progress": None, "saved_unix": None}
    total = sum(each for each in (one["j"] for one in gpus) if isinstance(each, float | int))
    return {**fields, "energy_j": total, "energy_source": "nvml_counter", "gpus": list(gpus), **more}


def written(*lines: dict[str, object]) -> bytes:
    """Lines as the file holds them."""
    return b"".join(json.dumps(each).encode() + b"\n" for each in lines)
