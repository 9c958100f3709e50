"""`carbonsched disclose`: what jobs emitted, in the forms that others ask for."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Callable

    from scheduler.records.rows import JobRow
    from scheduler.reporting.job_report import JobReport

app = typer.Typer(
    pretty_exceptions_enable=False,
    no_args_is_help=True,
    help="""Give out what jobs emitted in the forms of others.

\b
Examples:
  carbonsched disclose sci --project nlp
  carbonsched disclose model-card --model char-lm
""",
)

Output = Annotated[
    Path | None, typer.Option("--output", "-o", help="Write to this file instead of printing.", show_default=False)
]


@app.command("sci")
def sci(
    job: Annotated[list[str] | None, typer.Option(help="A job's id, or its beginning; repeat it.")] = None,
    project: Annotated[str | None, typer.Option(help="All jobs of this project.", show_default=False)] = None,
    per: Annotated[
        float | None, typer.Option(help="R: how many units the jobs made; default their GPU-hours.", show_default=False)
    ] = None,
    unit: Annotated[
        str | None, typer.Option(help="What R counts, such as token; default GPU-hour.", show_default=False)
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of text. Default: off.")] = False,
) -> None:
    """Score jobs by ISO/IEC 21031 (SCI): grams of CO2e for each unit of what they were for.

    \b
    Examples:
      carbonsched disclose sci
      carbonsched disclose sci --project nlp --json
      carbonsched disclose sci --per 2e9 --unit token
    """
    from cli.console import emit, emit_json
    from scheduler.domain.errors import InvalidInput
    from scheduler.reporting import sci as scores

    if per is None and unit not in (None, scores.GPU_HOUR):
        raise InvalidInput(f"how many of the unit {unit!r} there were is not said", hint="add --per and their number")
    if per is not None and unit is None:
        raise InvalidInput(f"what the {per:g} units are is not said", hint="add --unit, such as --unit token")
    score = scores.sci(_chosen(job, project), units=per, unit=unit or scores.GPU_HOUR)
    if as_json:
        emit_json(score.as_json())
    else:
        emit(score.text())


@app.command("boamps")
def boamps(
    job: Annotated[str, typer.Argument(help="The job's id, or its beginning.", show_default=False)],
    family: Annotated[str, typer.Option(help="What the task is about, such as 'text generation'.", show_default=False)],
    publisher: Annotated[str | None, typer.Option(help="Who gives it out.", show_default=False)] = None,
    confidentiality: Annotated[str, typer.Option(help="public, internal, confidential or secret.")] = "internal",
    infra: Annotated[str, typer.Option(help="publicCloud, privateCloud, onPremise or other.")] = "onPremise",
    data: Annotated[str, typer.Option(help="What it was trained on: text, image, token, tabular, ...")] = "other",
    output: Output = None,
) -> None:
    """Write a job as a BoAmps report, the form in which Boavizta gathers what AI tasks draw.

    \b
    Examples:
      carbonsched disclose boamps char-lm --family 'text generation' --data text
      carbonsched disclose boamps char-lm --family vision --publisher 'Our lab' --confidentiality public -o task.json
    """
    from pydantic import ValidationError

    from cli import schema, wiring
    from scheduler.domain.errors import InvalidInput
    from scheduler.reporting import boamps as form

    [report] = _chosen([job], None)
    try:
        made = form.boamps(
            report,
            family=family,
            made_at=wiring.now(),
            version=schema.VERSION,
            publisher=form.Publisher.model_validate(
                {
                    "name": publisher,
                    "project_name": report.history.row.job.project or None,
                    "confidentiality_level": confidentiality,
                }
            ),
            infra=infra,  # type: ignore[arg-type]  # a word that is not known is refused by the form itself
            data_type=data,  # type: ignore[arg-type]  # the same
        )
    except ValidationError as exc:
        wrong = exc.errors()[0]
        raise InvalidInput(
            f"{'.'.join(map(str, wrong['loc']))} {wrong['input']!r}: {wrong['msg']}", hint="choose one of those words"
        ) from exc
    _deliver(made.text() + "\n", output)


@app.command("model-card")
def model_card(
    model: Annotated[str, typer.Option(help="The model, as its jobs' files name it.", show_default=False)],
    output: Output = None,
) -> None:
    """Write the emissions section of a model card: the last run, and all runs of the model.

    The front matter is the one that the Hugging Face Hub reads, in grams, and counts all runs.

    \b
    Examples:
      carbonsched disclose model-card --model char-lm
      carbonsched disclose model-card --model char-lm -o README.md
    """
    from cli import schema
    from scheduler.reporting.model_card import model_card as made

    reports = _of(lambda row: row.job.model == model, "model", model, lambda row: row.job.model)
    _deliver(made(model, reports, version=schema.VERSION), output)


@app.command("activity")
def activity(
    project: Annotated[str | None, typer.Option(help="Jobs of this project alone.", show_default=False)] = None,
    organisation: Annotated[str, typer.Option(help="Name of the organisation, for its column.")] = "",
    output: Output = None,
) -> None:
    """Write the table that an organisation's own inventory takes: energy and emissions by month, project and cluster.

    \b
    Examples:
      carbonsched disclose activity -o activity.csv
      carbonsched disclose activity --project nlp --organisation 'Our lab'
    """
    from scheduler.reporting.activity import activity_csv

    _deliver(activity_csv(_chosen(None, project), organisation=organisation), output)


@app.command("tags")
def tags(
    job: Annotated[str, typer.Argument(help="The job's id, or its beginning.", show_default=False)],
    mlflow: Annotated[
        str | None, typer.Option(metavar="RUN_ID", help="Set them on this MLflow run.", show_default=False)
    ] = None,
    wandb: Annotated[
        str | None,
        typer.Option(metavar="ENTITY/PROJECT/RUN", help="Put them into this W&B run's summary.", show_default=False),
    ] = None,
) -> None:
    """Print a job's figures as flat tags, and hand them to MLflow or Weights & Biases where asked.

    The clients are extras: carbonsched[mlflow], carbonsched[wandb].

    \b
    Examples:
      carbonsched disclose tags char-lm
    """
    from cli import schema
    from cli.console import emit_json, say
    from cli.disclose_tags import to_mlflow, to_wandb
    from scheduler.reporting.tags import tags_of

    [report] = _chosen([job], None)
    made = tags_of(report, version=schema.VERSION)
    if mlflow is not None:
        to_mlflow(made, mlflow)
        say(f"set {len(made)} tags on MLflow run {mlflow}")
    if wandb is not None:
        to_wandb(made, wandb)
        say(f"put {len(made)} values into the summary of {wandb}")
    if mlflow is None and wandb is None:
        emit_json(made)


def _chosen(jobs: list[str] | None, project: str | None) -> list[JobReport]:
    """The reports of some jobs, of a project's, or of all."""
    from cli import wiring
    from scheduler.domain.errors import InvalidInput

    if jobs and project is not None:
        raise InvalidInput("--job and --project were both given", hint="give one of the two")
    if project is not None:
        return _of(lambda row: row.job.project == project, "project", project, lambda row: row.job.project)
    if not jobs:
        return _of(lambda _row: True)
    with wiring.store().reading() as tx:
        ids = {tx.job(each).id for each in jobs}
    return _of(lambda row: row.id in ids)


def _of(
    meets: Callable[[JobRow], bool],
    kind: str = "",
    name: str = "",
    named: Callable[[JobRow], str] | None = None,
) -> list[JobReport]:
    """The reports of the jobs that meet a condition.

    Raises:
        UnknownName: none does, though one of a kind was named.
    """
    from cli import accounting, wiring
    from scheduler.domain.errors import UnknownName

    books = accounting.open_books(wiring.store())
    chosen = [each.row.id for each in books.histories.values() if meets(each.row)]
    if not chosen and named is not None:
        raise UnknownName(kind, name, filter(None, {named(each.row) for each in books.histories.values()}))
    as_of = books.freshened(chosen)
    return [books.report(job_id, as_of) for job_id in chosen]


def _deliver(text: str, output: Path | None) -> None:
    """Put a text on stdout, or into its file."""
    import sys

    from cli.console import say
    from scheduler.domain.errors import CarbonschedError

    if output is None:
        sys.stdout.write(text)
        return
    try:
        output.write_text(text, encoding="utf-8")
    except OSError as exc:
        raise CarbonschedError(f"{output} cannot be written: {exc.strerror}", hint="name another file") from exc
    say(f"wrote {output}")
