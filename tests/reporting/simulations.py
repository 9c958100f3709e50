"""Made-up figures of a replay, under names that would break a careless page."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from scheduler.reporting.simulation_figures import ClassFigures, PolicyFigures, SettingFigures, Simulation

T0 = datetime(2026, 3, 1, tzinfo=UTC)
NAME = "<script>document.title='broken'</script>"
CLASSES = ("1 GPU, under 1 h", "2 to 8 GPUs, 1 to 8 h", "over 64 GPUs, over 8 h")
MOMENTS = tuple(T0 + timedelta(hours=hour) for hour in range(24))


def make_policy(
    name: str, kg: float, wait_h: float, *, now_kg: float = 200.0, cost: float | None = None
) -> PolicyFigures:
    """A policy that emits so much [kg] where run-now emits `now_kg`."""
    return PolicyFigures(
        name=name,
        kg=kg,
        saving_pct=100 * (now_kg - kg) / now_kg,
        saving_operational_pct=100 * (now_kg - kg) / now_kg,
        kept_pct=None if kg == now_kg else 80.0,
        wait_h=wait_h,
        start_delay_h=wait_h / 2,
        cost=cost,
        missed=int(wait_h),
        late=0,
        suspends=3,
        gpu_hours=5000.0,
        utilisation_pct=61.5,
        zones={"FR": kg * 0.7, "CA-QC": kg * 0.3},
        classes={each: ClassFigures(jobs=10, kg=kg / 3, wait_h=wait_h) for each in CLASSES},
        waiting=tuple(wait_h * (hour % 7) for hour in range(len(MOMENTS))),
    )


def make_setting(name: str, *policies: PolicyFigures) -> SettingFigures:
    """A setting of some policies."""
    return SettingFigures(
        name=name, compared=30, left_out=2, bound_kg=90.0, forecasts="history", policies=policies, moments=MOMENTS
    )


def make_simulation(*settings: SettingFigures) -> Simulation:
    """A replay of some settings."""
    return Simulation(
        trace=NAME,
        made_at=T0,
        version="1.2.3",
        basis="average lifecycle consumption CO2e",
        start=T0,
        end=MOMENTS[-1],
        clusters=(("france", "FR", 64, False), ("quebec", "CA-QC", 32, True)),
        baseline="run-now",
        static="lowest-carbon-region",
        notes=(f"lab is left out: {NAME}",),
        sha256="0123456789abcdef" * 4,
        settings=settings,
    )


def swept() -> Simulation:
    """Three policies under three settings, with prices."""
    return make_simulation(
        *(
            make_setting(
                f"slack {slack}",
                make_policy("run-now", 200.0, 0.5, cost=900.0),
                make_policy("carbon-aware", 185.0 - slack, slack / 2, cost=950.0),
                make_policy("lowest-carbon-region", 190.0, 0.1, cost=1100.0),
            )
            for slack in (6, 24, 48)
        )
    )
