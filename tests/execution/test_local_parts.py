"""The parts of local clusters: ports, checks before the start, processes, and the cluster file."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from scheduler.domain.cluster import Cluster
from scheduler.domain.errors import CarbonschedError
from scheduler.execution import local_ports, local_preflight
from scheduler.execution.clock import SystemClock
from scheduler.execution.local_cluster_file import cluster_text
from scheduler.execution.local_ports import Ports, free_block
from scheduler.execution.local_process import MARK_ENV, Process, end, family, process_of, runs
from tests.execution.agent_node import alive
from tests.execution.conftest import Until


def test_a_block_is_free_and_nobody_elses() -> None:
    """One that is taken, that another start has claimed, or where a port is in use, is passed over."""
    with free_block(()) as first, free_block(()) as second, free_block({first.base, second.base}) as third:
        assert 3 == len({first.base, second.base, third.base})
        assert set() == set(first.all) & set(second.all)
    with socket.socket() as busy:
        busy.bind(("127.0.0.1", first.base + 150))
        busy.listen()
        with free_block(()) as other:
            assert first.base != other.base
    with free_block(()) as again:
        assert again.base <= first.base


def test_every_port_of_a_cluster_lies_in_its_block() -> None:
    """No default of Ray's is left that a second cluster could share."""
    ports = Ports(20000)
    said = [int(word.partition("=")[2]) for word in (*ports.flags(), *(f"x={v}" for v in ports.environ().values()))]
    assert len(said) == len(set(said)) == 13
    assert set(said) <= set(ports.all)
    assert {ports.dashboard, ports.agent} <= set(said)


def test_no_free_block_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the range that was searched."""
    monkeypatch.setattr(local_ports, "_END", 20200)
    with pytest.raises(CarbonschedError, match="no free block of ports between 20000 and 20200"), free_block({20000}):
        pass


@pytest.mark.parametrize("missing", ["ray", "aiohttp", "grpc"])
def test_ray_without_its_dashboard_is_not_enough(missing: str) -> None:
    """The hint is one command."""
    with pytest.raises(CarbonschedError, match=f"Ray is not installed beside carbonsched: no {missing}") as raised:
        local_preflight.check_ray(lambda name: None if name == missing else object())
    assert "pip install 'carbonsched[local]'" == raised.value.hint


def test_ray_that_is_there_is_enough() -> None:
    """Nothing is imported to find out."""
    local_preflight.check_ray(lambda _name: object())


def test_too_little_memory_is_told_and_unknown_memory_is_not() -> None:
    """With both numbers."""
    with pytest.raises(CarbonschedError, match=r"1\.5 GiB of memory are free; two clusters need 2\.5"):
        local_preflight.check_memory(3 * 2**29)
    local_preflight.check_memory(5 * 2**29)
    local_preflight.check_memory(None)


@pytest.mark.parametrize(
    ("limit", "expected"),
    [("max", 4 * 2**30), (str(2 * 2**30), 2**30), (str(64 * 2**30), 4 * 2**30), (None, 4 * 2**30)],
)
def test_memory_is_what_machine_and_container_leave(tmp_path: Path, limit: str | None, expected: int) -> None:
    """The smaller of both."""
    (tmp_path / "meminfo").write_text(f"MemTotal: 9 kB\nMemAvailable: {4 * 2**20} kB\n")
    (tmp_path / "memory.current").write_text(str(2**30))
    if limit:
        (tmp_path / "memory.max").write_text(f"{limit}\n")
    assert expected == local_preflight.available_bytes(tmp_path / "meminfo", tmp_path)


def test_a_system_that_tells_nothing_of_its_memory_is_taken_at_its_word(tmp_path: Path) -> None:
    """As on macOS."""
    assert None is local_preflight.available_bytes(tmp_path / "none", tmp_path)


def test_a_private_folder_is_ones_own_or_refused(tmp_path: Path) -> None:
    """Somebody may have put a link or an open folder there before."""
    root = Path(os.path.realpath("/tmp")) / f"cst-{os.getpid()}"
    try:
        local_preflight.private_folder(root)
        local_preflight.private_folder(root)
        root.chmod(0o755)
        with pytest.raises(CarbonschedError, match="is not a folder of yours alone"):
            local_preflight.private_folder(root)
    finally:
        root.rmdir()
    root.symlink_to(tmp_path)
    try:
        with pytest.raises(CarbonschedError, match="is not a folder of yours alone"):
            local_preflight.private_folder(root)
    finally:
        root.unlink()


def test_a_path_too_long_for_sockets_is_refused_with_the_number() -> None:
    """107 characters are all that a socket's path has."""
    long = Path("/tmp") / ("x" * 40)
    with pytest.raises(CarbonschedError, match="is too long for Ray's sockets by 8 characters"):
        local_preflight.private_folder(long)
    assert not long.exists()


