"""Handing a job's tags to MLflow or Weights & Biases by their own clients, extras that are imported only here."""

from __future__ import annotations

from collections.abc import Mapping

from scheduler.domain.errors import CarbonschedError

Tags = Mapping[str, str | float | bool]


def to_mlflow(tags: Tags, run_id: str) -> None:
    """Set tags on a run of the tracking server that MLflow's own environment names.

    Raises:
        CarbonschedError: MLflow is not installed, the server refuses, or has no such run.
    """
    try:
        from mlflow import MlflowClient
        from mlflow.exceptions import MlflowException
    except ImportError as exc:
        raise CarbonschedError("MLflow is not installed", hint="pip install 'carbonsched[mlflow]'") from exc
    client = MlflowClient()
    try:
        for name, value in tags.items():
            client.set_tag(run_id, name, value)
    except MlflowException as exc:
        raise CarbonschedError(
            f"MLflow does not take the tags of run {run_id}: {exc.message}", hint="check --mlflow, MLFLOW_TRACKING_URI"
        ) from exc


def to_wandb(tags: Tags, path: str) -> None:
    """Put tags into the summary of a run, `entity/project/run`.

    Raises:
        CarbonschedError: the client is not installed, the service refuses, or has no such run.
    """
    try:
        import wandb
    except ImportError as exc:
        raise CarbonschedError("Weights & Biases is not installed", hint="pip install 'carbonsched[wandb]'") from exc
    try:
        run = wandb.Api().run(path)
        run.summary.update(dict(tags))
    except wandb.Error as exc:
        raise CarbonschedError(
            f"Weights & Biases does not take the tags of run {path}: {exc}",
            hint="write --wandb ENTITY/PROJECT/RUN, and log in with wandb login",
        ) from exc
