"""`carbonsched policy`: which policies there are, and what each searches, sees and guarantees."""

from __future__ import annotations

from inspect import cleandoc
from typing import TYPE_CHECKING, Annotated, Final

import typer

from cli.policy_diff import diff
from cli.policy_shadow import shadow
from cli.policy_tune import tune

if TYPE_CHECKING:
    from scheduler.ports import Policy

_HELP: Final = "Show the policies that can place a job, and compare them."
_SECTIONS: Final = ("Notes:", "Options:", "Guarantees:")

app = typer.Typer(help=_HELP, no_args_is_help=True, pretty_exceptions_enable=False)

app.command("diff")(diff)
app.command("shadow")(shadow)
app.command("tune")(tune)

Json = Annotated[bool, typer.Option("--json", help="Print JSON. Default: off.")]


@app.command("list")
def list_policies(*, json: Json = False) -> None:
    """List the policies, what each does and what it has to see.

    \b
    Examples:
      carbonsched policy list
      carbonsched policy list --json
    """
    from cli import wiring
    from cli.console import emit, emit_json, table

    found = wiring.policies()
    if json:
        emit_json({"policies": [_payload(policy) for policy in found.values()]})
        return
    rows = [[name, _parts(policy)[""], ", ".join(sorted(policy.needs)) or "-"] for name, policy in found.items()]
    emit(table(["policy", "what it does", "sees"], rows))


@app.command("show")
def show(
    name: Annotated[str, typer.Argument(help="Policy, such as carbon-aware.")],
    *,
    json: Json = False,
) -> None:
    """Show what a policy does, its equation and reference, the options it obeys with their defaults, its guarantees.

    \b
    Examples:
      carbonsched policy show carbon-aware
      carbonsched policy show wait-awhile --json
    """
    from cli import wiring
    from cli.console import emit, emit_json
    from scheduler.domain.errors import UnknownName

    found = wiring.policies()
    if name not in found:
        raise UnknownName("policy", name, found)
    if json:
        emit_json(_payload(found[name]))
        return
    parts = _parts(found[name])
    emit(f"{name}: {parts['']}")
    emit(f"\nSees: {', '.join(sorted(found[name].needs)) or 'nothing'}")
    for title in _SECTIONS:
        if title in parts:
            emit(f"\n{title}\n{parts[title]}")


def _parts(policy: Policy) -> dict[str, str]:
    """A policy's own documentation by section; the summary under no title."""
    parts, title = {"": ""}, ""
    for line in cleandoc(type(policy).__doc__ or "").splitlines():
        if line.strip() in _SECTIONS:
            title = line.strip()
            parts[title] = ""
        else:
            parts[title] += f"{line}\n"
    return {title: text.strip("\n") for title, text in parts.items()}


def _payload(policy: Policy) -> dict[str, object]:
    """A policy as JSON says it."""
    parts = _parts(policy)
    return {
        "name": policy.name,
        "summary": parts[""],
        "needs": sorted(policy.needs),
        **{title.removesuffix(":").lower(): cleandoc(parts.get(title, "")) for title in _SECTIONS},
    }
