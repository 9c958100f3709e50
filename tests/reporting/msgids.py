"""Every text that a report may ask its language for, read from the source, the templates and the closed lists."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final, get_args

from babel.messages.extract import extract

from scheduler.domain.basis import Boundary, Flow, Gas, Signal
from scheduler.domain.emissions import LINES
from scheduler.domain.job import Stage
from scheduler.records.attempts import EndedBy, RunKnownBy
from scheduler.records.difference import Verdict
from scheduler.records.rows import JobState
from scheduler.records.seals import Registration
from scheduler.records.settlement import Status
from scheduler.records.statements import Cause
from scheduler.reporting import boundary, disclosure, html_job, html_more, language
from scheduler.reporting.groups import NONE, RESPECTS, TRANSFERS
from scheduler.reporting.sensitivity import Group
from scheduler.reporting.simulation_classes import LENGTHS_H, WIDTHS
from scheduler.reporting.statements import Words
from scheduler.simulation.screening import Why

ROOT: Final = Path(__file__).resolve().parents[2]
Key = tuple[str, str | tuple[str, str]]
"""A context, empty for most, and a text, or two where it hangs on a number."""

_PYTHON: Final = {
    "lang": None, "Said": None, "self": None, "_plain": None, "_absent": None, "_figure": (2,), "_stated": (2,),
    "plural": (1, 2), "word": ((1, "c"), 2),
}  # fmt: skip
WORDS: Final[dict[str, tuple[str, ...]]] = {
    "line": (*(line.replace("_", " ") for line in LINES), "total", "low", "high"),
    "state": tuple(state.value for state in JobState),
    "stage": get_args(Stage),
    "status": get_args(Status),
    "basis": tuple(word for each in (Signal, Boundary, Flow, Gas) for word in get_args(each)),
    "registration": get_args(Registration),
    "verdict": get_args(Verdict),
    "known by": get_args(RunKnownBy),
    "ended by": get_args(EndedBy),
    "choice": get_args(Group),
    "respect": tuple(RESPECTS),
    "use": tuple(html_job._USES.values()),
    "effect": html_more._EFFECTS,
    "stage of life": tuple(boundary.COUNTED_WORDS.values()),
    "cause": get_args(Cause),
    "class": (*(name for _, name in WIDTHS), *(name for _, name in LENGTHS_H)),
    "left out": tuple(why.replace("_", " ") for why in get_args(Why)),
}
"""The closed lists, by the context that tells equal words apart."""
_PLAIN: Final = (
    NONE, TRANSFERS, *get_args(Words), *language._MONTHS, *language._SHORT_MONTHS, *language._DAYS,
    *(text for stage in boundary.STAGES for text in (stage.name, stage.why)),
    *(label for _, label, _ in disclosure._FIELDS),
)  # fmt: skip


@functools.cache
def msgids() -> frozenset[Key]:
    """All of them."""
    listed = {(context, word) for context, words in WORDS.items() for word in words}
    return frozenset({*_in_source(), *listed, *(("", text) for text in _PLAIN)})


def _in_source() -> Iterator[Key]:
    """Those that stand in a call; what a simulation prints is in English, its page is not."""
    folders = ("scheduler/reporting", "scheduler/records", "scheduler/domain", "cli")
    for path in (path for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))):
        if path.parent.name == "cli" and path.name.startswith("simulat"):
            continue
        with path.open("rb") as file:
            for _, found, _, context in extract("python", file, keywords=_PYTHON):
                yield context or "", found if isinstance(found, str) else (str(found[0]), str(found[1]))
    for path in sorted((ROOT / "scheduler/reporting/templates").glob("*.html")):
        page = path.read_text("utf-8")
        yield from (("", text) for text in re.findall(r'\bt\("([^"]*)"', page))
        yield from (("", pair) for pair in re.findall(r'\bt\.plural\("([^"]*)", "([^"]*)"', page))
