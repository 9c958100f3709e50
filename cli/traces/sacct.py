"""Slurm's accounting as a trace: what ``sacct --parsable2`` or ``sacct --parsable`` prints.

A job that did not get done ends by itself after what it took, cancelled ones too: what they used was used, and no
placement would have changed why they ended.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final

from cli.traces.formats import Row, Rows
from cli.traces.status import fate_of
from scheduler.domain.errors import InvalidInput
from scheduler.simulation.screening import Why

_IDS: Final = ("JobID", "JobIDRaw")
_LENGTHS: Final = ("ElapsedRaw", "Elapsed")
_TRES: Final = ("AllocTRES", "ReqTRES")
_GRES: Final = ("AllocGRES",)
"""Of old versions; `ReqGRES` counts a node's, so it is no total."""
_TRES_GPUS: Final = re.compile(r"(?:^|,)gres/gpu=(\d+)(?:,|$)")
_TRES_TYPED: Final = re.compile(r"(?:^|,)gres/gpu:[^=,]+=(\d+)")
_GRES_GPUS: Final = re.compile(r"(?:^|,)(?:gres[:/])?gpu(?::[^:,()]*[^:,()\d][^:,()]*)?:(\d+)")
_ELAPSED: Final = re.compile(r"(?:(\d+)-)?(?:(\d{1,2}):)?(\d{1,2}):(\d{2}(?:\.\d+)?)")


def is_sacct(header: Sequence[str]) -> bool:
    """Whether a header is one of sacct's."""
    return "|" not in "".join(header) and any(name in header for name in _IDS) and "Submit" in header


def of_sacct(header: Sequence[str], lines: Sequence[tuple[int, list[str]]], what: str) -> Rows:
    """The jobs that took GPUs; steps and jobs without a GPU are counted, the others that cannot be replayed named.

    Raises:
        InvalidInput: a column is missing, or a cell is none of sacct's.
    """
    _require_columns(header, what)
    ids = next(name for name in _IDS if name in header)
    rows, steps, without = [], 0, 0
    for line, cells in lines:
        named = dict(zip(header, cells, strict=True))
        gpus = _gpus(named)
        if "." in named[ids]:
            steps += 1
        elif gpus == 0:
            without += 1
        else:
            try:
                rows.append(_row(line, named[ids], named, gpus))
            except InvalidInput as exc:
                raise InvalidInput(f"{what} line {line}: {exc.message}", hint=exc.hint) from exc
    passed = ((steps, "steps of jobs"), (without, "jobs without a GPU"))
    notes = tuple(f"{count:,} {kind} of sacct are passed over" for count, kind in passed if count)
    return Rows(rows=tuple(rows), notes=notes)


def _require_columns(header: Sequence[str], what: str) -> None:
    """Refuse a table that does not say how long a job took, or on what."""
    for names, said in ((_LENGTHS, "ElapsedRaw"), ((*_TRES, *_GRES), "AllocTRES")):
        if not set(names) & set(header):
            raise InvalidInput(
                f"{what} line 1: there is no column {said!r}",
                hint="sacct -aX --parsable2 -o JobID,Submit,ElapsedRaw,AllocTRES,ReqTRES,State prints what is needed",
            )


def _row(line: int, job_id: str, named: Mapping[str, str], gpus: int | None) -> Row:
    """One job; why it cannot be replayed, where it is not over or took nothing."""
    state = named.get("State", "")
    taken_s = _elapsed_s(named)
    why: Why | None = None
    reason = ""
    fate = fate_of(state)
    if fate == "not_over":
        why, reason = "not_over", f"it is {state}: how long it takes nobody knows yet"
    elif not taken_s:
        why, reason = (
            "never_ran",
            f"it {'took no time' if fate == 'done' else 'never ran'}{f': {state}' if state else ''}",
        )
    elif gpus is None:
        raise InvalidInput(f"job {job_id} ran and says no resources", hint="print AllocTRES beside it")
    cells = {"duration_s": f"{taken_s:g}", "gpus": str(gpus), "status": state}
    return Row(line=line, job_id=job_id, submitted=named["Submit"], cells=cells, why=why, reason=reason)


def _elapsed_s(named: Mapping[str, str]) -> float:
    """How long a job ran, 0 where it did not say. [s]"""
    if raw := named.get("ElapsedRaw", ""):
        if not (raw.isascii() and raw.isdigit()):
            raise InvalidInput(f"ElapsedRaw is {raw!r}", hint="sacct prints whole seconds there")
        return float(raw)
    text = named.get("Elapsed", "")
    if not text:
        return 0.0
    found = _ELAPSED.fullmatch(text)
    if found is None:
        raise InvalidInput(f"Elapsed is {text!r}", hint="sacct prints it as 1-02:03:04, or 02:03:04")
    days, hours, minutes, seconds = found.groups(default="0")
    return ((int(days) * 24 + int(hours)) * 60 + int(minutes)) * 60 + float(seconds)


def _gpus(named: Mapping[str, str]) -> int | None:
    """The GPUs of a job; None where it says no resources at all, as one that never started."""
    said = [(name, named[name]) for name in (*_TRES, *_GRES) if named.get(name)]
    if not said:
        return None
    return next((count for name, text in said if (count := _count(name, text))), 0)


def _count(name: str, text: str) -> int:
    """The GPUs in a list of resources; of typed ones the sum, where no total is given."""
    if name in _GRES:
        return sum(int(count) for count in _GRES_GPUS.findall(text))
    total = _TRES_GPUS.search(text)
    return int(total.group(1)) if total else sum(int(count) for count in _TRES_TYPED.findall(text))
