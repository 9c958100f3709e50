"""What the operator's settings say for a job that does not say it itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cli.settings import Settings
    from scheduler.domain.job import Job

BY_KEY: Final[Mapping[str, str]] = {"policy": "default_policy", "min_saving": "default_min_saving"}
"""Setting by the job's key."""


def with_defaults(job: Job, values: Settings) -> Job:
    """The job with the operator's policy and least saving, where its file names none."""
    said = {"policy": values.text("default_policy"), "min_saving": values.share_pct("default_min_saving")}
    given = {key: value for key, value in said.items() if key not in job.model_fields_set}
    return job.model_copy(update=given)
