"""Answers of Dutch open-data services, as a poller publishes them.

Luchtmeetnet (air quality), Rijkswaterstaat DDAPI 2.0 (water), KNMI EDR (weather, CoverageJSON) and
RIVM Samen Meten (citizen sensors, SensorThings). Which one it is shows in the shape.

References
----------
.. [1] api.luchtmeetnet.nl/open_api; ddapi20-waterwebservices.rijkswaterstaat.nl;
   api.dataplatform.knmi.nl/edr; api-samenmeten.rivm.nl/v1.0.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

from ingest.decoders import mapping, times
from ingest.decoders.base import MAX_READINGS, Context
from ingest.decoders.json_guard import parse
from ingest.decoders.topics import own_or_topic
from ingest.decoders.values import number, number_in, unit_text
from livinglab.errors import DecodeError, Reason
from livinglab.model import Decoded, Message, Reading

_FORMULAS: Final[Mapping[str, tuple[str, str]]] = {
    "NO": ("no", "ug/m3"),
    "NO2": ("no2", "ug/m3"),
    "O3": ("o3", "ug/m3"),
    "PM10": ("pm10", "ug/m3"),
    "PM25": ("pm2_5", "ug/m3"),
    "PM2.5": ("pm2_5", "ug/m3"),
    "SO2": ("so2", "ug/m3"),
    "CO": ("co", "ug/m3"),
    "C6H6": ("benzene", "ug/m3"),
    "NH3": ("nh3", "ug/m3"),
    "FN": ("soot", "ug/m3"),
    "UFP": ("ufp", "1/cm3"),
    "LKI": ("lki", "index"),
}
_GROOTHEDEN: Final[Mapping[str, str]] = {
    "WATHTE": "water_level",
    "Q": "flow_rate",
    "T": "water_temperature",
    "GELDHD": "electrical_conductivity",
    "ZUURGD": "ph",
    "pH": "ph",
    "O2": "dissolved_oxygen",
    "TROEBHD": "turbidity",
    "WINDSHD": "wind_speed",
    "WINDRTG": "wind_direction",
    "LUCHTDK": "air_pressure",
}
_AQUO_UNITS: Final[Mapping[str, str]] = {"oC": "Cel", "graad": "deg", "DIMSLS": "1", "mg/l": "mg/L"}
_KNMI: Final[Mapping[str, tuple[str, str]]] = {
    "ta": ("air_temperature", "Cel"),
    "td": ("dew_point", "Cel"),
    "rh": ("relative_humidity", "%"),
    "pp": ("air_pressure", "hPa"),
    "ff": ("wind_speed", "m/s"),
    "fx": ("wind_gust", "m/s"),
    "gff": ("wind_gust", "m/s"),
    "dd": ("wind_direction", "deg"),
    "rg": ("precipitation_intensity", "mm/h"),
}
_SAMEN_METEN: Final[Mapping[str, tuple[str, str]]] = {
    "pm25": ("pm2_5", "ug/m3"),
    "pm10": ("pm10", "ug/m3"),
    "no2": ("no2", "ug/m3"),
    "temp": ("air_temperature", "Cel"),
    "rh": ("relative_humidity", "%"),
    "pres": ("air_pressure", "hPa"),
}
_KIT: Final = re.compile(r"(.+?)(?:-\d+)?-(\w+)")  # <kit>-<sensor>-<component>
_GAP: Final = 99_999.0
_GAP_CODES: Final = frozenset(("99", "98"))

Found = tuple[str, Reading]


class _Answer:
    """Readings by station, and what was dropped."""

    def __init__(self, message: Message, context: Context) -> None:
        self.readings: dict[str, list[Reading]] = {}
        self.dropped: list[tuple[str, str]] = []
        self._message = message
        self._context = context
        self._count = 0

    def add(self, station: str, row: Reading) -> None:
        """Keeps a reading under its station, or the topic's."""
        self._count += 1
        if self._count > MAX_READINGS:
            raise DecodeError(Reason.TOO_MANY, f"more than {MAX_READINGS} readings in one answer")
        device = own_or_topic(station, self._message, self._context)
        self.readings.setdefault(device, []).append(row)

    def drop(self, key: str, reason: Reason) -> None:
        """Counts an entry that is lost."""
        self.dropped.append((key[:60], reason.value))

    def moment(self, key: str, value: object) -> times.Instant | None:
        """Time of an entry; None where it is impossible, which drops the entry alone."""
        try:
            found = times.instant(value, self._context.timezone)
        except DecodeError:
            found = times.UNSET
        if found == times.UNSET:
            self.drop(key, Reason.TIME)
            return None
        return found


