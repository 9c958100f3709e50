"""Eight processes that submit together: nothing is lost, nothing is stored twice."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.chaos.storm import DOUBLE, LOST, REFUSED, SLOW, Storm


@pytest.mark.slow
@pytest.mark.parametrize(("jobs", "same", "stored"), [(160, False, 160), (20, True, 20)])
def test_a_storm_of_submits_is_stored_once(tmp_path: Path, jobs: int, stored: int, same: bool) -> None:  # noqa: FBT001  # a parameter of the test
    """Jobs of their own are all kept; the same keys from all of them are one job each, and all are told the same."""
    played = Storm(folder=tmp_path, processes=8, jobs=jobs, same=same, within_s=300).rage()
    assert [] == played.violations
    assert stored == sum(count for name, count in played.facts.items() if name.startswith("jobs stored"))


def test_a_storm_that_does_damage_is_seen(tmp_path: Path) -> None:
    """A job that was told and is not there, one that nobody was told of twice, a refusal, and too long a time."""
    storm = Storm(folder=tmp_path, processes=1, jobs=2, same=True, within_s=0.0)
    played = storm.rage()
    assert [SLOW] == [kind for kind, _ in played.violations]
    (tmp_path / "storm-0.jsonl").write_text('{"name": "storm-0-0", "gpus": 0}\n')
    judged = storm._judged([["nobody"], []], 0.0, [(REFUSED, "error: gpus")])
    assert [REFUSED, LOST, DOUBLE] == [kind for kind, _ in judged.violations]
