"""Made-up figures of a replay, under names that would break a careless page."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from scheduler.domain.basis import Basis
from scheduler.reporting.simulation_classes import CLASSES
from scheduler.reporting.simulation_figures import (
    ClassFigures,
    ClusterFigures,
    PolicyFigures,
    SettingFigures,
    Simulation,
)

T0 = datetime(2026, 3, 1, tzinfo=UTC)
NAME = "<script>document.title='broken'</script>"
MOMENTS = tuple(T0 + timedelta(hours=hour) for hour in range(24))
CLUSTERS = (("france", "FR", 64, 2.5, False), ("quebec", "CA-QC", 32, None, True))
STATIC = "lowest-carbon-region"


def make_policy(
    name: str,
    kg: float,
    wait_h: float,
    *,
    now_kg: float = 200.0,
    cost: float | None = None,
    missed: int | None = None,
    zones: Sequence[str] = ("FR", "CA-QC"),
) -> PolicyFigures:
    """A policy that emits so much [kg] where run-now emits `now_kg`."""
    saved = 100 * (now_kg - kg) / now_kg if now_kg else None
    return PolicyFigures(
        name=name,
        kg=kg,
        saving_pct=saved,
        saving_operational_pct=saved,
        kept_pct=None if kg == now_kg else 80.0,
        wait_h=wait_h,
        start_delay_h=wait_h / 2,
        cost=cost,
        missed=int(wait_h) if missed is None else missed,
        late=0,
        suspends=3,
        gpu_hours=5000.0,
        utilisation_pct=61.5,
        zones={zone: kg / len(zones) for zone in zones},
        clusters={
            each[0]: ClusterFigures(kg=kg / 2, gpu_hours=2500.0, utilisation_pct=12.5 * n)
            for n, each in enumerate(CLUSTERS)
        },
        classes={
            CLASSES[n]: ClassFigures(jobs=10, kg=kg / 3 if n else now_kg / 2 - kg / 6, wait_h=wait_h)
            for n in (0, 4, 11)
        },
        waiting=tuple(wait_h * (hour % 7) for hour in range(len(MOMENTS))),
    )


def make_setting(varied: dict[str, str], *policies: PolicyFigures, bound_kg: float = 90.0) -> SettingFigures:
    """A setting of some policies."""
    return SettingFigures(
        varied=tuple(varied.items()),
        jobs=31,
        compared=30,
        left_out={"too_wide": 1, "out_of_table": 2},
        bound_kg=bound_kg,
        forecasts="history",
        policies=policies,
        moments=MOMENTS,
    )


def make_simulation(*settings: SettingFigures) -> Simulation:
    """A replay of some settings."""
    return Simulation(
        trace=NAME,
        made_at=T0,
        version="1.2.3",
        basis=Basis(signal="average", boundary="lifecycle", flow="consumption", gas="CO2e"),
        start=T0,
        end=MOMENTS[-1],
        clusters=CLUSTERS,
        options=(("slack", "24h"), ("since", "")),
        baseline="run-now",
        static=STATIC,
        notes=(f"lab is left out: {NAME}",),
        sha256="0123456789abcdef" * 4,
        settings=settings,
    )


def three(aware_kg: float, wait_h: float, *, static_kg: float = 190.0) -> tuple[PolicyFigures, ...]:
    """Run-now, the default policy, and choosing a region alone, with prices."""
    return (
        make_policy("run-now", 200.0, 0.5, cost=900.0),
        make_policy("carbon-aware", aware_kg, wait_h, cost=950.0),
        make_policy(STATIC, static_kg, 0.1, cost=1100.0),
    )


def swept() -> Simulation:
    """Three policies under three settings, with prices."""
    return make_simulation(
        *(make_setting({"slack": str(slack)}, *three(185.0 - slack, slack / 2)) for slack in (6, 24, 48))
    )


def drawn(*pairs: tuple[float, float]) -> Simulation:
    """A draw a pair: what the default policy emits, and what choosing a region alone does. [kg]"""
    return make_simulation(
        *(
            make_setting({"seed": str(n)}, *three(aware_kg, 4.0, static_kg=static_kg))
            for n, (aware_kg, static_kg) in enumerate(pairs)
        )
    )
