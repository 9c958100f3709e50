"""Settings: flags > CARBONSCHED_* > ./carbonsched.yaml > the user's file > defaults, each with its origin.

A file in the current folder comes with whatever repository one stands in, so it may not say where state,
clusters or addresses are: it could redirect a submit to somebody else's machine.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Final

from intensity_sources.chains import chains_text, options_text, parse_chains, parse_options
from scheduler.domain.basis import DEFAULT_BASIS, parse_basis
from scheduler.domain.duration import format_duration, parse_duration
from scheduler.domain.errors import InvalidInput, UnknownName
from scheduler.domain.time_zone import parse_time_zone
from scheduler.domain.yaml_text import parse_mapping
from scheduler.records.budgets import budgets_text, parse_budgets
from scheduler.records.homes import homes_text, parse_homes
from scheduler.reporting.language_codes import parse_language

PREFIX: Final = "CARBONSCHED_"
_FLAGS: Final = {"yes": True, "no": False}
_ALL_PCT: Final = 100


def plain_text(value: object) -> str:
    """The text of one word or number of a file."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise InvalidInput(f"{value!r} is not text", hint="quote it")
    return str(value)


def parse_flag(text: str) -> bool:
    """Whether a text says yes.

    Raises:
        InvalidInput: it says neither yes nor no.
    """
    if text not in _FLAGS:
        raise InvalidInput(f"{text!r} is neither yes nor no", hint="write yes or no")
    return _FLAGS[text]


def parse_share_pct(text: str) -> float:
    """A share that is not all. [%]

    Raises:
        InvalidInput: it is no number from 0 to below 100.
    """
    try:
        share_pct = float(text)
    except ValueError:
        share_pct = math.nan
    if not 0 <= share_pct < _ALL_PCT:
        raise InvalidInput(f"{text!r} is no share", hint="write per cent, 0 or more and below 100")
    return share_pct


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One setting: how its text is read, what it means, and whether a folder's own file may set it.

    Args:
        written: the text of what a file says, for a setting that a file may write as a list or a mapping.
    """

    name: str
    parse: Callable[[str], object]
    meaning: str
    default: str
    local: bool = True
    written: Callable[[object], str] = plain_text


SETTINGS: Final = (
    Setting(name="state_dir", parse=Path, meaning="folder of the store and the evidence", default="", local=False),
    Setting(name="clusters", parse=Path, meaning="cluster file, or folder of them", default="", local=False),
    Setting(name="intensity_table", parse=str, meaning="intensity table to plan and account on", default=""),
    Setting(
        name="marginal_table",
        parse=str,
        meaning="marginal intensity table, or static-tables, that reports say what was avoided on",
        default="",
    ),
    Setting(
        name="sources",
        parse=parse_chains,
        meaning="intensity sources in order, for all zones or by zone",
        default="",
        written=chains_text,
    ),
    Setting(
        name="source_options",
        parse=parse_options,
        meaning="options of sources, such as an address",
        default="",
        local=False,
        written=options_text,
    ),
    Setting(name="basis", parse=parse_basis, meaning="what an intensity is to mean", default=str(DEFAULT_BASIS)),
    Setting(name="forecast_refresh", parse=parse_duration, meaning="how long a forecast is new", default="30m"),
    Setting(name="year", parse=int, meaning="year of the static tables, default the newest", default="0"),
    Setting(name="default_policy", parse=str, meaning="policy of a job that names none", default="carbon-aware"),
    Setting(
        name="default_min_saving",
        parse=parse_share_pct,
        meaning="least saving worth acting on, of a job that states none [%]",
        default="0",
    ),
    Setting(name="default_slack", parse=parse_duration, meaning="slack of a job without a deadline", default="0s"),
    Setting(name="home", parse=str, meaning="home cluster of every job, before the job's own", default=""),
    Setting(
        name="homes",
        parse=parse_homes,
        meaning="home cluster of a project from a date on, before all others",
        default="",
        local=False,
        written=homes_text,
    ),
    Setting(
        name="budgets",
        parse=parse_budgets,
        meaning="what a project may emit in a month from a date on [kg]",
        default="",
        local=False,
        written=budgets_text,
    ),
    Setting(name="tick", parse=parse_duration, meaning="time between two looks at the clusters", default="1s"),
    Setting(name="lease", parse=parse_duration, meaning="how long an unseen agent may still run", default="15m"),
    Setting(name="sample_every", parse=parse_duration, meaning="time between two samples of a run", default="30s"),
    Setting(
        name="allow_opposed",
        parse=parse_flag,
        meaning="move also to where the marginal price opposes: yes or no",
        default="no",
    ),
    Setting(
        name="max_wait",
        parse=parse_duration,
        meaning="wait after which carbon is no matter of a job's turn",
        default="7d",
    ),
    Setting(
        name="planning_budget", parse=parse_duration, meaning="time for one search when jobs share room", default="10s"
    ),
    Setting(
        name="reporting_time_zone", parse=parse_time_zone, meaning="by whose midnights a period ends", default="UTC"
    ),
    Setting(
        name="report_language", parse=parse_language, meaning="language of reports: en, fr-CA or fr-FR", default="en"
    ),
    Setting(name="deadline_margin", parse=parse_duration, meaning="least time kept before a deadline", default="2m"),
)
_BY_NAME: Final = {setting.name: setting for setting in SETTINGS}


@dataclass(frozen=True, slots=True, kw_only=True)
class Value:
    """What a setting is, and where that was said."""

    text: str
    origin: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Every setting with its origin."""

    values: Mapping[str, Value]

    def text(self, name: str) -> str:
        """The setting as it was written."""
        return self.values[name].text

    def duration(self, name: str) -> timedelta:
        """A setting that is a duration."""
        return parse_duration(self.text(name), what=self._what(name))

    def number(self, name: str) -> int:
        """A setting that is a whole number."""
        return int(self.text(name))

    def flag(self, name: str) -> bool:
        """A setting that is yes or no."""
        return parse_flag(self.text(name))

    def share_pct(self, name: str) -> float:
        """A setting that is a share. [%]"""
        return parse_share_pct(self.text(name))

    def path(self, name: str) -> Path | None:
        """A setting that is a path, None where it is unset."""
        text = self.text(name)
        return Path(text).expanduser() if text else None

    def _what(self, name: str) -> str:
        """The setting and its origin, for an error."""
        return f"setting {name} ({self.values[name].origin})"


