"""A short round of chaos on the stories' Ray clusters, which come out of it as they went in."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from scheduler.records.rows import JobState
from tests.chaos.real_judge import Wish
from tests.chaos.real_round import RealRound
from tests.story.conftest import Desk

pytestmark = [pytest.mark.ray, pytest.mark.slow]

BATCH = (
    Wish("chaos-long", 8),
    Wish("chaos-short", 3),
    Wish("chaos-fails", 1, code=3, ends=frozenset({JobState.FAILED})),
    Wish("chaos-unwanted", 60, ends=frozenset({JobState.CANCELLED}), person="cancel"),
)


def test_a_batch_survives_dead_schedulers_dead_trainings_and_bad_lines(desk: Desk, tmp_path: Path) -> None:
    """Two schedulers and a training killed by -9, a cut line and lost answers: every job ends as its diary says."""
    clusters = {path.stem: path for path in (desk.state / "local" / "clusters").glob("*.yaml")}
    one = RealRound(rng=Random(7), desk=desk, folder=tmp_path / "chaos", clusters=clusters)
    played = one.play(BATCH, ["scheduler", "training", "cut", "mute", "scheduler"], within_s=90)
    assert [] == played.violations
    assert played.injected["scheduler killed by -9"] == 2
