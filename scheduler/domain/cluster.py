"""A Ray cluster in one grid zone: its hardware, its footprint figures, and how to reach it."""

from __future__ import annotations

import re
from typing import Annotated, Literal, Self

from pydantic import Field, Strict, field_validator, model_validator

from scheduler.domain.calendar import Calendar
from scheduler.domain.errors import InvalidInput
from scheduler.domain.estimate import Estimate
from scheduler.domain.file_model import Duration, Figure, FileModel

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$")]
Zone = Annotated[str, Field(pattern=r"^[A-Z0-9]{2,}([_-][A-Z0-9]+)*$")]
PausedNodes = Literal["held", "idle", "off", "backfilled"]
Tenure = Literal["owned", "leased", "cloud", "granted"]

DEFAULT_PUE = Estimate(low=1.2, central=1.5, high=1.8)
"""Used, and flagged, where a cluster states no PUE: Uptime Institute surveys put the industry mean near
1.56 (2024); efficient halls reach 1.2 and small ones 1.8."""


class Gpu(FileModel):
    """One accelerator: its power limits and what making it emitted."""

    model: str = Field(description="model name, such as A100")
    tdp_w: Figure = Field(description="nameplate power [W]")
    idle_w: Figure = Field(description="power when idle [W]")
    embodied_kg: Figure = Field(description="emissions of making it [kg CO2e]")


class Node(FileModel):
    """One server without its GPUs."""

    gpus: int = Field(ge=1, description="GPUs in the node")
    cpus: float | None = Field(
        default=None, gt=0, description="CPUs in the node; a job that takes more of them than of the GPUs carries more"
    )
    host_w: Figure = Field(description="power without the GPUs while a job runs [W]")
    idle_w: Figure = Field(description="power without the GPUs when idle [W]")
    embodied_kg: Figure = Field(description="emissions of making it, GPUs apart [kg CO2e]")

    @model_validator(mode="after")
    def _host_covers_idle(self) -> Self:
        """Refuse a host that draws less at work than at rest."""
        if self.host_w.central < self.idle_w.central:
            raise InvalidInput(
                f"host_w {self.host_w.central:g} W is below idle_w {self.idle_w.central:g} W",
                hint="host_w is the power while running",
            )
        return self


class Disk(FileModel):
    """A storage that the cluster mounts or reaches; where jobs of two save on one name, a checkpoint can travel."""

    name: Name
    path: str | None = None
    uri: str | None = None

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        """Require exactly one of path and uri."""
        if (self.path is None) == (self.uri is None):
            raise InvalidInput(f"storage {self.name!r} needs a path or a uri, one of the two")
        if self.uri is not None and not re.fullmatch(r"[a-z][a-z0-9+.-]*://[^\s/]*(/\S*)?", self.uri):
            raise InvalidInput(f"storage {self.name!r}: its uri is no URI", hint="write s3://bucket/folder")
        if self.uri is not None and "@" in self.uri.split("/")[2]:
            raise InvalidInput(
                f"storage {self.name!r}: its uri names an account",
                hint="leave it to the environment of the scheduler and of the nodes, where the provider's tools look",
            )
        return self


class RayAddress(FileModel):
    """How to reach the cluster's Ray dashboard; a token is named, never written."""

    address: str = Field(pattern=r"^https?://[^/\s]+", description="dashboard URL, such as http://127.0.0.1:8265")
    token_env: str | None = Field(default=None, description="environment variable that holds the token")
    token_file: str | None = Field(default=None, description="file, mode 0600, that holds the token")
    verify: bool | str = Field(default=True, description="check TLS certificates, or the path of a CA file")
    via: str | None = Field(default=None, description="ssh://user@host, or an http:// or https:// proxy, to go through")
    allow_plain_token: bool = Field(default=False, description="send the token where others on the way can read it")
    python: str = Field(default="python3", description="Python command on the cluster's nodes that runs the agent")


class Market(FileModel):
    """Electricity as the operator buys it, for the market-based figure beside the location-based one; nowhere else."""

    g_per_kwh: float = Field(ge=0, allow_inf_nan=False, description="factor of the contract [g/kWh]")
    certificate: str = Field(min_length=1, description="what proves it: the contract, or the certificates' registry")


