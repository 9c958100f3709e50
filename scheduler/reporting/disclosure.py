"""The disclosure block: what a reader needs to judge a report, each field filled or with the reason why it is not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from scheduler.domain.cluster import Cluster
from scheduler.domain.emissions import LINES
from scheduler.records.accounts import Account
from scheduler.records.counterfactual import METHOD
from scheduler.records.exposure import AGAINST_COUNTERFACTUAL, AGAINST_REAL
from scheduler.reporting import words
from scheduler.reporting.boundary import STAGES
from scheduler.reporting.job_report import JobReport
from scheduler.reporting.language import ENGLISH, Language
from scheduler.reporting.naming import energy_name, line_name
from scheduler.reporting.period_report import PeriodReport

Told = tuple[str, str]
"""A value and, where that is empty, the reason."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One field: a key for machines, a label for people, and a value or the reason why there is none."""

    key: str
    label: str
    value: str | None
    reason: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Case:
    """A report with what many fields are made from, looked up once."""

    report: PeriodReport
    accounts: tuple[Account, ...]
    clusters: tuple[Cluster, ...]
    lang: Language

    def share(self, of: Callable[[Account], float], weight: Callable[[Account], float]) -> Told:
        """A share of all the accounts, each with its weight."""
        whole = sum(weight(each) for each in self.accounts)
        if not whole:
            return "", self.lang(words.NOTHING_RAN)
        return self.lang.percent(sum(of(each) * weight(each) for each in self.accounts) / whole), ""

    def listed(self, found: Iterable[str], why: str) -> Told:
        """What was found, each once, or why there is nothing."""
        return self.lang("; ").join(dict.fromkeys(each for each in found if each)), self.lang(why)


def disclosure(report: PeriodReport, lang: Language = ENGLISH) -> tuple[Field, ...]:
    """Every field, in the order that it is printed."""
    used = {
        (each.cluster.name, each.cluster.zone): each.cluster for job in report.jobs for each in job.history.attempts
    }
    case = _Case(
        report=report,
        accounts=tuple(job.account for job in report.jobs if job.account is not None),
        clusters=tuple(used[name] for name in sorted(used)),
        lang=lang,
    )
    return tuple(_field(key, label, fill(case), lang) for key, label, fill in _FIELDS)


def disclosure_json(report: PeriodReport) -> dict[str, str | None]:
    """The same for machines, in English: each key, and under it with `_reason` why it has no value."""
    fields = disclosure(report)
    return {
        name: text for each in fields for name, text in ((each.key, each.value), (f"{each.key}_reason", each.reason))
    }


def disclosure_schema() -> dict[str, object]:
    """The JSON Schema of the block: every key, each with a value or else a reason."""
    text, null = {"type": "string", "minLength": 1}, {"type": "null"}
    keys = [key for key, _, _ in _FIELDS]
    names = [name for key in keys for name in (key, f"{key}_reason")]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "required": names,
        "additionalProperties": False,
        "properties": {name: {} for name in names},
        "allOf": [
            {
                "oneOf": [
                    {"properties": {key: one, f"{key}_reason": other}} for one, other in ((text, null), (null, text))
                ]
            }
            for key in keys
        ],
    }


def _field(key: str, label: str, told: Told, lang: Language) -> Field:
    """A field, with its reason only where it has no value."""
    value, reason = told
    return Field(key=key, label=lang(label), value=value or None, reason=None if value else reason)


def _plain(text: str, **values: object) -> Callable[[_Case], Told]:
    """A field that is the same in every report."""
    return lambda case: (case.lang(text, **values), "")


def _absent(why: str) -> Callable[[_Case], Told]:
    """A field that no report fills yet."""
    return lambda case: ("", case.lang(why))


def _basis(name: str) -> Callable[[_Case], Told]:
    """One word of what the intensities mean."""
    return lambda case: (
        case.lang.word("basis", str(getattr(case.report.basis, name, ""))),
        case.lang(words.NOTHING_RAN),
    )


