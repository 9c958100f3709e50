"""The head of a replay's page: what may stand there, what chance decides, and what is below a bound."""

from __future__ import annotations

from scheduler.reporting.language import ENGLISH
from scheduler.reporting.simulation_choices import choices, most_saved
from scheduler.reporting.simulation_figures import PolicyFigures, Simulation
from scheduler.reporting.simulation_statements import beyond_statement, bound_line, most_statement, side_by_side
from tests.reporting.simulations import STATIC, drawn, make_policy, make_setting, make_simulation, swept, three


def one(*policies: PolicyFigures) -> Simulation:
    """One setting of some policies."""
    return make_simulation(make_setting({}, *policies))


def head(made: Simulation) -> str:
    """Everything that the head says, in a line."""
    found = choices(made)
    best = most_saved(found)
    said = [most_statement(made, found, best, ENGLISH), beyond_statement(made, best, ENGLISH)]
    parts = [part for each in said for part in (each.kind, each.headline, each.unit, *each.lines)]
    return " ".join(filter(None, [*parts, bound_line(best, ENGLISH) if best else ""]))


def test_what_is_below_the_bound_is_late_and_that_is_said() -> None:
    """A bound holds for those that keep every deadline."""
    assert "carbon-aware is below it, for it misses deadlines." in head(one(*three(80.0, 3.0)))
    assert "is below it" not in head(swept())
    at_it = make_simulation(make_setting({}, *three(90.0 - 1e-14, 3.0)))
    assert "is below it" not in head(at_it)


def test_where_nothing_saves_that_is_the_headline() -> None:
    """Not a saving of 0, and not one of a policy that emits more."""
    text = head(one(make_policy("run-now", 200.0, 0.5), make_policy("carbon-aware", 210.0, 3.0)))
    assert "Most saved Nothing saves None of these policies emits less than run-now." in text


def test_where_choosing_a_region_does_as_much_that_is_the_headline() -> None:
    """Waiting is worth nothing there."""
    text = head(one(*three(190.0, 4.0)))
    assert f"Most saved: {STATIC} 5.0 % less than run-now" in text
    assert "Nothing saves more" in text
    assert "Waiting and suspending are worth nothing here." in text


def test_seeds_are_told_as_a_mean_with_its_ends() -> None:
    """And whether anything beyond a region can be told from nothing."""
    firm = head(drawn((150.0, 190.0), (160.0, 190.0), (158.0, 184.0)))
    assert "Mean of 3 draws, which lie between 20.0 and 25.0 %." in firm
    assert "Between +13.0 and +20.0 points in the 3 draws: of one sign in all." in firm
    loose = head(drawn((150.0, 155.0), (158.0, 155.0)))
    assert "Between −1.5 and +2.5 points in the 2 draws: not to be told from nothing." in loose
    assert "One draw: how far chance decides is not known" in head(swept())


def test_what_is_paid_is_beside_what_is_saved() -> None:
    """What is now, a region alone and the best, each with its wait, its misses and its cost."""
    made = swept()
    found = choices(made)
    shown = side_by_side(made, found, most_saved(found), ENGLISH)
    assert shown is not None
    assert (
        ("run-now", "200.0", "0.0", "0.50", "0", "900"),
        (STATIC, "190.0", "5.0", "0.10", "0", "1,100"),
        ("carbon-aware", "137.0", "31.5", "24.00", "24", "950"),
    ) == shown.rows


def test_nothing_to_compare_is_said() -> None:
    """No figure stands where there is none."""
    assert "Nothing was compared" in head(one(make_policy("run-now", 0.0, 0.0, now_kg=0.0)))
    assert "There is nothing to compare." in head(
        one(make_policy("run-now", 200.0, 0.5), make_policy("carbon-aware", 150.0, 3.0))
    )
