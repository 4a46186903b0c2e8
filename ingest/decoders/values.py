"""Values as payloads write them: numbers, numbers in texts, states; and units as texts.

Numbers in texts are read only where a format or vendor is known to send them. What is no number is
None, never 0; zero is a reading.
"""

from __future__ import annotations

import math
import re
from functools import lru_cache
from typing import Final

_NUMBER: Final = re.compile(
    r"[+-]?(?:\d{1,64}(?:\.\d{0,64})?|\.\d{1,64})(?:[eE][+-]?\d{1,3})?", re.ASCII
)
_STATES: Final[dict[str, float]] = {
    name: float(index)
    for index, names in enumerate(
        (
            "off false no free vacant unoccupied empty open dry clear normal idle",
            "on true yes occupied busy closed close wet leak flood trigger triggered detected",
        )
    )
    for name in names.split()
}
_GROUPED: Final = {
    mark: re.compile(rf"[+-]?\d{{1,3}}(?:[{others}]\d{{3}})+(?:[{mark}]\d+)?", re.ASCII)
    for mark, others in ((",", ".' \u00a0\u202f"), (".", ",' \u00a0\u202f"))
}
_GROUPS: Final = {",": re.compile("[.' \u00a0\u202f]"), ".": re.compile("[,' \u00a0\u202f]")}
#: Quantities that are 0 or 1: the only ones a boolean or a state word can be a reading of.
SWITCHES: Final = frozenset(("occupancy", "motion", "water_leak", "flow_detected", "contact"))
_GLYPHS: Final = str.maketrans(
    {
        "µ": "u",
        "μ": "u",
        "³": "3",
        "²": "2",
        "¹": "1",
        "⁻": "-",
        "⋅": ".",
        "·": ".",
        "℃": "Cel",
        "℉": "degF",
        "°": "deg",
        "º": "deg",
        " ": None,
        "\u00a0": None,
        "^": None,
        "*": None,
    }
)
_PER: Final = re.compile(r"\.?([A-Za-z]+)-([123])$")
_SPELLINGS: Final[dict[str, str]] = {
    name: unit
    for unit, names in (
        ("Cel", "cel c degc celsius degcelsius degreescelsius degreecelsius ucum:cel gradcelsius"),
        ("degF", "degf f fahrenheit degfahrenheit fah degreesfahrenheit"),
        ("K", "k kelvin"),
        ("%", "% %rh rh% percent pct %relativehumidity percentage"),
        ("hPa", "hpa mbar mb millibar hectopascal"),
        ("Pa", "pa pascal"),
        ("kPa", "kpa kilopascal"),
        (
            "ug/m3",
            "ug/m3 ugm3 ug/m^3 mcg/m3 microgram/m3 microgrampercubicmeter microgrampercubicmetre",
        ),
        ("mg/m3", "mg/m3 mgm3"),
        ("mg/L", "mg/l ppm(mg/l)"),
        ("ug/L", "ug/l"),
        ("m/s", "m/s ms mps meterpersecond metrepersecond meterspersecond metrespersecond m/sec"),
        ("km/h", "km/h kmh kph kmph kilometerperhour kilometreperhour"),
        ("mph", "mph mi/h"),
        ("kn", "kn kt knots knot"),
        ("deg", "deg degree degrees arcdeg"),
        ("lx", "lx lux"),
        ("dB(A)", "db(a) dba dbspl(a) dbaspl"),
        ("dB", "db decibel decibels dbspl"),
        ("V", "v volt volts"),
        ("mV", "mv"),
        ("A", "a ampere amp"),
        ("mA", "ma"),
        ("W", "w watt"),
        ("kW", "kw"),
        ("mm/h", "mm/h mmh mm/hr millimeterperhour millimetreperhour"),
        ("mm", "mm l/m2 millimeter millimetre millimeters millimetres"),
        ("cm", "cm cmnap centimeter centimetre centimeters centimetres"),
        ("m", "m meter metre meters metres mnap"),
        ("km", "km"),
        ("uS/cm", "us/cm uscm microsiemenspercentimeter microsiemenspercentimetre"),
        ("mS/cm", "ms/cm millisiemenspercentimeter millisiemenspercentimetre"),
        ("dS/m", "ds/m"),
        ("S/m", "s/m"),
        ("mS/m", "ms/m"),
        ("L", "l liter litre liters litres"),
        ("m3", "m3 cubicmeter"),
        ("L/min", "l/min lpm literperminute litreperminute"),
        ("L/s", "l/s"),
        ("L/h", "l/h"),
        ("m3/h", "m3/h"),
        ("m3/s", "m3/s m3s-1"),
        ("m3/m3", "m3/m3 m3.m-3 cm3/cm3"),
        ("ppm", "ppm partspermillion"),
        ("ppb", "ppb partsperbillion"),
        ("NTU", "ntu fnu"),
        ("pH", "ph"),
        ("1/cm3", "1/cm3 #/cm3 pt/cm3"),
        ("1", "1 count counts # dimensionless"),
        ("index", "index aqi"),
    )
    for name in names.split()
}


