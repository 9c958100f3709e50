"""The shipped clusters: each loads, each number has its source, each prices the BLOOM run."""

from __future__ import annotations

from pathlib import Path

import pytest

from intensity_sources.static_tables import StaticTables
from scheduler.domain.basis import DEFAULT_BASIS
from scheduler.domain.cluster import Cluster
from scheduler.domain.yaml_text import parse_mapping
from scheduler.lifecycle import bloom
from scheduler.lifecycle.footprint import footprint_of

FOLDER = Path(__file__).parents[2] / "cluster_configs"
FILES = sorted(FOLDER.glob("*.yaml"))


def load(path: Path) -> Cluster:
    """The cluster of a file."""
    return Cluster.from_yaml(path.read_text(encoding="utf-8"), what=path.name)


def numbers(data: object, key: str = "") -> set[str]:
    """The keys of a file that hold a number or a range."""
    if isinstance(data, dict):
        if set(data) == {"low", "central", "high"}:
            return {key}
        return {name for k, v in data.items() for name in numbers(v, f"{key}.{k}".lstrip("."))}
    return {key} if isinstance(data, int | float) and not isinstance(data, bool) else set()


def test_quebec_and_france_are_there() -> None:
    """The two clusters that the tool began with ship with it."""
    assert {"quebec", "france"} <= {path.stem for path in FILES}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_number_has_a_source(path: Path) -> None:
    """No number without its source, no source without its number."""
    data = parse_mapping(path.read_text(encoding="utf-8"), what=path.name)
    sources = load(path).source
    assert isinstance(sources, dict)
    assert numbers({k: v for k, v in data.items() if k not in ("version", "source")}) == set(sources)
    assert all(len(source) > 10 for source in sources.values())


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_pue_names_its_year(path: Path) -> None:
    """A PUE without a year says nothing."""
    cluster = load(path)
    assert isinstance(cluster.source, dict)
    assert (cluster.pue is None) == ("pue" not in cluster.source)
    assert cluster.pue is None or "20" in cluster.source["pue"]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_it_is_named_as_its_file_and_holds_paused_nodes(path: Path) -> None:
    """The flattering state of paused nodes is nobody's default."""
    cluster = load(path)
    assert (path.stem, "held") == (cluster.name, cluster.paused_nodes)
    assert cluster.gpus % cluster.node.gpus == 0


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_it_prices_the_bloom_run(path: Path) -> None:
    """At its zone's last year the run has a footprint in order, with hardware in it."""
    cluster = load(path)
    found = footprint_of(
        cluster,
        gpus=bloom.GPUS,
        hours_h=bloom.GPU_HOURS / bloom.GPUS,
        intensity_g_per_kwh=StaticTables().row(cluster.zone, DEFAULT_BASIS).g_per_kwh,
    )
    low, central, high = (corner.emissions.total for corner in (found.low, found.central, found.high))
    assert 10_000 < low < central < high
    assert 11_211.4 == pytest.approx(found.central.emissions.embodied, rel=1e-4)
