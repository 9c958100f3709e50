"""The composition root: the only place that knows which real part stands behind each port."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import platformdirs

from cli.settings import Settings, Value, load_settings
from scheduler.domain.errors import InvalidInput

if TYPE_CHECKING:
    from intensity_sources.registry import Sources
    from scheduler.cluster_ports import Executor
    from scheduler.domain.basis import Basis
    from scheduler.domain.cluster import Cluster
    from scheduler.domain.job import Job
    from scheduler.execution.grid import Grid
    from scheduler.execution.keeping import Keeper
    from scheduler.execution.placing import PlanningPlacer
    from scheduler.execution.secret_files import SecretFiles
    from scheduler.execution.sites import Sites
    from scheduler.ports import IntensityStore, Policy
    from scheduler.problem.learnt import Learnt
    from scheduler.records.evidence_files import EvidenceFiles
    from scheduler.records.state_folder import StateFolder
    from scheduler.records.store import Store

APP = "carbonsched"


def settings() -> Settings:
    """The settings in force here."""
    defaults = {"state_dir": str(platformdirs.user_state_path(APP))}
    return load_settings(os.environ, Path.cwd(), platformdirs.user_config_path(APP), defaults)


def user_settings_file() -> Path:
    """The settings file of the user, whether it is there or not."""
    return platformdirs.user_config_path(APP) / "carbonsched.yaml"


def state_dir() -> Path:
    """The folder of the store and the evidence."""
    return Path(settings().text("state_dir")).expanduser().absolute()


def state_folder() -> StateFolder:
    """The state folder's paths."""
    from scheduler.records.state_folder import StateFolder

    return StateFolder(state_dir())


def clusters_path() -> Path:
    """Where the clusters are declared: the setting, else `local up`'s, else the user's folder.

    Raises:
        InvalidInput: none is declared anywhere.
    """
    chosen = settings().path("clusters")
    if chosen is not None:
        return chosen
    folders = (state_folder().local_clusters, platformdirs.user_config_path(APP) / "clusters")
    for folder in folders:
        if folder.is_dir() and any(folder.glob("*.y*ml")):
            return folder
    raise InvalidInput(
        "no cluster is declared",
        hint=f"carbonsched local up starts two here; or put a file a cluster into {folders[1]}",
    )


def clusters(path: Path | None = None) -> list[Cluster]:
    """The declared clusters."""
    from cli.files import load_clusters

    return load_clusters(path or clusters_path())


def clusters_stamp() -> tuple[tuple[str, int], ...]:
    """What changes when a cluster file does, so that a running loop reads them again."""
    path = clusters_path()
    files = sorted(path.glob("*.y*ml")) if path.is_dir() else [path]
    return tuple((str(file), file.stat().st_mtime_ns) for file in files)


def grid(values: Settings, *, basis: str | None = None, year: int | None = None) -> Grid:
    """Intensities from the sources that are installed, as the settings name them.

    Args:
        values: the settings in force; basis, year: stand in for theirs where they are given.
    """
    from intensity_sources.chains import parse_chains, parse_options
    from scheduler.domain.basis import parse_basis
    from scheduler.execution.clock import SystemClock
    from scheduler.execution.grid import Grid
    from scheduler.execution.outlooks import Outlooks

    keeper = _keeper(state_dir(), values.duration("forecast_refresh"))
    chains = values.text("sources")
    return Grid(
        sources=sources(),
        year=year if year is not None else values.number("year") or None,
        chains=parse_chains(chains) if chains else None,
        options=parse_options(values.text("source_options")),
        basis=parse_basis(basis or values.text("basis")),
        secret=secret_files().find,
        clock=SystemClock(),
        keeper=keeper,
        outlooks=Outlooks(keeper=keeper),
    )


def other_grid(values: Settings, basis: Basis) -> Grid:
    """The grid of what is shown beside a plan: marginal intensities where that is on averages, averages otherwise.

    The setting `year` is of the plan's own basis; the newest year of the other one stands beside.
    """
    from scheduler.domain.basis import DEFAULT_BASIS, MARGINAL_BASIS

    other = MARGINAL_BASIS if basis.signal == "average" else DEFAULT_BASIS
    return replace(grid(values, basis=str(other)), year=None)