def _stated(name: str, why: str) -> Callable[[_Case], Told]:
    """What a source may state beside the basis."""
    return lambda case: (str(getattr(case.report.basis, name, "")), case.lang(why))


def _figure(name: str, text: str) -> Callable[[_Case], Told]:
    """A figure that the cluster files state, with its range."""

    def told(case: _Case) -> Told:
        """By cluster."""
        found = (case.lang(text, cluster=each.name, figure=_range(each, name, case.lang)) for each in case.clusters)
        return case.listed(found, words.NOTHING_RAN)

    return told


def _range(cluster: Cluster, name: str, lang: Language) -> str:
    """A figure of a cluster with its range."""
    figure = cluster.stated_pue if name == "pue" else getattr(cluster, name)
    low, central, high = (lang.number(each) for each in (figure.low, figure.central, figure.high))
    return lang("{central} [{low}, {high}]", low=low, central=central, high=high)


def _pue_sources(case: _Case) -> Told:
    """Where each PUE is from; one that nobody stated is said to be assumed."""
    found = (
        case.lang("{cluster}: {source}", cluster=each.name, source=_source_of(each, "pue", case.lang))
        for each in case.clusters
    )
    return case.listed(found, words.NOTHING_RAN)


def _source_of(cluster: Cluster, name: str, lang: Language) -> str:
    """Where a figure of a cluster is from."""
    if name == "pue" and cluster.pue is None:
        return lang("not stated, so this tool's default stands in")
    said = cluster.source if isinstance(cluster.source, str) else cluster.source.get(name, "")
    return lang.quoted(said) if said else lang("its cluster file names no source")


def _jobs_out(case: _Case) -> Told:
    """Jobs in the period whose emissions are not in the sums."""
    count = sum(job.unpriced for job in case.report.jobs)
    return case.lang.plural(
        "{count} job that ran and has no price", "{count} jobs that ran and have no price", count
    ), ""


def _compared(case: _Case) -> Told:
    """Jobs whose difference may be stated."""
    compared = sum(job.difference is not None for job in case.report.jobs)
    return case.lang("{compared} of {jobs}", compared=compared, jobs=len(case.report.jobs)), ""


def _estimated(case: _Case) -> Told:
    """Part of the total that rests on gaps of the intensity."""
    return case.share(lambda each: each.estimated_kg / each.central.total if each.central.total else 0.0, _total_kg)


def _total_kg(account: Account) -> float:
    """The weight of an account in shares of mass. [kg]"""
    return account.central.total


def _gpu_h(account: Account) -> float:
    """The weight of an account in shares of time. [GPU-h]"""
    return account.gpu_h


def _it_kwh(account: Account) -> float:
    """The weight of an account in shares of energy. [kWh]"""
    return account.it_energy_kwh


def _energy_sources(case: _Case) -> Told:
    """Shares of the IT energy by how it is known."""
    whole = sum(map(_it_kwh, case.accounts))
    parts: dict[str, float] = {}
    for each in case.accounts:
        parts[each.energy_source] = parts.get(each.energy_source, 0.0) + each.it_energy_kwh
    found = (
        case.lang("{source}: {share}", source=energy_name(name, case.lang), share=case.lang.percent(kwh / whole))
        for name, kwh in sorted(parts.items())
        if whole
    )
    return case.listed(found, words.NOTHING_RAN)


def _sealed(case: _Case) -> Told:
    """When the registered rules were sealed: each at its job's submission."""
    jobs = case.report.jobs
    if not jobs:
        return "", case.lang(words.NO_JOBS)
    first, last = (edge(job.history.row.submitted_at for job in jobs) for edge in (min, max))
    return case.lang("at submission, from {first} to {last}", first=case.lang.instant(first),
                     last=case.lang.instant(last)), ""  # fmt: skip


