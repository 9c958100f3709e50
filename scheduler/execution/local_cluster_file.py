"""The cluster file of a local cluster: real zone, declared hardware, marked as simulated."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Final

import yaml

from scheduler.domain.cluster import Cluster
from scheduler.lifecycle.presets import A100

GPUS: Final = 8
"""GPUs that a local cluster declares, one node of the preset. [GPUs]"""

SHARED_STORAGE: Final = "local-shared"
"""Name of the folder that the local clusters share, so that a checkpoint can travel between them."""

_PUE: Final = 1.2
_PUE_SOURCE: Final = "1.2, of Jean Zay, as Luccioni et al., JMLR 24(253), 2023 state it"


def cluster_text(name: str, zone: str, *, address: str, token_file: Path, storage: Path, python: str) -> str:
    """The YAML of a cluster on this machine that declares one node of eight A100.

    Args:
        name, zone: of the cluster.
        address: its dashboard; token_file: file that holds its token.
        storage: folder shared by the local clusters.
        python: interpreter that runs the agent.
    """
    preset = A100.cluster(zone=zone, gpus=GPUS)
    declared = preset.model_dump(mode="json", exclude_defaults=True)
    sources = {**A100.sources, "pue": _PUE_SOURCE}
    mapping = {
        "version": 1,
        **declared,
        "name": name,
        "country": zone.partition("-")[0],
        "simulated": True,
        "paused_nodes": "off",
        "pue": _PUE,
        "source": {figure: f"declared, there is no such GPU here; {source}" for figure, source in sources.items()},
        "storage": [{"name": SHARED_STORAGE, "path": str(storage)}],
        "ray": {"address": address, "token_file": str(token_file), "python": shlex.quote(python)},
    }
    text: str = yaml.safe_dump(mapping, sort_keys=False, allow_unicode=True, width=120)
    Cluster.from_yaml(text, what=f"the file of {name}")
    return text
