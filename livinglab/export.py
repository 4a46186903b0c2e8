"""Export of a series with everything needed to use it elsewhere: a Frictionless data package.

The data file is streamed in chunks; beside it stands `<name>.datapackage.json` with units,
positions in WGS 84 and RD New, flags and tests explained, licence, provenance and the checksum.

References
----------
.. [1] Frictionless Data Package, specs.frictionlessdata.io/data-package.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from livinglab.access import LivingLab, Request
from livinglab.errors import DataError
from livinglab.geo import published_position
from livinglab.registry import Device
from livinglab.timeline import to_text

if TYPE_CHECKING:
    import pandas as pd

FORMATS: Final = ("csv", "parquet")

_DESCRIPTIONS: Final = {
    "time": "UTC, start of the interval that the value covers",
    "device": "device id of the registry",
    "channel": "which of several sensors of the device",
    "area": "street or square of the lab",
    "period": "length of the interval",
    "value": "value in the unit of the package",
    "flag": "aggregate quality flag, see flag_meanings",
    "tests": "one digit per quality test, in the order of tests",
    "coverage": "valid values divided by expected values, 0..1",
    "n": "number of valid values",
    "status": "valid, indicative or insufficient",
}


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

    Parameters
    ----------
    directory : Path
        Folder for the two files; made if absent. Existing files of the same name are replaced.
    fmt : {"csv", "parquet"}
        CSV: UTF-8, comma, RFC 3339 times, empty cell = missing. Parquet: typed, zstd.

    Raises
    ------
    DataError
        If the format is unknown or the folder cannot be written.
    """
    if fmt not in FORMATS:
        raise DataError(f"there is no format {fmt!r}", hint=f"known: {', '.join(FORMATS)}")
    name = _file_name(request)
    data = directory / f"{name}.{fmt}"
    partial = data.with_suffix(data.suffix + ".part")
    try:
        directory.mkdir(parents=True, exist_ok=True)
        frames = _chunks(lab, request, chunk_days)
        rows = _write_csv(frames, partial) if fmt == "csv" else _write_parquet(frames, partial)
        checksum = _sha256(partial)
        partial.replace(data)
        metadata = directory / f"{name}.datapackage.json"
        package = _package(lab, request, data, fmt, rows, checksum)
        metadata.write_text(json.dumps(package, indent=2, ensure_ascii=False) + "\n", "utf-8")
    except OSError as error:
        raise DataError(
            f"cannot write to {directory}: {error.strerror}", hint="choose another folder: --out"
        ) from error
    return Exported(data, metadata, rows, checksum)


def _chunks(lab: LivingLab, request: Request, chunk_days: int) -> Iterator[pd.DataFrame]:
    """Yield the frames; an answer without rows yields one empty frame, so that columns stay."""
    some = False
    for frame in lab.frames(request, chunk_days=chunk_days):
        some = True
        yield frame
    if not some:
        yield lab.empty(request)


def _write_csv(frames: Iterator[pd.DataFrame], path: Path) -> int:
    rows = 0
    with path.open("w", encoding="utf-8", newline="") as file:
        for number, frame in enumerate(frames):
            text = frame.reset_index()
            text["time"] = [to_text(stamp) for stamp in _ns(frame)]
            text.to_csv(file, index=False, header=number == 0, lineterminator="\n")
            rows += len(frame)
    return rows


def _write_parquet(frames: Iterator[pd.DataFrame], path: Path) -> int:
    import pyarrow as pa  # noqa: PLC0415 - only this format needs it
    import pyarrow.parquet as pq  # noqa: PLC0415

    rows = 0
    writer: pq.ParquetWriter | None = None
    try:
        for frame in frames:
            plain = frame.reset_index()
            plain.attrs = {}
            table = pa.Table.from_pandas(plain, preserve_index=False)
            if writer is None:
                writer = pq.ParquetWriter(path, table.schema, compression="zstd")
            writer.write_table(table.cast(writer.schema))
            rows += len(frame)
    finally:
        if writer is not None:
            writer.close()
    return rows


def _ns(frame: pd.DataFrame) -> list[int]:
    return [int(stamp) for stamp in frame.index.as_unit("ns").asi8]  # type: ignore[attr-defined]


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _file_name(request: Request) -> str:
    window = f"{to_text(request.start_ns)}_{to_text(request.end_ns)}"
    return re.sub(r"[^A-Za-z0-9_.-]", "", f"{request.lab}_{request.name}_{request.level}_{window}")


def _package(
    lab: LivingLab, request: Request, data: Path, fmt: str, rows: int, checksum: str
) -> dict[str, Any]:
    attributes = lab.attributes(request)
    columns = ["time", *lab.columns(request)]
    return {
        "profile": "tabular-data-package",
        "name": data.stem.lower(),
        "title": f"{attributes['label']}, {request.lab}, {request.level}",
        "licenses": [{"title": attributes["licence"]}],
        "contributors": [{"title": attributes["attribution"], "role": "author"}],
        "resources": [
            {
                "path": data.name,
                "format": fmt,
                "encoding": "utf-8",
                "bytes": data.stat().st_size,
                "hash": f"sha256:{checksum}",
                "rows": rows,
                "schema": {"fields": [_field(name, attributes["unit"]) for name in columns]},
            }
        ],
        "livinglab": attributes | {"devices": [_device(row) for row in lab.devices(request)]},
    }


def _field(name: str, unit: str) -> dict[str, str]:
    kinds = {"time": "datetime", "value": "number", "coverage": "number"}
    kind = kinds.get(name, "integer" if name in {"flag", "n"} else "string")
    field = {"name": name, "type": kind, "description": _DESCRIPTIONS[name]}
    return field | {"unit": unit} if name == "value" else field


def _device(row: Device) -> dict[str, Any]:
    """A registry row as it may be published: positions of citizens' devices are coarsened."""
    place = published_position(row)
    return {
        "id": row.id,
        "model": row.model,
        "area": row.area,
        "lon": place.lon,
        "lat": place.lat,
        "x_rd": place.x_rd,
        "y_rd": place.y_rd,
        "position_accuracy_m": place.accuracy_m,
        "height_m_nap": row.height_m_nap,
        "step_s": row.step_s,
        "valid_from": to_text(row.from_ns),
        "valid_to": None if row.to_ns is None else to_text(row.to_ns),
        "privacy": row.privacy,
    }
