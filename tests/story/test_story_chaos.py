"""A short round of chaos on the stories' Ray clusters, which come out of it as they went in."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from scheduler.records.rows import JobState
from tests.chaos.exercised import unexercised
from tests.chaos.real_judge import Wish
from tests.chaos.real_round import Act, RealRound
from tests.story.conftest import Desk

pytestmark = [pytest.mark.ray, pytest.mark.slow, pytest.mark.soak]

PROMISED = (
    *(f"{victim} killed by -9" for victim in ("scheduler", "supervisors", "agents", "trainings")),
    "requests struck while a line was cut",
)
BATCH = (
    Wish("chaos-long", 8),
    Wish("chaos-short", 3),
    Wish("chaos-fails", 1, code=3, ends=frozenset({JobState.FAILED})),
    Wish("chaos-unwanted", 300, ends=frozenset({JobState.CANCELLED}), person="cancel"),
)


def test_a_batch_survives_dead_processes_and_bad_lines(desk: Desk, tmp_path: Path) -> None:
    """Schedulers, trainings, agents and supervisors die by -9, and a line is cut: all end well."""
    clusters = {path.stem: path for path in (desk.state / "local" / "clusters").glob("*.yaml")}
    one = RealRound(rng=Random(7), desk=desk, folder=tmp_path / "chaos", clusters=clusters)
    acts: list[Act] = ["scheduler", "training", "agent", "cut", "supervisor"]
    played = one.play(BATCH, acts, within_s=90)
    assert [] == played.violations
    assert [] == unexercised(played.injected, PROMISED)
