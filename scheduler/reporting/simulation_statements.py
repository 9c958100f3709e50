"""The head of a replay's page: who saves most, what of it is no mere choice of region, and what users pay."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from scheduler.reporting.html_statements import Statement
from scheduler.reporting.language import Language
from scheduler.reporting.simulation_choices import Choice, beside
from scheduler.reporting.simulation_figures import Simulation
from scheduler.reporting.simulation_figures_text import column, hours, hours_more, percent, points_more
from scheduler.reporting.tables import Table, table

_ALIKE: Final = 1e-9
"""Masses that differ by less are the same schedule, summed in another order. [-]"""


def most_statement(made: Simulation, found: Sequence[Choice], best: Choice | None, lang: Language) -> Statement:
    """The choice that saves most, or that none does."""
    if best is None:
        return Statement(
            kind=lang("Most saved"),
            headline=lang("Nothing was compared"),
            lines=(lang("No job was completed under every policy with every hour priced."),),
        )
    if (best.saving_pct or 0.0) <= 0:
        return Statement(
            kind=lang("Most saved"),
            headline=lang("Nothing saves"),
            lines=(lang("None of these policies emits less than {baseline}.", baseline=made.baseline),),
        )
    now = beside(found, best, made.baseline) or best
    return Statement(
        kind=lang("Most saved: {name}", name=best.name),
        headline=lang("{percent} %", percent=percent(best.saving_pct, lang)),
        unit=lang("less than {baseline}", baseline=made.baseline),
        lines=(
            lang("{mass} where {baseline} emits {now}.", mass=lang.kg(best.kg), baseline=made.baseline,
                 now=lang.kg(now.kg)),
            _over_draws(best, lang),
        ),
    )  # fmt: skip


def beyond_statement(made: Simulation, best: Choice | None, lang: Language) -> Statement:
    """What the best saves beyond choosing a region alone, which is what waiting and suspending are worth."""
    kind = lang("Beyond choosing a region alone")
    if best is None or not best.beyond_pct:
        return Statement(kind=kind, headline=lang("Not known"), lines=(lang("There is nothing to compare."),))
    beyond = best.beyond_pct
    static = lang(
        "{static}, which starts at once where the forecast is lowest, saves {saving} %.",
        static=made.static, saving=percent((best.saving_pct or 0.0) - sum(beyond) / len(beyond), lang),
    )  # fmt: skip
    if best.policy in (made.static, made.baseline):
        return Statement(
            kind=kind, headline=lang("Nothing saves more"),
            lines=(static, lang("Waiting and suspending are worth nothing here.")),
        )  # fmt: skip
    return Statement(
        kind=kind,
        headline=points_more(sum(beyond) / len(beyond), lang),
        unit=lang("points"),
        lines=(static, _price(made, best, lang), *_told_apart(beyond, lang)),
    )


def side_by_side(made: Simulation, found: Sequence[Choice], best: Choice | None, lang: Language) -> Table | None:
    """What is now, choosing a region alone, and the best, under the same settings; None where nothing was compared."""
    if best is None:
        return None
    names = dict.fromkeys([made.baseline, made.static, best.policy])
    rows = [each for name in names if (each := beside(found, best, name)) is not None]
    kg, missed = column([each.kg for each in rows], lang), [_count(each.missed, lang) for each in rows]
    costs = column([each.cost for each in rows], lang)
    priced = any(each.cost is not None for each in rows)
    shown = [
        (each.policy, kg[n], percent(each.saving_pct, lang), hours(each.wait_h, lang), missed[n],
         *([costs[n]] if priced else []))
        for n, each in enumerate(rows)
    ]  # fmt: skip
    heads = [lang("kg CO2e"), lang("saved [%]"), lang("mean wait [h]"), lang("deadlines missed")]
    return table(lang("Side by side"), [lang("policy")], [*heads, *([lang("cost")] if priced else [])], shown)


def bound_line(best: Choice, lang: Language) -> str:
    """What nothing goes below, and whether the best does since it is late."""
    said = lang(
        "No placement of these jobs that keeps every deadline emits less than {bound}: certified, and not always "
        "within reach.",
        bound=lang.kg(best.bound_kg),
    )
    if not best.missed or best.kg > best.bound_kg * (1 - _ALIKE):
        return said
    late = lang("{policy} is below it, for it misses deadlines.", policy=best.policy)
    return f"{said} {late}"


def _over_draws(best: Choice, lang: Language) -> str:
    """How far chance decides, as far as that is known."""
    if len(best.draws) == 1:
        return lang("One draw: how far chance decides is not known; --sweep seed=0,1,2,3,4 tells it.")
    return lang(
        "Mean of {count} draws, which lie between {low} and {high} %.", count=lang.whole(len(best.draws)),
        low=percent(min(best.savings_pct), lang), high=percent(max(best.savings_pct), lang),
    )  # fmt: skip


def _price(made: Simulation, best: Choice, lang: Language) -> str:
    """What users pay for what is saved beyond a region, in waiting and missed deadlines."""
    count = len(best.statics)
    wait_h = sum(each.wait_h or 0.0 for each in best.statics) / count
    return lang(
        "For it the mean wait differs by {wait} h; deadlines missed: {mine}, where {static} misses {theirs}.",
        wait=hours_more((best.wait_h or 0.0) - wait_h, lang), mine=_count(best.missed, lang), static=made.static,
        theirs=_count(sum(each.missed for each in best.statics) / count, lang),
    )  # fmt: skip


def _told_apart(beyond: Sequence[float], lang: Language) -> tuple[str, ...]:
    """Whether what is saved beyond a region can be told from nothing, where there is more than one draw."""
    if len(beyond) == 1:
        return ()
    low, high, count = points_more(min(beyond), lang), points_more(max(beyond), lang), lang.whole(len(beyond))
    if min(beyond) > 0 or max(beyond) < 0:
        said = lang("Between {low} and {high} points in the {count} draws: of one sign in all.",
                    low=low, high=high, count=count)  # fmt: skip
    else:
        said = lang("Between {low} and {high} points in the {count} draws: not to be told from nothing.",
                    low=low, high=high, count=count)  # fmt: skip
    return (said,)


def _count(value: float, lang: Language) -> str:
    """A count, with a decimal where it is a mean of draws."""
    return lang.whole(value) if value == int(value) else lang.number(value)