def decode(message: Message, context: Context) -> Decoded:
    """Readings of an answer, under the station it names, else the topic's.

    `Reading.key` is the formula, quantity code or parameter of the service. Gaps, forecasts and
    entries without a possible time do not come out.

    Raises
    ------
    DecodeError
        FORMAT for an answer of none of the services.
    """
    body = parse(message.payload)
    answer = _Answer(message, context)
    if isinstance(body, list):
        body = {"data": body}
    if not isinstance(body, dict):
        raise DecodeError(Reason.SYNTAX, "an answer is a JSON object")
    if "WaarnemingenLijst" in body or "Succesvol" in body:
        _rijkswaterstaat(body, answer)
    elif body.get("type") in ("Coverage", "CoverageCollection"):
        _knmi(body, answer)
    elif isinstance(body.get("value"), list) or {"phenomenonTime", "Datastreams"} & body.keys():
        _samen_meten(body, answer, message.topic)
    elif "data" in body or "formula" in body:
        _luchtmeetnet(body, answer)
    else:
        raise DecodeError(Reason.FORMAT, "an answer of no known service")
    if answer.dropped and not answer.readings and _is_only_times(answer):
        raise DecodeError(Reason.TIME, "no entry has a possible time")
    note = "" if answer.readings else "no value"
    return Decoded(answer.readings, "", tuple(answer.dropped), note)


def _is_only_times(answer: _Answer) -> bool:
    return all(reason == Reason.TIME.value for _, reason in answer.dropped)


def _objects(value: object) -> Iterator[Mapping[str, object]]:
    for item in value if isinstance(value, list) else [value]:
        if isinstance(item, dict):
            yield item


def _luchtmeetnet(body: Mapping[str, object], answer: _Answer) -> None:
    data = body.get("data", body)
    if not isinstance(data, list | dict):
        raise DecodeError(Reason.SYNTAX, "data must be an array")
    for item in _objects(data):
        formula = item.get("formula", "LKI" if "value" in item else None)
        if not isinstance(formula, str) or "value" not in item:
            continue
        value = number_in(item["value"])
        if value is None:
            answer.drop(formula, Reason.NO_VALUE)
            continue
        moment = answer.moment(formula, item.get("timestamp_measured"))
        if moment is None:
            continue
        quantity, unit = _FORMULAS.get(formula.upper(), ("", None))
        station = item.get("station_number")
        row = Reading(formula[:40], quantity, value, unit, moment.ns, "0", moment.local)
        answer.add(station if isinstance(station, str) else "", row)


def _rijkswaterstaat(body: Mapping[str, object], answer: _Answer) -> None:
    if "WaarnemingenLijst" in body and not isinstance(body["WaarnemingenLijst"], list):
        raise DecodeError(Reason.SYNTAX, "WaarnemingenLijst must be an array")
    for series in _objects(body.get("WaarnemingenLijst")):
        process = mapping.at(series, "AquoMetadata/ProcesType")
        if isinstance(process, str) and process.casefold() != "meting":
            continue  # a forecast or an astronomical tide is no measurement
        code = mapping.at(series, "AquoMetadata/Grootheid/Code")
        unit = mapping.at(series, "AquoMetadata/Eenheid/Code")
        place = mapping.at(series, "Locatie/Code")
        key = code if isinstance(code, str) else "?"
        written = _AQUO_UNITS.get(unit) or unit_text(unit) if isinstance(unit, str) else None
        quantity = _grootheid(key, series)
        for item in _objects(series.get("MetingenLijst")):
            row = _meting(item, key, answer)
            if row is not None:
                row = row._replace(quantity=quantity, unit=written)
                answer.add(place if isinstance(place, str) else "", row)


