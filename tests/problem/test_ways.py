"""Ways kept as their ends are what a table of them would be."""

from __future__ import annotations

import numpy as np

from scheduler.problem.ways import Ends, by_slot, has_unknown, some_ways, way_g, weighted

END_G = np.array([[1.0, 2.0], [10.0, np.nan], [100.0, 200.0]])
ENDS = Ends(end_g=END_G)
OWN = np.arange(3)


def table(ways: object) -> list[list[list[float]]]:
    """Every way in every slot."""
    assert isinstance(ways, Ends | np.ndarray)
    found: list[list[list[float]]] = way_g(ways, OWN[:, None, None], OWN[:, None], np.arange(2)).tolist()
    return found


def test_a_way_emits_at_both_ends_and_none_where_it_stays() -> None:
    """In the slot in which it leaves."""
    assert (3, 3, 2) == ENDS.shape
    assert 101.0 == way_g(ENDS, 0, 2, 0)
    assert 0.0 == way_g(ENDS, 1, 1, 1)
    assert np.isnan(way_g(ENDS, 1, 0, 1))
    assert has_unknown(ENDS)


def test_ends_and_their_table_are_treated_alike() -> None:
    """Weighted, chosen from, and changed along the slots."""
    whole = np.array(table(ENDS))
    assert table(weighted(ENDS, scale=2.0, unknown_g=7.0)) == table(weighted(whole, scale=2.0, unknown_g=7.0))
    some = np.array([2, 0])
    chosen = some_ways(weighted(ENDS, scale=1.0, unknown_g=0.0), some)
    assert [[0.0, 101.0], [101.0, 0.0]] == way_g(chosen, np.array([[0], [1]]), np.array([0, 1]), 0).tolist()
    first, also = by_slot(ENDS, lambda g: g[..., :1]), by_slot(whole, lambda g: g[..., :1])
    assert [way_g(first, 0, 2, 0)] == [way_g(also, 0, 2, 0)]
