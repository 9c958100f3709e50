"""A report as Markdown that also reads well as plain text."""

from __future__ import annotations

from collections.abc import Sequence

from scheduler.domain.emissions import LINES
from scheduler.domain.instant import format_instant, hours_between
from scheduler.records.difference import Difference
from scheduler.reporting.job_report import JobReport
from scheduler.reporting.period_report import LIMITS, PeriodReport, Totals


def kg_text(mass_kg: float) -> str:
    """A mass in kilograms with three significant digits, never a bare 0 for something small."""
    return f"{mass_kg:,.0f}" if abs(mass_kg) >= 1000 else f"{mass_kg:.3g}"  # noqa: PLR2004  # where decimals stop telling


def report_markdown(report: PeriodReport) -> str:
    """The whole report."""
    since = format_instant(report.since) if report.since else "the first job"
    until = format_instant(report.until) if report.until else "now"
    parts = [
        "# Emissions report: PROVISIONAL",
        f"Jobs submitted from {since} to {until}. Made {format_instant(report.made_at)}, carbonsched {report.version}.",
        _totals("Real clusters", report.real),
        _totals("Simulated clusters (declared hardware; never added to the above)", report.simulated),
        _projects(report),
        *(_job(job) for job in report.jobs),
        "## What to know\n\n" + "\n".join(f"- {line}" for line in LIMITS),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _totals(title: str, totals: Totals) -> str:
    """Sums over jobs of one kind; nothing where there are none."""
    if not totals.jobs:
        return ""
    total = totals.emissions_kg["total"]
    lines = [
        f"## {title}",
        "",
        f"{totals.jobs} jobs, {totals.gpu_hours:.3g} GPU-h reserved, {totals.it_energy_kwh:.3g} kWh of IT energy "
        f"(modelled): {kg_text(total)} kg CO2e, range {kg_text(totals.low_kg)} to {kg_text(totals.high_kg)}.",
    ]
    if totals.difference is not None:
        lines += ["", f"Against home, {totals.compared} jobs compared: {_verdict(totals.difference)}"]
    return "\n".join(lines)


def _projects(report: PeriodReport) -> str:
    """Real jobs by project."""
    if not report.by_project:
        return ""
    rows = [
        (str(r["project"]), str(r["jobs"]), f"{r['gpu_hours']:.3g}", kg_text(float(str(r["total_kg"]))))
        for r in report.by_project
    ]
    return "## By project (real clusters)\n\n" + _table(("project", "jobs", "GPU-h", "kg CO2e"), rows)


def _job(job: JobReport) -> str:
    """One job: footprint, then difference, as two statements."""
    row = job.history.row
    title = f"## {row.job.name} ({row.id}): {row.state.value}"
    if job.simulated:
        title += ", simulated"
    if job.account is None:
        return f"{title}\n\nNothing ran{': ' + row.reason if row.reason else ''}."
    return "\n\n".join((title, _footprint(job), _segments(job), _compared(job)))


def _footprint(job: JobReport) -> str:
    """All lines: planned, realised with its range, and home's."""
    account = job.account
    assert account is not None  # noqa: S101  # asked only for a job that ran
    other = job.counterfactual
    real = account.central.as_dict()
    home = other.account.central.as_dict() if other else {}
    rows = [
        (name.replace("_", " "), kg_text(real[name]), kg_text(home[name]) if home else "-")
        for name in (*LINES, "total")
    ]
    at_home = f"would have at {other.home} [kg]" if other else "would have [kg]"
    planned = "no price" if job.planned_kg is None else f"{kg_text(job.planned_kg)} kg"
    low, high = account.emissions["low"].total, account.emissions["high"].total
    notes = [
        f"Footprint {kg_text(real['total'])} kg CO2e, range {kg_text(low)} to {kg_text(high)}; planned {planned}.",
        f"Energy is modelled ({account.energy_source}), 0 % of it measured: "
        f"GPUs {account.gpu_energy_kwh:.3g} kWh, IT {account.it_energy_kwh:.3g} kWh, "
        f"facility {account.facility_energy_kwh:.3g} kWh.",
        f"Intensity: {job.basis}, {'; '.join(job.sources)}; {account.intensity_coverage:.0%} of the hours known.",
    ]
    if account.estimated_kg:
        notes.append(f"{kg_text(account.estimated_kg)} kg of it is estimated, where the intensity has gaps.")
    return _table(("line", "realised [kg]", at_home), rows) + "\n\n" + "\n".join(f"- {note}" for note in notes)


def _segments(job: JobReport) -> str:
    """Where and when it ran."""
    rows = [
        (a.sid, a.cluster, str(a.gpus), format_instant(a.ran[0]), format_instant(a.ran[1]),
         f"{3600 * hours_between(*a.ran):.0f}", a.known_by)
        for a in job.history.attempts
    ]  # fmt: skip
    return _table(("segment", "cluster", "GPUs", "from", "to", "ran [s]", "known by"), rows)


def _compared(job: JobReport) -> str:
    """The difference, or why none is stated."""
    if job.difference is None:
        return f"Difference from home: not stated, {job.no_difference}."
    other, account = job.counterfactual, job.account
    assert other is not None and account is not None  # noqa: S101, PT018  # a difference has both sides
    moved = other.account.central.embodied - account.central.embodied
    return (
        f"Difference from {other.home}, started {format_instant(other.start)} (rule registered at submission, "
        f"self-attested): {_verdict(job.difference)}\n"
        f"Dynamic energy with its facility share, transfers and overheads of shifting only; "
        f"embodied reallocated, not reduced: {kg_text(moved)} kg."
    )


def _verdict(difference: Difference) -> str:
    """What may be said of a difference."""
    span = f"P5 {kg_text(difference.p5_kg)}, P50 {kg_text(difference.p50_kg)}, P95 {kg_text(difference.p95_kg)} kg"
    if difference.verdict == "reduced":
        return f"allocated emissions reduced ({span}; average intensities; provisional, so no headline)."
    if difference.verdict == "added":
        return f"allocated emissions added ({span}; average intensities; provisional)."
    return f"{difference.verdict}."


def _table(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table with padded columns."""
    widths = [max(len(h), *(len(row[i]) for row in rows)) for i, h in enumerate(headers)]
    line = "| " + " | ".join(h.ljust(w) for h, w in zip(headers, widths, strict=True)) + " |"
    rule = "|" + "|".join("-" * (w + 2) for w in widths) + "|"
    body = ["| " + " | ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)) + " |" for row in rows]
    return "\n".join((line, rule, *body))
