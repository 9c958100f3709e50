"""From a stored job and the intent to run a segment of it, to a launch that a cluster can be handed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from scheduler.cluster_ports import Launch
from scheduler.domain.cluster import Cluster
from scheduler.domain.job import Interruptible, Job
from scheduler.execution.secret_files import SecretFiles
from scheduler.problem.candidates import nodes_on, width_on
from scheduler.records.rows import JobRow, SegmentRow
from scheduler.records.state_folder import StateFolder

_BYTES = {"MB": 10**6, "GB": 10**9, "TB": 10**12, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40}
WIDTH_ENV = "CARBONSCHED_GPUS"
"""Environment variable that tells a training how many GPUs this segment of it has."""
_NO_STORAGE = "~/.carbonsched/checkpoints"
"""Where a job saves itself on a cluster without a storage: on the node, so that it cannot travel."""
_COPY_EVERY = timedelta(minutes=10)
"""Least time between two copies of a checkpoint that the training saves when it likes: what a lost node may cost."""
_COPIED = "~/.carbonsched/copied"
"""Where a job saves itself on a cluster whose storage is behind a URI: on the node, and copied from there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Launcher:
    """Builds launches.

    Args:
        state: where snapshots lie.
        secrets: where a job's secrets are found.
        sample_every: time between an agent's samples.
    """

    state: StateFolder
    secrets: SecretFiles
    sample_every: timedelta

    def launch(self, row: JobRow, segment: SegmentRow, cluster: Cluster) -> Launch:
        """The launch of one attempt; secrets are resolved here and stored nowhere.

        Raises:
            InvalidInput: a secret is nowhere to be found, or its file is readable by others.
        """
        job = row.job
        interruption = job.interruptible or Interruptible()
        return Launch(
            sid=segment.sid,
            kind=job.launch,
            entrypoint=job.entrypoint,
            env={**job.env, **{name: self.secrets.get(name) for name in job.secrets}, WIDTH_ENV: str(segment.gpus)},
            runtime_env=job.runtime_env,
            ranks=segment.gpus,
            gpus=width_on(job, cluster, segment.gpus),
            cpus=job.cpus,
            memory_bytes=_bytes(job.memory),
            gpu_model=cluster.gpu.model,
            package=self.state.packages / f"{row.package}.zip" if row.package else None,
            digest=row.package,
            checkpoint_dir=checkpoint_dir(row.id, job, cluster, segment.sid),
            fence=segment.fence,
            grace=interruption.grace,
            sample_every=self.sample_every,
            progress=row.progress,
            metadata={
                "carbonsched_job": row.id,
                "carbonsched_segment": f"{segment.n}.{segment.attempt}",
                "carbonsched_spec_sha256": row.spec_sha256,
            },
            nodes=nodes_on(job, cluster, segment.gpus),
            storage_uri=storage_uri(row.id, cluster),
            copy_every=interruption.every if interruption.save == "periodic" and interruption.every else _COPY_EVERY,
            copies=job.checkpoint.keep,
            metered=not cluster.simulated,
        )


def checkpoint_dir(job_id: str, job: Job, cluster: Cluster, sid: str = "") -> str:
    """The folder on `cluster` where the job saves itself; where that is copied, one that only the attempt `sid` has."""
    disk = cluster.saves_on
    if disk is not None and disk.uri is not None:
        return f"{job.checkpoint.dir or _COPIED}/{sid or job_id}/checkpoint"
    if job.checkpoint.dir is not None:
        return job.checkpoint.dir
    mounted = _NO_STORAGE if disk is None else disk.path
    return f"{mounted}/{job_id}/checkpoint"


def storage_uri(job_id: str, cluster: Cluster) -> str:
    """The URI below which the job's checkpoints lie; empty where it saves itself on a disk that is mounted."""
    disk = cluster.saves_on
    return f"{disk.uri.rstrip('/')}/{job_id}" if disk is not None and disk.uri is not None else ""


def _bytes(memory: str | None) -> int | None:
    """A memory size in bytes. [bytes]"""
    if memory is None:
        return None
    unit = next(name for name in sorted(_BYTES, key=len, reverse=True) if memory.endswith(name))
    return round(float(memory.removesuffix(unit)) * _BYTES[unit])
