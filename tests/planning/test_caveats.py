"""The warnings of a plan: each is there when it has to be, and only then."""

from __future__ import annotations

import pytest

from scheduler.domain.basis import Basis
from scheduler.domain.placement import Placement, Segment
from scheduler.planning.caveats import caveats
from scheduler.planning.situation import Situation
from tests.planning.worlds import H100, NAN, T0, at, cluster, flat, job, series

PARIS, MONTREAL = cluster(), cluster("montreal", "CA-QC")
VARIED = {"FR": series("FR", [60, 50] * 9), "CA-QC": series("CA-QC", [30, 20] * 9)}


def said(*, on: str = "paris", **options: object) -> list[str]:
    """The warnings of a run of four hours on a cluster."""
    fields: dict[str, object] = {"job": job(), "clusters": [PARIS, MONTREAL], "intensity": VARIED, "now": T0}
    situation = Situation(**(fields | options))  # type: ignore[arg-type]  # fields by name
    chosen = Placement(segments=(Segment(cluster=on, start=T0, end=at(4), gpus=8),))
    return list(caveats(situation, situation.at("central"), chosen))


def test_nothing_to_say() -> None:
    """Stated figures, intensities that vary and cover the window, a run at home: no warning."""
    assert [] == said()


def test_flat_intensities_promise_nothing_for_waiting() -> None:
    """Zones without any variation are named; others are not."""
    grid = {"FR": flat("FR"), "CA-QC": VARIED["CA-QC"]}
    assert ["waiting is expected to gain 0 %: the intensity of FR does not vary in this table"] == said(intensity=grid)
    both = {"FR": flat("FR"), "CA-QC": flat("CA-QC")}
    assert "the intensity of FR, CA-QC does not vary" in said(intensity=both)[0]


def test_hours_without_intensity_are_counted_in_the_window_only() -> None:
    """Gaps before the earliest start and after the deadline do not matter; the others are added up by zone."""
    grid = {"FR": series("FR", [NAN, 2, NAN, 4, 5, 6]), "CA-QC": series("CA-QC", [NAN, 2, 3, 4, 5, 6])}
    found = said(intensity=grid, job=job(earliest_start="1h", deadline="6h", duration="3h"))
    assert [
        "the intensity of FR is unknown in 1 of the 5 h up to the deadline: those hours serve only to keep it"
    ] == found
    short = {"FR": series("FR", [1, 2, 3]), "CA-QC": series("CA-QC", [1, 2, 3])}
    assert "the intensity of FR, CA-QC is unknown in 1 of the 4 h" in said(intensity=short)[0]


def test_leaving_home_for_quebec_is_a_weak_claim_on_averages() -> None:
    """Said of a plan that leaves another zone for Quebec, not of one at home there, nor on a marginal signal."""
    assert "on average intensities a move to CA-QC is a weak claim" in said(on="montreal")[0]
    assert [] == said(on="montreal", job=job(home="montreal"))
    marginal = Basis(signal="marginal", flow="n/a")
    grid = {zone: series(zone, [9, 8, 7, 6], basis=marginal) for zone in VARIED}
    assert [] == said(on="montreal", intensity=grid)


def test_a_pue_that_stands_in_is_flagged() -> None:
    """A cluster without a PUE gets the default, and the plan says so."""
    assert ["paris states no PUE: 1.5 [1.2, 1.8] stands in"] == said(clusters=[cluster(pue=None), MONTREAL])


def test_figures_without_a_source_are_named() -> None:
    """A cluster file may leave its source out, and the plan says so."""
    assert ["paris states no source for its figures"] == said(clusters=[cluster(source=""), MONTREAL])


def test_simulated_hardware_is_marked() -> None:
    """Declared hardware that is not there is never passed off as real."""
    found = said(clusters=[cluster(simulated=True), MONTREAL])
    assert ["paris is simulated: the hardware it declares is not there"] == found


def test_an_exclusive_job_is_told_what_it_pays() -> None:
    """Whole nodes where it uses a part of one."""
    found = said(job=job(gpus=6, exclusive=True), clusters=[PARIS])
    assert ["exclusive: on paris the job pays for 8 GPUs and uses 6"] == found
    assert [] == said(job=job(exclusive=True))


def test_a_power_that_is_not_stated_for_a_model() -> None:
    """The nameplate stands in for models that gpu_w leaves out."""
    fleet = [PARIS, cluster("oslo", gpu=H100)]
    assert ["gpu_w has no figure for H100: the nameplate power stands in"] == said(
        job=job(gpu_w={"A100": 300}), clusters=fleet
    )
    assert [] == said(job=job(gpu_w={"A100": 300, "H100": 500}), clusters=fleet)


def test_estimated_intensities_are_marked() -> None:
    """An estimate is not passed off as a forecast or an observation."""
    grid = {"FR": series("FR", [1, 2, 3, 4], kind="estimated"), "CA-QC": VARIED["CA-QC"]}
    assert ["the intensity of FR is estimated, not observed or forecast hour by hour"] == said(intensity=grid)


@pytest.mark.parametrize(
    ("changes", "start"),
    [
        ({"elastic": {"min_gpus": 4, "max_gpus": 8}}, "only the policy elastic changes the width"),
        (
            {"policy": "elastic", "elastic": {"min_gpus": 1, "max_gpus": 99, "speedup": {64: 4.0, 99: 5.0}}},
            "elastic: no allowed cluster runs the job at 64 or 99 GPUs",
        ),
        ({"after": "other"}, "after is not acted on yet"),
        ({"max_cost": 3.0}, "max_cost is not acted on yet"),
        ({"preempt": True}, "preempt is not acted on yet"),
    ],
)
def test_keys_of_the_job_that_nothing_acts_on_are_named(changes: dict[str, object], start: str) -> None:
    """A key that would be ignored in silence is not."""
    assert [True] == [warning.startswith(start) for warning in said(job=job(**changes))]


@pytest.mark.parametrize("launch", ["torchrun", "ray"])
def test_a_launch_over_several_nodes_is_not_warned_of(launch: str) -> None:
    """Neither processes on whole nodes, nor a driver whose workers stand on several."""
    assert [] == said(job=job(launch=launch, gpus=16))


def test_keys_of_a_cluster_that_nothing_acts_on_are_named() -> None:
    """By cluster."""
    quotas = {"vision": 4}
    found = said(clusters=[cluster(reserve=4, walltime="24h", quotas=quotas), MONTREAL])
    assert ["paris: quotas are not acted on yet"] == found


def test_the_first_copy_of_the_data_is_named_where_it_has_to_travel() -> None:
    """500 GB take 5 kWh; data that lie there already take none."""
    found = said(on="montreal", job=job(home="montreal", data={"size_gb": 500, "at": "paris"}))
    assert ["the first copy of 500 GB of data to montreal is not counted: 5 kWh, 0.2 kg at its zones' mean"] == found
    assert [] == said(job=job(data={"size_gb": 500, "at": "paris"}))
    unknown = {"FR": series("FR", [NAN] * 9)}
    last = said(clusters=[PARIS], intensity=unknown, job=job(data={"size_gb": 500}))[-1]
    assert "the first copy of 500 GB of data to paris is not counted: 5 kWh" == last
