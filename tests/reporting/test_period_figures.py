"""The figures of a period: projects and what was nobody's are the total, and what is not known makes it provisional."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scheduler.domain.basis import DEFAULT_BASIS, MARGINAL_BASIS
from scheduler.domain.emissions import Emissions
from scheduler.domain.errors import BasisMismatch, CarbonschedError
from scheduler.records.accounts import Account
from scheduler.records.periods_calendar import parse_period
from scheduler.reporting.period_figures import Idle, Part, PeriodFigures, period_figures, require_whole
from tests.records.cases import T0

MARCH = parse_period("2024-03", "UTC")
KG = st.floats(0, 1e6)


def account(dynamic_kg: float, embodied_kg: float = 1.0) -> Account:
    """An account of so many kilograms, and half of them to each side of it."""
    lines = Emissions(dynamic=dynamic_kg, embodied=embodied_kg)
    return Account(
        emissions={"low": lines.scaled(0.5), "central": lines, "high": lines.scaled(1.5)},
        estimated_kg=0.0, gpu_energy_kwh=1.0, it_energy_kwh=2.0, facility_energy_kwh=3.0, reserved_gpu_h=4.0,
        ran_gpu_h=4.0, held_gpu_h=0.0, intensity_coverage=1.0, run_coverage=1.0, energy_source="model_tdp",
    )  # fmt: skip


def part(job_id: str, kg: float | None, **changes: object) -> Part:
    """The part of a job."""
    given: dict[str, object] = {
        "project": "", "simulated": False, "ended": True, "basis": DEFAULT_BASIS, "provisional_share": 0.0,
        "account": None if kg is None else account(kg),
    }  # fmt: skip
    return Part(job_id=job_id, **(given | changes))  # type: ignore[arg-type]  # fields by name


def idle(kg: float | None, share: float = 0.0) -> Idle:
    """What was nobody's of one cluster."""
    return Idle(cluster="france", it_kwh=10.0, facility_kwh=12.0, kg=kg, provisional_share=share)


def figures(parts: list[Part], nobody: list[Idle]) -> PeriodFigures:
    """The figures of March."""
    return period_figures(MARCH, parts, nobody, as_of=T0)


def total(made: PeriodFigures) -> float:
    """The organisation's. [kg]"""
    lines: Any = made.figures["emissions_kg"]
    return float(lines["total"])


@settings(max_examples=80)
@given(
    jobs=st.lists(st.tuples(KG, st.sampled_from(["", "nlp", "vision"])), max_size=6), nobody=st.lists(KG, max_size=3)
)
def test_projects_and_unallocated_are_the_total(jobs: list[tuple[float, str]], nobody: list[float]) -> None:
    """Whatever they are, and each line beside."""
    parts = [part(f"j{n}", kg, project=project) for n, (kg, project) in enumerate(jobs)]
    made = figures(parts, [Idle(cluster=f"c{n}", it_kwh=1, facility_kwh=1, kg=kg, provisional_share=0)
                           for n, kg in enumerate(nobody)])  # fmt: skip
    by_project: Any = made.figures["by_project"]
    projects = sum(each["emissions_kg"]["total"] for each in by_project.values())
    assert total(made) == pytest.approx(projects + sum(nobody))
    assert total(made) == pytest.approx(sum(kg + 1.0 for kg, _ in jobs) + sum(nobody))


def test_parts_that_are_not_the_total_are_refused() -> None:
    """A sum that leaks is never published."""
    with pytest.raises(CarbonschedError, match=r"come to 3.0 kg, the total to 4.0 kg"):
        require_whole({"emissions_kg": {"total": 4.0}}, [1.0], 2.0)


def test_what_is_simulated_stands_beside() -> None:
    """In no sum, no project and no status."""
    made = figures([part("a", 2.0), part("b", None, simulated=True), part("c", 7.0, simulated=True)], [])
    assert (3.0, 8.0, "final", {"a": 3.0}) == (
        total(made), made.figures["simulated_kg"], made.status, made.figures["jobs"],
    )  # fmt: skip


@pytest.mark.parametrize(
    ("parts", "nobody", "status", "share"),
    [
        ([part("a", 95.0), part("b", 5.0, provisional_share=1.0)], [], "final", 0.05),
        ([part("a", 94.0), part("b", 6.0, provisional_share=1.0)], [], "provisional", 0.06),
        ([part("a", 50.0)], [idle(50.0, share=0.5)], "provisional", 0.25),
        ([part("a", None)], [], "provisional", 0.0),
        ([part("a", 1.0)], [idle(None)], "provisional", 0.0),
        ([part("a", 0.0, provisional_share=0.2)], [], "provisional", 1.0),
        ([], [], "final", 0.0),
    ],
)
def test_over_five_percent_provisional_or_anything_unknown_is_provisional(
    parts: list[Part], nobody: list[Idle], status: str, share: float
) -> None:
    """Weighed by operational kilograms; embodied ones need no intensity."""
    made = figures(parts, nobody)
    assert (status, pytest.approx(share)) == (made.status, made.figures["provisional_share"])


def test_two_bases_are_refused() -> None:
    """Their kilograms are not the same thing."""
    with pytest.raises(BasisMismatch):
        figures([part("a", 1.0), part("b", 1.0, basis=MARGINAL_BASIS)], [])


def test_what_a_reader_must_know_is_said() -> None:
    """In a line each."""
    made = figures([part("a", 1.0, provisional_share=1.0, ended=False), part("b", None)], [idle(None)])
    assert (
        "100 % of the operational emissions rest on provisional intensities",
        "1 jobs ran and could not be priced: the total is too low",
        "the idle hardware of france has no intensity and is not in the total",
        "1 of its jobs have not ended",
        "as of 2024-03-05T00:00:00Z",
    ) == made.notes