def sleeper(mark: str, *, shell: str = "sleep 60; true") -> subprocess.Popen[bytes]:
    """A marked process with one below it."""
    return subprocess.Popen(["/bin/sh", "-c", shell], env={**os.environ, MARK_ENV: mark}, start_new_session=True)


def test_a_family_is_the_first_and_all_below_and_no_one_else(until: Until) -> None:
    """Another of the same command is not of it."""
    first, other = sleeper("one"), sleeper("two")
    try:
        process = process_of(first.pid)
        assert process is not None
        until(lambda: len(family(process, "one")) == 2)
        assert first.pid in {member.pid for member in family(process, "one")}
        assert other.pid not in {member.pid for member in family(process, "one")}
        end(process, "one", SystemClock(), within=timedelta(seconds=0.5))
        assert not runs(process)
        assert None is other.poll()
    finally:
        for pid in [p.pid for sh in (first, other) for p in family_of(sh)]:
            os.kill(pid, 9)
        first.wait()
        other.wait()


def family_of(shell: subprocess.Popen[bytes]) -> list[Process]:
    """What is left of a sleeper."""
    process = process_of(shell.pid)
    return [] if process is None else list(family(process, "none"))


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux shows the mark")
def test_an_orphan_is_found_by_its_mark(until: Until) -> None:
    """Its parent is gone, and the first is long dead."""
    first = sleeper("orphaned", shell="sleep 60 & sleep 0.2")
    process = process_of(first.pid)
    first.wait()
    assert process is not None
    orphans = family(process, "orphaned")
    assert process not in orphans
    assert orphans
    end(process, "orphaned", SystemClock(), within=timedelta(seconds=5))
    until(lambda: not any(alive(orphan.pid) for orphan in orphans))


def test_a_process_of_the_same_pid_is_another() -> None:
    """The time it started tells."""
    me = process_of(os.getpid())
    assert me is not None
    assert runs(me)
    assert not runs(type(me)(me.pid, me.started + "0"))
    assert None is process_of(2**22 + 1)


def test_a_local_cluster_file_says_what_is_real_and_what_is_not(tmp_path: Path) -> None:
    """Simulated, each figure with its source, a path with a blank quoted for the shell."""
    text = cluster_text(
        "quebec",
        "CA-QC",
        address="http://127.0.0.1:20001",
        token_file=tmp_path / "t",
        storage=tmp_path,
        python="/a b/py",
    )
    cluster = Cluster.from_yaml(text, what="quebec")
    assert cluster.ray is not None
    assert ("CA", True, 8, 8, "'/a b/py'") == (
        cluster.in_country, cluster.simulated, cluster.gpus, cluster.node.gpus, cluster.ray.python,
    )  # fmt: skip
    assert isinstance(cluster.source, dict)
    assert all(source.startswith("declared, there is no such GPU here") for source in cluster.source.values())
    assert {"pue", "gpu.tdp_w", "node.embodied_kg"} <= set(cluster.source)
    assert (1.2, 127.6) == (cluster.stated_pue.central, cluster.gpu.embodied_kg.low)