class Cluster(FileModel):
    """One cluster file."""

    version: Literal[1] = 1
    name: Name
    zone: Zone = Field(description="grid zone, such as CA-QC")
    country: str | None = Field(default=None, pattern=r"^[A-Z]{2}$", description="ISO 3166 code, default from the zone")
    gpus: int = Field(ge=1, description="GPUs at most")
    source: str | dict[str, str] = Field(default="", description="where the figures come from; text, or one a figure")
    simulated: bool = Field(default=False, description="declared hardware that is not there; never in real totals")
    gpu: Gpu
    node: Node
    head_w: Figure | None = Field(default=None, description="power of head and login nodes, which run no job [W]")
    lifetime_years: Figure = Field(default=Estimate(low=4, central=6, high=6), description="useful life [years]")
    lifetime_use: Figure = Field(default=Estimate.exactly(0.85), description="share of its life allocated [-]")
    pue: Figure | None = Field(default=None, description="facility over IT energy [-], default 1.5 [1.2, 1.8], flagged")
    paused_nodes: PausedNodes = Field(default="held", description="what happens to nodes that a job leaves")
    storage: Annotated[tuple[Disk, ...], Strict(False)] = Field(default=(), description="jobs save on the first")  # noqa: FBT003  # the library's only form
    ray: RayAddress | None = Field(default=None, description="how to reach it; not needed to plan")
    tenure: Tenure | None = Field(default=None, description="whose it is, which decides the scope of its emissions")
    market: Market | None = Field(default=None, description="the operator's own electricity contract, for scope 2")
    price_gpu_h: float | None = Field(default=None, ge=0, description="price of a GPU-hour, which simulate adds up")
    calendar: Calendar | None = Field(default=None, description="when it is closed to planned jobs, wholly or in part")
    walltime: Duration | None = Field(default=None, description="longest run that is planned there")
    reserve: int = Field(default=0, ge=0, description="GPUs that are never given to planned jobs")
    quotas: object = Field(default=None, description="limits by project; recorded, not acted on yet")

    @field_validator("paused_nodes", mode="before")
    @classmethod
    def _released_is_off(cls, value: object) -> object:
        """`released` is a synonym that files in the wild use for off."""
        return "off" if value == "released" else value

    @model_validator(mode="after")
    def _figures_make_sense(self) -> Self:
        """Refuse figures that no machine can have."""
        if self.gpu.tdp_w.central < self.gpu.idle_w.central:
            raise InvalidInput("gpu.tdp_w is below gpu.idle_w", hint="tdp_w is the nameplate power")
        if not 0 < self.lifetime_use.low <= self.lifetime_use.high <= 1:
            raise InvalidInput("lifetime_use is a share over 0 and up to 1")
        if self.lifetime_years.low <= 0:
            raise InvalidInput("lifetime_years is not over 0")
        if self.pue is not None and self.pue.low < 1:
            raise InvalidInput("pue is below 1", hint="PUE is facility energy over IT energy")
        for figure in (self.gpu.idle_w, self.gpu.embodied_kg, self.node.idle_w, self.node.embodied_kg):
            if figure.low < 0:
                raise InvalidInput("a power or an embodied figure is below 0")
        return self

    @model_validator(mode="after")
    def _keeps_back_what_it_has(self) -> Self:
        """Refuse a reserve, or a closure, of more GPUs than there are."""
        closed = [each.gpus for each in self.calendar.closed if each.gpus is not None] if self.calendar else []
        for key, gpus in (("reserve", self.reserve), *(("calendar.closed: gpus", each) for each in closed)):
            if gpus > self.gpus:
                raise InvalidInput(f"{key} is {gpus}, and the cluster has {self.gpus} GPUs", hint="leave gpus as it is")
        if self.walltime is not None and not self.walltime:
            raise InvalidInput("walltime is 0", hint="write the longest run, such as 48h, or reserve all GPUs")
        return self

    @property
    def open_gpus(self) -> int:
        """GPUs that planned jobs may be given at most."""
        return self.gpus - self.reserve

    @property
    def saves_on(self) -> Disk | None:
        """The storage that jobs save themselves on: the first; None where they save themselves on the node."""
        return self.storage[0] if self.storage else None

    @property
    def holds_paused(self) -> bool:
        """Whether a pause on this cluster keeps costing the job."""
        return self.paused_nodes in ("held", "idle")

    @property
    def stated_pue(self) -> Estimate:
        """The PUE the file states, or the default. [-]"""
        return self.pue or DEFAULT_PUE

    @property
    def in_country(self) -> str:
        """ISO 3166 code of the country the cluster stands in."""
        return self.country or self.zone[:2]
