"""The figures of a period, as Markdown and as plain data: an issue that was published, or what it would be today."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import cast

from scheduler.domain.instant import format_instant, to_the_second
from scheduler.domain.said import Said
from scheduler.records.bridge import Bridge
from scheduler.records.periods import MATERIAL, Issue, restatement_share
from scheduler.reporting.language import ENGLISH, UNMARKED, Language
from scheduler.reporting.naming import group_name, line_name
from scheduler.reporting.numbers import Mass, kg_text


def issue_json(issue: Issue, notes: Sequence[str] = ()) -> dict[str, object]:
    """An issue as plain data; its number is null where it was not published."""
    return {
        "period": issue.period.name,
        "issue": issue.number or None,
        "since": format_instant(issue.period.since),
        "until": format_instant(issue.period.until),
        "time_zone": issue.period.time_zone,
        "made_at": format_instant(issue.made_at),
        "status": issue.status,
        "cause": issue.cause,
        "figures": dict(issue.figures),
        "notes": list(notes),
    }


def issue_markdown(issue: Issue, notes: Sequence[str] = (), lang: Language = ENGLISH) -> str:
    """An issue for people; plain text has the minus of every keyboard, and no marks that are not seen."""
    return _issue_markdown(issue, notes, replace(lang, minus="-")).translate(UNMARKED)


def _issue_markdown(issue: Issue, notes: Sequence[str], lang: Language) -> str:
    """The text of an issue, its marks in it."""
    lines, period = _mapping(issue.figures["emissions_kg"]), issue.period
    which = lang("issue {number}", number=issue.number) if issue.number else lang("restated, not published")
    title = lang("Emissions of {period}: {issue}", period=period.name, issue=which)
    if issue.status == "provisional":
        title = lang("{title} - PROVISIONAL", title=title)
    rows = [(line_name(name, lang), lang.number(_number(kg))) for name, kg in lines.items()]
    projects = [
        (group_name("project", name, lang), str(_mapping(each)["job_count"]),
         lang.number(_number(_mapping(_mapping(each)["emissions_kg"])["total"])))
        for name, each in _mapping(issue.figures["by_project"]).items()
    ]  # fmt: skip
    nobody_kg = lang.number(_number(issue.figures["unallocated_kg"]))
    projects.append((lang("unallocated: idle hardware of nobody"), "-", nobody_kg))
    total_kg = lang.number(_number(lines["total"]))
    about = lang(
        "{since} to {until} ({zone}); made {moment}, cause: {cause}. Hours count where they lie. "
        "Organisation total {total} kg CO2e.",
        since=to_the_second(period.since), until=to_the_second(period.until), zone=period.time_zone,
        moment=to_the_second(issue.made_at), cause=lang.word("cause", issue.cause), total=total_kg,
    )  # fmt: skip
    by_project = (lang("project"), lang("jobs"), lang("kg CO2e"))
    parts = [
        f"# {title}",
        about,
        _table((lang("line"), lang("kg CO2e")), rows),
        "## " + lang("Projects and unallocated"),
        _table(by_project, [*projects, (lang("organisation"), "", total_kg)]),
        "\n".join(f"- {lang.quoted(note)}" for note in notes),
    ]
    return "\n\n".join(part for part in parts if part)


def restatement_text(published: Issue, restated_kg: float) -> Said:
    """How far a closed period's total is now from the one published, and whether a restatement is due."""
    share = restatement_share(published, restated_kg)
    before = Said(
        "issue {number} of {period} says {mass} kg",
        number=published.number,
        period=published.period.name,
        mass=Mass(published.total_kg),
    )
    if share == 0:
        return Said("{before}, and so do today's figures", before=before)
    said = Said(
        "{before}, today's figures {mass} kg ({change:+.3g} %)",
        before=before,
        mass=Mass(restated_kg),
        change=100 * share,
    )
    if abs(share) < MATERIAL:
        return said
    return Said(
        "{said}: a restatement is due, carbonsched period close {period} --cause ...",
        said=said,
        period=published.period.name,
    )


def bridge_rows(made: Bridge, earlier: str, later: str, *, published: bool) -> list[tuple[str, str]]:
    """The bridge as rows of a table, signs shown."""
    effects = [(name, getattr(made, name)) for name in ("method", "activity", "efficiency", "grid")]
    return [
        (f"{earlier} as published" if published else earlier, kg_text(made.earlier_kg)),
        *((name, f"{'+' if kg > 0 else ''}{kg_text(kg)}") for name, kg in effects),
        (later, kg_text(made.later_kg)),
    ]


def _mapping(value: object) -> Mapping[str, object]:
    """A part of the figures that is one by their form."""
    return cast("Mapping[str, object]", value)


def _number(value: object) -> float:
    """A figure that is there by their form."""
    return float(cast("float", value))


def _table(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table; a bar in a cell is written so that it does not end it."""
    told = [[cell.replace("|", "\\|") for cell in row] for row in (headers, *rows)]
    head, *body = ("| " + " | ".join(row) + " |" for row in told)
    return "\n".join((head, "|" + "---|" * len(headers), *body))
