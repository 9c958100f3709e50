"""`carbonsched intensity sources`: which sources there are, what each gives and needs, and whether it answers.

Only sources that the settings name are asked, each once and for a few seconds at most, because a question may count
against a plan; without a key and without a network the list is the same, and says what is missing.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final, Literal

from scheduler.domain.errors import CarbonschedError, NotCovered

if TYPE_CHECKING:
    from cli.settings import Settings
    from scheduler.domain.basis import Basis
    from scheduler.execution.grid import Grid
    from scheduler.ports import IntensitySource, SourceCard

State = Literal["ready", "answers", "not asked", "key missing", "not set up", "no answer"]

WAIT_S: Final = 10.0
"""How long the sources are waited for, all at once. [s]"""
_LOOK: Final = timedelta(hours=3)
"""How much of the past a source is asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """One source as it is shown.

    Args:
        used_for: zones whose chain names it, with its place there; empty where none does.
        state: how it stands; detail: in words.
        credentials: what it needs, and whether that is set.
    """

    name: str
    card: SourceCard
    used_for: tuple[str, ...]
    state: State
    detail: str
    credentials: tuple[tuple[str, bool], ...]


def listed(values: Settings, *, probe_all: bool) -> list[Listed]:
    """Every installed source; those that the settings name, or all, are asked once."""
    from cli import wiring
    from intensity_sources.chains import DEFAULT
    from scheduler.execution.grid import STATIC, TABLE

    grid, table = wiring.grid(values), values.text("intensity_table")
    if table:  # it stands over every list
        grid = replace(grid, options={**grid.options, TABLE: {"path": table}})
    only = {DEFAULT: (TABLE if table else STATIC,)}
    chains = only if table or grid.chains is None else grid.chains.by_zone
    used: dict[str, list[str]] = {}
    for zone, chain in chains.items():
        for place, name in enumerate(chain, start=1):
            what = "every zone without a list of its own" if zone == DEFAULT and len(chains) > 1 else zone
            used.setdefault(name, []).append(f"{'every zone' if what == DEFAULT else what} ({place} of {len(chain)})")
    found = {
        name: _looked_at(grid, name, used.get(name, ()), ask=probe_all or name in used)
        for name in grid.sources.factories
    }
    answers = _asked({name: each for name, each in found.items() if not isinstance(each, Listed)})
    return [each if isinstance(each, Listed) else answers[name] for name, each in sorted(found.items())]


@dataclass(frozen=True, slots=True, kw_only=True)
class _ToAsk:
    """A source that is ready to be asked."""

    listed: Listed
    source: IntensitySource
    zones: tuple[str, ...]
    basis: Basis


def _looked_at(grid: Grid, name: str, used_for: Sequence[str], *, ask: bool) -> Listed | _ToAsk:
    """What can be told without asking, or what is to be asked."""
    factory = grid.sources.factories[name]
    card = factory.card

    def said(state: State, detail: str) -> Listed:
        """The source in a state."""
        return Listed(
            name=name, card=card, used_for=tuple(used_for), state=state, detail=detail, credentials=credentials
        )

    credentials: tuple[tuple[str, bool], ...] = ()
    try:
        credentials = tuple((each, bool((grid.secret(each) or "").strip())) for each in card.credentials)
        missing = [each for each, is_set in credentials if not is_set]
        if missing:
            return said("key missing", f"{', '.join(missing)} not set")
        source = grid.opened(name)
    except CarbonschedError as exc:
        return said("not set up", exc.message + (f" ({exc.hint})" if exc.hint else ""))
    if card.local:
        count = len(source.zones())
        return said("ready", f"{count} zone{'' if count == 1 else 's'}, on this machine")
    if not ask:
        return said("not asked", "no setting names it; --probe asks it")
    basis = grid.basis if grid.basis in card.bases else card.bases[0]
    return _ToAsk(listed=said("no answer", ""), source=source, zones=_zones(), basis=basis)


