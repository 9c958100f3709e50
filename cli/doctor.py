"""`carbonsched doctor`: what has to hold for all else to work, a line each, with the way out where it does not."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Annotated, Final

import typer

from cli.findings import Finding, Level

if TYPE_CHECKING:
    from cli.settings import Settings

EXIT_BY_WORST: Final[dict[Level, int]] = {"ok": 0, "warn": 0, "fail": 1}


Check = Callable[["Settings"], Iterable[Finding]]


def doctor(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """Check the installation, the state, the clock, the clusters, the keys and the sources; exit 1 if anything fails.

    It changes nothing, and asks each declared cluster for its version, once with its token and once without. Providers
    of intensities are asked by intensity sources.

    \b
    Examples:
      carbonsched doctor
      carbonsched doctor --json
    """
    from cli.console import emit, emit_json, say

    found = findings()
    if as_json:
        rows = [{"level": f.level, "what": f.what, "text": f.text, "hint": f.hint or None} for f in found]
        emit_json({"findings": rows})
    else:
        for finding in found:
            emit(f"{finding.level:<4}  {finding.what}: {finding.text}")
            if finding.hint:
                emit(f"      {finding.hint}")
    counts = {level: sum(f.level == level for f in found) for level in EXIT_BY_WORST}
    say(", ".join(f"{n} {level}" for level, n in counts.items()))
    raise typer.Exit(max(EXIT_BY_WORST[f.level] for f in found))


def findings() -> list[Finding]:
    """Everything there is to find; a check that cannot be made is a finding too."""
    from cli import doctor_clusters, doctor_intensity, doctor_state, wiring
    from scheduler.domain.errors import CarbonschedError

    found = [*_python()]
    try:
        values = wiring.settings()
    except CarbonschedError as exc:
        return [*found, Finding("fail", "settings", exc.message, exc.hint)]
    checks: tuple[tuple[str, Check], ...] = (
        ("state folder", doctor_state.folder),
        ("store", doctor_state.store),
        ("evidence", doctor_state.evidence),
        ("chains", doctor_state.chains),
        ("scheduler", doctor_state.scheduler),
        ("clusters", doctor_clusters.clusters),
        ("secrets", doctor_clusters.secrets),
        ("clock", doctor_intensity.clock),
        ("intensity", doctor_intensity.intensities),
        ("plugins", _plugins),
    )
    for what, check in checks:
        try:
            found += check(values)
        except CarbonschedError as exc:
            found.append(Finding("fail", what, exc.message, exc.hint))
    return found


def _python() -> Iterable[Finding]:
    """The versions of what runs."""
    import platform
    import sqlite3

    from cli import schema

    versions = f"carbonsched {schema.VERSION}, Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}"
    yield Finding("ok", "versions", versions)


def _plugins(_values: Settings) -> Iterable[Finding]:
    """Policies and sources that are registered and cannot be used."""
    from intensity_sources.registry import find_sources
    from policies.registry import installed

    policies, problems = installed().policies()
    sources = find_sources()
    skipped = [f"intensity source {one.name!r}: {one.reason}" for one in sources.skipped]
    for problem in (*problems, *skipped):
        yield Finding("fail", "plugins", problem, "repair or uninstall the package that brings it")
    if not problems and not skipped:
        yield Finding("ok", "plugins", f"{len(policies)} policies, {len(sources.factories)} intensity sources")
