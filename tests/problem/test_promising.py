"""Many clusters: those that a plan in pieces is sought among, in bounded memory."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace

import numpy as np
import pytest

from scheduler.problem import promising as module
from scheduler.problem.exact import best_draft
from scheduler.problem.grid import grid
from scheduler.problem.narrow import alone, only_on
from scheduler.problem.problem import Interruption, Problem
from scheduler.problem.promising import MOST_WAYS, most_rows, promising
from scheduler.problem.ways import Ends
from scheduler.problem.window import best_window
from tests.surfaces import problem, surface

RULES = Interruption(checkpoint_h=0.1)
MB = 2**20


def many(clusters: int, slots: int, home: int = 0) -> Problem:
    """A job that may be suspended, on clusters of every level that share one storage."""
    dice = np.random.default_rng(5)
    level = dice.uniform(60, 600, (clusters, 1))
    hour = np.arange(slots) + dice.uniform(0, 24, (clusters, 1))
    rates = level * (1 + 0.3 * np.sin(hour * np.pi / 12)) + dice.uniform(0, 5, (clusters, slots))
    small = surface({f"c{number:04}": [1.0] for number in range(clusters)}, restart=0.2)
    shape = rates.shape
    ones = {line: np.full(shape, each[0, 0]) for line, each in small.run_g.items()}
    on = replace(
        small,
        edges_h=np.arange(slots + 1.0),
        run_g={line: share * rates for line, share in ones.items()},
        hold_g={line: np.zeros(shape) for line in small.hold_g},
        capacity=np.full(shape, 8),
        move_g=Ends(end_g=rates * 0.01),
    )
    return problem(on, 30.0, interruption=RULES, home=home)


def test_few_clusters_are_all_kept() -> None:
    """Up to the limit the plan is exact over all of them."""
    posed = many(20, 48)
    on = grid(posed)
    assert on is not None
    assert promising(posed, on, None) is None


def test_home_and_the_cluster_of_the_checkpoint_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    """However dear they are."""
    monkeypatch.setattr(module, "MOST_WAYS", 48 * 5**2)
    posed = many(40, 48)
    worst = np.argsort(-posed.run_rate.mean(axis=1))[:2].tolist()
    posed = replace(posed, home=worst[0], resumed_from=worst[1])
    on = grid(posed)
    assert on is not None
    kept = promising(posed, on, None)
    assert kept is not None
    assert len(kept) == 5
    assert set(worst) <= set(kept.tolist())


def test_a_fifth_of_the_clusters_finds_what_all_of_them_do(monkeypatch: pytest.MonkeyPatch) -> None:
    """The cheapest plan is among the cheapest clusters."""
    posed = many(60, 72)
    exact = best_draft(posed)
    monkeypatch.setattr(module, "MOST_WAYS", 72 * 12**2)
    assert best_draft(posed) == exact
    assert exact is not None
    assert exact.suspends > 0


def test_a_thousand_clusters_take_bounded_memory() -> None:
    """A week of hours: under 700 MB at work, and the plan is no dearer than the best run in one piece."""
    posed = many(1000, 168)
    tracemalloc.start()
    found = best_draft(posed)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    window = best_draft(replace(posed, interruption=None))
    assert found is not None
    assert window is not None
    assert found.cost_g <= window.cost_g
    assert peak < 700 * MB


def test_the_limit_is_of_ways() -> None:
    """Clusters squared times slots."""
    assert most_rows(168) ** 2 * 168 <= MOST_WAYS < (most_rows(168) + 1) ** 2 * 168


@pytest.mark.parametrize("came_from", [None, 0, 2])
def test_a_cluster_alone_has_the_best_run_it_has_among_the_others(came_from: int | None) -> None:
    """Also where the checkpoint has to come from another one."""
    posed = replace(many(4, 48), resumed_from=came_from)
    for row in range(4):
        narrow, whole = best_window(alone(posed, row)), best_window(only_on(posed, [row]))
        assert narrow is not None
        assert whole is not None
        assert narrow.cost_g == pytest.approx(whole.cost_g)
        assert narrow.stretches[0][1:] == whole.stretches[0][1:]
