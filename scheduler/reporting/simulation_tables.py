"""The tables of a replay's page: what each policy emits, costs and makes users wait, and what it was replayed on."""

from __future__ import annotations

from collections.abc import Sequence

from scheduler.reporting.language import Language
from scheduler.reporting.simulation_choices import Choice
from scheduler.reporting.simulation_figures import PolicyFigures, SettingFigures, Simulation
from scheduler.reporting.simulation_figures_text import DASH, column, hours, percent
from scheduler.reporting.tables import Table, table


def emitted(made: Simulation, best: Sequence[Choice], lang: Language) -> Table:
    """What each emits and costs."""
    rows, first = _rows(made), _heads(made, lang)
    kg, costs = column([each.kg for _, each in rows], lang), column([each.cost for _, each in rows], lang)
    on_front = {id(each) for choice in best for each in choice.draws}
    shown = [
        (
            *_names(made, setting, each), lang("yes") if id(each) in on_front else lang("no"), kg[n],
            percent(each.saving_pct, lang), percent(each.saving_operational_pct, lang), percent(each.kept_pct, lang),
            costs[n], lang.whole(each.gpu_hours),
        )
        for n, (setting, each) in enumerate(rows)
    ]  # fmt: skip
    heads = [
        lang("kg CO2e"), lang("saved [%]"), lang("saved in operation [%]"), lang("kept [%]"), lang("cost"),
        "GPU\u2011h",  # the hyphen at which no line ends
    ]  # fmt: skip
    return table(lang("Emissions and cost"), [*first, lang("on the front")], heads, shown)


def served(made: Simulation, lang: Language) -> Table:
    """What users pay in waiting, and how the clusters are used."""
    shown = [
        (
            *_names(made, setting, each), hours(each.wait_h, lang), hours(each.start_delay_h, lang),
            lang.whole(each.missed), lang.whole(each.late), lang.whole(each.suspends),
            percent(each.utilisation_pct, lang),
        )
        for setting, each in _rows(made)
    ]  # fmt: skip
    heads = [
        lang("wait [h]"), lang("start delay [h]"), lang("deadlines missed"), lang("late at admission"),
        lang("suspends"), lang("utilisation [%]"),
    ]  # fmt: skip
    return table(lang("Waiting and use"), _heads(made, lang), heads, shown)


def used(made: Simulation, setting: SettingFigures, names: Sequence[str], lang: Language) -> Table:
    """How much of each cluster some policies use."""
    chosen = [each for name in names if (each := setting.policy(name)) is not None]
    shown = [
        (name, zone, lang.whole(gpus), *(percent(each.clusters[name].utilisation_pct, lang) for each in chosen))
        for name, zone, gpus, _, _ in made.clusters
    ]
    heads = [lang("GPUs"), *(f"{each.name} [%]" for each in chosen)]
    return table(
        lang("GPU-hours occupied or held, of those that there were"), [lang("cluster"), lang("zone")], heads, shown
    )


def clusters(made: Simulation, lang: Language) -> Table:
    """What the jobs were replayed on."""
    prices = [DASH if price is None else lang.number(price) for _, _, _, price, _ in made.clusters]
    shown = [
        (name, zone, lang("simulated") if simulated else lang("as declared"), lang.whole(gpus), prices[n])
        for n, (name, zone, gpus, _, simulated) in enumerate(made.clusters)
    ]
    return table(
        lang("Clusters"), [lang("cluster"), lang("zone"), lang("hardware")], [lang("GPUs"), "price_gpu_h"], shown
    )


def options(made: Simulation, lang: Language) -> Table:
    """With what it was replayed, as the command line has it."""
    return table(
        lang("Options"), [lang("option"), lang("value")], [], [(name, value or DASH) for name, value in made.options]
    )


def _rows(made: Simulation) -> list[tuple[SettingFigures, PolicyFigures]]:
    """Every policy under every setting."""
    return [(setting, each) for setting in made.settings for each in setting.policies]


def _heads(made: Simulation, lang: Language) -> list[str]:
    """The heads of the columns that name a row."""
    return [lang("policy"), *([lang("setting")] if len(made.settings) > 1 else [])]


def _names(made: Simulation, setting: SettingFigures, each: PolicyFigures) -> tuple[str, ...]:
    """What names a row."""
    return (each.name, *([setting.name] if len(made.settings) > 1 else []))
