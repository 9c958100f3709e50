"""A replay as one HTML page that an operator can decide from, by the means of the reports: no script, no address."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from scheduler.reporting.charts import Figure
from scheduler.reporting.html_page import PAGES
from scheduler.reporting.html_statements import Statement
from scheduler.reporting.language import ENGLISH
from scheduler.reporting.simulation_figures import Point, PolicyFigures, SettingFigures, Simulation, front, points
from scheduler.reporting.simulation_page_charts import against_cost, against_delay, by_class, by_zone, queue
from scheduler.reporting.tables import Table, table

_MOST_PARTS: Final = 3
"""Settings that are shown closer; the tables hold all."""
_NOTES: Final = (
    "Every figure is modelled: the jobs were not run. Durations are those of the trace, intensities those observed.",
    (
        "Savings are counted from run-now, where a job starts at home as soon as its GPUs are free, as ratios of sums "
        "over the jobs that every policy completed with every hour priced."
    ),
    (
        "lowest-carbon-region is always beside: it starts at once where the forecast is lowest, and what a policy "
        "saves beyond it is what waiting and suspending are worth."
    ),
    (
        "kept is the share of the saving with perfect forecasts that is left with the forecasts there were; a dash "
        "where there is hardly anything to keep."
    ),
    (
        "The bound is what no placement of these jobs that keeps every deadline emits less than: each job alone, on "
        "its cheapest hours and clusters, stopped and moved for free. A policy that misses deadlines may go below it."
    ),
    "The cost is GPU-hours at price_gpu_h of the cluster files; a dash where a cluster that was used states none.",
    "Utilisation is GPU-hours occupied or held of those that there were, from the first submission to the last end.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A setting that is shown closer."""

    title: str
    said: str
    figures: tuple[Figure, ...]


def simulation_html(made: Simulation) -> str:
    """The page of a replay."""
    found = points(made)
    best = front(found)
    cost = against_cost(found)
    return PAGES.get_template("simulation.html").render(
        t=ENGLISH,
        made=made,
        best=_best(made, best),
        static=_static(made),
        overview=[against_delay(found), *([cost] if cost else [])],
        everything=_everything(found, best),
        service=_service(found),
        parts=[_part(made, setting, best) for setting in _shown(made, best)],
        notes=[*_NOTES, *made.notes],
        clusters=_clusters(made),
    )


def _best(made: Simulation, best: Sequence[Point]) -> Statement:
    """The policy that saves the most."""
    if not best:
        return Statement(kind="Most saved", headline="nothing was compared")
    setting, each = best[-1]
    where = f" with {setting}" if setting else ""
    return Statement(
        kind=f"Most saved: {each.name}{where}",
        headline=f"{ENGLISH.number(each.saving_pct or 0.0)}",
        unit="% of run-now",
        lines=(
            f"{ENGLISH.kg(each.kg)}; {_text(each.saving_operational_pct)} % of electricity alone.",
            _delay(each),
            f"No placement that keeps every deadline emits less than {ENGLISH.kg(_of(made, setting).bound_kg)}.",
        ),
    )


def _static(made: Simulation) -> Statement:
    """The baseline that only chooses a region, under the first setting."""
    each = next((each for each in made.settings[0].policies if each.name == made.static), None)
    if each is None:
        return Statement(kind=made.static, headline="it was not replayed")
    return Statement(
        kind=f"Choosing a region alone: {each.name}",
        headline=f"{_text(each.saving_pct)}",
        unit="% of run-now",
        lines=(f"{ENGLISH.kg(each.kg)}, starting at once.", _delay(each)),
    )


def _delay(each: PolicyFigures) -> str:
    """What users pay in waiting."""
    missed = ENGLISH.plural("{count} deadline missed", "{count} deadlines missed", each.missed)
    return f"A job waits {_text(each.wait_h)} h on average; {missed}."


def _of(made: Simulation, name: str) -> SettingFigures:
    """The setting of that name."""
    return next(setting for setting in made.settings if setting.name == name)


def _shown(made: Simulation, best: Sequence[Point]) -> list[SettingFigures]:
    """The settings to be shown closer: those that save most, first."""
    names = list(dict.fromkeys([name for name, _ in reversed(best)])) or [made.settings[0].name]
    return [_of(made, name) for name in names[:_MOST_PARTS]]


def _part(made: Simulation, setting: SettingFigures, best: Sequence[Point]) -> Part:
    """One setting, with the class of jobs that its best policy serves."""
    others = [each for each in setting.policies if each.name != made.baseline]
    baseline = next(each for each in setting.policies if each.name == made.baseline)
    chosen = max(others or [baseline], key=lambda each: each.saving_pct or float("-inf"))
    classes = (by_class(setting, chosen, baseline),) if baseline.classes else ()
    names = [made.baseline, chosen.name, made.static, *(each.name for _, each in best)]
    return Part(
        title=f"With {setting.name}" if setting.name else "Where, for whom, and how long",
        said=(
            f"{ENGLISH.whole(setting.compared)} jobs compared, {ENGLISH.whole(setting.left_out)} left out for every "
            f"policy; forecasts: {setting.forecasts}; at least {ENGLISH.kg(setting.bound_kg)} whatever is done."
        ),
        figures=(by_zone(setting), *classes, queue(setting, list(dict.fromkeys(names)))),
    )


def _everything(found: Sequence[Point], best: Sequence[Point]) -> Table:
    """What each emits and costs."""
    several = any(setting for setting, _ in found)
    shown = [
        (
            each.name, *([setting] if several else []), "yes" if (setting, each) in best else "",
            ENGLISH.number(each.kg, 4), _text(each.saving_pct), _text(each.saving_operational_pct),
            _text(each.kept_pct), _text(each.cost, 4), ENGLISH.whole(each.gpu_hours),
        )
        for setting, each in found
    ]  # fmt: skip
    words = ["policy", *(["setting"] if several else []), "on the front"]
    heads = ["kg CO2e", "saved [%]", "of electricity [%]", "kept [%]", "cost", "GPU-h"]
    return table("Emissions and cost", words, heads, shown)


def _service(found: Sequence[Point]) -> Table:
    """What users pay in waiting, and how the clusters are used."""
    several = any(setting for setting, _ in found)
    shown = [
        (
            each.name, *([setting] if several else []), _text(each.wait_h), _text(each.start_delay_h),
            ENGLISH.whole(each.missed), ENGLISH.whole(each.late), ENGLISH.whole(each.suspends),
            _text(each.utilisation_pct),
        )
        for setting, each in found
    ]  # fmt: skip
    words = ["policy", *(["setting"] if several else [])]
    heads = ["wait [h]", "start delay [h]", "missed", "late at admission", "suspends", "utilisation [%]"]
    return table("Waiting and use", words, heads, shown)


def _clusters(made: Simulation) -> Table:
    """What the jobs were replayed on."""
    shown = [
        (name, zone, "declared, not there" if simulated else "there", ENGLISH.whole(gpus))
        for name, zone, gpus, simulated in made.clusters
    ]
    return table("Clusters", ["cluster", "zone", "hardware"], ["GPUs"], shown)


def _text(value: float | None, digits: int = 3) -> str:
    """A number, a dash where there is none."""
    return "–" if value is None else ENGLISH.number(value, digits)
