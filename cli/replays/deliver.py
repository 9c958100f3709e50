"""A replay as it was asked for: on the terminal, as JSON, as a page or as a table for further work."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from cli import wiring
from cli.console import emit, emit_json, say
from cli.replays.budget import budget_json, budget_lines, parse_budget
from cli.replays.case import Asked
from cli.replays.output import as_text, document_bytes, form_of, parquet_bytes, write_whole
from cli.replays.page import choices_json, rows_of, simulation_of
from cli.replays.resume import Kept
from cli.replays.run import Machines
from cli.replays.sweep import Seen, Setting, swept
from cli.report_language import language_of
from scheduler.reporting.language import ENGLISH, Language
from scheduler.reporting.simulation_figures import Simulation


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """What is to become of a replay.

    Args:
        trace: what is replayed, in words.
        output: file, whose ending says its form; None for the terminal. as_json: print JSON.
        resume: folder of finished replays; budget: `NAME=KG`; None for none.
        lang: of a page; None for that of the setting.
        machines: that may make replays.
    """

    trace: str
    output: Path | None
    as_json: bool
    resume: Path | None
    budget: str | None
    lang: str | None
    machines: Machines


def deliver(settings: Sequence[tuple[Setting, Asked]], names: Sequence[str], asked: Delivery) -> None:
    """Replay the settings under the policies, and deliver what it comes to.

    Raises:
        CarbonschedError: what draws or packs the file is not installed; known before anything is replayed.
        UnknownName: there is no page in that language; known as early.
    """
    form = form_of(asked.output)
    lang = language_of(asked.lang) if asked.lang or form == "html" else ENGLISH  # what prints no page needs no catalog
    bounded = None if asked.budget is None else parse_budget(asked.budget)
    kept = None if asked.resume is None else Kept.at(asked.resume)
    seen: list[Seen] = []
    document = swept(settings, names, machines=asked.machines, tell=say, kept=kept, look=seen.append)
    made = simulation_of(
        seen, trace=asked.trace, now=wiring.now(), sha256=str(document["sha256"]), asked=settings[0][1]
    )
    document = {**document, "choices": choices_json(made), "options": dict(made.options)}
    lines: list[str] = []
    if bounded is not None:
        values = wiring.settings()
        document = {**document, "budget": budget_json(seen, *bounded, values)}
        lines = budget_lines(seen, *bounded, values)
        made = replace(made, notes=(*made.notes, *(line.strip() for line in lines)))
    if asked.output is not None:
        write_whole(asked.output, _content(form, document, seen, made, lang))
        say(f"wrote {asked.output}")
    if asked.as_json:
        emit_json(document)
    elif asked.output is None:
        emit("\n".join([as_text(document), *lines]))


def _content(form: str, document: dict[str, object], seen: Sequence[Seen], made: Simulation, lang: Language) -> bytes:
    """The bytes of the file."""
    if form == "json":
        return document_bytes(document)
    if form == "parquet":
        return parquet_bytes(rows_of(seen, made))
    from scheduler.reporting.simulation_page import simulation_html

    return simulation_html(made, lang).encode()
