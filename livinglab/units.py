"""Units: any usual spelling of a unit to factor and offset, resolved once.

canonical = value * factor + offset. `pint` knows the units; what it does not know, or reads
otherwise than sensors mean it, is defined here: mixing ratios, sound levels, turbidity, angles.

References
----------
.. [1] Directive 2008/50/EC, Annex VI.C: gases at 293 K and 101.3 kPa, particles as they are.
.. [2] RFC 8428, section 12.1: SenML units.
"""

from __future__ import annotations

import re
import unicodedata
from fractions import Fraction
from functools import cache, lru_cache
from typing import Final

import pint

from livinglab.errors import UnitError

#: Volume of one mole of gas at 20 degC (293.15 K) and 101 325 Pa, L/mol.
MOLAR_VOLUME_L: Final = 8.314462618 * 293.15 / 101.325

#: Longer texts are no units; payloads are not trusted.
_LONGEST: Final = 24

_DEFINITIONS: Final = (
    "mole_share = [mole_share]",
    "vol_ppm = 1e-6 mole_share",
    "vol_ppb = 1e-9 mole_share",
    "decibel_spl = [sound_level]",
    "bel_spl = 10 decibel_spl",
    "decibel_c = [sound_level_c]",
    "decibel_z = [sound_level_z]",
    "acidity_unit = [acidity]",
    "turbidity_ntu = [turbidity_white]",
    "turbidity_fnu = [turbidity_infrared]",
    "index_point = [index_scale]",
    "angle_degree = [plane_angle]",
    "angle_radian = 57.29577951308232 angle_degree",
)

#: Expression for pint -> spellings that differ from it. Tried as written, then in lower case.
_SPELLINGS: Final = {
    "degC": ("Cel", "°C", "C", "celsius", "degree celsius", "degrees celsius", "deg C", "degC"),
    "degF": ("°F", "F", "fahrenheit", "degree fahrenheit", "deg F", "degF"),
    "kelvin": ("K", "kelvin"),
    "percent": ("%", "percent", "pct", "%RH", "% RH", "RH%", "%EL", "%vol", "% vol", "vol%"),
    "dimensionless": ("1", "/", "ratio", "count", "counts", "#", "m3/m3"),
    "vol_ppm": ("ppm", "ppmv", "umol/mol"),
    "vol_ppb": ("ppb", "ppbv", "nmol/mol"),
    "decibel_spl": ("dB(A)", "dBA", "dB A", "dB-A", "dB", "dB SPL", "dBSPL"),
    "bel_spl": ("Bspl", "bel"),
    "decibel_c": ("dB(C)", "dBC"),
    "decibel_z": ("dB(Z)", "dBZ"),
    "acidity_unit": ("pH",),
    "turbidity_ntu": ("NTU",),
    "turbidity_fnu": ("FNU",),
    "index_point": ("index",),
    "angle_degree": ("deg", "°", "degree", "degrees"),
    "angle_radian": ("rad", "radian"),
    "microgram/meter**3": ("ug/m3", "ugm3", "ug/Nm3", "mcg/m3"),
    "milligram/meter**3": ("mg/m3",),
    "hectopascal": ("hPa",),
    "pascal": ("Pa",),
    "meter_H2O": ("mH2O", "mWC", "mwk"),
    "centimeter_H2O": ("cmH2O", "cmWC"),
    "millimeter_Hg": ("mmHg",),
    "inch_Hg": ("inHg",),
    "kilometer/hour": ("km/h", "kmh", "kph", "km/hr"),
    "meter/second": ("m/s", "mps"),
    "mile/hour": ("mph",),
    "knot": ("kn", "kt", "kts", "knots", "knot"),
    "microsiemens/centimeter": ("uS/cm",),
    "lux": ("lx", "lux"),
    "liter/minute": ("L/min", "lpm"),
    "inch": ("in", "inch"),
    "standard_gravity": ("g0", "g_n"),
    "watt_hour": ("Wh",),
    "kilowatt_hour": ("kWh",),
    "megawatt_hour": ("MWh",),
    "metric_ton": ("t", "ton", "tonne"),
}
_EXACT: Final = {text: unit for unit, spellings in _SPELLINGS.items() for text in spellings}
_FOLDED: Final = {text.casefold(): unit for text, unit in _EXACT.items() if len(text) > 1}

_POWER: Final = re.compile(r"([A-Za-z]{1,20})(?:\^|\*\*)?(-?[1-4])?")
_EXPRESSION: Final = re.compile(rf"(?:1?/)?{_POWER.pattern}(?:[*/ ]{_POWER.pattern})*")


