"""What would have happened: the rule is registered and sealed at submission, its kilograms are computed afterwards.

The rule says where the job would have run (home), when it would have started, how hardware compares, and which part
of its project's past it is held against. It holds no kilograms, so a plan can never make its own baseline look bad.
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

METHOD: Final = "carbonsched-counterfactual-2"
OLDER: Final = frozenset({"carbonsched-counterfactual-1"})
"""Methods whose rules say less and mean the same: without what the job stated, and without a reference period."""
START_RULE: Final = "submission or earliest start, then first come first served among home's jobs"
_CHANGED_HINT: Final = "restore the store from a copy"


def register(
    job: Job, home: str, submitted_at: datetime, earliest: datetime, *, home_by: str = "job"
) -> dict[str, str]:
    """The rule of a job, with the SHA-256 that seals it.

    Args:
        job: what was submitted.
        home: where it would have run; home_by: whose word that is.
        submitted_at: when.
        earliest: before which it was not to start.
    """
    rule = {
        "method": METHOD,
        "home": home,
        "home_by": home_by,
        "not_before": format_instant(max(submitted_at, earliest)),
        "start": START_RULE,
        "hardware": "duration, and for metered energy duration x power, at home over those where it ran, as stated",
        "stated": _stated(job),
        "reference": "/".join(format_instant(moment) for moment in year_before(submitted_at)),
        "job": job.name,
    }
    return rule | {"sha256": _digest(rule)}


def verify(rule: Mapping[str, str], job: Job) -> None:
    """Refuse a rule that is not the one that was sealed for the job, or that asks for another method than this one."""
    unsealed = {name: value for name, value in rule.items() if name != "sha256"}
    if rule.get("sha256") != _digest(unsealed) or rule.get("job") != job.name:
        raise CarbonschedError(
            f"the counterfactual of {job.name} was changed after it was registered", hint=_CHANGED_HINT
        )
    if rule.get("method") != METHOD and rule.get("method") not in OLDER:
        raise CarbonschedError(
            f"the counterfactual of {job.name} was registered under the method {rule.get('method')!r}, not {METHOD!r}",
            hint="report with the carbonsched that it was submitted with",
        )
    if rule.get("stated", _stated(job)) != _stated(job):
        raise CarbonschedError(
            f"the durations or powers of {job.name} were changed after its counterfactual was registered",
            hint=_CHANGED_HINT,
        )


def year_before(moment: datetime) -> tuple[datetime, datetime]:
    """The calendar year before, in UTC: over, and the same for every job of a year."""
    turn = moment.replace(month=1, day=1, hour=0, minute=0, second=0, microsecond=0)
    return turn.replace(year=turn.year - 1), turn


def _stated(job: Job) -> str:
    """The durations and powers that the job states, in canonical JSON: what hardware is compared by."""
    stated = job.model_dump(mode="json", include={"duration", "gpu_w"})
    return json.dumps(stated, sort_keys=True, separators=(",", ":"))


def _digest(rule: Mapping[str, str]) -> str:
    """SHA-256 of the rule in canonical JSON."""
    return hashlib.sha256(json.dumps(dict(rule), sort_keys=True, separators=(",", ":")).encode()).hexdigest()