def _grootheid(code: str, series: Mapping[str, object]) -> str:
    quantity = _GROOTHEDEN.get(code, "")
    if code == "T" and mapping.at(series, "AquoMetadata/Compartiment/Code") == "LT":
        return "air_temperature"
    return quantity


def _meting(item: Mapping[str, object], code: str, answer: _Answer) -> Reading | None:
    value = number(mapping.at(item, "Meetwaarde/Waarde_Numeriek"))
    quality = _about(item, "Kwaliteitswaardecode")
    if value is None:
        answer.drop(code, Reason.NO_VALUE)
        return None
    if abs(value) >= _GAP or quality in _GAP_CODES:
        answer.drop(code, Reason.SENTINEL)
        return None
    moment = answer.moment(code, item.get("Tijdstip"))
    if moment is None:
        return None
    height = number_in(_about(item, "Bemonsteringshoogte"))
    is_level = height is None or abs(height) >= _GAP
    key = code[:40] if is_level else f"{code[:40]}@{height:g}"
    return Reading(key, "", value, None, moment.ns, "0", moment.local)


def _about(item: Mapping[str, object], name: str) -> object:
    """A member of the metadata, which older answers give as a list of one."""
    found = mapping.at(item, f"WaarnemingMetadata/{name}")
    return (
        mapping.at(item, f"WaarnemingMetadata/{name}Lijst/0") if found is mapping.MISSING else found
    )


def _knmi(body: Mapping[str, object], answer: _Answer) -> None:
    for coverage in _objects(body.get("coverages", body)):
        stamps = mapping.at(coverage, "domain/axes/t/values")
        ranges = coverage.get("ranges")
        if not isinstance(stamps, list) or not isinstance(ranges, dict):
            raise DecodeError(Reason.SYNTAX, "a coverage has a time axis and ranges")
        station = coverage.get("eumetnet:locationId", body.get("eumetnet:locationId"))
        name = station if isinstance(station, str) else ""
        for key, content in ranges.items():
            values = content.get("values") if isinstance(content, dict) else None
            quantity, unit = _KNMI.get(key, ("", None))
            pairs = zip(stamps, values if isinstance(values, list) else [], strict=False)
            for stamp, item in pairs:
                value = number(item)
                if value is None:
                    answer.drop(key, Reason.NO_VALUE)
                    continue
                moment = answer.moment(key, stamp)
                if moment is not None:
                    answer.add(name, Reading(key[:40], quantity, value, unit, moment.ns))


def _samen_meten(body: Mapping[str, object], answer: _Answer, topic: str) -> None:
    for name, item in _observations(body):
        value = number_in(item.get("result"))
        key = name or topic.rpartition("/")[2]
        if value is None:
            answer.drop(key, Reason.NO_VALUE)
            continue
        moment = answer.moment(key, item.get("phenomenonTime"))
        if moment is None:
            continue
        found = _KIT.fullmatch(key)
        kit, suffix = found.groups() if found else ("", key)
        quantity, unit = _SAMEN_METEN.get(suffix.removesuffix("_kal").casefold(), ("", None))
        channel = "kal" if suffix.endswith("_kal") else "0"
        row = Reading(suffix[:40] or key[:40], quantity, value, unit, moment.ns, channel)
        answer.add(kit if name else "", row)


def _observations(body: Mapping[str, object]) -> Iterator[tuple[str, Mapping[str, object]]]:
    """Observations with the name of their Datastream, which may stand inside or around them."""
    for thing in _objects(body.get("value", body)):
        if isinstance(thing.get("Datastreams"), list):
            for stream in _objects(thing["Datastreams"]):
                for item in _objects(stream.get("Observations")):
                    yield _name_of(stream), item
        else:
            yield _name_of(thing.get("Datastream")) or _name_of(thing), thing


def _name_of(entity: object) -> str:
    name = entity.get("name") if isinstance(entity, dict) else None
    return name if isinstance(name, str) else ""
