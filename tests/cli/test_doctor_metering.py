"""What `carbonsched doctor` says of meters."""

from __future__ import annotations

import pytest

from cli.doctor_clusters import metering
from tests.planning.worlds import cluster


@pytest.mark.parametrize(
    ("simulated", "metered", "nodes", "level", "said"),
    [
        (False, 2, 2, "ok", "NVML tells of the GPUs of 2 of 2 nodes: energy can be metered"),
        (False, 1, 2, "warn", "NVML tells of the GPUs of 1 of 2 nodes: the energy of the others is modelled"),
        (False, 0, 0, "ok", "it has no GPUs now: energy is modelled, not metered"),
        (True, 0, 2, "ok", "its GPUs are declared and not there: energy is modelled, not metered"),
    ],
)
def test_doctor_says_whether_energy_is_metered(
    metered: int, nodes: int, level: str, said: str, *, simulated: bool
) -> None:
    """As far as the nodes say; declared GPUs are never called metered."""
    (found,) = metering(cluster(simulated=simulated), metered, nodes)
    assert (level, said) == (found.level, found.text)
