"""The cluster that the literature's policies shift a job on: its home, seen as one grid of slots."""

from __future__ import annotations

from scheduler.domain.placement import Placement
from scheduler.problem.exact import cheapest_window
from scheduler.problem.feasible import violations
from scheduler.problem.grid import Grid, grid
from scheduler.problem.narrow import at_home, in_one_piece
from scheduler.problem.problem import Problem
from scheduler.problem.relax import infeasible


def home_grid(problem: Problem) -> tuple[Problem, Grid, int]:
    """The problem with room at home only, its grid, and the row of the home.

    Raises:
        Infeasible: there is no home, or no time is left.
    """
    home = at_home(problem)
    on = grid(home)
    if on is None:
        raise infeasible(in_one_piece(home))
    return home, on, 0 if problem.home is None else problem.home


def kept(problem: Problem, placement: Placement) -> Placement:
    """The placement of a rule where it breaks no constraint, else the cheapest run in one piece."""
    return best_in_one_piece(problem) if violations(problem, placement) else placement


def best_in_one_piece(problem: Problem) -> Placement:
    """The cheapest run in one piece, for a job that a rule cannot place in pieces.

    Raises:
        Infeasible: there is none.
    """
    whole = in_one_piece(problem)
    placement = cheapest_window(whole)
    if placement is None:
        raise infeasible(whole)
    return placement
