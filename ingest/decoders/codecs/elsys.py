"""Elsys: type, data, big endian, in any order; the first unknown type ends what can be read.

References
----------
.. [1] Elsys, "Generic payload format"; types as in the maker's public decoders.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from ingest.decoders.codecs import table

_TYPES: Final = {
    int(head, 16): fields
    for head, fields in table.rows(
        """
01 : temperature i16/10
02 : humidity u8
03 : x i8/63 g, y i8/63 g, z i8/63 g
04 : light u16
05 : motion u8
06 : co2 u16
07 : vdd u16 mV
08 : analog1 u16 mV
09 : - u24, - u24
0a : pulse1 u16
0b : pulseAbs u32
0c : externalTemperature i16/10
0d : digital u8
0e : distance u16 mm
0f : accMotion u8
10 : irInternalTemperature i16/10, irExternalTemperature i16/10
11 : occupancy u8
12 : waterleak u8
14 : pressure i32/1000 hPa
15 : soundPeak u8, soundAvg u8
16 : pulse2 u16
17 : pulseAbs2 u32
18 : analog2 u16 mV
19 : externalTemperature2 i16/10
1a : digital2 u8
1b : analogUv i32
1c : tvoc u16 ppb
"""
    )
}


def decode(frame: bytes, _port: int) -> Mapping[str, object]:
    """What the frame says, by the names of the maker's codec.

    Raises
    ------
    DecodeError
        FORMAT for a frame whose first record is unknown or cut off.
    """
    found: dict[str, object] = {}
    place = 0
    while place < len(frame):
        fields = _TYPES.get(frame[place], ())
        end = place + 1 + table.size_of(fields)
        if not fields or end > len(frame):
            break
        for name, value in table.values(fields, frame[place + 1 : end], "big"):
            found.setdefault(name, value)
        place = end
    if place == 0:
        raise table.undecodable(place, "unknown type or cut off")
    return found