def _asked(sources: dict[str, _ToAsk]) -> dict[str, Listed]:
    """What became of asking each, all at once and no longer than `WAIT_S`."""
    from cli import wiring

    now = wiring.now()
    answers: queue.SimpleQueue[tuple[str, State, str]] = queue.SimpleQueue()

    def ask(name: str, each: _ToAsk) -> None:
        """Ask one source for the last hours of a zone that it may have."""
        try:
            zones = tuple(each.source.zones())
            zone = next((zone for zone in each.zones if zone in zones), zones[0] if zones else "")
            found = each.source.series(zone, each.basis, now - _LOOK, now)
            answers.put((name, "answers", f"{found.zone}, {found.kind} up to {found.end:%Y-%m-%d %H:%M}Z"))
        except NotCovered as exc:
            answers.put((name, "answers", exc.message))
        except CarbonschedError as exc:
            answers.put((name, "no answer", exc.message))

    for name, each in sources.items():
        # Daemons: a provider that hangs must not keep the command from its end.
        threading.Thread(target=ask, args=(name, each), daemon=True).start()
    told: dict[str, tuple[State, str]] = {}
    until_s = _left_of(WAIT_S)
    while len(told) < len(sources) and (left_s := until_s()) > 0:
        try:
            name, state, detail = answers.get(timeout=left_s)
        except queue.Empty:
            break
        told[name] = (state, detail)
    silent: tuple[State, str] = ("no answer", f"not within {WAIT_S:.0f} s")
    return {
        name: replace(each.listed, state=told.get(name, silent)[0], detail=told.get(name, silent)[1])
        for name, each in sources.items()
    }


def as_json(sources: Sequence[Listed]) -> dict[str, object]:
    """The sources for machines; of a credential its name, and whether it is set."""
    return {
        "sources": [
            {
                "source": each.name,
                "title": each.card.title,
                "used_for": list(each.used_for),
                "state": each.state,
                "detail": each.detail,
                "bases": [str(basis) for basis in each.card.bases],
                "forecasts": each.card.forecasts,
                "credentials": [{"name": name, "set": is_set} for name, is_set in each.credentials],
                "limits": each.card.limits,
                "licence": each.card.licence,
                "attribution": each.card.attribution,
                "url": each.card.url,
            }
            for each in sources
        ]
    }


def as_text(sources: Sequence[Listed]) -> str:
    """A table of how they stand, then what each gives."""
    from cli.console import table

    rows = [
        (each.name, each.state, "yes" if each.card.forecasts else "no", "; ".join(each.used_for) or "-")
        for each in sources
    ]
    blocks = [_block(each) for each in sources]
    return "\n\n".join([table(("source", "state", "forecasts", "used for"), rows), *blocks])


def _block(each: Listed) -> str:
    """What one source gives, needs and allows."""
    needs = ", ".join(f"{name} ({'set' if is_set else 'not set'})" for name, is_set in each.credentials) or "no key"
    facts = [
        ("state", f"{each.state}: {each.detail}"),
        ("gives", _bases(each.card.bases) + ("; forecasts" if each.card.forecasts else "")),
        ("needs", needs),
        ("limits", each.card.limits),
        ("licence", each.card.licence),
        ("see", each.card.url),
    ]
    lines = [f"  {name:8}{text}" for name, text in facts if text]
    return "\n".join([f"{each.name}: {each.card.title}", *lines])


_MANY: Final = 6


def _bases(bases: Sequence[Basis]) -> str:
    """The bases by name, or how many there are."""
    return "; ".join(map(str, bases)) if len(bases) <= _MANY else f"whatever it is told, {len(bases)} bases"


def _zones() -> tuple[str, ...]:
    """The zones of the declared clusters, which are those that matter here."""
    from cli import wiring

    try:
        return tuple(dict.fromkeys(cluster.zone for cluster in wiring.clusters()))
    except CarbonschedError:
        return ()  # none is declared, or their file is wrong: that is another command's business


def _left_of(limit_s: float) -> Callable[[], float]:
    """How much is left of a time that begins now. [s]"""
    from scheduler.execution.clock import SystemClock

    clock = SystemClock()
    until_s = clock.monotonic_s() + limit_s
    return lambda: until_s - clock.monotonic_s()
