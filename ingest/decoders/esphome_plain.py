"""ESPHome: one value per topic, `{prefix}/sensor/{object_id}/state`, as plain text.

The topic names device and entity; the entity's words name the quantity. Its unit is that of a Home
Assistant discovery message, where one was seen, else the one ESPHome uses. `nan`, and since the end
of 2024 `None`, mean that the sensor has no value.

References
----------
.. [1] home-assistant/core#18240; esphome/esphome#7768.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from ingest.decoders import keys
from ingest.decoders.base import Context
from ingest.decoders.discovery import announced, member
from ingest.decoders.json_guard import require_text
from ingest.decoders.topics import in_grammar
from ingest.decoders.values import SWITCHES, names, number_in, switch, unit_text
from livinglab.errors import DecodeError, Reason
from livinglab.model import Decoded, Message, Reading

_NO_VALUE: Final = frozenset(("nan", "none", "na", "n/a", "unknown", "unavailable", "null", ""))
_STATES: Final = frozenset(names("sensor binary_sensor"))
# Device classes of Home Assistant, where the words of the entity do not tell.
_CLASSES: Final[Mapping[str, str]] = {
    "temperature": "temperature",
    "humidity": "relative_humidity",
    "moisture": "soil_moisture",
    "atmospheric_pressure": "air_pressure",
    "pressure": "air_pressure",
    "carbon_dioxide": "co2",
    "carbon_monoxide": "co",
    "nitrogen_monoxide": "no",
    "volatile_organic_compounds": "tvoc",
    "volatile_organic_compounds_parts": "tvoc",
    "wind_direction": "wind_direction",
    "water": "water_volume",
    "power": "power",
    "current": "current",
    "pm4": "pm4",
    "nitrogen_dioxide": "no2",
    "ozone": "o3",
    "pm1": "pm1",
    "pm25": "pm2_5",
    "pm10": "pm10",
    "illuminance": "illuminance",
    "sound_pressure": "sound_level",
    "wind_speed": "wind_speed",
    "precipitation": "precipitation",
    "precipitation_intensity": "precipitation_intensity",
    "ph": "ph",
    "conductivity": "electrical_conductivity",
    "distance": "distance",
    "battery": "battery_level",
    "voltage": "voltage",
    "volume_flow_rate": "flow_rate",
}
# What the components of ESPHome use where neither the words nor a discovery message tell.
_DEFAULTS: Final[Mapping[str, str]] = {"air_pressure": "hPa", "distance": "m", "tvoc": "ppb"}


def decode(message: Message, context: Context) -> Decoded:
    """The one reading of a state topic, under the topic prefix.

    `Reading.key` is the object id.

    Raises
    ------
    DecodeError
        VALUE for a text that is neither a number nor a way to say "no value".
    """
    levels = message.topic.split("/")
    if len(levels) < 4 or levels[-1] != "state" or levels[-3] not in _STATES:
        return Decoded(note=levels[-1][:40])
    if message.retain and not message.payload:
        return Decoded(note="cleared")
    text = _text(message.payload)
    if text.casefold() in _NO_VALUE:
        return Decoded(note="the sensor has no value")
    name = levels[-2]
    quantity, unit = _meaning(name, message.topic, context)
    value = switch(text) if levels[-3] == "binary_sensor" else number_in(text)
    if value is None:
        raise DecodeError(Reason.VALUE, f"{text[:40]!r} is no number")
    if levels[-3] == "binary_sensor" and quantity not in SWITCHES:
        quantity, unit = "", "1"
    device = in_grammar("/".join(levels[:-3]), message, context)
    return Decoded({device: [Reading(name, quantity, value, unit, None)]})


def _text(payload: bytes) -> str:
    return require_text(payload).decode("utf-8").strip()


def _meaning(name: str, topic: str, context: Context) -> tuple[str, str | None]:
    found = announced(topic, (), context)
    known = keys.meaning_in(name) or keys.meaning_in(member(found, "name", "name"))
    unit = member(found, "unit_of_measurement", "unit_of_meas")
    written = unit_text(unit) if unit else None
    kind = _CLASSES.get(member(found, "device_class", "dev_cla"), "")
    quantity = known.quantity if known is not None else kind
    if quantity == "battery":
        quantity = "battery_voltage" if written in ("V", "mV") else "battery_level"
        return quantity, written or "%"
    if written is not None:
        return (quantity if keys.fits(quantity, written) else kind), written
    default = known.unit if known is not None else None
    return quantity, default or _DEFAULTS.get(quantity)
