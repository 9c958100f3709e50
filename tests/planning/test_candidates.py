"""Which clusters and widths a problem is about: why others are left out, and which one is home."""

from __future__ import annotations

import pytest

from scheduler.domain.errors import InvalidInput, UnknownName
from scheduler.problem.candidates import NoCandidate
from tests.planning.between_two import PARIS, made, reasons
from tests.planning.worlds import H100, cluster, job


def test_every_rejection_says_why() -> None:
    """Each cluster that cannot take the job is left out with its own reason."""
    nocturnal = cluster("berlin", "DE")
    assert {"berlin": "no intensity for zone DE"} == reasons(job(), nocturnal)
    assert {"nice": "not among the allowed clusters (paris, montreal)"} == reasons(
        job(allowed=["paris", "montreal"]), cluster("nice")
    )
    assert {"montreal": "its country CA is not among data.countries (FR)"} == reasons(job(data={"countries": ["FR"]}))
    h100 = cluster("oslo", gpu=H100)
    assert {"oslo": "its GPU H100 is not among the job's (A100)"} == reasons(job(gpu="A100"), h100)
    assert {"oslo": "the job gives no duration on GPU H100"} == reasons(job(duration={"A100": "4h"}), h100)
    assert {"tiny": "it has 4 GPUs at most, the job takes 8"} == reasons(job(), cluster("tiny", gpus=4))
    quads = {"gpus": 4, "host_w": 800, "idle_w": 500, "embodied_kg": 1500}
    assert {"quads": "its nodes have 4 GPUs, and a script of 8 GPUs runs on one node"} == reasons(
        job(), cluster("quads", node=quads)
    )
    assert {"hot": "the job's 80 W a GPU is below the idle 90 W of its GPUs"} == reasons(
        job(gpu_w=80), cluster("hot", gpu={"model": "A100", "tdp_w": 400, "idle_w": 90, "embodied_kg": 150})
    )
    twelve = cluster("twelve", gpus=12)
    assert {"twelve": "it has 12 GPUs at most, the job takes 16 (2 whole nodes)"} == reasons(
        job(gpus=10, exclusive=True, launch="torchrun"), twelve
    )


WIDE = cluster("wide", gpus=16, node={"gpus": 16, "host_w": 3200, "idle_w": 2000, "embodied_kg": 5000})
"""One node of sixteen."""


def test_a_job_over_several_nodes_needs_no_single_node() -> None:
    """Only a script is bound to one node; torchrun takes whole ones, the workers of a driver any GPUs."""
    assert {} == reasons(job(gpus=16, launch="torchrun"))
    assert {} == reasons(job(gpus=12, launch="ray"))
    said = "its nodes have 8 GPUs, and torchrun over several nodes takes whole ones, not 12 GPUs"
    quads = {"gpus": 4, "host_w": 800, "idle_w": 500, "embodied_kg": 1500}
    found = reasons(job(gpus=12, launch="torchrun"), cluster("quads", gpus=16, node=quads))
    assert {"paris": said, "montreal": said} == found


def test_ranks_that_cannot_be_shared_evenly_among_the_nodes_are_no_torchrun() -> None:
    """Nine on two whole nodes would leave one node with a rank more; ten are five each."""
    said = "its nodes have 8 GPUs, and 9 ranks cannot be shared evenly among such nodes"
    assert {"paris": said, "montreal": said} == reasons(job(gpus=9, exclusive=True, launch="torchrun"), WIDE)
    assert {} == reasons(job(gpus=10, exclusive=True, launch="torchrun"))


def test_nodes_that_share_no_disk_run_no_training_together() -> None:
    """A storage behind a URI is copied from one node, and every rank saves and resumes."""
    apart = cluster("apart", gpus=16, storage=[{"name": "bucket", "uri": "s3://bucket/runs"}])
    said = "its storage is copied from one node, and torchrun over several needs one that all of them mount"
    assert {"apart": said} == reasons(job(gpus=16, launch="torchrun"), apart)
    assert {} == reasons(job(gpus=8, launch="torchrun"), apart)


