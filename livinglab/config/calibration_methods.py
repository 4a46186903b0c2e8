"""What a row of calibrations.csv must say for each method; formulas: `transforms.calibration`.

The ingest service checks the whole configuration but runs where the science packages are not
installed: this table stands beside them, and a test compares the two.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final

HUMIDITY: Final = "relative_humidity"
_PM: Final = ("pm1", "pm2_5", "pm4", "pm10")
_SOUND: Final = (
    "sound_level",
    "sound_level_la",
    "sound_level_laeq",
    "sound_level_lamax",
    "sound_level_lamin",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Method:
    """One method: parameters it needs and may have, what else it asks for.

    Parameters
    ----------
    quantities : tuple of str
        Quantities it is made for; () = any.
    needs_end : bool
        It runs from one check to the next, so the row needs a valid_to.
    covariates : tuple of str
        What the device must measure besides.
    open_names : tuple of str
        Beginnings of further parameter names, completed by the name of a quantity.
    """

    required: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()
    quantities: tuple[str, ...] = ()
    needs_end: bool = False
    covariates: tuple[str, ...] = ()
    open_names: tuple[str, ...] = ()


METHODS: Final[Mapping[str, Method]] = {
    "linear": Method(required=("slope", "offset")),
    "multi_linear": Method(
        required=("slope", "offset"),
        optional=("min_value", "max_value"),
        open_names=("slope_", "min_", "max_"),
    ),
    "barkjohn": Method(quantities=("pm2_5",), covariates=(HUMIDITY,)),
    "kappa_koehler": Method(required=("kappa",), quantities=_PM, covariates=(HUMIDITY,)),
    "drift": Method(
        required=("zero_start", "zero_end"), optional=("gain_start", "gain_end"), needs_end=True
    ),
    "calibrator": Method(
        required=("reading_start", "reading_end"), quantities=_SOUND, needs_end=True
    ),
    "barometric": Method(
        optional=("temperature", "salt_g_l", "offset", "sea_level_m"), quantities=("water_level",)
    ),
}

#: What can be computed of another quantity that a model measures.
DERIVABLE: Final[Mapping[str, tuple[str, ...]]] = {"water_level": ("liquid_pressure", "distance")}

#: Parameters that divide or multiply everything: 0 would make every value the same.
_NEVER_ZERO: Final = ("slope", "gain_start", "gain_end", "kappa")
#: Plausible readings of a 94 dB calibrator [dB].
_CALIBRATOR_DB: Final = (84.0, 104.0)


def covariates_of(method: str, parameters: Collection[str]) -> tuple[str, ...]:
    """Quantities that a calibration reads besides its own.

    Examples
    --------
    >>> covariates_of("multi_linear", ["slope", "offset", "slope_air_temperature"])
    ('air_temperature',)
    """
    named = sorted(name[6:] for name in parameters if name.startswith("slope_"))
    return (*METHODS[method].covariates, *(named if METHODS[method].open_names else ()))


def mistakes(
    method: str,
    quantity: str,
    parameters: Mapping[str, float],
    *,
    has_end: bool,
    has_barometer: bool,
) -> list[str]:
    """What is wrong in a row, each beginning with its column.

    Examples
    --------
    >>> mistakes("linear", "o3", {"slope": 1.1}, has_end=False, has_barometer=False)
    ['parameters: method linear takes slope and offset, got slope']
    """
    row = METHODS[method]
    told = _names(method, row, parameters)
    told += [
        f"parameters: {name} 0 would make every value the {'offset' if name == 'slope' else 'same'}"
        for name in _NEVER_ZERO
        if parameters.get(name) == 0
    ]
    if parameters.get("kappa", 1) < 0:
        told.append(f"parameters: kappa expected above 0, got {parameters['kappa']:g}")
    low, high = _CALIBRATOR_DB
    told += [
        f"parameters: {name} expected the level shown of 94 dB, got {parameters[name]:g}"
        for name in ("reading_start", "reading_end")
        if method == "calibrator" and not low <= parameters.get(name, low) <= high
    ]
    if row.needs_end and not has_end:
        told.append(f"valid_to: missing: method {method} runs from one check to the next")
    if row.quantities and quantity not in row.quantities:
        told.append(f"quantity: method {method} is for {', '.join(row.quantities)}, got {quantity}")
    if has_barometer and method != "barometric":
        told.append(f"barometer: method {method} has none")
    return told


def _names(method: str, row: Method, parameters: Mapping[str, float]) -> list[str]:
    """Parameters that are missing or not known."""
    fixed = {*row.required, *row.optional}
    covariates = covariates_of(method, parameters)
    known = fixed | {f"{start}{name}" for start in row.open_names for name in covariates}
    lacking = set(row.required) - set(parameters) or (row.open_names and not covariates)
    if not lacking and set(parameters) <= known:
        return []
    wanted = [*row.required, *(["slope_<quantity>"] if row.open_names else [])]
    takes = " and ".join(wanted) or "nothing"
    if row.optional:
        takes += f" (and may have {', '.join(row.optional)})"
    got = ", ".join(sorted(parameters)) or "nothing"
    return [f"parameters: method {method} takes {takes}, got {got}"]
