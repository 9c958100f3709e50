"""`carbonsched plan`: where and when a job would run, what that emits, and why nothing else was chosen."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cli.settings import Settings


def plan(
    job_file: Annotated[Path, typer.Argument(metavar="JOB.yaml", help="The job.", show_default=False)],
    clusters: Annotated[
        Path | None, typer.Option(help="Cluster file, or folder of them; default those declared.", show_default=False)
    ] = None,
    intensity_table: Annotated[
        Path | None,
        typer.Option(help="CSV of intensities, g/kWh; default the yearly tables that ship.", show_default=False),
    ] = None,
    now: Annotated[
        str | None, typer.Option(help="Moment of decision, ISO 8601 with zone; default now.", show_default=False)
    ] = None,
    policy: Annotated[
        str | None, typer.Option(help="Policy that decides; default the job's.", show_default=False)
    ] = None,
    allow: Annotated[
        list[str] | None, typer.Option(help="Cluster it may use; repeat it, or separate by commas.", show_default=False)
    ] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Put a value over the job's; repeat it.", show_default=False),
    ] = None,
    year: Annotated[
        int | None, typer.Option(help="Year of the yearly tables; default their newest.", show_default=False)
    ] = None,
    basis: Annotated[
        str | None,
        typer.Option(
            help="What intensities are to mean, such as 'marginal direct n/a CO2'; default the setting.",
            show_default=False,
        ),
    ] = None,
    other_table: Annotated[
        Path | None,
        typer.Option(
            help="CSV of intensities on the other basis, shown beside; default its sources.", show_default=False
        ),
    ] = None,
    allow_opposed: Annotated[
        bool, typer.Option("--allow-opposed", help="Move also to where the marginal price opposes.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Plan a job without running it.

    With --now in the past no provider is asked, and only what was known then is used. Where intensities on the other
    basis are at hand, marginal beside average, the plan's price on them stands beside, and the job is not moved to
    another region where the marginal price opposes.

    \b
    Examples:
      carbonsched plan job.yaml
      carbonsched plan job.yaml --intensity-table grid.csv --now 2026-03-01T06:00:00Z
      carbonsched plan job.yaml --policy run-now --set deadline=48h --json
      carbonsched plan job.yaml --intensity-table grid.csv --now 2026-03-01T06:00:00Z --basis "marginal direct n/a CO2"
      carbonsched plan job.yaml --policy threshold --allow-opposed
    """
    from cli import wiring
    from cli.console import emit, emit_json
    from cli.files import load_job
    from cli.job_defaults import with_defaults
    from cli.plan_situation import Asked, situation_of
    from cli.plan_strip import encodable
    from cli.plan_text import plan_text
    from scheduler.domain.errors import Infeasible
    from scheduler.planning.document import as_json as plan_json
    from scheduler.planning.document import no_plan_json
    from scheduler.planning.plan import NoPlan
    from scheduler.planning.planner import make_plan

    values = wiring.settings()
    job = with_defaults(load_job(job_file, set_ or []), values)
    installed = wiring.policies()
    asked = Asked(
        clusters=clusters,
        grid=wiring.grid(values, basis=basis, year=year),
        table=table_of(values, intensity_table, basis),
        other_table=str(other_table) if other_table else None,
        now=now,
        allowed=listed(allow),
        allow_opposed=allow_opposed or values.flag("allow_opposed"),
    )
    situation, notes = situation_of(job, values, asked, installed.get(policy or job.policy))
    made = make_plan(situation, installed, policy)
    if isinstance(made, NoPlan):
        if as_json:
            emit_json(no_plan_json(made))
        raise Infeasible(made.message, hint="; ".join(made.relax))
    made = replace(made, warnings=(*notes, *made.warnings))
    if as_json:
        emit_json(plan_json(made))
    else:
        emit(plan_text(made, job, unicode=encodable(sys.stdout.encoding)))
    if not made.feasible:
        raise Infeasible(f"{made.policy} breaks a constraint: {made.breaches[0]}", hint="choose another policy")


def table_of(values: Settings, given: Path | str | None, basis: str | None) -> str | None:
    """The table to plan on; one of the settings means what the settings' basis says, and nothing else.

    Raises:
        InvalidInput: --basis asks of the settings' table what it does not mean.
    """
    from scheduler.domain.basis import parse_basis
    from scheduler.domain.errors import InvalidInput

    table = str(given) if given else values.text("intensity_table") or None
    meant = parse_basis(values.text("basis"))
    if table and not given and basis is not None and parse_basis(basis) != meant:
        raise InvalidInput(
            f"the setting intensity_table, {table}, is on '{meant}', not on '{basis}'",
            hint="give a table that is with --intensity-table",
        )
    return table


def listed(allow: Sequence[str] | None) -> tuple[str, ...] | None:
    """The cluster names of the command line, None where it has none."""
    from scheduler.domain.errors import InvalidInput

    if not allow:
        return None
    names = tuple(name.strip() for text in allow for name in text.split(",") if name.strip())
    if not names:
        raise InvalidInput(f"--allow {','.join(allow)!r} names no cluster", hint="write --allow paris,montreal")
    return names
