"""Tuning on a history: candidates replayed on its earlier part, the best of them judged on its later part."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Final

from cli import wiring
from cli.replays.case import Asked, Case, policies_named, within
from cli.replays.run import Cases, Machines, run_all, tasks_of
from cli.replays.sweep import BASELINE, settings_of
from scheduler.domain.errors import CarbonschedError, Infeasible, InvalidInput
from scheduler.simulation.results import Outcome, compare, in_all
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
    def told(self) -> str:
        """What it saves on these jobs, and what the settings in force do."""
        saved = _saved(self.outcome)
        if self.current is None:
            return f"{saved}; these are your present settings already"
        return f"{saved}; under your present settings {_saved(self.current)}"

    def broken(self, limits: Sequence[Limit]) -> list[str]:
        """The limits that it breaks."""
        return broken(self.outcome, limits)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tuned:
    """What was chosen, and why.

    Args:
        parted_at: where the history is parted; earlier, later: jobs in each part that every candidate was summed over.
        left_out: ids of the jobs that one of them could not take, or that have hours without an intensity.
        tried: every candidate on the earlier part; judged: the chosen one, and those in force, on the later part.
    """

    objective: str
    chosen: Candidate
    parted_at: datetime
    earlier: int
    later: int
    left_out: frozenset[str]
    tried: tuple[Judged, ...]
    judged: tuple[Judged, ...]


def _saved(outcome: Outcome) -> str:
    """What an outcome saves, more than run-now said as that."""
    if outcome.saving_pct is None:
        return "nothing can be told, for run-now emits nothing"
    if outcome.saving_pct < 0:
        return f"{-outcome.saving_pct:.1f} % more than run-now is emitted"
    return f"{outcome.saving_pct:.1f} % of what run-now emits is saved"


def tuned(
    asked: Asked,
    *,
    policies: Sequence[str],
    sweeps: Sequence[str],
    objective: str,
    limits: Sequence[Limit],
    parted_at: datetime | None,
    machines: Machines,
    tell: Callable[[str], None],
) -> Tuned:
    """The candidate that did best on the earlier part, and what it does on the later one.

    Raises:
        Infeasible: no candidate keeps the limits on the earlier part.
        InvalidInput: a part holds no job, or a setting is none that an operator sets.
    """
    settings, cases = _settings(asked, sweeps), Cases()
    for note in cases.of(settings[0][1]).notes:
        tell(f"note: {note}")
    left = _same_jobs(cases, [each for _, each in settings])
    moments = [request.submitted for request in cases.of(settings[0][1]).requests]
    first, last = moments[0], moments[-1]
    middle = parted_at or first + (last - first) / 2
    if not first < middle <= last:
        raise InvalidInput("a part of the history holds no job", hint="give --split a time between two submissions")
    earlier = _part(cases, settings, policies, machines, until=middle)
    chosen = _best(earlier.outcomes, objective, limits)
    current = _in_force(asked, chosen)
    under = [
        settings_of(asked, [f"{name}={value}" for name, value in each])[0]
        for each in dict.fromkeys((chosen.settings, current.settings))
    ]
    left |= _same_jobs(cases, [each for _, each in under])
    later = _part(cases, under, [chosen.policy, current.policy], machines, since=middle)
    return Tuned(
        objective=objective,
        chosen=chosen,
        parted_at=middle,
        earlier=earlier.compared,
        later=later.compared,
        left_out=left | earlier.unpriced | later.unpriced,
        tried=tuple(Judged(candidate=key, outcome=outcome) for key, outcome in earlier.outcomes.items()),
        judged=_judged(later.outcomes, chosen, current),
    )


def _settings(asked: Asked, sweeps: Sequence[str]) -> list[tuple[Mapping[str, str], Asked]]:
    """Every combination of what is to be tried."""
    settings = settings_of(asked, sweeps)
    for name in settings[0][0]:
        if name not in SETTING_OF:
            raise InvalidInput(f"{name} is no setting of yours", hint=f"sweep {' or '.join(SETTING_OF)}")
    return list(settings)


def _best(found: Mapping[Candidate, Outcome], objective: str, limits: Sequence[Limit]) -> Candidate:
    """The candidate that did best within the limits."""
    least = objective_of(objective)
    chosen = best(found, least, limits)
    if chosen is not None:
        return chosen
    nearest = min(found, key=lambda key: (len(broken(found[key], limits)), least(found[key])))
    raise Infeasible(
        "no candidate keeps the limits on the earlier part",
        hint=f"the nearest, {nearest.label}, breaks {'; '.join(broken(found[nearest], limits))}",
    )


def _in_force(asked: Asked, chosen: Candidate) -> Candidate:
    """The operator's present policy, under the present values of what was tried; the same value in the same words."""
    values, now = wiring.settings(), []
    for option, tried in chosen.settings:
        said = values.text(SETTING_OF[option])
        [(_, one)], [(_, other)] = (settings_of(asked, [f"{option}={text}"]) for text in (said, tried))
        now.append((option, tried if one.reading() == other.reading() else said))
    return Candidate(policy=values.text("default_policy"), settings=tuple(now))


