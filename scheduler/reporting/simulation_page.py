"""A replay as one HTML page that an operator can decide from, by the means of the reports: no script, no address."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from scheduler.reporting.charts import Figure
from scheduler.reporting.html_page import PAGES
from scheduler.reporting.language import ENGLISH, Language
from scheduler.reporting.naming import basis_name
from scheduler.reporting.simulation_choices import DRAWN, Choice, alike, choices, delay, front, most_saved
from scheduler.reporting.simulation_figures import SettingFigures, Simulation
from scheduler.reporting.simulation_page_charts import against_cost, against_delay
from scheduler.reporting.simulation_part_charts import by_class, by_zone, queue
from scheduler.reporting.simulation_statements import beyond_statement, bound_line, most_statement, side_by_side
from scheduler.reporting.simulation_tables import clusters, emitted, options, served, used
from scheduler.reporting.tables import Table

_MOST_PARTS: Final = 3
"""Settings that are shown closer; the tables hold all."""
_STRIPS: Final = 4
"""Policies whose queue and use are shown under one setting; the JSON holds all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A setting that is shown closer."""

    title: str
    said: str
    figures: tuple[Figure, ...]
    use: Table


def simulation_html(made: Simulation, lang: Language = ENGLISH) -> str:
    """The page of a replay.

    Args:
        made: what is shown.
        lang: its language.
    """
    found = choices(made)
    best, chosen = front(found, delay), most_saved(found)
    cost = against_cost(made, found, lang)
    return PAGES.get_template("simulation.html").render(
        t=lang,
        made=made,
        basis=basis_name(made.basis, lang),
        jobs=_jobs(made, lang),
        warning=_warning(made, lang),
        most=most_statement(made, found, chosen, lang),
        beyond=beyond_statement(made, chosen, lang),
        choice=side_by_side(made, found, chosen, lang),
        bound=bound_line(chosen, lang) if chosen else "",
        overview=[against_delay(made, found, lang), *([cost] if cost else [])],
        emitted=emitted(made, best, lang),
        served=served(made, lang),
        parts=[_part(made, setting, chosen, lang) for setting in _shown(made, best, chosen)],
        notes=[*_left(made, lang), *(lang.quoted(note) for note in made.notes)],
        clusters=clusters(made, lang),
        options=options(made, lang),
    )


def _jobs(made: Simulation, lang: Language) -> str:
    """How much was replayed."""
    gpus = sum(each[2] for each in made.clusters)
    return lang(
        "{jobs} on {clusters} with {gpus} GPUs; forecasts: {forecasts}.",
        jobs=lang.plural("{count} job", "{count} jobs", made.settings[0].jobs),
        clusters=lang.plural("{count} cluster", "{count} clusters", len(made.clusters)),
        gpus=lang.whole(gpus),
        forecasts=", ".join(dict.fromkeys(each.forecasts for each in made.settings)),
    )


def _warning(made: Simulation, lang: Language) -> str:
    """That figures are not of all jobs, of the setting in which they are of the fewest; empty where they are of all."""
    fewest = min(made.settings, key=lambda setting: setting.compared / setting.jobs)
    jobs = fewest.jobs + sum(fewest.left_out.values())
    if fewest.compared == jobs:
        return ""
    return lang(
        "Only {compared} of the {jobs} jobs of the trace are compared: what follows says nothing of the others, which "
        "are counted at the end.",
        compared=lang.whole(fewest.compared),
        jobs=lang.whole(jobs),
    )


def _shown(made: Simulation, best: Sequence[Choice], chosen: Choice | None) -> list[SettingFigures]:
    """The settings to be shown closer, of each its first draw: that of the choice, then others that come to others."""
    if chosen is None:
        return [made.settings[0]]
    shown = [chosen]
    for each in reversed(best):
        new = each.settings[0].varied not in [one.settings[0].varied for one in shown]
        if new and not any(alike(each, one) for one in shown) and each.policy == chosen.policy:
            shown.append(each)
    return [each.settings[0] for each in shown[:_MOST_PARTS]]


def _part(made: Simulation, setting: SettingFigures, chosen: Choice | None, lang: Language) -> Part:
    """One setting, with the classes of jobs that its best policy serves."""
    baseline = next(each for each in setting.policies if each.name == made.baseline)
    others = [each for each in setting.policies if each.name != made.baseline] or [baseline]
    mine = next((each for each in others if chosen is not None and each.name == chosen.policy), None)
    policy = mine or max(others, key=lambda each: each.saving_pct or float("-inf"))
    names = list(dict.fromkeys([made.baseline, made.static, policy.name, *(each.name for each in others)]))[:_STRIPS]
    return Part(
        title=lang("With {setting}", setting=setting.name) if setting.varied else lang("Where, for whom, and how long"),
        said=_said(setting, lang),
        figures=(
            by_zone(setting, lang),
            *((by_class(setting, policy, baseline, lang),) if baseline.classes else ()),
            queue(setting, names, lang),
        ),
        use=used(made, setting, names, lang),
    )


def _said(setting: SettingFigures, lang: Language) -> str:
    """What is summed of a setting, and what nothing goes below there."""
    said = lang(
        "{compared} compared of {jobs} replayed; forecasts: {forecasts}; no placement that keeps every deadline emits "
        "less than {bound}.",
        compared=lang.plural("{count} job", "{count} jobs", setting.compared),
        jobs=lang.whole(setting.jobs),
        forecasts=setting.forecasts,
        bound=lang.kg(setting.bound_kg),
    )
    drawn = ", ".join(f"{name} {value}" for name, value in setting.varied if name in DRAWN)
    one = lang("One draw of several: {drawn}.", drawn=drawn)
    return f"{said} {one}" if drawn else said


def _left(made: Simulation, lang: Language) -> list[str]:
    """The jobs that are in no sum, by why, the same under every policy."""
    found = []
    for setting in made.settings:
        where = f"{setting.name}: " if setting.varied else ""
        for why, count in setting.left_out.items():
            reason = lang.word("left out", why.replace("_", " "))
            found.append(
                where
                + lang.plural("{count} job left out for every policy: {reason}.",
                              "{count} jobs left out for every policy: {reason}.", count, reason=reason)
            )  # fmt: skip
        if setting.compared < setting.jobs:
            found.append(
                where
                + lang.plural(
                    "{count} job replayed and in no sum: under some policy it is through behind the table, or takes "
                    "hours without an intensity.",
                    "{count} jobs replayed and in no sum: under some policy they are through behind the table, or take "
                    "hours without an intensity.",
                    setting.jobs - setting.compared,
                )
            )
    return found
