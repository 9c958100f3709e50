"""A report as Markdown that also reads well as plain text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from scheduler.domain.emissions import LINES
from scheduler.domain.instant import hours_between, to_the_second
from scheduler.records.accounts import Account
from scheduler.records.difference import Difference
from scheduler.reporting.job_report import JobReport
from scheduler.reporting.words import LIMITS, NO_PLAN_PRICE, NOTHING_RAN, share_text

if TYPE_CHECKING:
    # A mass is shown without pandas, which the sums of a period load.
    from scheduler.reporting.period_report import PeriodReport, Totals


_WHOLE_FROM: Final = 999.5
"""From here on three significant digits hold no decimals."""


def kg_text(mass_kg: float) -> str:
    """A mass in kilograms, never a bare 0 for something small. [kg]"""
    return _digits(mass_kg)


def _digits(value: float) -> str:
    """Three significant digits, whole numbers where that is more."""
    return f"{value:,.0f}" if abs(value) >= _WHOLE_FROM else f"{value:.3g}"


def report_markdown(report: PeriodReport) -> str:
    """The whole report."""
    since = to_the_second(report.since) if report.since else "the first job"
    until = to_the_second(report.until) if report.until else "now"
    made = f"Made {to_the_second(report.made_at)}, carbonsched {report.version}"
    parts = [
        "# Emissions report: PROVISIONAL",
        f"Jobs submitted from {since} to {until}. {made}; {report.draws:,} draws, seed {report.seed}.",
        "" if report.jobs else "No jobs were submitted in this period.",
        _totals("Real clusters", report.real),
        _totals("Simulated clusters (declared hardware; never added to the above)", report.simulated),
        _projects(report),
        *(_job(job) for job in report.jobs),
        _bullets("## What to know", LIMITS),
        _bullets("## Credits", sorted({credit for job in report.jobs for credit in job.credits})),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _totals(title: str, totals: Totals) -> str:
    """Sums over jobs of one kind; nothing where there are none."""
    if not totals.jobs:
        return ""
    mass = _with_range(totals.emissions_kg["total"], totals.low_kg, totals.high_kg)
    energy = f"{_digits(totals.it_energy_kwh)} kWh of IT energy (modelled)"
    lines = [f"## {title}", f"{_jobs(totals.jobs)}, {_digits(totals.gpu_hours)} GPU-h reserved, {energy}: {mass}."]
    if totals.unpriced:
        lines.append(f"**{_jobs(totals.unpriced)} ran and could not be priced: the sums are too low.**")
    if totals.difference is not None:
        lines.append(f"Against home, {totals.compared} of {_jobs(totals.jobs)} compared: {_verdict(totals.difference)}")
    return "\n\n".join(lines)


def _with_range(total_kg: float, low_kg: float, high_kg: float) -> str:
    """A total between the ends of its range."""
    return f"{kg_text(total_kg)} kg CO2e, range {kg_text(low_kg)} to {kg_text(high_kg)}"


def _jobs(number: int) -> str:
    """So many jobs."""
    return f"{number} job{'' if number == 1 else 's'}"


def _projects(report: PeriodReport) -> str:
    """Real jobs by project."""
    if not report.by_project:
        return ""
    rows = [
        (str(r["project"]), str(r["jobs"]), _digits(float(str(r["gpu_hours"]))), kg_text(float(str(r["total_kg"]))))
        for r in report.by_project
    ]
    return "## By project (real clusters)\n\n" + _table(("project", "jobs", "GPU-h", "kg CO2e"), rows)


def _job(job: JobReport) -> str:
    """One job: footprint, then difference, as two statements."""
    row, account = job.history.row, job.account
    title = f"## {row.job.name} ({row.id}): {row.state.value}"
    if job.simulated:
        title += ", simulated"
    said = [title, f"Why: {row.reason}." if row.reason else ""]
    if account is None:
        said.append("Nothing ran." if job.no_account == NOTHING_RAN else f"It could not be priced: {job.no_account}.")
        said.append(_segments(job) if job.history.attempts else "")
    else:
        said += [_footprint(job, account), _segments(job), _compared(job, account)]
    return "\n\n".join(part for part in (*said, _bullets("", job.notes)) if part)


def _footprint(job: JobReport, account: Account) -> str:
    """All lines: planned, realised with its range, and home's."""
    other = job.counterfactual
    real = account.central.as_dict()
    home = other.account.central.as_dict() if other else {}
    rows = [
        (name.replace("_", " "), kg_text(real[name]), kg_text(home[name]) if home else "-")
        for name in (*LINES, "total")
    ]
    at_home = f"would have at {other.home} [kg]" if other else "would have [kg]"
    planned = f"no figure, {NO_PLAN_PRICE}" if job.planned_kg is None else f"{kg_text(job.planned_kg)} kg"
    mass = _with_range(real["total"], account.emissions["low"].total, account.emissions["high"].total)
    energy = (
        f"GPUs {_digits(account.gpu_energy_kwh)} kWh, IT {_digits(account.it_energy_kwh)} kWh, "
        f"facility {_digits(account.facility_energy_kwh)} kWh"
    )
    known = share_text(account.intensity_coverage)
    notes = [
        f"Footprint {mass}; planned {planned}.",
        f"Energy is modelled ({account.energy_source}), 0 % of it measured: {energy}.",
        f"Intensity: {job.basis}, {'; '.join(job.sources)}; {known} of the hours known.",
    ]
    if account.run_coverage < 1:
        notes.append(
            f"{share_text(account.run_coverage)} of the reserved hours have evidence; the rest counts as running."
        )
    if account.estimated_kg:
        notes.append(f"{kg_text(account.estimated_kg)} kg of it is estimated, where the intensity has gaps.")
    return _table(("line", "realised [kg]", at_home), rows) + "\n\n" + _bullets("", notes)


def _segments(job: JobReport) -> str:
    """Where and when it ran."""
    rows = [
        (a.sid, a.cluster.name, str(a.gpus), to_the_second(a.ran[0]), to_the_second(a.ran[1]),
         f"{3600 * hours_between(*a.ran):.0f}", a.known_by)
        for a in job.history.attempts
    ]  # fmt: skip
    return _table(("segment", "cluster", "GPUs", "from", "to", "ran [s]", "known by"), rows)


def _compared(job: JobReport, account: Account) -> str:
    """The difference, or why none is stated."""
    other = job.counterfactual
    if job.difference is None or other is None:
        return f"Difference from home: not stated, {job.no_difference}."
    moved = other.account.central.embodied - account.central.embodied
    return (
        f"Difference from {other.home}, started {to_the_second(other.start)} (rule registered at submission, "
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


def _bullets(title: str, lines: Sequence[str]) -> str:
    """A list under its title; nothing where it is empty."""
    listed = "\n".join(f"- {line}" for line in lines)
    return "\n\n".join(part for part in (title, listed) if part) if lines else ""


def _table(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table with padded columns; a bar in a cell is written so that it does not end it."""
    told = [[cell.replace("|", "\\|") for cell in row] for row in (headers, *rows)]
    widths = [max(map(len, column)) for column in zip(*told, strict=True)]
    head, *body = ("| " + " | ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)) + " |" for row in told)
    return "\n".join((head, "|" + "|".join("-" * (width + 2) for width in widths) + "|", *body))