def load_settings(environ: Mapping[str, str], here: Path, user_dir: Path, defaults: Mapping[str, str]) -> Settings:
    """All settings from their layers.

    Args:
        environ: the environment; `CARBONSCHED_STATE_DIR` and its like.
        here: the current folder; its carbonsched.yaml may set what cannot redirect anything.
        user_dir: the user's configuration folder; its carbonsched.yaml may set all.
        defaults: values that depend on the machine, such as the state folder.

    Raises:
        InvalidInput: a file or a value is wrong, or a folder's file sets what it may not.
    """
    values = {s.name: Value(text=defaults.get(s.name, s.default), origin="default") for s in SETTINGS}
    values |= _from_file(user_dir / "carbonsched.yaml", local=False)
    if here.resolve() != user_dir.resolve():
        values |= _from_file(here / "carbonsched.yaml", local=True)
    for setting in SETTINGS:
        variable = PREFIX + setting.name.upper()
        if environ.get(variable):
            values[setting.name] = Value(text=environ[variable], origin=variable)
    for name, value in values.items():
        _check(name, value)
    return Settings(values=values)


def _from_file(path: Path, *, local: bool) -> dict[str, Value]:
    """What a settings file says; an absent file says nothing."""
    if not path.is_file():
        return {}
    said = {}
    for name, value in parse_mapping(path.read_text(encoding="utf-8"), what=str(path)).items():
        if name == "version" and value == 1:
            continue
        if name not in _BY_NAME:
            unknown = UnknownName("setting", name, _BY_NAME)
            raise InvalidInput(f"{path}: {unknown.message}", hint=unknown.hint)
        if local and not _BY_NAME[name].local:
            raise InvalidInput(
                f"{path}: {name} may not be set by a file in the current folder",
                hint=f"set {PREFIX}{name.upper()}, or write it to your own settings file",
            )
        try:
            said[name] = Value(text=_BY_NAME[name].written(value), origin=str(path))
        except InvalidInput as exc:
            raise InvalidInput(f"{path}: {name}: {exc.message}", hint=exc.hint) from exc
    return said


def _check(name: str, value: Value) -> None:
    """Refuse a value that its setting cannot be."""
    if not value.text:
        return
    try:
        _BY_NAME[name].parse(value.text)
    except InvalidInput as exc:
        raise InvalidInput(f"setting {name} ({value.origin}): {exc.message}", hint=exc.hint) from exc
    except ValueError as exc:
        raise InvalidInput(f"setting {name} ({value.origin}): {value.text!r} is not a whole number") from exc


def shown(settings: Settings) -> list[tuple[str, str, str, str]]:
    """Name, value, origin and meaning of each setting, for people."""
    return [(s.name, _pretty(settings, s), settings.values[s.name].origin, s.meaning) for s in SETTINGS]


def _pretty(settings: Settings, setting: Setting) -> str:
    """A value as people write it."""
    text = settings.text(setting.name)
    return format_duration(parse_duration(text)) if setting.parse is parse_duration and text else text or "-"
