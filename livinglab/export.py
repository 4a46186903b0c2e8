"""Export of a series with everything needed to use it elsewhere: a Frictionless data package.

The data file is streamed in chunks; beside it stands `<data file>.datapackage.json`. Both appear
whole or not at all: they are written under other names first.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from livinglab.access import LivingLab
from livinglab.account import Account
from livinglab.errors import DataError
from livinglab.package import describe
from livinglab.question import FLAG_SETS, Request
from livinglab.timeline import civil_date, civil_day, to_text
from livinglab.whole_file import written

if TYPE_CHECKING:
    import pandas as pd

#: What makes a spreadsheet take a text for a formula [OWASP, CSV injection].
_FORMULA: Final = frozenset("=+-@\t\r")


@dataclass(frozen=True, slots=True)
class Exported:
    """What an export wrote."""

    data: Path
    metadata: Path
    rows: int
    sha256: str


def export(
    lab: LivingLab, request: Request, directory: Path, *, fmt: str = "csv", chunk_days: int = 7
) -> Exported:
    """Write the answer to `request` as CSV or Parquet, with its metadata file.

    Memory is bounded by the chunk, not by the window.

    Parameters
    ----------
    directory : Path
        Folder for the two files; made if absent. Existing files of the same name are replaced.
    fmt : {"csv", "parquet"}
        CSV: UTF-8, comma, RFC 3339 times, empty cell = missing. Parquet: typed, zstd.

    Raises
    ------
    DataError
        If the format is unknown or the folder cannot be written (or is full).
    StoreError
        If the store cannot be read to the end; nothing is left in the folder then.
    """
    if fmt not in FORMATS:
        raise DataError(f"there is no format {fmt!r}", hint=f"known: {', '.join(FORMATS)}")
    data = directory / f"{file_name(lab, request)}.{fmt}"
    metadata = data.with_name(f"{data.name}.datapackage.json")
    account = Account(lab.project.registry, request, lab.project.registry.settings.now_ns)
    # The last one is put in place first: data before what describes them.
    with written(metadata) as other, written(data) as part:
        rows = FORMATS[fmt](_pieces(lab, request, account, chunk_days), request, part)
        checksum = _sha256(part)
        file = {
            "path": data.name,
            "format": fmt,
            "bytes": part.stat().st_size,
            "sha256": checksum,
            "rows": rows,
            "account": account.rows(),
        }
        package = describe(lab, request, file)
        text = json.dumps(package, indent=2, ensure_ascii=False, allow_nan=False)
        other.write_text(f"{text}\n", encoding="utf-8")
        metadata.unlink(missing_ok=True)  # never new data beside the old checksum
    return Exported(data, metadata, rows, checksum)


def file_name(lab: LivingLab, request: Request) -> str:
    """Name of the data file without its ending: lab, quantity, level, window.

    The window is in civil dates of the lab where it begins and ends with a day, else in UTC.
    """
    zone = lab.project.registry.labs[request.lab].timezone
    every = (request.every,) if request.every else ()
    edges = (request.start_ns, request.end_ns)
    days = [civil_date(edge, zone) for edge in edges]
    if all(civil_day(day, zone)[0] == edge for day, edge in zip(days, edges, strict=True)):
        window = [day.isoformat() for day in days]
    else:
        window = [to_text(edge) for edge in edges]
    name = "_".join((request.lab, request.name, request.level, *every, *window))
    return re.sub(r"[^A-Za-z0-9_.-]", "", name)


def _pieces(
    lab: LivingLab, request: Request, account: Account, chunk_days: int
) -> Iterator[pd.DataFrame]:
    """The answer in pieces, each accounted for; one without rows where there is nothing."""
    yield lab.empty(request)
    everything = replace(request, flags=FLAG_SETS["all"])
    for found in lab.readings(everything, chunk_days=chunk_days):
        wanted = found[found["flag"].isin(request.flags)] if request.level == "clean" else found
        answer = lab.combined(request, wanted) if len(wanted) else lab.empty(request)
        account.add(found, answer)
        yield answer


def _write_csv(frames: Iterator[pd.DataFrame], request: Request, path: Path) -> int:
    texts = [name for name, kind in request.columns.items() if kind == "str"]
    rows = 0
    with path.open("w", encoding="utf-8", newline="") as file:
        for number, frame in enumerate(frames):
            text = frame.reset_index()
            text["time"] = _time_texts(frame)
            for column in texts:
                text[column] = _guarded(text[column])
            text.to_csv(file, index=False, header=number == 0, lineterminator="\n")
            rows += len(frame)
    return rows


def _write_parquet(frames: Iterator[pd.DataFrame], request: Request, path: Path) -> int:
    import pyarrow as pa  # noqa: PLC0415 - only this format needs it
    import pyarrow.parquet as pq  # noqa: PLC0415

    kinds = {"str": pa.string(), "float64": pa.float64(), "int64": pa.int64()}
    columns = {name: kinds[kind] for name, kind in request.columns.items()}
    schema = pa.schema({"time": pa.timestamp("ns", tz="UTC"), **columns})
    rows = 0
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        for frame in frames:
            plain = frame.reset_index()
            plain.attrs = {}
            table = pa.Table.from_pandas(plain, schema=schema, preserve_index=False)
            writer.write_table(table.replace_schema_metadata())
            rows += len(frame)
    return rows


FORMATS: Final[dict[str, Callable[[Iterator[Any], Request, Path], int]]] = {
    "csv": _write_csv,
    "parquet": _write_parquet,
}


def _time_texts(frame: pd.DataFrame) -> Any:
    """RFC 3339 in UTC: to the second where the time is whole, else with nine digits."""
    import numpy as np  # noqa: PLC0415

    times = frame.index.as_unit("ns").asi8  # type: ignore[attr-defined]  # DatetimeIndex
    exact = times.view("datetime64[ns]")
    seconds = np.datetime_as_string(exact, unit="s")
    is_whole = times % 1_000_000_000 == 0
    texts = (
        seconds
        if is_whole.all()
        else np.where(is_whole, seconds, np.datetime_as_string(exact, unit="ns"))
    )
    return np.char.add(texts, "Z")


def _guarded(column: pd.Series) -> pd.Series:
    """The texts, those that a spreadsheet would take for a formula with ' before them."""
    risky = [text for text in column.dropna().unique() if text[:1] in _FORMULA and text]
    return column.replace({text: f"'{text}" for text in risky}) if risky else column


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
