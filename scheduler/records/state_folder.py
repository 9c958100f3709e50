"""The state folder: where everything that must survive lies, and the only object that knows its file names."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from scheduler.domain.errors import StoreError

NETWORK_FILESYSTEMS = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "smbfs", "afs", "lustre", "gpfs", "beegfs", "ceph", "glusterfs", "fuse.sshfs",
     "fuse.glusterfs", "fuse.cephfs", "orangefs", "panfs"}
)  # fmt: skip
"""Filesystems on which SQLite's locks and its shared-memory file do not hold (sqlite.org/wal.html, section 1)."""


@dataclass(frozen=True, slots=True)
class StateFolder:
    """The paths of one account's state."""

    root: Path

    @property
    def database(self) -> Path:
        """The SQLite file."""
        return self.root / "carbonsched.db"

    @property
    def lease(self) -> Path:
        """The file whose lock the running scheduler holds."""
        return self.root / "scheduler.lock"

    @property
    def submits(self) -> Path:
        """The file whose lock a command holds while it plans what it submits."""
        return self.root / "submit.lock"

    @property
    def scheduler_log(self) -> Path:
        """What a scheduler in the background says."""
        return self.root / "scheduler.log"

    @property
    def packages(self) -> Path:
        """Snapshots of working folders, named by their content."""
        return self.root / "packages"

    @property
    def local_clusters(self) -> Path:
        """Cluster files of `local up`."""
        return self.root / "local" / "clusters"

    @property
    def all_evidence(self) -> Path:
        """The evidence of every job, a folder each."""
        return self.root / "evidence"

    def evidence(self, job_id: str) -> Path:
        """What the agents of a job wrote, as it was read."""
        return self.all_evidence / job_id

    @property
    def chains(self) -> Path:
        """What happened to each job, chained by hashes."""
        return self.root / "chains"

    def chain(self, job_id: str) -> Path:
        """The chain of one job."""
        return self.chains / f"{job_id}.jsonl"

    @property
    def ledger(self) -> Path:
        """What is over all jobs' chains: their heads, the seals of these, and the secret that blinds."""
        return self.root / "ledger"

    @property
    def kept(self) -> tuple[Path, ...]:
        """The folders that a backup holds, besides the database."""
        return self.all_evidence, self.packages, self.chains, self.ledger

    @property
    def chains_lock(self) -> Path:
        """The file whose lock is held while a chain is added to."""
        return self.root / "chains.lock"

    def before_upgrade(self, revision: str, n: int) -> Path:
        """The n-th copy of the database that was made before its tables were brought up from `revision`."""
        return self.root / f"carbonsched.db.before-upgrade-{revision}{f'-{n}' if n > 1 else ''}"

    def prepare(self) -> None:
        """Make the folder, mode 0700, and refuse one where the store cannot work.

        Raises:
            StoreError: not writable, not a folder, or on a network filesystem.
        """
        try:
            self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.packages.mkdir(mode=0o700, exist_ok=True)
            if not self.database.exists():
                self.database.touch(mode=0o600)  # jobs hold commands and environments; a given folder may be open
        except OSError as exc:
            raise StoreError(
                f"the state folder {self.root} cannot be used: {exc.strerror}",
                hint="set CARBONSCHED_STATE_DIR to a folder of yours on a local disk",
            ) from exc
        if not os.access(self.root, os.W_OK | os.X_OK):
            raise StoreError(
                f"the state folder {self.root} is not writable",
                hint="mend its permissions, or set CARBONSCHED_STATE_DIR to a folder of yours on a local disk",
            )
        refuse_network(self.root.resolve(), mounts())


def refuse_network(root: Path, table: str) -> None:
    """Refuse a folder on a network filesystem, by a table in the form of /proc/mounts."""
    kind = filesystem_of(root, table)
    if kind in NETWORK_FILESYSTEMS:
        raise StoreError(
            f"the state folder {root} is on a network filesystem ({kind}), where SQLite cannot lock",
            hint="set CARBONSCHED_STATE_DIR to a folder on a local disk",
        )


def filesystem_of(path: Path, table: str) -> str:
    """The filesystem type that holds `path`, by a table in the form of /proc/mounts; empty if unknown."""
    best, kind = -1, ""
    for line in table.splitlines():
        fields = line.split()
        if len(fields) < 3:  # noqa: PLR2004  # device, mount point, type
            continue
        point = Path(re.sub(r"\\([0-7]{3})", lambda code: chr(int(code[1], 8)), fields[1]))
        if path.is_relative_to(point) and len(point.parts) >= best:
            best, kind = len(point.parts), fields[2]
    return kind


def mounts() -> str:
    """The kernel's table of mounts; empty where the system has none to read (macOS)."""
    table = Path("/proc/mounts")
    return table.read_text(encoding="utf-8", errors="replace") if table.exists() else ""
