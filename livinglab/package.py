"""The metadata file of an export: a Frictionless data package that explains every field.

References
----------
.. [1] Data Package standard, version 2.0 (datapackage.org): package, resource, table schema.
"""

from __future__ import annotations

import re
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

from livinglab.account import MEANINGS
from livinglab.flags import Flag
from livinglab.positions import published_position
from livinglab.question import Request
from livinglab.registry import Device
from livinglab.timeline import to_text

if TYPE_CHECKING:
    from livinglab.access import LivingLab

_PROFILE: Final = "https://datapackage.org/profiles/2.0"
_KINDS: Final = {"str": "string", "float64": "number", "int64": "integer"}
_MEDIA: Final = {"csv": "text/csv", "parquet": "application/vnd.apache.parquet"}
_DIALECT: Final = {"lineTerminator": "\n"}
#: How a text that a spreadsheet would take for a formula is written to CSV.
GUARD_NOTE: Final = "a text that begins with = + - @, tab or return has ' before it"

_DESCRIPTIONS: Final = {
    "time": "UTC, start of the interval that the value covers",
    "device": "device id of the registry; `livinglab.devices` says where it was",
    "channel": "which of several sensors of the device; 0 where there is one",
    "area": "street or square of the lab",
    "period": "length of the interval: hour, day (civil day of the lab), day_utc1 (UTC+1)",
    "value": "value in the field's unit; empty where there is none",
    "flag": "aggregate quality flag, see `livinglab.flag_meanings`",
    "tests": "one digit (a flag) per quality test, in the order of `livinglab.tests`; a test that"
    " came later has no digit",
    "coverage": "valid values divided by expected values, 0 to 1",
    "n": "number of valid values",
    "status": "valid, indicative (not by the norm's own method) or insufficient (too few values)",
}
_CONSTRAINTS: Final[dict[str, dict[str, Any]]] = {
    "value": {},
    "flag": {"required": True, "enum": [int(flag) for flag in Flag]},
    "coverage": {"minimum": 0},
    "n": {"minimum": 0},
    "status": {"required": True, "enum": ["valid", "indicative", "insufficient"]},
}


def describe(lab: LivingLab, request: Request, file: dict[str, Any]) -> dict[str, Any]:
    """The descriptor of a package with one data file.

    Parameters
    ----------
    file : dict
        path, format, bytes, sha256, rows, account (as `Account.rows` gives it).
    """
    said = lab.attributes(request)
    name = _slug(file["path"]).lower()
    return {
        "$schema": f"{_PROFILE}/datapackage.json",
        "name": name,
        "title": f"{said['label']}, {request.lab}, {request.level}",
        "description": " ".join(filter(None, (said["description"], said["note"]))),
        "licenses": [_licence(said["licence"])],
        "contributors": [{"title": said["attribution"], "roles": ["creator"]}],
        "resources": [_resource(name, request, said["unit"], file)],
        "livinglab": {
            **said,
            "devices": [_device(row) for row in request.devices(lab.project.registry)],
            "rows": file["rows"],
            "account": file["account"],
            "account_meanings": {
                key: text
                for key, text in MEANINGS.items()
                if any(key in row for row in file["account"])
            },
        },
    }


def _resource(name: str, request: Request, unit: str, file: dict[str, Any]) -> dict[str, Any]:
    is_csv = file["format"] == "csv"
    series = ["area", "period"] if request.level == "indicators" else ["device", "channel"]
    kinds = {"time": "datetime"} | {
        column: _KINDS[kind] for column, kind in request.columns.items()
    }
    return {
        "$schema": f"{_PROFILE}/dataresource.json",
        "name": name,
        "type": "table",
        "path": file["path"],
        "format": file["format"],
        "mediatype": _MEDIA[file["format"]],
        # Of formats that are no text, the standard's own validator cannot count the bytes.
        **({"encoding": "utf-8", "bytes": file["bytes"], "dialect": _DIALECT} if is_csv else {}),
        "hash": f"sha256:{file['sha256']}",
        "schema": {
            "$schema": f"{_PROFILE}/tableschema.json",
            "fields": [_field(column, kind, unit, is_csv) for column, kind in kinds.items()],
            "missingValues": [""],
            "primaryKey": ["time", *series],
        },
    }


def _field(name: str, kind: str, unit: str, is_csv: bool) -> dict[str, Any]:
    guard = f"; {GUARD_NOTE}" if is_csv and kind == "string" else ""
    return {
        "name": name,
        "type": kind,
        "description": f"{_DESCRIPTIONS[name]}{guard}",
        **({"unit": unit} if name == "value" else {}),
        "constraints": _CONSTRAINTS.get(name, {"required": True}),
    }


def _licence(text: str) -> dict[str, str]:
    """A licence by its identifier ("CC-BY-4.0"), or by its address where that is what is known."""
    if text.startswith(("https://", "http://")):
        return {"path": text, "title": text}
    return {"name": _slug(text), "title": text}


def _slug(text: str) -> str:
    """What the standard allows in names: letters, digits, . _ and -."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", text)


def _device(row: Device) -> dict[str, Any]:
    """A registry row as it may be published: no owner, positions by privacy class."""
    return {
        "id": row.id,
        "model": row.model,
        "area": row.area,
        **asdict(published_position(row)),
        "height_m_nap": row.height_m_nap,
        "step_s": row.step_s,
        "valid_from": to_text(row.from_ns),
        "valid_to": None if row.to_ns is None else to_text(row.to_ns),
        "privacy": row.privacy,
    }