def past_runs() -> Callable[[Job], Learnt | None]:
    """What past runs of a job's name took, by the store; nothing where there is no store yet."""
    folder = state_folder()

    @functools.cache
    def opened() -> Store:
        """The store, opened once it is needed."""
        from scheduler.records.store import open_store

        return open_store(folder)

    def of(job: Job) -> Learnt | None:
        """What is known of one job that does not say."""
        if job.duration is not None or not folder.database.exists():
            return None
        from scheduler.records.past_runs import learnt

        with opened().reading() as tx:
            return learnt(tx, job)

    return of


def shared_grid() -> Grid:
    """One grid a process and its settings, so that a table that many jobs were planned on is read once."""
    return _shared_grid(tuple((name, value.text) for name, value in sorted(settings().values.items())))


@functools.cache
def _shared_grid(said: tuple[tuple[str, str], ...]) -> Grid:
    """The grid of settings by their texts."""
    return grid(Settings(values={name: Value(text=text, origin="in force") for name, text in said}))


@functools.cache
def _keeper(folder: Path, refresh: timedelta) -> Keeper:
    """One keeper a process and state folder; its store is opened when a provider is asked."""
    from scheduler.execution.clock import SystemClock
    from scheduler.execution.keeping import Keeper

    return Keeper(store=lambda: _kept_intensities(folder), clock=SystemClock(), refresh=refresh)


def _kept_intensities(folder: Path) -> IntensityStore:
    """What providers said, in the store of a state folder."""
    from scheduler.records.intensity_store import KeptIntensities
    from scheduler.records.state_folder import StateFolder
    from scheduler.records.store import open_store

    return KeptIntensities(open_store(StateFolder(folder)))


def sources() -> Sources:
    """The installed intensity sources."""
    from intensity_sources.registry import find_sources

    return find_sources()


def secret_files() -> SecretFiles:
    """Where the secrets of jobs and of intensity sources are found."""
    from scheduler.execution.secret_files import SecretFiles

    return SecretFiles(environ=os.environ, folder=platformdirs.user_config_path(APP) / "secrets")


def policies() -> Mapping[str, Policy]:
    """The installed policies by name; one that cannot be used is named on stderr and left out."""
    from cli.console import say
    from policies.registry import installed

    found, problems = installed().policies()
    for problem in problems:
        say(f"warning: {problem}")
    return {policy.name: policy for policy in found}


def store() -> Store:
    """The store, made if it is not there."""
    from scheduler.records.store import open_store

    return open_store(state_folder())


def evidence() -> EvidenceFiles:
    """What was harvested."""
    from scheduler.records.evidence_files import EvidenceFiles

    return EvidenceFiles(state_folder())


def placer(values: Settings, declared: Sequence[Cluster], *, basis: str | None = None) -> PlanningPlacer:
    """Plans for stored jobs; on another basis than the settings' where one is given."""
    from scheduler.execution.placing import PlanningPlacer
    from scheduler.records.homes import parse_homes

    on = grid(values, basis=basis)
    return PlanningPlacer(
        clusters={cluster.name: cluster for cluster in declared},
        grid=on,
        policies=policies(),
        default_slack=values.duration("default_slack"),
        home=values.text("home") or None,
        homes=parse_homes(values.text("homes")),
        least_margin=values.duration("deadline_margin"),
        past_runs=past_runs(),
        other=other_grid(values, on.basis),
        allow_opposed=values.flag("allow_opposed"),
    )


def sites(values: Settings, declared: Sequence[Cluster]) -> Sites:
    """An executor for each cluster that says how to reach it; one that cannot be used holds up its own jobs only."""
    from scheduler.execution.sites import Site, Sites

    reachable = [cluster for cluster in declared if cluster.ray is not None]
    return Sites({c.name: Site(cluster=c, executor=_executor(values, c)) for c in reachable})


def _executor(values: Settings, cluster: Cluster) -> Executor:
    """The way to one cluster."""
    from scheduler.execution.ray_rest import RayRest
    from scheduler.execution.unusable import Unusable

    try:
        return RayRest.connect(cluster, os.environ, lease=values.duration("lease"))
    except InvalidInput as exc:
        return Unusable(exc)


def now() -> datetime:
    """The current instant."""
    from scheduler.execution.clock import SystemClock

    return SystemClock().now()