def conversion(
    unit: str, quantity_unit: str, molar_mass: float | None = None
) -> tuple[float, float]:
    """Factor and offset from `unit` to the canonical unit of a quantity.

    Parameters
    ----------
    unit : str
        As a device, a data sheet or SenML writes it: "Cel", "°C", "µg/m³", "dB(A)", "m⋅s⁻¹", ...
    quantity_unit : str
        Canonical unit; "" is a scale without unit, which only fits itself.
    molar_mass : float, optional
        In g/mol; with it mixing ratios and mass concentrations of a gas convert into each other at
        20 degC and 101.325 kPa [1]_.

    Returns
    -------
    (float, float)
        canonical = value * factor + offset.

    Raises
    ------
    UnitError
        If the unit is unknown or measures something else.

    Notes
    -----
    "%" is a percentage, as everywhere but in SenML, where it is a ratio [2]_: a SenML decoder says
    "/" for it. dB without weighting is taken as what the quantity says; dB(C) never becomes dB(A).

    Examples
    --------
    >>> conversion("degF", "Cel") == (5 / 9, -160 / 9)
    True
    >>> round(conversion("ppb", "ug/m3", 46.0055)[0], 6)
    1.912504
    """
    if unit == quantity_unit:
        return 1.0, 0.0
    result = _conversion(unit, quantity_unit, molar_mass)
    if isinstance(result, str):
        raise UnitError(result, hint=f"expected {quantity_unit!r} or a unit that converts to it")
    return result


@lru_cache(maxsize=4096)
def _conversion(
    unit: str, quantity_unit: str, molar_mass: float | None
) -> tuple[float, float] | str:
    """`conversion`, with the refusal as text so that refusals are remembered too."""
    source = _parse(unit)
    target = _parse("g0" if quantity_unit == "g" else quantity_unit)
    if source is None:
        return f"unknown unit {unit[:_LONGEST]!r}"
    if target is None:
        return f"unknown canonical unit {quantity_unit!r}"
    if source.dimensionality == target.dimensionality:
        return _linear(source, target)
    bridged = _gas(source, target, molar_mass) or _solution(source, target, quantity_unit)
    return bridged or f"unit {unit!r} does not fit {quantity_unit!r}"


def is_unit(text: str) -> bool:
    """Whether `conversion` understands a unit; "" is the scale without unit.

    Examples
    --------
    >>> is_unit("µg/m³"), is_unit("furlongs per fortnight")
    (True, False)
    """
    return text == "" or _parse(text) is not None


def _linear(source: pint.Unit, target: pint.Unit) -> tuple[float, float]:
    """Factor and offset of units of one dimension, exact until they become floats."""
    registry = _registry()
    zero = registry.Quantity(Fraction(0), source).to(target).magnitude
    one = registry.Quantity(Fraction(1), source).to(target).magnitude
    return float(one - zero), float(zero)


def _gas(
    source: pint.Unit, target: pint.Unit, molar_mass: float | None
) -> tuple[float, float] | None:
    """Mixing ratio of a gas to mass concentration, or back."""
    ppb, density = _unit("vol_ppb"), _unit("microgram/meter**3")
    if molar_mass is None:
        return None
    density_per_ppb = molar_mass / MOLAR_VOLUME_L
    if (source.dimensionality, target.dimensionality) == (
        ppb.dimensionality,
        density.dimensionality,
    ):
        factor = _linear(source, ppb)[0] * density_per_ppb * _linear(density, target)[0]
        return factor, 0.0
    if (target.dimensionality, source.dimensionality) == (
        ppb.dimensionality,
        density.dimensionality,
    ):
        factor = _linear(source, density)[0] / density_per_ppb * _linear(ppb, target)[0]
        return factor, 0.0
    return None


def _solution(
    source: pint.Unit, target: pint.Unit, quantity_unit: str
) -> tuple[float, float] | None:
    """Something dissolved in water: ppm is mg per kg, which is mg per litre."""
    ppm, density = _unit("vol_ppm"), _unit("milligram/liter")
    if not quantity_unit.endswith("/L") or source.dimensionality != ppm.dimensionality:
        return None
    if target.dimensionality != density.dimensionality:
        return None
    return _linear(source, ppm)[0] * _linear(density, target)[0], 0.0


@cache
def _registry() -> pint.UnitRegistry[Fraction]:
    registry: pint.UnitRegistry[Fraction] = pint.UnitRegistry(non_int_type=Fraction)
    for line in _DEFINITIONS:
        registry.define(line)
    return registry


@cache
def _unit(expression: str) -> pint.Unit:
    return _registry().parse_units(expression)


def _parse(text: str) -> pint.Unit | None:
    """The unit a text means, None where it means none."""
    spelling = _normal(text)
    if not spelling or len(spelling) > _LONGEST:
        return None
    expression = _EXACT.get(spelling) or _FOLDED.get(spelling.casefold()) or _compound(spelling)
    if expression is None:
        return None
    try:
        return _registry().parse_units(expression)
    except (pint.errors.PintError, ValueError, TypeError, AttributeError):
        return None


def _normal(text: str) -> str:
    """One spelling for typographic variants: superscripts, micro signs, multiplication dots."""
    plain = unicodedata.normalize("NFKC", text[: 4 * _LONGEST]).replace("μ", "u").replace("−", "-")
    return re.sub(r"\s*[⋅·•×]\s*", "*", plain).strip()


def _compound(text: str) -> str | None:
    """`m3/h`, `m*s-1`, `1/cm3` as an expression for pint; None unless it is as simple as that.

    Only letters and single-digit powers pass: payload texts never reach a general parser.
    """
    if not _EXPRESSION.fullmatch(text):
        return None
    powers = _POWER.sub(lambda match: f"{match[1]}**{match[2] or 1}", text.lstrip("1"))
    return f"1{powers}" if powers.startswith("/") else powers.replace(" ", "*")
