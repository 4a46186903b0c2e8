"""A calibration fitted beside a reference, judged on a later part it has not seen.

Pairs are hours in which both sides have at least 75 % of their readings. They are never shuffled in
time: the model is fitted on the first part and everything that is reported about it comes from the
part after that.

References
----------
.. [1] European Commission, Guide to the Demonstration of Equivalence of Ambient Air Monitoring
   Methods (2010), clause 9.5.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import pandas as pd

from livinglab.errors import DataError
from livinglab.timeline import DAY_NS, HOUR_NS, to_text
from transforms.colocation import Agreement, Fit, agreement, fit_linear
from transforms.frames import Floats, time_ns

#: Shares of the co-location that the model is fitted on; the rest judges it.
TRAINING_SHARE: Final = 2 / 3
#: Shortest co-location and least number of unseen hours to trust, engineering defaults.
LEAST_DAYS: Final = 14
LEAST_UNSEEN: Final = 24
LEAST_R2: Final = 0.5
#: Largest share of unseen hours outside the range that was fitted.
OUTSIDE_SHARE: Final = 0.05
#: Quantities for which [1]_ defines the expanded uncertainty: level and u of the reference.
UNCERTAINTY: Final[Mapping[str, tuple[float, float]]] = {"pm2_5": (30.0, 0.67)}
RAW: Final = "raw"


@dataclass(frozen=True, slots=True, eq=False)
class Pairs:
    """Hours of a sensor beside a reference.

    Parameters
    ----------
    frame : DataFrame
        Index `time` (UTC, start of the hour); columns `raw`, `reference` and one per covariate;
        NaN where an hour is not sufficiently covered.
    start_ns, end_ns : int
        The co-location [start, end), UTC.
    source : str
        Device id or file name of the reference.
    zone : str
        Time zone in which dates are told.
    """

    device: str
    quantity: str
    unit: str
    frame: pd.DataFrame
    start_ns: int
    end_ns: int
    source: str
    zone: str = "UTC"

    def moment(self, time_ns: int) -> str:
        """Local date and hour of an instant."""
        local = pd.Timestamp(time_ns, tz="UTC").tz_convert(self.zone)
        return f"{local:%Y-%m-%d}" if local == local.normalize() else f"{local:%Y-%m-%d %H:%M}"


@dataclass(frozen=True, slots=True, eq=False)
class CalibrationReport:
    """A fitted calibration and how it did on unseen hours.

    Parameters
    ----------
    pairs : Pairs
        With the column `calibrated`.
    split_ns : int
        End of the part that was fitted, UTC.
    fit : Fit
        Coefficients, their range, and how well they fit the first part.
    before, after : Agreement
        Sensor as measured, and calibrated, against the reference in the later part.
    has_uncertainty : bool
        Whether the expanded uncertainty is defined for this quantity.
    cautions : tuple of str
        What speaks against using it, in words.
    """

    pairs: Pairs
    method: str
    split_ns: int
    fit: Fit
    before: Agreement
    after: Agreement
    has_uncertainty: bool
    cautions: tuple[str, ...]

    @property
    def parameters(self) -> dict[str, float]:
        """Parameters of the row of calibrations.csv, to six significant digits."""
        if self.method == "linear":
            given = {"slope": self.fit.coefficients[RAW], "offset": self.fit.offset}
        else:
            given = self.fit.parameters(RAW)
        return {name: float(f"{value:.6g}") for name, value in given.items()}

    @property
    def evidence(self) -> str:
        """What the row says about where it comes from."""
        unit = self.pairs.unit
        pairs = self.pairs
        span = f"{pairs.moment(pairs.start_ns)} to {pairs.moment(pairs.end_ns)}"
        told = (
            f"{self.fit.n} h beside {self.pairs.source} ({span}); {self.after.n} unseen h after: "
            f"R2 {self.after.r2:.3f}; RMSE {self.before.rmse:.3g} -> {self.after.rmse:.3g} {unit}"
        )
        if self.has_uncertainty:
            told += f"; U {100 * self.after.expanded_uncertainty:.0f} %"
        return told

    def cells(self, valid_from: str, valid_to: str = "") -> dict[str, str]:
        """The row of calibrations.csv that is proposed."""
        parameters = " ".join(f"{name}={value:.6g}" for name, value in self.parameters.items())
        return {
            "device": self.pairs.device,
            "quantity": self.pairs.quantity,
            "method": self.method,
            "parameters": parameters,
            "valid_from": valid_from,
            "valid_to": valid_to,
            "evidence": self.evidence,
        }


def calibrate(
    pairs: Pairs, covariates: Sequence[str] = (), *, split_ns: int | None = None
) -> CalibrationReport:
    """Fit reference = offset + slope * raw (+ covariates) and judge it on the later part.

    Parameters
    ----------
    covariates : sequence of str
        Columns of the pairs that enter; any make the method multi_linear.
    split_ns : int, optional
        Where the later part begins; by default after two thirds of the time.

    Raises
    ------
    DataError
        With too few hours in either part, or values that do not vary.
    """
    split = split_ns
    if split is None:
        length = pairs.end_ns - pairs.start_ns
        split = pairs.start_ns + int(length * TRAINING_SHARE) // HOUR_NS * HOUR_NS
    frame = pairs.frame.dropna(subset=[RAW, "reference", *covariates])
    is_seen = time_ns(frame) < split
    seen, unseen = frame[is_seen], frame[~is_seen]
    _require_hours(pairs, len(seen), len(unseen), split)
    columns = {name: seen[name].to_numpy() for name in (RAW, *covariates)}
    fit = fit_linear(seen["reference"].to_numpy(), columns)
    calibrated = fit.predict({name: pairs.frame[name].to_numpy() for name in columns})
    whole = pairs.frame.assign(calibrated=calibrated)
    level, u_reference = UNCERTAINTY.get(pairs.quantity, (30.0, 0.67))
    judged = [
        agreement(
            whole.loc[unseen.index, name], unseen["reference"], level=level, u_reference=u_reference
        )
        for name in (RAW, "calibrated")
    ]
    return CalibrationReport(
        pairs=replace(pairs, frame=whole),
        method="multi_linear" if covariates else "linear",
        split_ns=split,
        fit=fit,
        before=judged[0],
        after=judged[1],
        has_uncertainty=pairs.quantity in UNCERTAINTY,
        cautions=tuple(_cautions(pairs, fit, judged[0], judged[1], unseen)),
    )


def _require_hours(pairs: Pairs, seen: int, unseen: int, split_ns: int) -> None:
    if min(seen, unseen) < 3:
        raise DataError(
            f"{pairs.device} and {pairs.source} have {seen} hours of {pairs.quantity} in common "
            f"before {to_text(split_ns)} and {unseen} after",
            hint="choose a period in which both measured, with readings that passed the tests "
            "(`livinglab quality LAB` shows them; --with-suspect lets suspect ones in)",
        )


def _cautions(
    pairs: Pairs, fit: Fit, before: Agreement, after: Agreement, unseen: pd.DataFrame
) -> list[str]:
    told = []
    days = (pairs.end_ns - pairs.start_ns) / DAY_NS
    if days < LEAST_DAYS:
        told.append(f"{days:.1f} days side by side; at least {LEAST_DAYS} cover enough weather")
    if len(unseen) < LEAST_UNSEEN:
        told.append(f"only {len(unseen)} unseen hours to judge by; at least {LEAST_UNSEEN}")
    if fit.coefficients[RAW] <= 0:
        told.append("the sensor falls where the reference rises: it measures something else")
    if after.r2 < LEAST_R2:
        told.append(
            f"R2 {after.r2:.2f} on unseen hours: the sensor follows the reference too little"
        )
    if after.rmse >= before.rmse:
        told.append("no better than the sensor as measured on unseen hours")
    outside = _outside(fit, unseen)
    if outside > OUTSIDE_SHARE:
        told.append(f"{outside:.0%} of the unseen hours lie outside the range that was fitted")
    return told


def _outside(fit: Fit, unseen: pd.DataFrame) -> float:
    """Share of hours in which the sensor or a covariate is outside the fitted range."""
    out = np.zeros(len(unseen), dtype=bool)
    for name, (low, high) in fit.ranges.items():
        value: Floats = unseen[name].to_numpy()
        out |= (value < low) | (value > high)
    return float(out.mean()) if len(out) else 0.0
