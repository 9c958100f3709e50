"""What `carbonsched doctor` finds of the declared clusters: whether they answer, whom, and with which Ray."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final

import platformdirs

from cli import wiring
from cli.findings import Finding

if TYPE_CHECKING:
    from cli.settings import Settings
    from scheduler.domain.cluster import Cluster, RayAddress

FLAWS: Final = (
    ((2, 52), "CVE-2023-48022 (no token: whoever reaches it runs code), CVE-2025-62593 (a web page can, by a browser)"),
    ((2, 54), "CVE-2026-27482 (a web page can delete jobs, by a browser)"),
)
"""Ray releases that mend flaws of its dashboard, by the CVE records of those numbers (cve.org). For the first Ray
itself mended nothing but added the token, in 2.52; its record is disputed by the vendor."""
_AT_ONCE: Final = 8
"""Clusters that are asked at once."""


def clusters(_values: Settings) -> Iterator[Finding]:
    """Each declared cluster."""
    from scheduler.domain.errors import InvalidInput

    try:
        path = wiring.clusters_path()
    except InvalidInput as exc:
        yield Finding("warn", "clusters", exc.message, exc.hint)
        return
    declared = wiring.clusters(path)
    with ThreadPoolExecutor(max_workers=_AT_ONCE) as pool:
        for found in pool.map(_one, declared):
            yield from found


def secrets(_values: Settings) -> Iterator[Finding]:
    """The files of secrets, which only this account may read."""
    folder = platformdirs.user_config_path(wiring.APP) / "secrets"
    files = sorted(path for path in folder.glob("*") if path.is_file())
    opened = [path for path in files if stat.S_IMODE(path.stat().st_mode) & 0o077]
    for path in opened:
        yield Finding("fail", "secrets", f"{path} is open to others", f"chmod 600 {path}")
    if files and not opened:
        yield Finding("ok", "secrets", f"{len(files)} files in {folder}, private")


def flaws_of(ray_version: str) -> str:
    """The known flaws of a version of Ray, empty where there are none, or where it says no number."""
    numbers = re.match(r"(\d+)\.(\d+)", ray_version)
    if numbers is None:
        return ""
    return ", ".join(text for mended, text in FLAWS if (int(numbers[1]), int(numbers[2])) < mended)


def plain_token(cluster: Cluster) -> list[Finding]:
    """Whether the cluster's file lets its token travel where others can read it."""
    from scheduler.execution.ray_http import travels_readable

    ray = cluster.ray
    if ray is None or not ray.allow_plain_token or not (ray.token_env or ray.token_file):
        return []
    if not travels_readable(ray, cluster=cluster.name):
        return []
    text = f"its token travels readable to {ray.address}, as allow_plain_token says: whoever reads it runs code there"
    return [Finding("warn", f"cluster {cluster.name}", text, "use https, or via: ssh://user@host")]


def metering(cluster: Cluster, metered: int, nodes: int) -> list[Finding]:
    """Whether the energy of a cluster's GPUs can be metered, as far as its nodes say.

    Args:
        metered, nodes: how many of its nodes with GPUs tell Ray of them by NVML, and how many there are.
    """
    what = f"cluster {cluster.name}"
    if cluster.simulated or not nodes:
        why = "its GPUs are declared and not there" if cluster.simulated else "it has no GPUs now"
        return [Finding("ok", what, f"{why}: energy is modelled, not metered")]
    text = f"NVML tells of the GPUs of {metered} of {nodes} nodes"
    if metered == nodes:
        return [Finding("ok", what, f"{text}: energy can be metered")]
    hint = "see that NVIDIA's driver and its libnvidia-ml.so.1 are there on every node, in containers too"
    return [Finding("warn", what, f"{text}: the energy of the others is modelled", hint)]


def weaknesses(cluster: Cluster, ray: RayAddress, ray_version: str) -> list[Finding]:
    """What is known to be weak about a cluster that answers with that version; asks it once more, without a token."""
    what, found = f"cluster {cluster.name}", []
    flaws = flaws_of(ray_version)
    if flaws:
        found.append(Finding("warn", what, f"Ray {ray_version} has {flaws}", "update Ray on the cluster"))
    if _answers_anyone(cluster.name, ray):
        found.append(
            Finding(
                "warn",
                what,
                "answers without a token: whoever reaches it runs code there",
                "start it with RAY_AUTH_MODE=token and name the token in the cluster's file",
            )
        )
    return found


def _one(cluster: Cluster) -> list[Finding]:
    """What is found of one cluster."""
    from scheduler.domain.errors import CarbonschedError
    from scheduler.execution.ray_rest import RayRest

    what = f"cluster {cluster.name}"
    if cluster.ray is None:
        return [Finding("ok", what, "declared to plan on; its file says no address")]
    found: list[Finding] = []
    try:
        found += plain_token(cluster)
        executor = RayRest.connect(cluster, os.environ)
        capacity, metered = executor.probe(), executor.metered()
    except CarbonschedError as exc:
        return [*found, Finding("fail", what, exc.message, exc.hint)]
    gpus = f"{capacity.gpus_free} of {capacity.gpus_total} GPUs free"
    through = f" through {cluster.ray.via}" if cluster.ray.via else ""
    text = f"answers at {cluster.ray.address}{through}, Ray {capacity.ray_version}, {gpus}"
    told = [Finding("ok", what, text), *metering(cluster, *metered)]
    return [*told, *found, *weaknesses(cluster, cluster.ray, capacity.ray_version)]


def _answers_anyone(name: str, ray: RayAddress) -> bool:
    """Whether the cluster answers a request that carries no token."""
    from scheduler.domain.errors import ClusterRefused, ClusterUnreachable
    from scheduler.execution.clock import SystemClock
    from scheduler.execution.ray_http import RayHttp

    try:
        answer = RayHttp(name=name, ray=ray, token=None, clock=SystemClock()).call("GET", "/api/version")
    except (ClusterRefused, ClusterUnreachable):
        return False
    return answer.status == 200  # noqa: PLR2004  # OK
