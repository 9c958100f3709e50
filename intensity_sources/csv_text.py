"""The cells of a CSV or gzipped CSV file, each row with its line number, before anything is read into them."""

from __future__ import annotations

import csv
import gzip
import io
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from scheduler.domain.errors import InvalidInput

_GZIP_MAGIC: Final = b"\x1f\x8b"


def read_cells(path: Path) -> tuple[list[str], list[int], list[Sequence[str]]]:
    """The header, the line number of each row, and the rows, all as wide as the header; blank lines are skipped.

    Raises:
        InvalidInput: the file is not there, not text, not CSV, empty, or a row is wider or narrower than the header.
    """
    what = path.name
    reader = csv.reader(io.StringIO(_text(path), newline=""), skipinitialspace=True, strict=True)
    try:
        header = [name.strip() for name in next(reader, [])]
        numbered = [(reader.line_num, row) for row in reader if row]
    except csv.Error as exc:
        raise InvalidInput(f"{what} line {reader.line_num}: {exc}", hint="mend the quoting there") from exc
    if not header:
        raise InvalidInput(f"{what} is empty or begins with a blank line", hint="begin with the header 'utc,ZONE,...'")
    for line, row in numbered:
        if len(row) != len(header):
            raise InvalidInput(
                f"{what} line {line}: {len(row)} cells under a header of {len(header)}",
                hint="separate cells by commas and leave a gap blank",
            )
    if not numbered:
        raise InvalidInput(f"{what} has a header and no rows", hint="add a row an interval")
    return header, [line for line, _ in numbered], [row for _, row in numbered]


def _text(path: Path) -> str:
    """The text of the file, unpacked where it is gzip."""
    try:
        content = path.read_bytes()
    except FileNotFoundError as exc:
        raise InvalidInput(f"there is no file {path}", hint="check the path") from exc
    except OSError as exc:
        raise InvalidInput(
            f"{path} cannot be read: {exc.strerror or exc}", hint="name a file that may be read"
        ) from exc
    if path.suffix == ".gz" or content.startswith(_GZIP_MAGIC):
        try:
            content = gzip.decompress(content)
        except (OSError, EOFError, zlib.error) as exc:
            raise InvalidInput(
                f"{path.name} is no whole gzip file: {exc}", hint="pack it again with gzip, or give the plain .csv"
            ) from exc
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as exc:
        raise InvalidInput(f"{path.name} is not UTF-8 text: byte {exc.start}", hint="save it as UTF-8") from exc
