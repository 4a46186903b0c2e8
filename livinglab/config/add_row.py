"""Adding a row to a CSV file of a lab: in the file's own form, and only if the tree stays right."""

from __future__ import annotations

import csv
import io
import os
import re
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

from livinglab.config import load_registry
from livinglab.config.csv_source import CsvShape, shape_of
from livinglab.config.findings import Findings, nearest
from livinglab.config.labs import CalibrationRow, DeviceRow, FlagRow
from livinglab.config.text_source import decode_text
from livinglab.config.values import Spec
from livinglab.errors import ConfigError, Problem
from livinglab.registry import Registry

#: Files that rows can be added to, and what a row of each may say.
ROWS: Final[Mapping[str, type[Spec]]] = {
    "devices": DeviceRow,
    "calibrations": CalibrationRow,
    "flags": FlagRow,
}


def add_row(directory: Path, lab: str, name: str, cells: Mapping[str, str]) -> Registry:
    """Append a row to a CSV file of a lab.

    Parameters
    ----------
    directory : Path
        Configuration folder, from `config_dir`.
    lab : str
        Id of the lab.
    name : {"devices", "calibrations", "flags"}
        Which file.
    cells : mapping of str to str
        Column -> cell; blank ones may be left out. Numbers with decimal point.

    Returns
    -------
    Registry
        With the new row; the file is written.

    Raises
    ------
    ConfigError
        If the tree with the row would be refused, or the file has no such column; the file is left
        as it was.
    """
    path, before, after = _planned(directory, lab, name, cells)
    registry = load_registry(directory, overlay={path: after})
    _replace(path, before, after)
    return registry


def check_row(directory: Path, lab: str, name: str, cells: Mapping[str, str]) -> Registry:
    """Registry with a row that `add_row` would append; nothing is written, errors as there."""
    path, _, after = _planned(directory, lab, name, cells)
    return load_registry(directory, overlay={path: after})


def _planned(
    directory: Path, lab: str, name: str, cells: Mapping[str, str]
) -> tuple[Path, bytes, bytes]:
    """The file, what it holds, and what it would hold."""
    path = directory / "labs" / lab / f"{name}.csv"
    before = _read(path, lab, directory)
    return path, before, _with_row(before, cells, path, name)


def _read(path: Path, lab: str, directory: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        known = [folder.name for folder in (directory / "labs").glob("*") if folder.is_dir()]
        told = f"cannot read it: {error.strerror}" if path.exists() else "no such file"
        raise ConfigError([Problem(str(path), "", "lab", told + nearest(lab, known))]) from error


def _with_row(before: bytes, cells: Mapping[str, str], path: Path, name: str) -> bytes:
    findings = Findings()
    text = decode_text(before, str(path), findings)
    findings.raise_if_any()
    shape = shape_of(text or "")
    given = {column: cell for column, cell in cells.items() if cell != ""}
    problems = [
        Problem(str(path), "row 1", column, "missing heading; add the column to the file first")
        for column in given
        if column not in shape.columns
    ]
    if problems:
        raise ConfigError(problems, hint=f"known columns: {', '.join(ROWS[name].model_fields)}")
    gap = b"" if before.endswith((b"\n", b"\r")) else shape.line_end.encode()
    return before + gap + _line(shape, given, text or "").encode()


def _line(shape: CsvShape, cells: Mapping[str, str], text: str) -> str:
    if _has_decimal_commas(shape, text):
        cells = {column: _comma(cell) for column, cell in cells.items()}
    row = [cells.get(column, "") for column in shape.columns]
    row += [""] * (shape.width - len(shape.columns))
    buffer = io.StringIO()
    csv.writer(buffer, delimiter=shape.delimiter, lineterminator=shape.line_end).writerow(row)
    return buffer.getvalue()


def _has_decimal_commas(shape: CsvShape, text: str) -> bool:
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=shape.delimiter)
    return any(re.fullmatch(r"-?\d+,\d+", cell.strip()) for row in rows for cell in row)


def _comma(cell: str) -> str:
    return cell.replace(".", ",") if re.fullmatch(r"-?\d+\.\d+", cell) else cell


def _replace(path: Path, before: bytes, after: bytes) -> None:
    """Put the new file in place at once: a reader sees the old or the new one, whole."""
    if path.read_bytes() != before:
        told = "changed while the row was checked; nothing was written"
        raise ConfigError([Problem(str(path), "", "", told)], hint="try again")
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with part.open("wb") as file:
            file.write(after)
            file.flush()
            os.fsync(file.fileno())
        part.chmod(path.stat().st_mode)
        part.replace(path)
    except OSError as error:
        with suppress(OSError):
            part.unlink()
        hint = "add the row as a user who may write there, or make room on that disk"
        told = f"cannot write it: {error.strerror}"
        raise ConfigError([Problem(str(path), "", "", told)], hint=hint) from error