def _judged(outcomes: Mapping[Candidate, Outcome], chosen: Candidate, current: Candidate) -> tuple[Judged, ...]:
    """What was chosen and, where that is another, what is in force."""
    if chosen == current:
        return (Judged(candidate=chosen, outcome=outcomes[chosen], name="chosen"),)
    return (
        Judged(candidate=chosen, outcome=outcomes[chosen], name="chosen", current=outcomes[current]),
        Judged(candidate=current, outcome=outcomes[current], name="in force"),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Part:
    """What came of a part of the history.

    Args:
        outcomes: of every candidate, all over the same jobs.
        compared: how many those are; unpriced: ids of the others.
    """

    outcomes: dict[Candidate, Outcome]
    compared: int
    unpriced: frozenset[str]


def _part(
    cases: Cases,
    settings: Sequence[tuple[Mapping[str, str], Asked]],
    policies: Sequence[str],
    machines: Machines,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
) -> _Part:
    """What every policy comes to under every setting, on the jobs of a part that all of them can take and price.

    A longer slack leaves more jobs outside the table, and what is not replayed emits nothing: such a candidate would
    look better for it.
    """
    parts = [(setting, replace(asked, since=since, until=until)) for setting, asked in settings]
    for (_, asked), (_, part) in zip(settings, parts, strict=True):
        cases.read[part] = _cut(cases.of(asked), part)
    chosen = policies_named([BASELINE, *policies])
    tasks = [
        task
        for _, part in parts
        for task in tasks_of(part, cases.of(part), chosen)
        if task.perfect is (cases.of(part).told.name == "perfect")
    ]
    done, outcomes = run_all(cases, tasks, machines), {}
    table, requests = cases.of(parts[0][1]).world.table, cases.of(parts[0][1]).requests
    summed = in_all(table, list(done.values()))
    for setting, part in parts:
        replayed = {task.policy: found for task, found in done.items() if task.asked == part}
        made = compare(table, cases.of(part).requests, replayed, replayed, BASELINE, among=summed)
        for outcome in made.outcomes:
            if outcome.policy in policies:
                outcomes[Candidate(policy=outcome.policy, settings=tuple(setting.items()))] = outcome
    unpriced = [request.job_id for request, known in zip(requests, summed.tolist(), strict=True) if not known]
    return _Part(outcomes=outcomes, compared=int(summed.sum()), unpriced=frozenset(unpriced))


def _cut(case: Case, part: Asked) -> Case:
    """A part of a case, without reading it again."""
    requests = [each for each in case.requests if within(each.submitted, part)]
    if not requests:
        raise InvalidInput("a part of the history holds no job", hint="give --split a time between two submissions")
    first_us = case.world.table.us(requests[0].submitted)
    return replace(case, requests=requests, passes=tuple(each for each in case.passes if each >= first_us))


def _same_jobs(cases: Cases, settings: Sequence[Asked]) -> frozenset[str]:
    """Keep the jobs that can be replayed under every setting, and return the ids of the others."""
    every = [frozenset(request.job_id for request in cases.of(asked).requests) for asked in settings]
    kept = frozenset.intersection(*every)
    if not kept:
        raise InvalidInput("no job of the history can be replayed under every setting", hint="sweep less slack")
    for asked in settings:
        case = cases.of(asked)
        cases.read[asked] = replace(case, requests=[each for each in case.requests if each.job_id in kept])
    return frozenset.union(*every) - kept | {each.job_id for asked in settings for each in cases.of(asked).left}


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