def names(words: str) -> tuple[str, ...]:
    """A table of names written as one text."""
    return tuple(words.split())


def number(value: object) -> float | None:
    """A finite float of a JSON number, None for anything else (booleans, texts, null).

    Examples
    --------
    >>> number(3), number(0.0), number("3"), number(True), number(10**400)
    (3.0, 0.0, None, None, None)
    """
    if type(value) is float or type(value) is int:
        try:
            result = float(value)
        except OverflowError:
            return None
        return result if math.isfinite(result) else None
    return None


def number_in(value: object) -> float | None:
    """`number`, and the number that fills a whole text ("24.59", " 8.10 ").

    Examples
    --------
    >>> number_in("24.59"), number_in("nan"), number_in(""), number_in("-78 dBm"), number_in("7,4")
    (24.59, None, None, None, None)
    """
    if isinstance(value, str):
        text = value.strip()
        return number(float(text)) if _NUMBER.fullmatch(text) else None
    return number(value)


def decimal_point(text: str, mark: str) -> str | None:
    """A number written with the decimal mark "," or "." in the form with "."; None for no number.

    The other mark, a blank or an apostrophe may part groups of three digits.

    Examples
    --------
    >>> decimal_point("7,4", ","), decimal_point("1.234,5", ","), decimal_point("1,234.5", ".")
    ('7.4', '1234.5', '1234.5')
    >>> decimal_point("7.4", ",") is None
    True
    """
    plain = text.strip()
    if _GROUPED[mark].fullmatch(plain):
        plain = _GROUPS[mark].sub("", plain)
    elif ("." if mark == "," else ",") in plain:
        return None
    return plain.replace(mark, ".")


def switch(value: object) -> float | None:
    """1.0 or 0.0 of a boolean or a state word ("ON", "occupied", "closed"), else None."""
    if isinstance(value, bool):
        return float(value)
    return _STATES.get(value.strip().casefold()) if isinstance(value, str) else None


@lru_cache(maxsize=1024)
def unit_text(unit: str) -> str | None:
    """One spelling per unit, as far as it is known; other texts stay, blanks are None.

    Examples
    --------
    >>> unit_text("°C"), unit_text("µg⋅m⁻³"), unit_text("m⋅s⁻¹"), unit_text("% RH"), unit_text(" ")
    ('Cel', 'ug/m3', 'm/s', '%', None)
    """
    text = _PER.sub(_divided, unit.strip().translate(_GLYPHS))
    if not text:
        return None
    # Only the prefix's case matters: mS/cm and MS/cm; no payload says megasiemens.
    return _SPELLINGS.get(text.casefold(), text[:40])


def _divided(found: re.Match[str]) -> str:
    return f"/{found[1]}" + (found[2] if found[2] != "1" else "")
