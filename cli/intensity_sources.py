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
from scheduler.ports import PlanSource

if TYPE_CHECKING:
    from datetime import datetime

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
class Reached:
    """What a plan reaches of one zone, in the provider's own words."""

    zone: str
    reaches: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """One source as it is shown.

    Args:
        used_for: zones whose chain names it, with its place there; empty where none does.
        state: how it stands; detail: in words.
        credentials: what it needs, and whether that is set.
        plan: what the plan behind the credentials reaches, None where that was not asked or told.
    """

    name: str
    card: SourceCard
    used_for: tuple[str, ...]
    state: State
    detail: str
    credentials: tuple[tuple[str, bool], ...]
    plan: Reached | None = None


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
    for name in {name for chain in chains.values() for name in chain}:
        grid.sources.named(name)  # a name that nobody has is an error here as in a plan
    for zone, chain in chains.items():
        for place, name in enumerate(chain, start=1):
            what = "every zone without a list of its own" if zone == DEFAULT and len(chains) > 1 else zone
            used.setdefault(name, []).append(f"{'every zone' if what == DEFAULT else what} ({place} of {len(chain)})")
    found = {}
    for name in grid.sources.factories:
        zones = (*(zone for zone, chain in chains.items() if name in chain), *_zones())
        found[name] = _looked_at(grid, name, used.get(name, ()), zones, ask=probe_all or name in used)
    answers = _asked({name: each for name, each in found.items() if not isinstance(each, Listed)})
    return [each if isinstance(each, Listed) else answers[name] for name, each in sorted(found.items())]


@dataclass(frozen=True, slots=True, kw_only=True)
class _ToAsk:
    """A source that is ready to be asked for the first of some zones that it has."""

    listed: Listed
    source: IntensitySource
    zones: tuple[str, ...]
    basis: Basis


def _looked_at(grid: Grid, name: str, used_for: Sequence[str], zones: tuple[str, ...], *, ask: bool) -> Listed | _ToAsk:
    """What can be told without asking, or what is to be asked."""
    factory = grid.sources.factories[name]
    card = factory.card

    def said(state: State, detail: str) -> Listed:
        """The source in a state."""
        return Listed(
            name=name, card=card, used_for=tuple(used_for), state=state, detail=detail, credentials=credentials
        )

    credentials = tuple((each, False) for each in card.credentials)
    try:
        credentials = tuple((each, bool((grid.secret(each) or "").strip())) for each in card.credentials)
        missing = [each for each, is_set in credentials if not is_set]
        if missing:
            return said("key missing", f"{', '.join(missing)} not set")
        source = grid.opened(name)
    except CarbonschedError as exc:
        return said("not set up", _in_words(exc))
    if card.local:
        count = len(source.zones())
        return said("ready", f"{count} zone{'' if count == 1 else 's'}, on this machine")
    if not ask:
        return said("not asked", "no setting names it; --probe asks it")
    basis = grid.basis if grid.basis in card.bases else card.bases[0]
    return _ToAsk(listed=said("no answer", ""), source=source, zones=zones, basis=basis)


def _asked(sources: dict[str, _ToAsk]) -> dict[str, Listed]:
    """What became of asking each, all at once and no longer than `WAIT_S`."""
    from cli import wiring

    now = wiring.now()
    answers: queue.SimpleQueue[tuple[str, Listed, bool]] = queue.SimpleQueue()

    def ask(name: str, each: _ToAsk) -> None:
        """Bring what one source says, and once more with what its plan reaches."""
        said, zone = _said(each, now)
        answers.put((name, said, False))
        plan = _reached(each.source, zone) if said.state == "answers" else None
        answers.put((name, replace(said, plan=plan), True))

    for name, each in sources.items():
        # Daemons: a provider that hangs must not keep the command from its end.
        threading.Thread(target=ask, args=(name, each), daemon=True).start()
    silent = f"not within {WAIT_S:.0f} s"
    told = {name: replace(each.listed, state="no answer", detail=silent) for name, each in sources.items()}
    until_s, left = _left_of(WAIT_S), len(sources)
    while left > 0:
        try:
            name, said, is_last = answers.get(timeout=max(0.0, until_s()))
        except queue.Empty:
            break
        told[name] = said
        left -= is_last
    return told


def _said(each: _ToAsk, now: datetime) -> tuple[Listed, str]:
    """What a source says of the last hours of a zone that it may have, and that zone."""
    zone = ""
    try:
        zones = tuple(each.source.zones())
        zone = next((zone for zone in each.zones if zone in zones), zones[0] if zones else "")
        found = each.source.series(zone, each.basis, now - _LOOK, now)
    except NotCovered as exc:
        return replace(each.listed, state="answers", detail=_in_words(exc)), zone
    except CarbonschedError as exc:
        return replace(each.listed, state="no answer", detail=_in_words(exc)), zone
    detail = f"{found.zone}, {found.kind} up to {found.end:%Y-%m-%d %H:%M}Z"
    return replace(each.listed, state="answers", detail=detail), zone


def _in_words(exc: CarbonschedError) -> str:
    """What is wrong, and the way out."""
    return f"{exc.message} ({exc.hint})" if exc.hint else exc.message


def _reached(source: IntensitySource, zone: str) -> Reached | None:
    """What the plan behind the credentials reaches of a zone, as the provider lists it; None where it does not say."""
    if not isinstance(source, PlanSource) or not zone:
        return None
    try:
        return Reached(zone=zone, reaches=tuple(source.reaches(zone)))
    except CarbonschedError:
        return None  # nothing is lost: it answered for the zone just now


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
                "plan_reaches": None if each.plan is None else {"zone": each.plan.zone, "reaches": each.plan.reaches},
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
        ("plan", _plan(each.plan)),
        ("licence", each.card.licence),
        ("credit", each.card.attribution),
        ("see", each.card.url),
    ]
    lines = [f"  {name:8}{text}" for name, text in facts if text]
    return "\n".join([f"{each.name}: {each.card.title}", *lines])


def _plan(plan: Reached | None) -> str:
    """What the plan reaches, empty where that is not known."""
    return "" if plan is None else f"it lists for {plan.zone}: {', '.join(plan.reaches) or 'nothing'}"


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