def _vintage(case: _Case) -> Told:
    """The instant from which on nothing that sources said is in any figure."""
    seen = [job.as_of for job in case.report.jobs if job.as_of is not None]
    if not seen:
        return "", case.lang(words.NO_CUT_OFF)
    return case.lang("what was said up to {moment}, on both sides", moment=case.lang.instant(max(seen))), ""


def _registered(case: _Case) -> Told:
    """Whether rules were sealed outside before their jobs started."""
    counted = Counter(job.registration for job in case.report.jobs)
    found = (
        case.lang("{kind}: {jobs}", kind=case.lang.word("registration", kind), jobs=case.lang.whole(count))
        for kind, count in counted.items()
    )
    return case.listed(found, words.NO_JOBS)


def _named(case: _Case) -> Told:
    """Who named the homes: an operator's word weighs more than that of a job which is judged by it."""
    lang = case.lang
    counted = Counter(job.history.row.counterfactual.get("home_by", "job") for job in case.report.jobs)
    found = (
        lang("the operator's: {jobs}", jobs=lang.whole(counted["operator"])) if counted["operator"] else "",
        lang("the job's own: {jobs}", jobs=lang.whole(counted["job"])) if counted["job"] else "",
        lang("the only cluster allowed: {jobs}", jobs=lang.whole(only))
        if (only := counted.total() - counted["operator"] - counted["job"])
        else "",
    )
    return case.listed(found, words.NO_JOBS)


def _plain_status(case: _Case) -> Told:
    """How firm the report is."""
    return case.lang.word("status", case.report.status), ""


def _provisional(case: _Case) -> Told:
    """The share of the operational kilograms whose intensity may still move."""
    lang, real, simulated = case.lang, case.report.real, case.report.simulated
    found = (
        lang("real: {share}", share=lang.percent(real.provisional_share)) if real.jobs else "",
        lang("simulated: {share}", share=lang.percent(simulated.provisional_share)) if simulated.jobs else "",
    )
    return case.listed(found, words.NO_JOBS)


def _marginal(case: _Case) -> Told:
    """On how many jobs a marginal signal was at hand."""
    count = sum(job.marginal is not None for job in case.report.jobs)
    why = next((job.no_marginal for job in case.report.jobs if job.no_marginal), words.NO_MARGINAL)
    return (case.lang.plural("{count} job", "{count} jobs", count) if count else ""), case.lang.quoted(why)


def _kinds(jobs: Iterable[JobReport], of: Callable[[JobReport], Iterable[str]]) -> list[str]:
    """What the jobs say of something, each once, sorted."""
    return sorted({each for job in jobs for each in of(job)})


