"""Where the marginal intensities come from that reports say `avoided` on.

The yearly margins that ship stand in for nothing: they make a claim only where the settings ask for them by name.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import replace

from cli import wiring
from cli.settings import Settings, Value
from scheduler.domain.basis import DEFAULT_BASIS
from scheduler.execution.grid import STATIC


def marginal_reference() -> Mapping[str, str] | None:
    """The sources of the settings in force; None where nobody named one."""
    return _of(tuple((name, value.text) for name, value in sorted(wiring.settings().values.items())))


@functools.cache
def _of(said: tuple[tuple[str, str], ...]) -> Mapping[str, str] | None:
    """The same of settings by their texts."""
    values = Settings(values={name: Value(text=text, origin="in force") for name, text in said})
    beside, table = wiring.other_grid(values, DEFAULT_BASIS), values.text("marginal_table")
    if table == STATIC:
        return replace(beside, chains=None).reference(None)
    chains = beside.chains.without(STATIC) if beside.chains else None
    return replace(beside, chains=chains).reference(table or None) if table or chains else None
