"""Netvox: version, device type, report type, then fixed fields, big endian; reports on port 6.

Report 0 states versions; other ports carry answers to commands. A battery byte of 0 is a mains
supply; its highest bit says "low".

References
----------
.. [1] Netvox, "LoRaWAN Application Command".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from ingest.decoders.codecs import table

REPORT_PORT: Final = 6
_HEAD: Final = 4
# Head: device types, then the report type after "/".
_REPORTS: Final = {
    (int(device, 16), int(head.partition("/")[2], 16)): fields
    for head, fields in table.rows(
        """
01 0b 13 6e / 01 : temperature i16/100, humidity u16/100
02 / 01 : contact u8
03 07 / 01 : temperature i16/100, illuminance u16, occupied u8
04 4b / 01 : illuminance u16
06 46 47 / 01 : waterleak1 u8, waterleak2 u8
12 32 / 01 : waterleak u8
35 36 37 5d 5e 5f 6a / 01 : temperature i16/100, humidity u16/100, pm2_5 u16
59 / 01 : occupied u8
05 09 0d / 02 : pm1_0 u16, pm2_5 u16, pm10 u16
05 09 0d / 07 : co2 u16/10 ppm, nh3 u16/10 ppm, noise u16/10 dB
05 09 0d / 0c : temperature i16/100, humidity u16/100, wind_speed u16/100
"""
    )
    for device in head.partition("/")[0].split()
}


def decode(frame: bytes, port: int) -> Mapping[str, object]:
    """What a report says; nothing of a frame on another port or a report of versions.

    Raises
    ------
    DecodeError
        FORMAT for a report that is cut off or of a device or report type not listed here.
    """
    if port != REPORT_PORT or frame[2:3] == b"\x00":
        return {}
    fields = _REPORTS.get((frame[1], frame[2])) if len(frame) > _HEAD else None
    if fields is None:
        raise table.undecodable(1, f"unknown device or report type {frame[1:3].hex(' ')}")
    if len(frame) < _HEAD + table.size_of(fields):
        raise table.undecodable(len(frame), "cut off")
    found = dict(table.values(fields, frame[_HEAD:], "big", blank=True))
    volts = (frame[3] & 0x7F) / 10
    return {**found, "battery_voltage": {"value": volts, "unit": "V"}} if volts else found
