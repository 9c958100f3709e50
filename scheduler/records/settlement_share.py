"""How much of a job's emissions rests on provisional intensities: by its own hours, weighed by what it drew in each."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

from scheduler.domain.intensity import IntensitySeries
from scheduler.records.settlement import Span, Standing

Priced = Callable[[Mapping[str, IntensitySeries]], float]
"""The operational emissions of the same run on other intensities. [kg]"""


def provisional_share(
    standings: Mapping[str, Standing], zones: Collection[str], span: Span, operational_kg: float, priced: Priced
) -> tuple[float, bool]:
    """The share that is provisional [-], and whether all of it is final.

    Args:
        standings: zone -> how firm its intensity is; one that is not there is provisional.
        zones: where it ran; span: from its first instant to its last.
        operational_kg: what it emitted but for embodied. [kg]
        priced: the same on other intensities.

    Notes:
        Operational emissions are linear in the intensity: with every interval that is not settled at 0 what is left
        is the settled part, and share = 1 - settled / all. Embodied emissions need no intensity and dilute nothing.
    """
    firm = {standings[zone].within(*span) if zone in standings else "provisional" for zone in zones}
    if firm <= {"settled", "final"}:
        return 0.0, firm == {"final"}
    if firm == {"provisional"} or operational_kg <= 0:
        return 1.0, False
    settled_kg = priced({zone: each.only(each.settled, *span) for zone, each in standings.items()})
    return min(1.0, max(0.0, 1 - settled_kg / operational_kg)), False
