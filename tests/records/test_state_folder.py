"""The state folder: made for one account, refused where the store cannot work."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from scheduler.domain.errors import StoreError
from scheduler.records.state_folder import NETWORK_FILESYSTEMS, StateFolder, filesystem_of, refuse_network

MOUNTS = """\
proc /proc proc rw 0 0
/dev/sda1 / ext4 rw,relatime 0 0
server:/home /home nfs4 rw 0 0
/dev/sdb /home/me/scratch xfs rw 0 0
systemd-1 /data autofs rw 0 0
server:/data /data lustre rw 0 0
server:/é /mnt/my\\040données cifs rw 0 0
torn
"""


def test_the_folder_is_made_for_its_account_alone(tmp_path: Path) -> None:
    """Nobody else looks into jobs, their environments and what they printed."""
    folder = StateFolder(tmp_path / "deep" / "state")
    folder.prepare()
    modes = [stat.S_IMODE(path.stat().st_mode) for path in (folder.root, folder.packages, folder.database)]
    assert [0o700, 0o700, 0o600] == modes


def test_a_folder_that_is_there_is_taken_as_it_is(tmp_path: Path) -> None:
    """Its mode is its owner's business; the database in it is closed all the same."""
    tmp_path.chmod(0o755)
    folder = StateFolder(tmp_path)
    folder.prepare()
    folder.prepare()
    assert (0o755, 0o600) == tuple(stat.S_IMODE(path.stat().st_mode) for path in (folder.root, folder.database))


def test_every_path_lies_in_the_folder() -> None:
    """Nothing is written anywhere else."""
    folder = StateFolder(Path("/state"))
    paths = (folder.database, folder.lease, folder.submits, folder.scheduler_log, folder.packages, folder.evidence("x"))
    assert all(path.is_relative_to("/state") for path in (*paths, folder.local_clusters))


@contextmanager
def somebody() -> Iterator[None]:
    """For root, the permissions of an account that is not: those that `os.access` asks for."""
    if os.geteuid():
        yield
        return
    os.setreuid(65534, 0)
    try:
        yield
    finally:
        os.setreuid(0, 0)


@pytest.mark.parametrize("root", ["/proc/carbonsched", "/dev/null/state"])
def test_a_place_where_no_folder_can_be_is_refused(root: str) -> None:
    """The kernel's own folders take none, and a file is no folder."""
    with pytest.raises(StoreError, match="cannot be used") as caught:
        StateFolder(Path(root)).prepare()
    assert "CARBONSCHED_STATE_DIR" in caught.value.hint


def test_a_folder_that_may_not_be_written_is_refused(tmp_path: Path) -> None:
    """One that another account made, or that lost its permissions."""
    folder = StateFolder(tmp_path / "state")
    folder.prepare()
    folder.root.chmod(0o500)
    with somebody(), pytest.raises(StoreError, match="is not writable") as caught:
        folder.prepare()
    folder.root.chmod(0o700)
    assert "permissions" in caught.value.hint


def test_a_file_where_the_folder_should_be_is_refused(tmp_path: Path) -> None:
    """It is not overwritten."""
    (tmp_path / "state").write_text("mine")
    with pytest.raises(StoreError, match="cannot be used"):
        StateFolder(tmp_path / "state").prepare()
    assert "mine" == (tmp_path / "state").read_text()


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/var/lib/x", "ext4"),
        ("/home/me/state", "nfs4"),
        ("/homes/me", "ext4"),
        ("/home/me/scratch/state", "xfs"),
        ("/data/state", "lustre"),
        ("/mnt/my données/state", "cifs"),
        ("/", "ext4"),
    ],
)
def test_the_deepest_and_last_mount_holds_a_path(path: str, kind: str) -> None:
    """Names with blanks and letters beyond ASCII included; a name that only begins alike is another folder."""
    assert kind == filesystem_of(Path(path), MOUNTS)


def test_an_unknown_table_names_no_filesystem() -> None:
    """A system without one is not refused."""
    assert "" == filesystem_of(Path("/home/me"), "")
    refuse_network(Path("/home/me"), "")


@pytest.mark.parametrize("kind", sorted(NETWORK_FILESYSTEMS))
def test_a_network_filesystem_is_refused(kind: str) -> None:
    """SQLite's locks do not hold there."""
    with pytest.raises(StoreError, match=f"network filesystem \\({kind}\\)") as caught:
        refuse_network(Path("/home/me/state"), f"/dev/sda1 / ext4 rw 0 0\nserver:/home /home {kind} rw 0 0\n")
    assert "local disk" in caught.value.hint


def test_a_local_filesystem_is_not() -> None:
    """Beside a network mount that does not hold the folder."""
    refuse_network(Path("/home/me/scratch/state"), MOUNTS)
