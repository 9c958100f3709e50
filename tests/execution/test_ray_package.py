"""The package of a job: content-addressed, complete, and refused where it cannot be what was meant."""

from __future__ import annotations

import hashlib
import os
import random
import stat
import zipfile
from io import BytesIO
from pathlib import Path

import pytest

from scheduler.domain.errors import InvalidInput, StoreError
from scheduler.execution.agent import agent_sources
from scheduler.execution.ray_package import AGENT_FOLDER, AGENT_PATH, bare_package, snapshot


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A small repository."""
    made = tmp_path / "repository"
    (made / "src" / "deep").mkdir(parents=True)
    (made / "train.py").write_text("print('trains')")
    (made / "src" / "deep" / "net.py").write_text("net = 1")
    (made / "run.sh").write_text("#!/bin/sh\n")
    (made / "run.sh").chmod(0o750)
    (made / "runs").mkdir()
    return made


AGENT_PATHS = [f"{AGENT_FOLDER}/{name}" for name in agent_sources()]


@pytest.fixture
def target(tmp_path: Path) -> Path:
    """Where packages go."""
    return tmp_path / "state" / "packages"


def names(package: Path) -> list[str]:
    """The entries of a package in their order, the agent's and the work folder's left out."""
    ours = (*AGENT_PATHS, "work/")
    with zipfile.ZipFile(package) as opened:
        return [n.removeprefix("work/") for n in opened.namelist() if n not in ours]


def test_a_snapshot_holds_the_folder_and_the_agent_beside_it(folder: Path, target: Path) -> None:
    """The training's files under work, so that none of them can shadow the agent's imports."""
    made = snapshot(folder, (), target)
    with zipfile.ZipFile(made.path) as opened:
        assert b"net = 1" == opened.read("work/src/deep/net.py")
        assert [*agent_sources().values()] == [opened.read(path) for path in AGENT_PATHS]
        assert None is opened.testzip()
    assert ["run.sh", "runs/", "src/", "src/deep/", "src/deep/net.py", "train.py"] == names(made.path)
    assert 3 == made.files
    assert made.path.stat().st_size == made.size_bytes
    assert target / f"{made.digest}.zip" == made.path
    assert hashlib.sha256(made.path.read_bytes()).hexdigest() == made.digest
    assert [made.path] == [*target.iterdir()]


def test_a_snapshot_is_the_accounts_own(folder: Path, target: Path) -> None:
    """What is put open to others is closed; code and what lies beside it may be secret."""
    before = os.umask(0o022)
    try:
        path = snapshot(folder, (), target).path
    finally:
        os.umask(before)
    assert (0o600, 0o700) == tuple(stat.S_IMODE(each.stat().st_mode) for each in (path, target))


def test_equal_content_is_one_file_whatever_its_times_and_place(folder: Path, target: Path, tmp_path: Path) -> None:
    """Two clones of one commit are one package."""
    first = snapshot(folder, (), target)
    os.utime(folder / "train.py", (0, 0))
    moved = folder.rename(tmp_path / "clone")
    assert first == snapshot(moved, (), target)
    assert [first.path] == [*target.iterdir()]


def test_another_byte_or_mode_is_another_package(folder: Path, target: Path) -> None:
    """What a job runs is told apart by its digest."""
    digests = [snapshot(folder, (), target).digest]
    (folder / "train.py").write_text("print('changed')")
    digests.append(snapshot(folder, (), target).digest)
    (folder / "train.py").chmod(0o755)
    digests.append(snapshot(folder, (), target).digest)
    assert 3 == len(set(digests))


def test_what_may_be_run_stays_so(folder: Path, target: Path) -> None:
    """Ray restores the modes that the zip says."""
    with zipfile.ZipFile(snapshot(folder, (), target).path) as opened:
        modes = {info.filename: stat.S_IMODE(info.external_attr >> 16) for info in opened.infolist()}
    assert (0o755, 0o644, 0o755) == (modes["work/run.sh"], modes["work/train.py"], modes["work/src/"])


def test_history_caches_and_environments_are_left_out(folder: Path, target: Path) -> None:
    """At any depth, without being asked."""
    for name in (".git/objects", "src/__pycache__", ".venv/bin"):
        (folder / name).mkdir(parents=True)
        (folder / name / "x").write_text("x")
    assert 3 == snapshot(folder, (), target).files


@pytest.mark.parametrize(
    ("pattern", "left_out"),
    [
        ("*.py", {"train.py", "src/deep/net.py"}),
        ("src", {"src/", "src/deep/", "src/deep/net.py"}),
        ("src/", {"src/", "src/deep/", "src/deep/net.py"}),
        ("deep", {"src/deep/", "src/deep/net.py"}),
        ("src/deep/net.py", {"src/deep/net.py"}),
        ("./train.py", {"train.py"}),
        ("/deep", set()),
        ("deep/net.py", set()),
    ],
)
def test_a_pattern_leaves_out_what_it_fits(folder: Path, target: Path, pattern: str, left_out: set[str]) -> None:
    """Without a slash a name at any depth, with one the path from the top; a folder goes with all in it."""
    everything = set(names(snapshot(folder, (), target).path))
    assert left_out == everything - set(names(snapshot(folder, (pattern,), target).path))


def test_a_link_that_stays_inside_is_followed(folder: Path, target: Path) -> None:
    """The package holds what it shows; a cluster may not keep links."""
    (folder / "latest.py").symlink_to("train.py")
    (folder / "lib").symlink_to(folder / "src")
    with zipfile.ZipFile(snapshot(folder, (), target).path) as opened:
        assert b"print('trains')" == opened.read("work/latest.py")
        assert b"net = 1" == opened.read("work/lib/deep/net.py")


def test_a_link_that_leads_out_is_refused(folder: Path, target: Path, tmp_path: Path) -> None:
    """It may show a secret, and the cluster does not have it."""
    (tmp_path / "secret").write_text("s")
    (folder / "src" / "out").symlink_to("../../secret")
    with pytest.raises(InvalidInput, match=r"the link src/out leads out of it, to .*/secret") as raised:
        snapshot(folder, (), target)
    assert "excludes" in raised.value.hint
    assert 3 == snapshot(folder, ("out",), target).files


def test_links_in_a_circle_are_refused(folder: Path, target: Path) -> None:
    """A folder within itself has no end; a link to itself shows nothing."""
    (folder / "src" / "up").symlink_to("..")
    with pytest.raises(InvalidInput, match="the link src/up leads back to a folder that holds it"):
        snapshot(folder, (), target)
    (folder / "src" / "up").unlink()
    (folder / "me").symlink_to("me")
    with pytest.raises(InvalidInput, match="me is a broken link"):
        snapshot(folder, (), target)


def test_what_is_no_file_is_refused(folder: Path, target: Path) -> None:
    """A pipe or a dead link cannot be shipped, and leaving it out silently would surprise."""
    os.mkfifo(folder / "pipe")
    with pytest.raises(InvalidInput, match="pipe is neither a file nor a folder"):
        snapshot(folder, (), target)
    (folder / "dead").symlink_to("nowhere")
    with pytest.raises(InvalidInput, match="dead is a broken link"):
        snapshot(folder, ("pipe",), target)


def test_a_folder_over_the_limit_names_its_five_largest_files(
    folder: Path, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ray refuses it, and the person needs to know what to leave out; nothing stays behind."""
    monkeypatch.setattr("scheduler.execution.ray_package.LIMIT_BYTES", 5 * 2**20)
    noise = random.Random(1)
    for n in range(1, 7):
        (folder / f"data{n}.bin").write_bytes(noise.randbytes(n * 2**20))
    with pytest.raises(InvalidInput) as raised:
        snapshot(folder, (), target)
    assert (
        f"working_dir {folder} packs to over 5 MiB; largest files: data6.bin (6.0 MiB), data5.bin (5.0 MiB), "
        "data4.bin (4.0 MiB), data3.bin (3.0 MiB), data2.bin (2.0 MiB)"
    ) == raised.value.message
    assert "excludes" in raised.value.hint
    assert [] == [*target.iterdir()]


