"""CSV as spreadsheets write it: what is unmistakable is read, what is not is refused with a reason.

Read: comma, semicolon or tab; BOM; CRLF; `sep=;`; blank rows; blank columns on the right; decimal
commas; headings in any case. Refused: another encoding than UTF-8, dates in a local order, dates as
numbers of days, values without a heading.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from livinglab.config.findings import Findings, RowPlace, nearest

_NUMBER: Final = re.compile(r"[-+]?\d+([.,]\d+)?([eE][-+]?\d+)?")
_EXCEL_EPOCH: Final = date(1899, 12, 30)


@dataclass(frozen=True, slots=True)
class CsvShape:
    """How a file is written, so that a row can be added in the same way."""

    delimiter: str
    line_end: str
    columns: tuple[str, ...]
    width: int  # cells of the heading, including blank ones on the right


def shape_of(text: str) -> CsvShape:
    """Delimiter, line end and columns of a CSV text."""
    lines = text.splitlines() or [""]
    declared = re.fullmatch(r"sep=(.)", lines[0].strip(), re.IGNORECASE)
    heading = lines[1] if declared and len(lines) > 1 else lines[0]
    delimiter = declared[1] if declared else max(",;\t", key=heading.count)
    cells = next(csv.reader([heading], delimiter=delimiter), [])
    columns = [cell.strip().casefold() for cell in cells]
    while columns and not columns[-1]:
        columns.pop()
    line_end = "\r\n" if "\r\n" in text else "\n"
    return CsvShape(delimiter, line_end, tuple(columns), len(cells))


def parse_csv(
    text: str,
    path: str,
    known: Sequence[str],
    required: Sequence[str],
    findings: Findings,
) -> Iterator[tuple[RowPlace, dict[str, str]]]:
    """Yield the rows with text in them: place, and non-blank cells by column.

    Parameters
    ----------
    text : str
        From `decode_text`.
    path : str
        For messages.
    known, required : sequence of str
        Columns that may and that must be there.
    findings : Findings
        Takes what is wrong with headings and cells.
    """
    shape = shape_of(text)
    head_row = 2 if text[:4].lower() == "sep=" else 1
    if not _check_heading(shape.columns, RowPlace(path, head_row), known, required, findings):
        return
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=shape.delimiter)
    start = 1
    for cells in reader:
        place, start = RowPlace(path, start), reader.line_num + 1
        if place.row <= head_row or not any(cell.strip() for cell in cells):
            continue
        stray = [cell for cell in cells[len(shape.columns) :] if cell.strip()]
        if stray:
            findings.add(place, (), f"a value without a heading, got {stray[0]!r}")
        pairs = zip(shape.columns, (cell.strip() for cell in cells), strict=False)
        yield place, {column: cell for column, cell in pairs if column and cell}


def _check_heading(
    columns: Sequence[str],
    place: RowPlace,
    known: Sequence[str],
    required: Sequence[str],
    findings: Findings,
) -> bool:
    problems = len(findings.problems)
    for number, column in enumerate(columns):
        if column in columns[:number]:
            findings.add(place, (column,), "this heading occurs twice")
        elif column not in known:
            findings.add(place, (column or "(blank)",), f"unknown heading{nearest(column, known)}")
    for column in required:
        if column not in columns:
            findings.add(place, (column,), "missing heading")
    return len(findings.problems) == problems


def parse_number(text: object) -> object:
    """A number from a cell, with decimal point or comma; other types pass.

    Raises
    ------
    ValueError
        On both marks at once, blanks inside, or anything else.

    Examples
    --------
    >>> parse_number("135339,5"), parse_number("5"), parse_number(2.5)
    (135339.5, 5.0, 2.5)
    """
    if isinstance(text, bool):
        raise ValueError(f"expected a number, got {text!r}")  # noqa: TRY004 - pydantic takes it as ours
    if not isinstance(text, str):
        return text
    if _NUMBER.fullmatch(text.strip()):
        return float(text.strip().replace(",", "."))
    if re.fullmatch(r"[-+]?\d{1,3}([., ]\d{3})+([.,]\d+)?", text.strip()):
        raise ValueError(f"expected a number without thousands marks, got {text!r}")
    raise ValueError(f"expected a number, got {text!r}")


def require_iso_date(text: str) -> None:
    """Raise ValueError with a helpful text for dates that a spreadsheet has rewritten.

    Examples
    --------
    >>> require_iso_date("13-6-2025")
    Traceback (most recent call last):
    ...
    ValueError: expected a date like 2025-06-13, got '13-6-2025': write it as yyyy-mm-dd
    """
    if re.fullmatch(r"[2-6]\d{4}([.,]\d+)?", text):
        day = _EXCEL_EPOCH + timedelta(days=int(re.split(r"[.,]", text)[0]))
        told = f"a spreadsheet's day number ({day.isoformat()}?)"
        raise ValueError(f"expected a date like 2025-06-13, got {text!r}: {told}")
    if re.match(r"\d{1,2}[-/.]\d{1,2}[-/.]\d{2,4}", text):
        raise ValueError(f"expected a date like 2025-06-13, got {text!r}: write it as yyyy-mm-dd")
