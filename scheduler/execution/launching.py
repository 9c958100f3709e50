"""From a stored job and the intent to run a segment of it, to a launch that a cluster can be handed."""

from __future__ import annotations

import re
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from scheduler.domain.cluster import Cluster
from scheduler.domain.errors import InvalidInput
from scheduler.domain.job import Interruptible, Job
from scheduler.ports import Launch
from scheduler.problem.candidates import width_on
from scheduler.records.rows import JobRow, SegmentRow
from scheduler.records.state_folder import StateFolder

_BYTES = {"MB": 10**6, "GB": 10**9, "TB": 10**12, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40}
_NO_STORAGE = "~/.carbonsched/checkpoints"
"""Where a job saves itself on a cluster without a storage: on the node, so that it cannot travel."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Launcher:
    """Builds launches.

    Args:
        state: where snapshots lie.
        secrets_dir: folder of 0600 files, one a secret, used where the environment has none of the name.
        environ: the scheduler's environment, where secrets are looked for first.
        sample_every: time between an agent's samples.
    """

    state: StateFolder
    secrets_dir: Path
    environ: Mapping[str, str]
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
            env={**job.env, **{name: self._secret(name) for name in job.secrets}},
            runtime_env=job.runtime_env,
            ranks=job.gpus,
            gpus=width_on(job, cluster),
            cpus=job.cpus,
            memory_bytes=_bytes(job.memory),
            gpu_model=cluster.gpu.model,
            package=self.state.packages / f"{row.package}.zip" if row.package else None,
            digest=row.package,
            checkpoint_dir=checkpoint_dir(row.id, job, cluster),
            fence=segment.fence,
            grace=interruption.grace,
            sample_every=self.sample_every,
            progress=row.progress,
            metadata={
                "carbonsched_job": row.id,
                "carbonsched_segment": f"{segment.n}.{segment.attempt}",
                "carbonsched_spec_sha256": row.spec_sha256,
            },
        )

    def _secret(self, name: str) -> str:
        """The value of a secret."""
        if name in self.environ:
            return self.environ[name]
        path = self.secrets_dir / name
        if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name) or not path.is_file():
            raise InvalidInput(
                f"the secret {name!r} is not set",
                hint=f"export {name} where the scheduler runs, or write it to {path} with mode 0600",
            )
        if stat.S_IMODE(path.stat().st_mode) & 0o077:
            raise InvalidInput(f"the secret file {path} is open to others", hint=f"chmod 600 {path}")
        return path.read_text(encoding="utf-8").rstrip("\n")


def checkpoint_dir(job_id: str, job: Job, cluster: Cluster) -> str:
    """The folder on `cluster` where the job saves itself."""
    if job.checkpoint.dir is not None:
        return job.checkpoint.dir
    mounted = next((disk.path for disk in cluster.storage if disk.path is not None), _NO_STORAGE)
    return f"{mounted}/{job_id}/checkpoint"


def evidence_beside(checkpoint: str) -> Path:
    """The folder where the agent keeps its second copy of the evidence, seen from here where the storage is mounted."""
    return Path(f"{checkpoint}.carbonsched")


def _bytes(memory: str | None) -> int | None:
    """A memory size in bytes. [bytes]"""
    if memory is None:
        return None
    unit = next(name for name in sorted(_BYTES, key=len, reverse=True) if memory.endswith(name))
    return round(float(memory.removesuffix(unit)) * _BYTES[unit])
