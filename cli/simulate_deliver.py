"""A replay as it was asked for: on the terminal, as JSON, as a page or as a table for further work."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from cli import wiring
from cli.console import emit, emit_json, say
from cli.simulate_budget import budget_json, budget_lines, parse_budget
from cli.simulate_case import Asked
from cli.simulate_output import as_text, document_bytes, form_of, parquet_bytes, write_whole
from cli.simulate_page import STATIC, rows_of, simulation_of
from cli.simulate_resume import Kept
from cli.simulate_sweep import Seen, Setting, swept


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """What is to become of a replay.

    Args:
        trace: what is replayed, in words.
        output: file, whose ending says its form; None for the terminal. as_json: print JSON.
        resume: folder of finished replays; budget: `NAME=KG`; None for none.
        workers: processes at most.
    """

    trace: str
    output: Path | None
    as_json: bool
    resume: Path | None
    budget: str | None
    workers: int


def deliver(settings: Sequence[tuple[Setting, Asked]], names: Sequence[str], asked: Delivery) -> None:
    """Replay the settings under the policies, and deliver what it comes to.

    A page and a table have the baseline that only chooses a region beside, whether it was named or not.

    Raises:
        CarbonschedError: what draws or packs the file is not installed; known before anything is replayed.
    """
    form = form_of(asked.output)
    bounded = None if asked.budget is None else parse_budget(asked.budget)
    kept = None if asked.resume is None else Kept.at(asked.resume)
    seen: list[Seen] = []
    closer = form != "json"
    look: Callable[[Seen], None] = seen.append if closer or bounded else lambda _seen: None
    document = swept(
        settings, names, workers=asked.workers, tell=say, kept=kept, beside=[STATIC] if closer else [], look=look
    )
    lines: list[str] = []
    if bounded is not None:
        values = wiring.settings()
        document = {**document, "budget": budget_json(seen, *bounded, values)}
        lines = budget_lines(seen, *bounded, values)
    if asked.output is not None:
        write_whole(asked.output, _content(form, document, seen, asked, lines))
        say(f"wrote {asked.output}")
    if asked.as_json:
        emit_json(document)
    elif asked.output is None:
        emit("\n".join([as_text(document), *lines]))


def _content(
    form: str, document: dict[str, object], seen: Sequence[Seen], asked: Delivery, lines: Sequence[str]
) -> bytes:
    """The bytes of the file."""
    if form == "json":
        return document_bytes(document)
    made = simulation_of(seen, trace=asked.trace, now=wiring.now(), sha256=str(document["sha256"]), notes=lines)
    if form == "parquet":
        return parquet_bytes(rows_of(seen, made))
    from scheduler.reporting.simulation_page import simulation_html

    return simulation_html(made).encode()
