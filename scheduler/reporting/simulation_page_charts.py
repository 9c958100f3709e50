"""The drawings of a replay's page over all settings: carbon against delay, and against cost."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from scheduler.reporting.charts import ACCENT, MUTED, WARM, Figure, figure
from scheduler.reporting.language import Language
from scheduler.reporting.simulation_choices import Choice, alike, cost, delay, front
from scheduler.reporting.simulation_figures import Simulation
from scheduler.reporting.simulation_figures_text import column, hours, percent
from scheduler.reporting.simulation_scatter import Spot, scatter
from scheduler.reporting.tables import table

_APART: Final = 90
"""So many places there are on an axis: points of one place are one, with all their names. [-]"""
_SAID: Final = 4
"""More of a front are not told one by one above the drawing; the table under it holds all."""


def against_delay(made: Simulation, found: Sequence[Choice], lang: Language) -> Figure:
    """Saving against mean wait, a point a policy and setting, the front as a line."""
    best = front(found, delay)
    known = [each for each in found if each.wait_h is not None and each.saving_pct is not None]
    said = [
        lang("{name} saves {saving} % and waits {wait} h", name=each.name, saving=percent(each.saving_pct, lang),
             wait=hours(each.wait_h, lang))
        for n, each in enumerate(best)
        if not any(alike(each, other) for other in best[:n])
    ]  # fmt: skip
    rows = [
        (each.name, _yes(each in best, lang), hours(each.wait_h, lang), percent(each.saving_pct, lang))
        for each in found
    ]
    return figure(
        lang("Carbon against delay"),
        _told(said, lang),
        lambda width_px: scatter(
            width_px,
            _spots(made, known, best, delay),
            lang("mean wait [h]"),
            lang("less than {baseline} [%]", baseline=made.baseline),
        ),
        table(
            lang("Saving and delay"),
            [lang("policy"), lang("on the front")],
            [lang("wait [h]"), lang("saved [%]")],
            rows,
        ),
        lang,
    )


def against_cost(made: Simulation, found: Sequence[Choice], lang: Language) -> Figure | None:
    """Saving against cost; None where no price is known of any policy."""
    known = [each for each in found if each.cost is not None and each.saving_pct is not None]
    if not known:
        return None
    best = front(known, cost)
    costs = column([each.cost for each in known], lang)
    cheapest = min(range(len(known)), key=lambda n: known[n].cost or 0.0)
    rows = [
        (each.name, _yes(each in best, lang), costs[n], percent(each.saving_pct, lang)) for n, each in enumerate(known)
    ]
    return figure(
        lang("Carbon against cost"),
        lang("{name} costs least, {cost}: GPU-hours at price_gpu_h of the cluster files, in whatever money they are.",
             name=known[cheapest].name, cost=costs[cheapest]),
        lambda width_px: scatter(
            width_px, _spots(made, known, best, cost), lang("cost [price_gpu_h × GPU-h]"),
            lang("less than {baseline} [%]", baseline=made.baseline),
        ),
        table(lang("Saving and cost"), [lang("policy"), lang("on the front")], [lang("cost"), lang("saved [%]")], rows),
        lang,
    )  # fmt: skip


def _told(said: Sequence[str], lang: Language) -> str:
    """What is on a front, in a sentence."""
    if not said:
        return lang("Nothing was compared.")
    if len(said) > _SAID:
        return lang(
            "The line joins {count} choices that nothing beats in both, from: {first}; to: {last}.",
            count=lang.whole(len(said)), first=said[0], last=said[-1],
        )  # fmt: skip
    return lang("Nothing beats these in both: {choices}.", choices=lang("; ").join(said))


def _spots(
    made: Simulation, known: Sequence[Choice], best: Sequence[Choice], pays: Callable[[Choice], float | None]
) -> list[Spot]:
    """The points: each place is named once, what is on the front first, then what is always beside."""
    spots: list[Spot] = []
    named: dict[tuple[int, int], list[Choice]] = {}
    across, up = [pays(each) or 0.0 for each in known], [each.saving_pct or 0.0 for each in known]
    wide, high = _span(across), _span(up)
    for each, x, y in zip(known, across, up, strict=True):
        named.setdefault((round(_APART * x / wide), round(_APART * y / high)), []).append(each)
    for here in named.values():
        first = min(here, key=lambda each: (each not in best, each.policy in (made.baseline, made.static)))
        policies = ", ".join(dict.fromkeys(each.policy for each in here))
        savings = first.savings_pct
        spots.append(
            Spot(
                x=pays(first) or 0.0,
                y=first.saving_pct or 0.0,
                low=min(savings),
                high=max(savings),
                label=(first.name, first.policy) if len(here) == 1 else (policies, first.policy),
                tone=_tone(made, here, best),
                line=f"front {first.circumstances}" if any(each in best for each in here) else "",
                rank=_rank(made, here, best),
            )
        )
    return spots


def _span(values: Sequence[float]) -> float:
    """From the least to the greatest, 0 among them; 1 where all are 0."""
    return (max([0.0, *values]) - min([0.0, *values])) or 1.0


def _tone(made: Simulation, here: Sequence[Choice], best: Sequence[Choice]) -> str:
    """The colour of a place: what is always beside, what is on the front, anything else."""
    if any(each.policy in (made.baseline, made.static) for each in here):
        return WARM
    return ACCENT if any(each in best for each in here) else MUTED


def _rank(made: Simulation, here: Sequence[Choice], best: Sequence[Choice]) -> int:
    """Who is named first."""
    if any(each in best for each in here):
        return 0
    return 1 if any(each.policy in (made.baseline, made.static) for each in here) else 2


def _yes(on_it: bool, lang: Language) -> str:  # noqa: FBT001  # a cell that says yes or no
    """Whether a choice is on the front."""
    return lang("yes") if on_it else lang("no")
