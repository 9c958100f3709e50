"""The storage of a job's checkpoints as it is reached from here: by a folder that is mounted, or by a URI."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

from scheduler.cluster_ports import Storage
from scheduler.domain.cluster import Cluster
from scheduler.domain.errors import StorageUnreachable
from scheduler.domain.job import Job
from scheduler.execution.agent.carbonsched_fence_v1 import raise_to
from scheduler.execution.agent.carbonsched_place_v1 import Place, place
from scheduler.execution.launching import checkpoint_dir, storage_uri

EXTRAS: Final = {"s3": "s3", "s3a": "s3", "gs": "gs", "gcs": "gs"}
"""The extra that brings what reaches a scheme."""

BESIDE: Final = ".carbonsched"
"""What the folder beside a checkpoint has after the checkpoint's name."""

Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True, kw_only=True)
class JobStorage:
    """The folder beside a job's checkpoint.

    Args:
        name: of the storage, for people.
        where: its path or URI.
    """

    name: str
    where: str

    def read(self, name: str) -> bytes | None:
        """A file of the agent's second copy of the evidence; None where there is none."""
        return self._asked(lambda there: there.read(name))

    def raise_fence(self, number: int) -> bool:
        """See that every attempt of a lower number stops; never lowers. False where a higher one stood already."""
        return self._asked(lambda there: raise_to(there, number))

    def _asked(self, ask: Callable[[Place], Answer]) -> Answer:
        """What the place answers."""
        try:
            return ask(place(self.where))
        except OSError as exc:
            raise StorageUnreachable(f"the storage {self.name!r} does not answer: {exc}", hint=self._hint()) from exc

    def _hint(self) -> str:
        """What may be missing."""
        scheme = self.where.partition("://")[0]
        extra = f"pip install 'carbonsched[{EXTRAS[scheme]}]', and " if scheme in EXTRAS else ""
        return f"{extra}see that it can be reached from here, with credentials where it wants some"


def storage_of(job_id: str, job: Job, cluster: Cluster) -> Storage | None:
    """Where the job's checkpoint, fence and second copy of the evidence lie; None where that is not seen from here."""
    disk, uri = cluster.saves_on, storage_uri(job_id, cluster)
    if disk is not None and uri:
        return JobStorage(name=disk.name, where=f"{uri}/checkpoint{BESIDE}")
    local = Path(checkpoint_dir(job_id, job, cluster))
    mounted = local.parent if job.checkpoint.dir is not None or disk is None else local.parent.parent
    if not mounted.is_absolute() or not mounted.is_dir():
        return None
    return JobStorage(name=str(mounted) if disk is None else disk.name, where=f"{local}{BESIDE}")
