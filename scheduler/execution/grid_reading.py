"""What the sources of a zone's chain know of a window, in their order, and why those before did not.

Reads only: what a provider said comes from what was kept of it, and nobody is asked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from scheduler.domain.errors import CredentialMissing, NotCovered
from scheduler.domain.intensity import IntensitySeries
from scheduler.domain.joining import joined, within
from scheduler.execution.keeping import Keeper
from scheduler.execution.outlooks import Outlooks
from scheduler.execution.references import Reference
from scheduler.execution.windows import Found, Window
from scheduler.ports import ForecastSource, IntensitySource, Subject


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """Reads the chains of zones.

    Args:
        keeper: keeps what providers said; None where no provider may be asked.
        outlooks: corrects and carries on what providers forecast; None to take it as it was issued.
        opened: a source by its name, with what was written down of it; raises `CredentialMissing`.
    """

    keeper: Keeper | None
    outlooks: Outlooks | None
    opened: Callable[[Reference, str], IntensitySource]

    def found(self, said: Reference, zones: Iterable[str], window: Window) -> Found:
        """What the chain of each zone knows."""
        series, lacking = {}, {}
        for zone in dict.fromkeys(zones):
            found = self._of_zone(said, zone, window)
            if isinstance(found, str):
                lacking[zone] = found
            else:
                series[zone] = found
        return Found(series=series, lacking=lacking)

    def _of_zone(self, said: Reference, zone: str, window: Window) -> IntensitySeries | str:
        """What the chain of a zone knows, else why it knows nothing."""
        parts: list[IntensitySeries] = []
        missed: list[str] = []
        notes: list[str] = []
        left_h = window.hours_h
        for name in said.chains.of(zone):
            before_h = left_h
            found, why = self.part(said, name, zone, window)
            parts += found
            left_h = window.unknown_h(parts)
            if missed and left_h < before_h:
                all_of_it = before_h - left_h >= window.hours_h
                share = "" if all_of_it else f" for {before_h - left_h:.4g} of {window.hours_h:.4g} h"
                notes.append(f"{name} stands in{share}, because {'; '.join(missed)}")
            elif why and found:
                notes.append(f"what {name} has is used, although {why}")
            if left_h <= 0:
                break
            then = " that was known then" if window.known_at and window.now else ""
            missed.append(why or f"{name} has nothing for {left_h:.4g} of {window.hours_h:.4g} h{then}")
        if not parts:
            return "; ".join(missed) or "no source is named for it"
        if left_h > 0 and not said.alone:
            notes.append(f"{left_h:.4g} of {window.hours_h:.4g} h are unknown: {'; '.join(missed)}")
        whole = parts[0] if len(parts) == 1 else within(joined(parts), window.start, window.end) or parts[0]
        return replace(whole, notes=(*notes, *whole.notes)) if notes else whole

    def part(self, said: Reference, name: str, zone: str, window: Window) -> tuple[list[IntensitySeries], str]:
        """What one source knows, by rank, and what stands in its way."""
        subject = Subject(source=name, zone=zone, basis=said.basis)
        try:
            source = self.opened(said, name)
            if source.card.local:
                return [source.series(zone, said.basis, window.start, window.end)], ""
        except NotCovered as exc:
            return [], exc.message
        except CredentialMissing as exc:  # what it said while it had its key is still there
            return [] if self.keeper is None else self._kept(self.keeper, subject, window), exc.message
        if self.keeper is None:
            return [], f"{name} is not asked here"
        found = self._kept(self.keeper, subject, window)
        forecasts = window.looks_ahead and isinstance(source, ForecastSource)
        trouble = self.keeper.trouble(subject, "forecast") if forecasts else ""
        if not trouble and (not forecasts or window.lacks_past(found)):
            trouble = self.keeper.trouble(subject, "history")
        return found, trouble

    def _kept(self, keeper: Keeper, subject: Subject, window: Window) -> list[IntensitySeries]:
        """What was kept of a provider: the past, its forecast, and ours where that ends."""
        first, last = window.past
        past = keeper.history(subject, first, last, window.known_at) if first < last else None
        if window.now is None or window.end <= window.now:
            return [past] if past is not None else []
        outlook = None if self.outlooks is None else self.outlooks.of(subject, window)
        ahead = outlook.series if outlook is not None else keeper.forecast(subject, window.now, window.end)
        return [part for part in (past, ahead) if part is not None]
