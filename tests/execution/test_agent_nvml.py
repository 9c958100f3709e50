"""Which GPUs the meter reads, and what it makes of an NVML that does not answer as it should."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Protocol

import pytest

from scheduler.execution.agent import carbonsched_nvml_v1 as nvml
from tests.execution import fake_pynvml
from tests.execution.nvml_world import CALLS, NvmlWorld, old, one

FOUR = ("GPU-aa01", "GPU-aa02", "GPU-bb03", "GPU-bb04")


class Opened(Protocol):
    """Opens the fake NVML."""

    def __call__(
        self, *gpus: dict[str, object], visible: str | None, most: int = 0, **more: object
    ) -> tuple[nvml.Nvml, NvmlWorld]:
        """NVML of a node with `gpus`, as the training sees them."""


@pytest.fixture
def opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Opened:
    """NVML in this process."""

    def open_(
        *gpus: dict[str, object], visible: str | None, most: int = 0, **more: object
    ) -> tuple[nvml.Nvml, NvmlWorld]:
        """NVML of a node with `gpus`, as the training sees them."""
        world = NvmlWorld(tmp_path, *gpus, **more)
        monkeypatch.setenv("FAKE_NVML", str(world.path))
        lib: ModuleType = fake_pynvml
        return nvml.Nvml(lib, visible, most, "n0"), world

    return open_


@pytest.mark.parametrize(
    ("visible", "expected"),
    [
        ("0,2", ["GPU-aa01", "GPU-bb03"]),
        ("3", ["GPU-bb04"]),
        ("GPU-aa02,GPU-bb", ["GPU-aa02", "GPU-bb03"]),
        (" 1 , GPU-bb04 ", ["GPU-aa02", "GPU-bb04"]),
        ("1,9,2", ["GPU-aa02"]),
        ("", []),
        ("-1", []),
        ("NoDevFiles", []),
        (None, [*FOUR]),
    ],
)
def test_only_gpus_that_the_training_sees_are_read(opened: Opened, visible: str | None, expected: list[str]) -> None:
    """Numbers, UUIDs or the start of one, none from the first on that does not exist, as CUDA reads the variable."""
    reader, world = opened(*[one(uuid, 100.0) for uuid in FOUR], visible=visible)
    assert expected == [each["uuid"] for each in reader.read()]
    if visible is not None and "GPU-" not in visible:
        assert {*expected} == world.read


def test_gpus_that_may_be_others_are_not_read(opened: Opened) -> None:
    """Two were reserved, four are there, and nothing says which: none is metered."""
    assert [] == opened(*[one(uuid, 100.0) for uuid in FOUR], visible=None, most=2)[0].read()
    assert 4 == len(opened(*[one(uuid, 100.0) for uuid in FOUR], visible=None, most=4)[0].read())


def test_a_reading_holds_counter_power_and_share(opened: Opened) -> None:
    """What NVML says, in its own units."""
    reader, _ = opened(one("GPU-a", 250.0), visible="0")
    (read,) = reader.read()
    assert {"node": "n0", "place": "0", "uuid": "GPU-a", "mw": 250_000, "share": 1.0, "flag": ""} == {
        name: value for name, value in read.items() if name != "mj"
    }
    assert isinstance(read["mj"], int)
    assert 25_000_000 <= read["mj"] < 26_000_000


def test_a_slice_of_a_gpu_is_read_as_its_share_of_the_whole(opened: Opened) -> None:
    """Three of seven slices: NVML counts whole boards only."""
    whole, part = one("GPU-a", 300.0, mig=1), {"uuid": "MIG-1", "w": 0.0, "parent": 0, "slices": 3}
    (read,) = opened(whole, part, visible="MIG-1")[0].read()
    assert ("MIG-1", 300_000, "mig", pytest.approx(3 / 7)) == (read["uuid"], read["mw"], read["flag"], read["share"])


@pytest.mark.parametrize(("visible", "slices"), [("0", 3), ("MIG-1", 0), ("MIG-1", 9), ("MIG-gone", 3)])
def test_a_slice_of_unknown_size_is_not_metered(opened: Opened, visible: str, slices: int) -> None:
    """The whole board is not the job's."""
    whole, part = one("GPU-a", 300.0, mig=1), {"uuid": "MIG-1", "w": 0.0, "parent": 0, "slices": slices}
    (read,) = opened(whole, part, visible=visible)[0].read()
    assert (None, None, "mig_unshared") == (read["mj"], read["mw"], read["flag"])


def test_a_gpu_without_a_counter_still_tells_its_power(opened: Opened) -> None:
    """Older than Volta."""
    (read,) = opened(old("GPU-a", 120.0), visible="0")[0].read()
    assert (None, 120_000) == (read["mj"], read["mw"])


