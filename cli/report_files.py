"""The forms that a report is written in: what each is called, and how its bytes are made."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

from scheduler.domain.errors import CarbonschedError, InvalidInput, UnknownName

if TYPE_CHECKING:
    from scheduler.reporting.html_job import Traces
    from scheduler.reporting.html_more import Bridged
    from scheduler.reporting.language import Language
    from scheduler.reporting.period_report import PeriodReport

    Beside = tuple[Traces, Bridged | None]

PAGE: Final = "html"
DEFAULT: Final = "md"
_WITHOUT: Final = "pip install 'carbonsched[report]'"


def form_of(given: str | None, output: Path | None, *, as_json: bool) -> str:
    """The form that is asked for: by its name, or by the ending of the file.

    Raises:
        InvalidInput: two were asked for, or a binary one without a file.
        UnknownName: there is no such form.
    """
    if as_json and given not in (None, "json"):
        raise InvalidInput(f"--json and --format {given} were both given", hint="give one of the two")
    ending = output.suffix.removeprefix(".").lower() if output else ""
    known = (PAGE, DEFAULT, *_FORMS)
    form = "json" if as_json else given or (ending if ending in known else DEFAULT)
    if form not in known:
        raise UnknownName("format", form, known)
    if form == "parquet" and output is None:
        raise InvalidInput("Parquet is no text to print", hint="name a file: -o report.parquet")
    return form


def can_draw() -> bool:
    """Whether what an HTML report is drawn with is installed."""
    from importlib.util import find_spec

    return all(find_spec(name) is not None for name in ("jinja2", "vl_convert"))


def bytes_of(form: str, report: PeriodReport, beside: Callable[[], Beside], lang: Language) -> bytes:
    """The report in a form.

    Args:
        form: its name.
        report: what is shown.
        beside: finds what a page shows beside it; not asked for any other form.
        lang: of the forms for people; those for programs have none.

    Raises:
        CarbonschedError: what draws or packs it is not installed.
    """
    if form == PAGE:
        return _html(report, beside, lang)
    return _markdown(report, lang) if form == DEFAULT else _FORMS[form](report)


def _html(report: PeriodReport, beside: Callable[[], Beside], lang: Language) -> bytes:
    """One page that needs nothing else."""
    try:
        from scheduler.reporting.html_page import report_html
    except ImportError as exc:
        raise CarbonschedError(f"an HTML report needs {exc.name}, which is not here", hint=_WITHOUT) from exc
    traces, bridged = beside()
    return report_html(report, traces, lang, bridged=bridged).encode()


def _markdown(report: PeriodReport, lang: Language) -> bytes:
    """Text that also reads well as it is."""
    from scheduler.reporting.markdown import report_markdown

    return report_markdown(report, lang).encode()


def _json(report: PeriodReport) -> bytes:
    """Plain data, with no figure that JSON does not know."""
    import json

    from scheduler.reporting.as_json import report_json

    return (json.dumps(report_json(report), indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode()


def _csv(report: PeriodReport) -> bytes:
    """A row a job or a group, in UTF-8."""
    from scheduler.reporting.rows import as_csv, columns_of, rows_of

    return as_csv(columns_of(report), rows_of(report)).encode()


def _parquet(report: PeriodReport) -> bytes:
    """The same rows with their types."""
    import io

    from scheduler.reporting.rows import columns_of, rows_of, type_of

    out, names = io.BytesIO(), columns_of(report)
    try:
        import pandas as pd

        frame = pd.DataFrame(rows_of(report), columns=names).astype({name: type_of(name) for name in names})
        frame.to_parquet(out, engine="pyarrow", index=False)
    except ImportError as exc:
        raise CarbonschedError("a Parquet file needs pyarrow, which is not here", hint=_WITHOUT) from exc
    return out.getvalue()


_FORMS: Final[Mapping[str, Callable[[PeriodReport], bytes]]] = {
    "json": _json,
    "csv": _csv,
    "parquet": _parquet,
}
