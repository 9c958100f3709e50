"""Files as an agent writes them."""

from __future__ import annotations

import json

SAMPLE = {"v": 1, "n": 0, "t_unix": 1700000000.5, "mono_s": 1.0, "progress": 0.25, "energy_j": None,
          "energy_source": "model"}  # fmt: skip
OUTCOME = {
    "v": 1, "sid": "cs-x-s1-a1", "fence": 7, "started_unix": 1700000000, "ended_unix": 1700003600.25,
    "duration_s": 3600.25, "exit_code": -15, "reason": "stopped", "stop_received_unix": 1700003590,
    "progress_before": 0.0, "progress": None, "samples": 3, "energy_j": 1e6, "energy_source": "nvml_counter",
    "error": "",
}  # fmt: skip


def lines(*samples: dict[str, object]) -> bytes:
    """Samples as the agent's file holds them."""
    return b"".join(json.dumps({**SAMPLE, **each}).encode() + b"\n" for each in samples)


def outcome(**changes: object) -> bytes:
    """An outcome with some fields changed."""
    return json.dumps({**OUTCOME, **changes}).encode()