def test_a_large_folder_that_packs_small_is_taken(folder: Path, target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The limit is on what is sent."""
    monkeypatch.setattr("scheduler.execution.ray_package.LIMIT_BYTES", 2**20)
    (folder / "zeros").write_bytes(bytes(8 * 2**20))
    assert snapshot(folder, (), target).size_bytes < 2**20


@pytest.mark.parametrize("what", ["nothing", "a file"])
def test_a_folder_that_is_not_there_is_refused(tmp_path: Path, target: Path, what: str) -> None:
    """Named in the error."""
    path = tmp_path / "missing"
    if what == "a file":
        path.write_text("x")
    with pytest.raises(InvalidInput, match=f"working_dir {path} is not a folder"):
        snapshot(path, (), target)


def test_a_package_that_cannot_be_written_is_a_store_error(folder: Path, tmp_path: Path) -> None:
    """The state folder is at fault, and the error says which path."""
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StoreError, match=r"cannot be packed: Not a directory: .*/file/packages"):
        snapshot(folder, (), tmp_path / "file" / "packages")


def test_a_job_without_a_folder_ships_the_agent_and_an_empty_place(tmp_path: Path) -> None:
    """The same bytes each time, so that Ray keeps one package."""
    assert bare_package() == bare_package()
    with zipfile.ZipFile(BytesIO(bare_package())) as opened:
        assert AGENT_PATH in opened.namelist()
        assert [*AGENT_PATHS, "work/"] == opened.namelist()
