"""What an operator can do about readings that are not stored."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from livinglab.errors import Reason
from livinglab.registry import Registry

_ADVICE: Final[Mapping[Reason, str]] = {
    Reason.CLOCK: "the time lies before the device's first row, or ahead of its receipt: correct "
    "valid_from in devices.csv, the timezone of the route, or the clock of the device",
    Reason.OUTSIDE_VALIDITY: "no row of devices.csv covers the time: add one for that period",
    Reason.WRONG_LAB: "the device is registered in another lab than the topic belongs to: publish "
    "it on a topic of its own lab, or move its row",
    Reason.UNIT: "the payload states a unit that does not fit the quantity of {keys}: correct the "
    "quantity in {model}",
    Reason.SENTINEL: "the device says that it has no value for {keys}: look at the sensor",
    Reason.IMPLAUSIBLE: "{keys} lies outside the range in {model}: look at the sensor, or at unit, "
    "scale and range there",
    Reason.UNMAPPED: "{model} does not list {keys}: add what is wanted, then `livinglab check`",
    Reason.RETAINED: "a retained message without a time of its own is no observation: let the "
    "publisher send without retain",
}


def advice(registry: Registry, device: str, refused: Iterable[tuple[Reason, str]]) -> Iterator[str]:
    """One sentence per reason why (reason, key) of a device was not stored.

    Reasons that need no action, or have a command of their own, are left out.
    """
    keys: dict[Reason, list[str]] = {}
    for reason, key in refused:
        keys.setdefault(reason, []).append(key)
    rows = registry.history.get(device)
    model = f"config/models/{rows[-1].model}.yaml" if rows else "the device model"
    for reason, found in keys.items():
        if reason in _ADVICE:
            shown = ", ".join(dict.fromkeys(found[:5])) + (", ..." if len(found) > 5 else "")
            yield _ADVICE[reason].format(keys=shown, model=model)
