"""What would have happened: the rule is registered and sealed at submission, its kilograms are computed afterwards.

The rule says where the job would have run (home), when it would have started, and how the hardware compares.
It holds no kilograms, so a plan can never make its own baseline look bad.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Final

from scheduler.domain.errors import CarbonschedError
from scheduler.domain.instant import format_instant
from scheduler.domain.job import Job

METHOD: Final = "carbonsched-counterfactual-1"
START_RULE: Final = "submission or earliest start, then first come first served among home's jobs"


def register(job: Job, home: str, submitted_at: datetime, earliest: datetime) -> dict[str, str]:
    """The rule of a job, with the SHA-256 that seals it."""
    rule = {
        "method": METHOD,
        "home": home,
        "not_before": format_instant(max(submitted_at, earliest)),
        "start": START_RULE,
        "hardware": "duration at home over duration where it ran, as the job states them",
        "job": job.name,
    }
    return rule | {"sha256": _digest(rule)}


def verify(rule: Mapping[str, str], job: Job) -> None:
    """Refuse a rule that is not the one that was sealed for the job, or that asks for another method than this one."""
    unsealed = {name: value for name, value in rule.items() if name != "sha256"}
    if rule.get("sha256") != _digest(unsealed) or rule.get("job") != job.name:
        raise CarbonschedError(
            f"the counterfactual of {job.name} was changed after it was registered",
            hint="restore the store from a copy",
        )
    if rule.get("method") != METHOD:
        raise CarbonschedError(
            f"the counterfactual of {job.name} was registered under the method {rule.get('method')!r}, not {METHOD!r}",
            hint="report with the carbonsched that it was submitted with",
        )


def _digest(rule: Mapping[str, str]) -> str:
    """SHA-256 of the rule in canonical JSON."""
    return hashlib.sha256(json.dumps(dict(rule), sort_keys=True, separators=(",", ":")).encode()).hexdigest()
