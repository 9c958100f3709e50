"""The grid's one door: which source gives which hour of a zone, and why the ones before it did not.

A source is never asked for another basis than the one that is wanted, nor for another zone. What a provider said is
kept and read from the store: reading never waits for a network, `freshen` does.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from intensity_sources.chains import Chains
from intensity_sources.registry import Sources
from intensity_sources.static_tables import StaticTables
from scheduler.domain.basis import DEFAULT_BASIS, Basis
from scheduler.domain.errors import CredentialMissing, InvalidInput, NotCovered
from scheduler.domain.instant import to_the_second
from scheduler.domain.intensity import IntensitySeries
from scheduler.execution.clock import SystemClock
from scheduler.execution.freshness import whole_hour
from scheduler.execution.grid_reading import Reader
from scheduler.execution.keeping import Keeper
from scheduler.execution.opened import Opened, file_stamp, with_whole_path
from scheduler.execution.outlooks import HISTORY, Outlooks
from scheduler.execution.references import Reference, one_source, parse_reference
from scheduler.execution.windows import Found, Window
from scheduler.planning.forecasting.deviations import Deviations
from scheduler.planning.forecasting.outlook import Outlook
from scheduler.ports import Clock, IntensitySource, Subject

TABLE: Final = "csv-file"
STATIC: Final = "static-tables"
_HOUR: Final = timedelta(hours=1)
_KNOWS_NONE: Final = "give a table with these zones and hours, or --now inside of it; intensity sources lists the bases"
_LIST_MORE: Final = "carbonsched intensity sources says what each lacks; list static-tables last to fall back on them"


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """Opens sources and asks them for the zones of clusters.

    Args:
        sources: what is installed.
        year: year of the static tables, None for the newest they have.
        chains: the sources by zone that the settings name, None where they name none.
        options: of sources, by source, as the settings say.
        basis: what intensities are to mean.
        secret: finds a credential.
        clock: time.
        keeper: keeps what providers say; None where no provider may be asked.
        outlooks: corrects and carries on what providers forecast; None to take it as it was issued.
    """

    sources: Sources
    year: int | None = None
    chains: Chains | None = None
    options: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    basis: Basis = DEFAULT_BASIS
    secret: Callable[[str], str | None] = field(default=lambda _name: None, repr=False)
    clock: Clock = field(default_factory=SystemClock)
    keeper: Keeper | None = None
    outlooks: Outlooks | None = None
    _opened: Opened = field(default_factory=Opened)

    def reference(self, table: str | None) -> dict[str, str]:
        """What to write down so that the same sources are opened again: a table, the chains, or the yearly tables.

        Raises:
            InvalidInput: there is no such table.
            UnknownName: a chain or an option names a source that is not installed.
        """
        if table:
            path = Path(table).expanduser().absolute()
            if not path.exists():
                raise InvalidInput(f"there is no intensity table {path}", hint="check the path")
            means = {} if self.basis == DEFAULT_BASIS else {"basis": str(self.basis)}
            return one_source(TABLE, {"path": str(path), **means}, self.basis).text()
        year = {"year": str(self.year if self.year is not None else _newest_year(self.basis))}
        if self.chains is None:
            return one_source(STATIC, year, self.basis).text()
        for name in (*self.chains.names(), *self.options):
            self.sources.named(name)
        options = {name: with_whole_path(given) for name, given in self.options.items()}
        options[STATIC] = {**year, **options.get(STATIC, {})}
        return Reference(chains=self.chains, options=options, basis=self.basis).text()

    def freshen(self, reference: Mapping[str, str], zones: Iterable[str], start: datetime, end: datetime) -> None:
        """Ask the providers for what is missing or stale, forecasts too where `end` lies ahead.

        Waits for the network, so it must not be called under the store's lock. A source is asked only for what the
        ones before it lack. What goes wrong is remembered, and told by whoever reads.
        """
        if end <= start:
            return
        said, now = parse_reference(reference), self.clock.now()
        window = Window(start=start, end=end, now=now)
        for zone in dict.fromkeys(zones):
            parts: list[IntensitySeries] = []
            for name in said.chains.of(zone):
                self._ask(said, Subject(source=name, zone=zone, basis=said.basis), window, now)
                parts += self._reader.part(said, name, zone, window)[0]
                if window.unknown_h(parts) <= 0:
                    break

    def observed(
        self,
        reference: Mapping[str, str],
        zones: Iterable[str],
        start: datetime,
        end: datetime,
        known_at: datetime | None = None,
    ) -> Found:
        """What was observed, or estimated since, in ``[start, end)``: what accounts are made from.

        Args:
            reference, zones, start, end: as of `ahead`.
            known_at: leaves out what providers said later; None for all that they said.
        """
        said = parse_reference(reference)
        last = max(min(end, whole_hour(self.clock.now(), up=True)), start + _HOUR)  # no later hour can be missing yet
        return self._reader.found(said, zones, Window(start=start, end=end if said.alone else last, known_at=known_at))

    def kept_as(self, reference: Mapping[str, str], zone: str) -> tuple[Subject, ...]:
        """Under what is kept what the providers of a zone's chain say, in its order."""
        said = parse_reference(reference)
        names = [name for name in said.chains.of(zone) if not self._is_local(name)]
        return tuple(Subject(source=name, zone=zone, basis=said.basis) for name in names)

    def tables(
        self, reference: Mapping[str, str], zone: str, start: datetime, end: datetime
    ) -> tuple[tuple[Subject, IntensitySeries], ...]:
        """What the tables of a zone's chain say now, each under a name that holds its options; one that fails is left.

        Raises:
            InvalidInput: a table is gone, or cannot be read.
        """
        said, found = parse_reference(reference), []
        for name in said.chains.of(zone):
            if self._is_local(name):
                options = json.dumps(self._options(said, name), sort_keys=True)
                with suppress(NotCovered):  # it has no such zone or hour, which whoever reads is told
                    series = self._open(said, name).series(zone, said.basis, start, end)
                    found.append((Subject(source=f"{name} {options}", zone=zone, basis=said.basis), series))
        return tuple(found)

    def unanswered(self, reference: Mapping[str, str], zones: Iterable[str]) -> tuple[str, ...]:
        """Why providers could not be asked of some zones when that was last tried, each reason once."""
        said, reasons = parse_reference(reference), []
        for subject in (subject for zone in zones for subject in self.kept_as(reference, zone)):
            try:
                self._open(said, subject.source)
            except CredentialMissing as exc:
                reasons.append(exc.message)
            else:
                reasons.append("" if self.keeper is None else self.keeper.out_of_reach(subject))
        return tuple(dict.fromkeys(filter(None, reasons)))

    def ahead(
        self,
        reference: Mapping[str, str],
        zones: Iterable[str],
        start: datetime,
        end: datetime,
        now: datetime | None = None,
    ) -> Found:
        """What was observed up to `now` and is forecast from there on; what was said later is not seen.

        Args:
            reference: where from; zones: of what; start: of what is wanted; end: of what is wanted.
            now: the moment of decision, None for the current one.
        """
        moment = self.clock.now() if now is None else now
        window = Window(start=start, end=end, now=moment, known_at=moment if self.is_replay(moment) else None)
        return self._reader.found(parse_reference(reference), zones, window)

    def opened(self, name: str) -> IntensitySource:
        """A source with the options of the settings; asks nobody.

        Raises:
            CredentialMissing: a secret that it needs is not set.
            InvalidInput: one of its options cannot be meant.
        """
        return self._open(Reference(chains=Chains(by_zone={}), options={}, basis=self.basis), name)

    def stamp(self, reference: Mapping[str, str]) -> tuple[str, ...]:
        """What changes when there is something newer to plan on: a file was written, or a provider said more."""
        said = parse_reference(reference)
        files = [text for name in said.names for text in file_stamp(self._options(said, name)).values()]
        keeps = self.keeper is not None and not all(self._is_local(name) for name in said.names)
        return (*files, str(self.keeper.stamp())) if keeps and self.keeper is not None else tuple(files)

    def is_replay(self, now: datetime) -> bool:
        """Whether a moment of decision is so long past that what was said since must not be seen."""
        return self.clock.now() - now > _HOUR

    def outlooks_of(
        self, reference: Mapping[str, str], zones: Iterable[str], now: datetime, end: datetime
    ) -> dict[str, Outlook]:
        """The forecast of each zone that has one, with how it did before; of the first source that makes one."""
        said = parse_reference(reference)
        window = Window(start=now, end=end, now=now, known_at=now if self.is_replay(now) else None)
        found: dict[str, Outlook] = {}
        for zone in dict.fromkeys(zones):
            for name in said.chains.of(zone):
                subject = Subject(source=name, zone=zone, basis=said.basis)
                kept = self.outlooks is not None and not self._is_local(name)
                outlook = self.outlooks.of(subject, window) if kept and self.outlooks is not None else None
                if outlook is not None:
                    found[zone] = outlook
                    break
        return found

    def may_come(
        self, reference: Mapping[str, str], zones: Iterable[str], now: datetime, end: datetime
    ) -> Deviations | None:
        """What may come instead of what is forecast; None where too little is known of past errors."""
        if self.outlooks is None:
            return None
        return self.outlooks.may_come(self.outlooks_of(reference, zones, now, end))

    def to_plan_on(
        self,
        reference: Mapping[str, str],
        zones: Iterable[str],
        start: datetime,
        end: datetime,
        now: datetime | None = None,
        *,
        at_no_price: bool = False,
    ) -> Found:
        """What lies ahead, by zone.

        Args:
            reference, zones, start, end, now: as of `ahead`.
            at_no_price: put a series that knows nothing in its place instead, so that its clusters can be used: for a
                policy that looks at no intensity, and for a job that was accepted while there was one.

        Raises:
            NotCovered: nothing is known of any zone; says why of each source.
        """
        said, names = parse_reference(reference), tuple(dict.fromkeys(zones))
        found = self.ahead(reference, names, start, end, now)
        if at_no_price:
            return Found(series=found.filled(start, end, said.basis), lacking={})
        if not found.series:
            where = f"{', '.join(sorted(names))} from {to_the_second(start)} on"
            who = f"{said.names[0]} has nothing" if said.alone else "nothing is known"
            raise NotCovered(
                f"{who} for {where}: {found.why}", hint=_KNOWS_NONE if self._is_local(said.names[0]) else _LIST_MORE
            )
        return found

    @property
    def _reader(self) -> Reader:
        """Reads what is known, through the sources as they are opened now."""
        return Reader(keeper=self.keeper, outlooks=self.outlooks, opened=self._open)

    def _ask(self, said: Reference, subject: Subject, window: Window, now: datetime) -> None:
        """Ask one provider for one zone, if it is one and its credentials are there."""
        if self.keeper is None or self._is_local(subject.source):
            return
        try:
            source = self._open(said, subject.source)
        except CredentialMissing:
            return  # said by whoever reads
        since, past_too = window.start, window.start < whole_hour(now) or window.end <= now
        if window.end > now:
            self.keeper.freshen_forecast(subject, source)
            forecast = self.keeper.forecast(subject, now, window.end)
            if self.outlooks is not None:
                self.keeper.freshen_issues(subject, source)
                since, past_too = min(since, now - HISTORY), True
            elif forecast is None or forecast.start > max(window.start, now):
                since, past_too = min(since, now - _HOUR), True
        if past_too:
            self.keeper.freshen_history(subject, source, since, min(window.end, now))

    def _is_local(self, name: str) -> bool:
        """Whether the source asks nobody, so that nothing of it is kept."""
        return self.sources.named(name).card.local

    def _open(self, said: Reference, name: str) -> IntensitySource:
        """The source, connected again where its file or its options have changed."""
        options = self._options(said, name)
        return self._opened.source(self.sources, name, options, secret=self.secret, clock=self.clock)

    def _options(self, said: Reference, name: str) -> dict[str, str]:
        """The options of a source: those of the settings, under those that were written down."""
        return {**self.options.get(name, {}), **said.options.get(name, {})}


@functools.cache
def _newest_year(basis: Basis) -> int:
    """The newest year that the static tables have on a basis, or on any where they lack it; they never change."""
    rows = StaticTables().rows()
    years = [row.year for row in rows if row.basis == basis]
    return max(years or [row.year for row in rows])