def test_a_gpu_that_is_lost_keeps_its_name(opened: Opened) -> None:
    """It fell off the bus: nothing is known of it but which it was, and the others are read."""
    reader, world = opened(one("GPU-a", 100.0), one("GPU-b", 100.0), visible="0,1")
    reader.read()
    world.change(0, lost=True)
    assert [("GPU-a", None), ("GPU-b", 100_000)] == [(each["uuid"], each["mw"]) for each in reader.read()]
    world.change(0, lost=False)
    assert [100_000, 100_000] == [each["mw"] for each in reader.read()]


def test_a_driver_that_was_loaded_anew_is_opened_anew(opened: Opened) -> None:
    """Nothing answered: the next reading may."""
    reader, world = opened(one("GPU-a", 100.0, lost=True), visible="0")
    reader.read()
    calls = Path(f"{world.path}.calls").read_text().split()
    assert ["nvmlInit", "nvmlInit"] == [call for call in calls if call == "nvmlInit"]


def test_power_at_rest_is_taken_only_where_nothing_runs(opened: Opened) -> None:
    """Busy, in use by somebody, or not to be seen: no floor."""
    gpus = [one("GPU-a", 55.0), one("GPU-b", 60.0, busy=3), one("GPU-c", 60.0, processes=[7]), old("GPU-d", 0.0)]
    reader, world = opened(*gpus, visible="0,1,2,3")
    assert [55.0, None, None, None] == [each["rest_w"] for each in reader.read(rest=True)]
    world.write(raises=["nvmlDeviceGetUtilizationRates"])
    assert [None] * 4 == [each["rest_w"] for each in reader.read(rest=True)]


@pytest.mark.parametrize("call", [call for call in CALLS if call != "nvmlInit"])
def test_no_call_that_is_refused_ends_the_reading(opened: Opened, call: str) -> None:
    """What is known is read; a power or an energy that is not is null."""
    reader, _ = opened(one("GPU-a", 100.0), visible="0", raises=[call])
    for read in reader.read(rest=True):
        assert {"node", "place", "uuid", "mj", "mw", "share", "flag", "rest_w"} == read.keys()


def test_a_part_of_a_gpu_is_read_as_that_part(opened: Opened) -> None:
    """Ray shares one GPU among several workers."""
    reader, _ = opened(one("GPU-a", 100.0), one("GPU-b", 100.0), visible=None)
    read = reader.read({"1": 0.5})
    assert [("GPU-b", 0.5, "shared")] == [(each["uuid"], each["share"], each["flag"]) for each in read]
    assert [("GPU-a", 1.0, "")] == [(each["uuid"], each["share"], each["flag"]) for each in reader.read({"0": 1.0})]


def test_places_of_ray_count_among_the_visible(opened: Opened) -> None:
    """A raylet that was given the last two GPUs calls them 0 and 1."""
    reader, _ = opened(*[one(uuid, 100.0) for uuid in FOUR], visible="2,3")
    read = reader.read({"5": 0.25, "1": 1.0})
    assert [("GPU-bb04", 1.0)] == [(each["uuid"], each["share"]) for each in read]


def test_a_node_without_the_library_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The binding is there, NVML is not."""
    monkeypatch.setenv("FAKE_NVML", str(NvmlWorld(tmp_path, absent=True).path))
    monkeypatch.setitem(__import__("sys").modules, "pynvml", fake_pynvml)
    assert (None, "NVMLError_LibraryNotFound") == nvml.opened("0", 1, "n0")


def test_the_name_of_a_node_says_nothing_of_where_it_stands() -> None:
    """Twelve digits of a hash, the same each time."""
    assert nvml.this_node() == nvml.this_node()
    assert 12 == len(nvml.this_node())
    assert __import__("os").uname().nodename not in nvml.this_node()


@pytest.mark.gpu
def test_a_real_gpus_counter_goes_on_and_its_power_is_seen() -> None:
    """On a machine with one; its counter and its power agree on what a board can draw."""
    import time  # noqa: PLC0415  # this test alone waits

    lib = nvml.binding()
    if lib is None:
        pytest.skip("no NVML binding is installed")
    reader, why = nvml.opened(None, 0, nvml.this_node())
    if reader is None or not (first := reader.read()):
        pytest.skip(f"no NVIDIA GPU is here: {why}")
    time.sleep(2.0)
    for before, after in zip(first, reader.read(), strict=True):
        assert before["uuid"] == after["uuid"]
        assert isinstance(after["mw"], int)
        assert 5_000 < after["mw"] < 1_500_000
        if isinstance(before["mj"], int) and isinstance(after["mj"], int):
            assert 5.0 < (after["mj"] - before["mj"]) / 2000 < 1500.0
