"""Milesight: channel, type, data, little endian; the first unknown pair ends what can be read.

The same pair means other things in other models. The table has those that mean one thing; a
digital input (type 00) is a PIR where a light class stands beside it, else nobody can tell:
it comes out as `digital_<channel>`, for a device model to map.

References
----------
.. [1] Milesight-IoT/SensorDecoders: am-series, em-series, ws-series, vs-series, wts-series.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from ingest.decoders.codecs import table

_PAIRS: Final = {
    bytes.fromhex(head): fields
    for head, fields in table.rows(
        """
01 75 : battery u8
03 67 : temperature i16/10
04 67 : temperature_2 i16/10
04 68 : humidity u8/2
05 6a : activity u16
06 65 : illumination u16, infrared_and_visible u16, infrared u16
06 cb : light_level u8
07 7d : co2 u16
05 7d : co2 u16
08 7d : tvoc u16
08 e6 : tvoc u16 ug/m3
09 73 : pressure u16/10 hPa
06 73 : pressure u16/10 hPa
0a 7d : hcho u16/100 mg/m3
0b 7d : pm2_5 u16
0c 7d : pm10 u16
0d 7d : o3 u16/100 ppm
0e 01 : beep u8
03 82 : distance u16 mm
04 82 : distance u16 mm
03 7b : liquid_pressure u16 kPa
03 77 : water_depth u16 cm
03 94 : illumination u32
04 ca : moisture u16/100
05 7f : ec u16
05 84 : wind_direction u16/10
07 92 : wind_speed u16/10
08 77 : rainfall_total u16/100, rainfall_counter u8
04 c9 : people_count_all u8, region_count u8, - u16
06 cd : people_count_max u8
03 d2 : line_1_total_in u32
04 d2 : line_1_total_out u32
04 cc : total_in u16, total_out u16
05 cc : period_in u16, period_out u16
06 d2 : line_2_total_in u32
07 d2 : line_2_total_out u32
08 cc : line_2_period_in u16, line_2_period_out u16
09 d2 : line_3_total_in u32
0a d2 : line_3_total_out u32
0b cc : line_3_period_in u16, line_3_period_out u16
0c d2 : line_4_total_in u32
0d d2 : line_4_total_out u32
0e cc : line_4_period_in u16, line_4_period_out u16
0f e3 : region_1_count u8, region_2_count u8, region_3_count u8, region_4_count u8
10 e4 : - u8, - u16, - u16
83 67 : temperature i16/10, - u8
84 82 : distance u16 mm, - u8
03 00 : digital_3 u8
04 00 : digital_4 u8
05 00 : digital_5 u8
06 00 : digital_6 u8
ff 01 : - u8
ff 08 : - u24, - u24
ff 09 : - u16
ff 0a : - u16
ff 0b : - u8
ff 0f : - u8
ff 16 : - u64
ff 18 : - u8
ff 1f : - u32
ff fe : - u8
ff ff : - u16
"""
    )
}
_SOUND: Final = bytes.fromhex("055b")
_LEVELS: Final = next(fields for _, fields in table.rows(": la u16/10, laeq u16/10, lamax u16/10"))
_WEIGHTS: Final = {0: "Z", 1: "A", 2: "C"}


def decode(frame: bytes, _port: int) -> Mapping[str, object]:
    """What the frame says, by the names of the maker's codecs.

    History (20 ce) is not read: the length of its records is the model's.

    Raises
    ------
    DecodeError
        FORMAT for a frame whose first record is unknown or cut off.
    """
    found: dict[str, object] = {}
    place = 0
    while place < len(frame):
        head, data = frame[place : place + 2], frame[place + 2 :]
        is_sound = head == _SOUND
        fields = _LEVELS if is_sound else _PAIRS.get(head, ())
        size = table.size_of(fields) + is_sound
        if not fields or len(data) < size:
            break
        if is_sound:  # the weighting of the keys: "laeq" may be a Z-weighted level
            found["freq_weight"] = _WEIGHTS.get(data[0] & 0x03, "?")
        found.update(table.values(fields, data[is_sound:], "little"))
        place += 2 + size
    if place == 0:
        raise table.undecodable(place, "unknown channel and type, or cut off")
    if "light_level" in found and "digital_5" in found:
        found["pir"] = found.pop("digital_5")
    return found
