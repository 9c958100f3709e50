"""Ray's own words about nodes, as recorded from 2.60, turned into what is free."""

from __future__ import annotations

import pytest

from scheduler.cluster_ports import Capacity
from scheduler.execution.ray_wire import JobAnswer, NodesAnswer, Version

FREE = "0.0/8.0 A100\n0.0/4.0 CPU\n0.0/8.0 GPU\n0B/22.99GiB memory\n0B/100.00MiB object_store_memory"
JOB = "3.0/8.0 A100\n0.0/4.0 CPU\n3.0/8.0 GPU\n0B/22.99GiB memory"
GROUP_WAITS = "0.0/8.0 A100 (0.0 used of 2.0 reserved in placement groups)\n2.0/8.0 GPU (0.0 used of 3.0 reserved in placement groups)"  # fmt: skip # noqa: E501  # as Ray prints it
GROUP_WORKS = "1.0/4.0 CPU\n1.0/8.0 GPU (1.0 used of 3.0 reserved in placement groups)"
PART = "0.5/8.0 GPU"
VERSION = Version(ray_version="2.60.0", session_name="session_x")


def nodes(*usages: str | None, state: str = "ALIVE", gpus: float = 8.0) -> NodesAnswer:
    """The summary of nodes that use what the texts say; None for one that has not said yet."""
    raylets = [
        {"raylet": {"nodeId": f"n{i}", "state": state, "resourcesTotal": {"GPU": gpus} if gpus else {"CPU": 4.0}}}
        for i, _ in enumerate(usages)
    ]
    said = {f"n{i}": usage for i, usage in enumerate(usages) if usage is not None}
    return NodesAnswer.model_validate({"data": {"summary": raylets, "nodeLogicalResources": said}})


@pytest.mark.parametrize(
    ("usage", "free"),
    [(FREE, 8), (JOB, 5), (GROUP_WAITS, 3), (GROUP_WORKS, 5), (PART, 7), ("8.0/8.0 GPU", 0), (None, 0)],
)
def test_what_is_free_is_what_nobody_holds(usage: str | None, free: int) -> None:
    """Reserved for a group is taken; part of a GPU is a GPU; what a node does not tell is not free."""
    capacity = nodes(usage).capacity(VERSION)
    assert (8, free, (free,)) == (capacity.gpus_total, capacity.gpus_free, capacity.free_by_node)


def test_nodes_are_counted_apart() -> None:
    """A job needs its GPUs on one node."""
    expected = Capacity(session="session_x", ray_version="2.60.0", gpus_total=24, gpus_free=16, free_by_node=(8, 5, 3))
    assert expected == nodes(JOB, FREE, GROUP_WAITS).capacity(VERSION)


def test_nodes_that_are_gone_or_have_no_gpu_do_not_count() -> None:
    """Ray lists them all the same."""
    assert () == nodes(FREE, state="DEAD").capacity(VERSION).free_by_node
    assert () == nodes("0.0/4.0 CPU", gpus=0).capacity(VERSION).free_by_node


@pytest.mark.parametrize(
    ("seen", "expected"),
    [([8, 8], (2, 2)), ([8, 0], (1, 2)), ([None, 7], (0, 2)), ([], (0, 0))],
)
def test_nodes_whose_gpus_nvml_tells_of_can_be_metered(seen: list[int | None], expected: tuple[int, int]) -> None:
    """Ray asks NVML itself and lists what it sees; declared GPUs are not among it."""
    summary = [
        {"raylet": {"nodeId": f"n{i}", "state": "ALIVE", "resourcesTotal": {"GPU": 8.0}},
         "gpus": None if count is None else [{"uuid": f"GPU-{k}"} for k in range(count)]}
        for i, count in enumerate(seen)
    ]  # fmt: skip
    gone = {"raylet": {"nodeId": "x", "state": "DEAD", "resourcesTotal": {"GPU": 8.0}}, "gpus": []}
    bare = {"raylet": {"nodeId": "y", "state": "ALIVE", "resourcesTotal": {"CPU": 8.0}}}
    said = {"data": {"summary": [*summary, gone, bare], "nodeLogicalResources": {}}}
    assert expected == NodesAnswer.model_validate(said).metered()


def test_it_is_known_when_every_node_has_told_its_use() -> None:
    """A node that has just started has not, and none at all is no answer."""
    assert [True, False, False] == [nodes(FREE).tells_use, nodes(FREE, None).tells_use, nodes().tells_use]


def test_a_job_that_never_ran_has_no_node() -> None:
    """What Ray leaves null stays empty."""
    seen = JobAnswer.model_validate({"status": "FAILED", "message": None, "metadata": None}).observation("a")
    assert ("failed", "", "", "", None, {}) == (
        seen.status, seen.message, seen.error_type, seen.node_id, seen.exit_code, seen.metadata,
    )  # fmt: skip
