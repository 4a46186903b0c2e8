"""Zigbee2MQTT: the state of a device as JSON, or one attribute per topic.

No unit is in the payload; the list of devices on `bridge/devices` has them, where it was seen, else
those count that are usual per key (`voltage` of a battery device is in millivolts). The state holds
cached values too: an unchanged humidity beside a new temperature is no fresh measurement.
`last_seen` is the time, in any of its forms, where it is switched on.

References
----------
.. [1] Koenkk/zigbee2mqtt.io, docs/guide/usage/mqtt_topics_and_messages.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from ingest.decoders import keys, times
from ingest.decoders.base import Context
from ingest.decoders.discovery import announced_unit, exposed_unit
from ingest.decoders.json_guard import parse, require_object
from ingest.decoders.topics import in_grammar
from ingest.decoders.values import SWITCHES, names, number_in, switch
from livinglab.errors import Reason
from livinglab.model import Decoded, Message, Reading

_KEYS: Final[Mapping[str, tuple[str, str | None]]] = {
    "temperature": ("temperature", "Cel"),
    "local_temperature": ("air_temperature", "Cel"),
    "soil_temperature": ("soil_temperature", "Cel"),
    "device_temperature": ("device_temperature", "Cel"),
    "dew_point": ("dew_point", "Cel"),
    "humidity": ("relative_humidity", "%"),
    "soil_moisture": ("soil_moisture", "%"),
    "pressure": ("air_pressure", "hPa"),
    "illuminance": ("illuminance", "lx"),
    "illuminance_lux": ("illuminance", "lx"),
    "co2": ("co2", "ppm"),
    "eco2": ("eco2", "ppm"),
    "voc": ("tvoc", "ppb"),
    "voc_index": ("tvoc", "index"),
    "formaldehyd": ("hcho", None),
    "formaldehyde": ("hcho", None),
    "pm1": ("pm1", "ug/m3"),
    "pm25": ("pm2_5", "ug/m3"),
    "pm10": ("pm10", "ug/m3"),
    "noise": ("sound_level", "dB"),
    "uv_index": ("uv_index", "1"),
    "ph": ("ph", "pH"),
    "ec": ("electrical_conductivity", "uS/cm"),
    "co": ("co", "ppm"),
    "target_distance": ("distance", "m"),
    "occupancy": ("occupancy", "1"),
    "presence": ("occupancy", "1"),
    "motion": ("motion", "1"),
    "contact": ("contact", "1"),
    "water_leak": ("water_leak", "1"),
    "battery": ("battery_level", "%"),
    "voltage": ("battery_voltage", "mV"),
    "power": ("power", "W"),
    "current": ("current", "A"),
    "wind_speed": ("wind_speed", "m/s"),
    "wind_direction": ("wind_direction", "deg"),
    "rain_intensity": ("", None),
    "water_level": ("", None),
    "liquid_level_percent": ("fill_level", "%"),
}
_AIR: Final = frozenset(names("humidity pressure co2 eco2 voc voc_index pm25 pm10 formaldehyd"))
_WATER: Final = frozenset(names("ph ec orp tds salinity free_chlorine"))
_MAINS: Final = frozenset(names("power current energy"))
_COMMANDS: Final = frozenset(names("set get availability"))


class _Units(NamedTuple):
    """The units that were announced for a device's state."""

    topic: str
    device: str
    context: Context

    def of(self, key: str) -> str | None:
        """The unit announced for a key, None where none was."""
        if not self.context.earlier:
            return None
        exposed = exposed_unit(self.device, key, self.context)
        return exposed or announced_unit(self.topic, (key,), self.context)


def decode(message: Message, context: Context) -> Decoded:
    """Readings of a device's state, under its friendly name.

    `Reading.key` is the key of the state. Keys of other things (settings, link quality, actions)
    do not come out.

    Raises
    ------
    DecodeError
        SYNTAX for a state that is no object, TIME for an impossible `last_seen`.
    """
    levels = message.topic.split("/")
    name = "/".join(levels[1:])
    if name == "bridge" or name.startswith("bridge/"):
        return Decoded(note="bridge")
    if levels[-1] in _COMMANDS and len(levels) > 2:
        return Decoded(note=levels[-1])
    if message.retain and not message.payload:
        return Decoded(note="removed")
    if len(levels) > 2 and levels[-1] not in _KEYS and _is_text(message.payload):
        return Decoded(note="attribute")
    body = parse(message.payload)
    if not isinstance(body, dict) and len(levels) > 2 and levels[-1] in _KEYS:
        body, name = {levels[-1]: body}, "/".join(levels[1:-1])
    state = require_object(body, "the state")
    device = in_grammar(name, message, context)
    moment = times.instant(state.get("last_seen"), context.timezone)
    rows, dropped = _read(state, moment, _Units(message.topic, name, context))
    note = "" if rows else "no measurement"
    return Decoded({device: rows} if rows else {}, "", tuple(dropped), note)


def _is_text(payload: bytes) -> bool:
    """Whether a payload is a bare value, as `output: attribute` publishes every key."""
    return payload[:1].isalnum() or payload[:1] in (b'"', b"-")


def _read(
    state: Mapping[str, object], moment: times.Instant, units: _Units
) -> tuple[list[Reading], list[tuple[str, str]]]:
    rows: list[Reading] = []
    dropped: list[tuple[str, str]] = []
    for key, content in state.items():
        stated = units.of(key)
        if key == "illuminance" and "illuminance_lux" in state:
            continue
        quantity, unit = _meaning(key, state) if key in _KEYS else ("", None)
        quantity = quantity or _named(key, stated)
        if not quantity and key not in _KEYS:
            continue
        unit = stated or unit
        value = switch(content) if quantity in SWITCHES else None
        value = number_in(content) if value is None else value
        if value is None:  # null is normal before the first report
            dropped.append((key, Reason.NO_VALUE.value))
        else:
            rows.append(Reading(key, quantity, value, unit, moment.ns, "0", moment.local))
    return rows, dropped


def _named(key: str, unit: str | None) -> str:
    """The quantity of a key that only its unit makes plain ("liquid_depth" in m)."""
    known = keys.meaning(key) if unit is not None else None
    return known.quantity if known is not None and keys.fits(known.quantity, unit) else ""


def _meaning(key: str, state: Mapping[str, object]) -> tuple[str, str | None]:
    if key == "voltage" and _MAINS & state.keys():
        return "voltage", "V"
    if key == "temperature":
        if "soil_moisture" in state:
            return "soil_temperature", "Cel"
        if _AIR & state.keys():
            return "air_temperature", "Cel"
        if _WATER & state.keys():
            return "water_temperature", "Cel"
    return _KEYS[key]