_FIELDS: Final[tuple[tuple[str, str, Callable[[_Case], Told]], ...]] = (
    ("tool", "Tool", _plain("carbonsched")),
    ("version", "Version", lambda case: (case.report.version, "")),
    ("config_sha256", "Configuration, SHA-256", lambda case: (
        case.report.config_sha256 or "", case.lang("this report was put together outside of the command line"))),
    ("made_at", "Made at", lambda case: (case.lang.instant(case.report.made_at), "")),
    ("since", "Period, from", lambda case: (
        case.lang.instant(case.report.since) if case.report.since else "", case.lang(words.FROM_THE_FIRST))),
    ("until", "Period, to", lambda case: (
        case.lang.instant(case.report.until) if case.report.until else "", case.lang(words.UP_TO_NOW))),
    ("inclusion", "Which jobs are in", _plain(
        "every job submitted in the period that the filters take, failed and cancelled ones too")),
    ("filters", "Filters", lambda case: (
        case.lang("; ").join(map(case.lang.said, case.report.filters)), case.lang("none: every job of the period"))),
    ("jobs", "Jobs in", lambda case: (case.lang.whole(len(case.report.jobs)), "")),
    ("jobs_unpriced", "Jobs in without a figure", _jobs_out),
    ("jobs_simulated", "Simulated jobs, never in real sums", lambda case: (
        case.lang.whole(case.report.simulated.jobs), "")),
    ("jobs_compared", "Jobs compared with home", _compared),
    ("approach", "Statements", _plain(
        "two, never one: the footprint (attributional, all lines) and the difference (consequential)")),
    ("lines", "Lines of the footprint", lambda case: (", ".join(line_name(line, case.lang) for line in LINES), "")),
    ("stages_left_out", "Stages left out", lambda case: (
        case.lang("; ").join(case.lang(each.name) for each in STAGES if each.counted == "not"), "")),
    ("signal", "Intensity, signal", _basis("signal")),
    ("boundary", "Intensity, boundary", _basis("boundary")),
    ("flow", "Intensity, flow", _basis("flow")),
    ("gas", "Intensity, gas", _basis("gas")),
    ("factor_set", "Intensity, factor set", _stated("factor_set", "the source states none")),
    ("gwp_set", "Intensity, global warming potentials", _stated("gwp_set", "the source states none")),
    ("losses", "Intensity, grid losses", _stated("losses", "the source does not state whether they are in")),
    ("intensity_sources", "Intensity, sources and licences", lambda case: case.listed(
        [case.lang.said(each) for each in _kinds(case.report.jobs, lambda job: job.sources)], words.NOTHING_RAN)),
    ("vintage", "Intensity, vintage", lambda case: (
        case.lang("as retrieved up to {moment}", moment=case.lang.instant(case.report.made_at)), "")),
    ("intensity_coverage", "Hours with a known intensity", lambda case: case.share(
        lambda each: each.intensity_coverage, _gpu_h)),
    ("estimated_share", "Share estimated where intensity has gaps", _estimated),
    ("gap_rule", "Rule for gaps", _plain(
        "percentile {real} of the month for what happened, {home} for what would have",
        real=f"{AGAINST_REAL:g}", home=f"{AGAINST_COUNTERFACTUAL:g}")),
    ("energy_sources", "Energy, how it is known", _energy_sources),
    ("run_coverage", "Reserved hours with evidence", lambda case: case.share(lambda each: each.run_coverage, _gpu_h)),
    ("pue", "PUE", _figure("pue", "{cluster}: {figure}")),
    ("pue_source", "PUE, source", _pue_sources),
    ("lifetime", "Life of the hardware", _figure("lifetime_years", "{cluster}: {figure} years")),
    ("lifetime_use", "Share of its life that hardware is allocated", _figure("lifetime_use", "{cluster}: {figure}")),
    ("counterfactual_method", "Counterfactual, method", _plain(METHOD)),
    ("counterfactual_sealed", "Counterfactual, registered", _sealed),
    ("counterfactual_registration", "Counterfactual, attested by", _registered),
    ("counterfactual_home", "Counterfactual, whose word home is", _named),
    ("status", "Status", _plain_status),
    ("provisional_share", "Share on provisional intensities", _provisional),
    ("draws", "Draws of the uncertainty", lambda case: (case.lang.whole(case.report.draws), "")),
    ("seed", "Seed, PCG64", lambda case: (str(case.report.seed), "")),
    ("headline_rule", "Rule for a headline", _plain(
        "the 5th percentile, and no figure where the range holds 0 or intensities are provisional")),
    ("marginal", "Avoided on a marginal signal", _marginal),
    ("market_based", "Market-based figure", _absent(
        "a report is location-based; an inventory's table has what operators state: carbonsched disclose activity")),
    ("water", "Water", _absent("no cluster file states its litres per kWh")),
    ("not_an_offset", "Use", _plain("not an offset; not to be deducted from scope 1, 2 or 3")),
    ("standard", "Standard", _plain(
        "none is settled for shifting load: the GHG Protocol consulted on it in October 2025")),
)  # fmt: skip