def test_no_candidate_lists_every_reason() -> None:
    """Where all are left out the error carries the reasons."""
    with pytest.raises(NoCandidate) as caught:
        made(job(gpus=64, launch="torchrun"))
    assert ["paris", "montreal"] == [rejected.cluster for rejected in caught.value.rejected]
    assert "montreal: it has 16 GPUs at most, the job takes 64" in caught.value.hint
    assert 3 == caught.value.exit_code


def test_the_operators_home_wins_then_the_jobs_then_the_only_one() -> None:
    """The order of the home rule."""
    assert "montreal" == made(operator_home="montreal").ground.home
    assert "paris" == made().ground.home
    assert "montreal" == made(job(home=None, allowed="montreal")).ground.home
    assert "paris" == made(job(home=None), [PARIS]).ground.home


def test_a_job_without_any_home_is_refused() -> None:
    """With two clusters and no word there is no baseline, so it is asked for."""
    with pytest.raises(InvalidInput, match="train has no home") as caught:
        made(job(home=None))
    assert "one of paris, montreal" in caught.value.hint


def test_a_home_that_cannot_be_used_is_no_row() -> None:
    """The home stays known by name, and the deadline then follows the slowest candidate."""
    found = made(job(allowed="montreal"))
    assert ("paris", None, 4.0) == (found.ground.home, found.problem.home, found.problem.deadline_h)


@pytest.mark.parametrize(
    ("changes", "options"),
    [({"home": "pariss"}, {}), ({"allowed": ["pariss"]}, {}), ({}, {"operator_home": "pariss"}),
     ({}, {"allowed": ["pariss"]}), ({}, {"resumed_from": "pariss"})],
)  # fmt: skip
def test_unknown_names_suggest_the_nearest(changes: dict[str, object], options: dict[str, object]) -> None:
    """A misspelt cluster is named with the one that was meant."""
    with pytest.raises(UnknownName) as caught:
        made(job(**changes), **options)
    assert "did you mean 'paris'?" in caught.value.hint


def test_allowed_on_the_command_line_stands_in_for_the_jobs() -> None:
    """The argument replaces the list of the file."""
    assert ("montreal",) == made(job(allowed="paris"), allowed=["montreal"]).problem.surface.clusters


WIDTHS = {"min_gpus": 1, "max_gpus": 32, "speedup": {4: 0.55, 8: 1.0, 12: 1.3, 16: 1.8, 32: 3.0}}


@pytest.mark.parametrize(
    ("changes", "widths"),
    [
        ({"launch": "script"}, {4}),  # no more than a node
        ({"launch": "torchrun"}, {4, 16}),  # whole nodes beyond one
        ({"launch": "ray"}, {4, 12, 16}),  # any that the cluster has
        ({"launch": "torchrun", "exclusive": True}, {16}),  # whole nodes always
        ({"launch": "script", "exclusive": True}, set()),
    ],
)
def test_each_kind_of_launch_has_the_widths_that_it_can_run_at(changes: dict[str, object], widths: set[int]) -> None:
    """Of 4, 12, 16 and 32 GPUs on two nodes of 8; a width that no cluster can run is not in the problem."""
    assert widths == {each.gpus for each in made(job(elastic=WIDTHS, **changes)).problem.widths}


def test_a_width_whose_gpus_carry_another_share_of_the_node_is_not_planned() -> None:
    """Six GPUs that reserve eight pay for the host of eight: eight of eight would be priced as if they did too."""
    speedup = {"min_gpus": 1, "max_gpus": 32, "speedup": {6: 1.0, 8: 1.2, 16: 2.0}}
    shared = made(job(gpus=6, launch="ray", elastic=speedup)).problem
    assert {8, 16} == {each.gpus for each in shared.widths}
    exclusive = made(job(gpus=6, launch="ray", exclusive=True, elastic=speedup)).problem
    assert () == exclusive.widths
