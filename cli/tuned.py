"""Tuning on a history: candidates replayed on its earlier part, the best of them judged on its later part."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Final

from cli import wiring
from cli.simulate_case import Asked, policies_named
from cli.simulate_run import Cases, run_all, tasks_of
from cli.simulate_sweep import BASELINE, settings_of
from scheduler.domain.errors import CarbonschedError, Infeasible, InvalidInput
from scheduler.simulation.results import Outcome, compare
from scheduler.simulation.tuning import Limit, best, broken, objective_of

SETTING_OF: Final = {"slack": "default_slack", "min-saving": "default_min_saving"}
"""Settings of an operator by the option of a replay: what tuning may try and write."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A policy under settings, each as an option of a replay and its text."""

    policy: str
    settings: tuple[tuple[str, str], ...]

    @property
    def label(self) -> str:
        """Its name in tables."""
        return ", ".join([self.policy, *(f"{name} {value}" for name, value in self.settings)])


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A candidate and what it came to.

    Args:
        name: why it is there; current: what the settings in force come to on the same jobs, None where it is this.
    """

    candidate: Candidate
    outcome: Outcome
    name: str = ""
    current: Outcome | None = None

    @property
    def gain_pct(self) -> float | None:
        """What it saves of what run-now emits. [%]"""
        return self.outcome.saving_pct

    @property
    def told_of_current(self) -> str:
        """What the settings in force save on the same jobs."""
        if self.current is None or self.current.saving_pct is None:
            return "as your settings do already"
        return f"your present settings {self.current.saving_pct:.1f} %"

    def broken(self, limits: Sequence[Limit]) -> list[str]:
        """The limits that it breaks."""
        return broken(self.outcome, limits)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tuned:
    """What was chosen, and why.

    Args:
        parted_at: where the history is parted; earlier, later: jobs in each part.
        tried: every candidate on the earlier part; judged: the chosen one, and those in force, on the later part.
    """

    objective: str
    chosen: Candidate
    parted_at: datetime
    earlier: int
    later: int
    tried: tuple[Judged, ...]
    judged: tuple[Judged, ...]


def tuned(
    asked: Asked,
    *,
    policies: Sequence[str],
    sweeps: Sequence[str],
    objective: str,
    limits: Sequence[Limit],
    parted_at: datetime | None,
    workers: int,
    tell: Callable[[str], None],
) -> Tuned:
    """The candidate that did best on the earlier part, and what it does on the later one.

    Raises:
        Infeasible: no candidate keeps the limits on the earlier part.
        InvalidInput: a part holds no job, or a setting is none that an operator sets.
    """
    settings = settings_of(asked, sweeps)
    for name in settings[0][0]:
        if name not in SETTING_OF:
            raise InvalidInput(f"{name} is no setting of yours", hint=f"sweep {' or '.join(SETTING_OF)}")
    cases = Cases()
    whole = cases.of(settings[0][1])
    for note in whole.notes:
        tell(f"note: {note}")
    moments = [request.submitted for request in whole.requests]
    middle = parted_at or moments[0] + (moments[-1] - moments[0]) / 2
    if not moments[0] < middle <= moments[-1]:
        raise InvalidInput("a part of the history holds no job", hint="give --split a time between two submissions")
    found = _outcomes(cases, settings, policies, workers, until=middle)
    chosen = best(found, objective_of(objective), limits)
    if chosen is None:
        nearest = min(found, key=lambda key: (len(broken(found[key], limits)), objective_of(objective)(found[key])))
        raise Infeasible(
            "no candidate keeps the limits on the earlier part",
            hint=f"the nearest, {nearest.label}, breaks {'; '.join(broken(found[nearest], limits))}",
        )
    return Tuned(
        objective=objective,
        chosen=chosen,
        parted_at=middle,
        earlier=sum(moment < middle for moment in moments),
        later=sum(moment >= middle for moment in moments),
        tried=tuple(Judged(candidate=key, outcome=outcome) for key, outcome in found.items()),
        judged=_judged(cases, asked, chosen, middle, workers),
    )


def _judged(cases: Cases, asked: Asked, chosen: Candidate, since: datetime, workers: int) -> tuple[Judged, ...]:
    """The candidate that was chosen, and the settings in force, on the later part."""
    values = wiring.settings()
    now = [(option, values.text(name)) for option, name in SETTING_OF.items() if option in dict(chosen.settings)]
    current = Candidate(policy=values.text("default_policy"), settings=tuple(now))
    outcomes = {}
    for candidate in dict.fromkeys((chosen, current)):
        [(_, under)] = settings_of(asked, [f"{name}={value}" for name, value in candidate.settings])
        [outcomes[candidate]] = _outcomes(
            cases, [(dict(candidate.settings), under)], [candidate.policy], workers, since=since
        ).values()
    first = Judged(
        candidate=chosen,
        outcome=outcomes[chosen],
        name="chosen",
        current=None if chosen == current else outcomes[current],
    )
    others = [Judged(candidate=current, outcome=outcomes[current], name="in force")] if chosen != current else []
    return (first, *others)


def _outcomes(
    cases: Cases,
    settings: Sequence[tuple[Mapping[str, str], Asked]],
    policies: Sequence[str],
    workers: int,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
) -> dict[Candidate, Outcome]:
    """What every policy comes to under every setting, on the jobs of a part."""
    parts = [(setting, replace(asked, since=since, until=until)) for setting, asked in settings]
    chosen = policies_named([BASELINE, *policies])
    tasks = [
        task
        for _, part in parts
        for task in tasks_of(part, cases.of(part), chosen)
        if task.perfect is (cases.of(part).told.name == "perfect")
    ]
    done, outcomes = run_all(cases, tasks, workers), {}
    for setting, part in parts:
        case = cases.of(part)
        replayed = {task.policy: found for task, found in done.items() if task.asked == part}
        made = compare(case.world.table, case.requests, replayed, replayed, BASELINE)
        for outcome in made.outcomes:
            if outcome.policy in policies:
                key = Candidate(policy=outcome.policy, settings=tuple(setting.items()))
                outcomes[key] = outcome
    return outcomes


def write_settings(chosen: Candidate) -> Path:
    """Write the policy and the settings to the user's own file, every other line of it left as it is.

    Raises:
        CarbonschedError: the file cannot be written.
    """
    path = wiring.user_settings_file()
    said = {"default_policy": chosen.policy}
    for option, value in chosen.settings:
        plain = value.replace(".", "", 1).isdigit()
        said[SETTING_OF[option]] = f"{value}h" if option == "slack" and plain else value
    try:
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else ["version: 1"]
        kept = [line for line in lines if line.partition(":")[0].strip() not in said]
        text = "\n".join([*kept, *(f"{name}: {value}" for name, value in said.items()), ""])
        path.parent.mkdir(parents=True, exist_ok=True)
        beside = path.with_name(f".{path.name}.part")
        beside.write_text(text, encoding="utf-8")
        beside.replace(path)
    except OSError as exc:
        raise CarbonschedError(f"{path} cannot be written: {exc.strerror}", hint="write the settings by hand") from exc
    return path
