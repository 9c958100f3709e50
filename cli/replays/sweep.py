"""Many settings at once: the combinations of what is to vary, and one document of what each comes to."""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from cli.replays.case import SETTINGS, Asked, Case, policies_named
from cli.replays.figures import figures_of
from cli.replays.output import as_document
from cli.replays.resume import Kept
from cli.replays.run import Cases, Machines, Task, run_all, tasks_of
from scheduler.domain.errors import InvalidInput, UnknownName
from scheduler.ports import Policy
from scheduler.reporting.simulation_figures import SettingFigures
from scheduler.simulation.forecasts import Perfect
from scheduler.simulation.results import Comparison, Replayed, compare

BASELINE: Final = "run-now"
STATIC: Final = "lowest-carbon-region"
"""The baseline that only chooses a region: always beside, so that nobody takes that for the merit of waiting."""
_MOST: Final = 1000
"""Settings at once; more than these nobody looks at."""
Setting = Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What one setting came to, for whoever looks closer than its document.

    Args:
        beside: policies that were replayed and not asked for.
    """

    setting: Setting
    case: Case
    replayed: Mapping[str, Replayed]
    made: Comparison
    figures: SettingFigures
    beside: tuple[str, ...]
    document: Mapping[str, object]


def settings_of(asked: Asked, sweeps: Sequence[str]) -> list[tuple[Setting, Asked]]:
    """Every combination of what is to vary, with the options that it comes to; one empty one where nothing is.

    Args:
        asked: the options that hold where they are not varied.
        sweeps: `name=value,value`, each name once.

    Raises:
        InvalidInput: a text is no sweep, or there would be too many combinations.
        UnknownName: an option is not one that can vary.
    """
    known = {name.replace("_", "-"): name for name in SETTINGS}
    varied: dict[str, list[str]] = {}
    for text in sweeps:
        said, _, values = text.partition("=")
        name, each = said.strip().replace("_", "-"), [value.strip() for value in values.split(",")]
        if name not in known:
            raise UnknownName("option to sweep", name, known)
        if name in varied or not all(each) or len(set(each)) < len(each):
            raise InvalidInput(f"--sweep {text!r} cannot be read", hint="write each option once: slack=0,24,72")
        varied[name] = each
    combined = [dict(zip(varied, values, strict=True)) for values in itertools.product(*varied.values())]
    if len(combined) > _MOST:
        raise InvalidInput(f"{len(combined):,} combinations are too many", hint=f"sweep {_MOST:,} at most")
    return [(setting, _with(asked, {known[name]: value for name, value in setting.items()})) for setting in combined]


def swept(
    settings: Sequence[tuple[Setting, Asked]],
    names: Sequence[str],
    *,
    machines: Machines,
    tell: Callable[[str], None],
    kept: Kept | None = None,
    look: Callable[[Seen], None] = lambda _seen: None,
) -> dict[str, object]:
    """The document of all settings: that of the only one, or a list of them.

    Args:
        settings: with the options that each comes to.
        names: of the policies; the baseline, and the one that only chooses a region, are replayed beside them.
        machines: that may make replays.
        tell: says what a reader must know.
        kept: replays that were finished before; None for none.
        look: is shown what each setting came to.
    """
    cases, chosen = Cases(), policies_named([BASELINE, *names, STATIC])
    beside = tuple(name for name in (BASELINE, STATIC) if name not in names)
    tasks = [task for _, asked in settings for task in _tasks(asked, cases.of(asked), chosen, beside)]
    for note in dict.fromkeys(note for _, asked in settings for note in cases.of(asked).notes):
        tell(f"note: {note}")
    done = run_all(cases, tasks, machines, kept)
    documents = []
    for setting, asked in settings:
        case = cases.of(asked)
        replayed, made = _compared(case, {task: one for task, one in done.items() if task.asked == asked}, beside)
        figures = figures_of(setting, case, replayed, made)
        one = as_document(made, names, beside, case=case, figures=figures, asked_for=asked)
        documents.append({"setting": dict(setting), **one, "notes": list(case.notes)})
        look(
            Seen(setting=setting, case=case, replayed=replayed, made=made, figures=figures, beside=beside, document=one)
        )
    whole = documents[0] if len(documents) == 1 and not settings[0][0] else {"sweep": documents}
    whole.pop("setting", None)
    return {**whole, "sha256": result_sha256(whole)}


def _tasks(asked: Asked, case: Case, policies: Mapping[str, Policy], beside: Sequence[str]) -> list[Task]:
    """What is to be replayed; what is only beside is not replayed with perfect forecasts too."""
    perfect = case.told.name == Perfect.name
    return [task for task in tasks_of(asked, case, policies) if task.perfect is perfect or task.policy not in beside]


def _compared(
    case: Case, done: Mapping[Task, Replayed], beside: Sequence[str]
) -> tuple[dict[str, Replayed], Comparison]:
    """The replays of one setting and how they compare; what keeps its saving is known where perfect ones are there."""
    perfectly = case.told.name == Perfect.name
    told_perfectly = {task.policy: one for task, one in done.items() if task.perfect}
    replayed = {task.policy: one for task, one in done.items() if task.perfect is perfectly}
    perfect = {name: told_perfectly.get(name, one) for name, one in replayed.items()}
    made = compare(case.world.table, case.requests, replayed, perfect, BASELINE)
    outcomes = tuple(
        replace(each, kept_pct=None) if each.policy in beside and not perfectly else each for each in made.outcomes
    )
    return replayed, replace(made, outcomes=outcomes)


def result_sha256(document: Mapping[str, object]) -> str:
    """The checksum of what a replay came to: the same files, options and seed give the same, however long it took."""
    return hashlib.sha256(json.dumps(_timeless(document), sort_keys=True).encode()).hexdigest()


def _timeless(value: object) -> object:
    """Plain data without the times that a replay took, and without what is only said of it."""
    if isinstance(value, dict):
        return {name: _timeless(each) for name, each in value.items() if name not in ("wall_s", "notes")}
    return [_timeless(each) for each in value] if isinstance(value, list | tuple) else value


def _with(asked: Asked, varied: Mapping[str, str]) -> Asked:
    """The options with some of them varied."""
    seed = varied.get("seed", str(asked.seed))
    if not seed.isdigit():
        raise InvalidInput(f"the seed {seed!r} is no whole number", hint="write seed=0,1,2")
    together = varied.get("together", str(int(asked.together)))
    if together not in ("0", "1"):
        raise InvalidInput(f"together={together} is neither 0 nor 1", hint="write together=0,1")
    return replace(
        asked,
        seed=int(seed),
        forecasts=varied.get("forecasts", asked.forecasts),
        slack=varied.get("slack", asked.slack),
        home=varied.get("home", asked.home),
        interruptible_from=varied.get("interruptible_from", asked.interruptible_from),
        restart=varied.get("restart", asked.restart),
        shift_to=varied.get("shift_to", asked.shift_to),
        min_saving=varied.get("min_saving", asked.min_saving),
        replan=varied.get("replan", asked.replan),
        together=together == "1",
        horizon=varied.get("horizon", asked.horizon),
        duration_error=varied.get("duration_error", asked.duration_error),
        failures=varied.get("failures", asked.failures),
    )
