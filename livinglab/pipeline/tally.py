"""How many values each test objected to, per device and quantity: the table of a run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import pandas as pd

from livinglab.flags import TESTS, Flag

#: In the place of a test: the flag that all of them came to.
WHOLE: Final = "flag"
_OBJECTING: Final = (int(Flag.SUSPECT), int(Flag.FAIL))


def counted(clean: pd.DataFrame) -> dict[str, int]:
    """Number of values by "device|quantity|test|flag".

    Parameters
    ----------
    clean : DataFrame
        Columns `device`, `quantity`, `flag`, `tests`, as in the bucket `clean`.

    Returns
    -------
    dict
        Of "flag", what the tests came to, every flag; of the tests those that object, 3 and 4.

    Examples
    --------
    >>> rows = pd.DataFrame({"device": ["a", "a"], "quantity": "no2", "flag": [1, 4]})
    >>> counted(rows.assign(tests=["21122222222222", "21422222222222"]))
    {'a|no2|flag|1': 1, 'a|no2|flag|4': 1, 'a|no2|gross_range|4': 1}
    """
    if clean.empty:
        return {}
    # Values that share device, quantity, flag and digits are counted first: there are few kinds.
    columns = ["device", "quantity", "flag", "tests"]
    kinds = clean.groupby(columns, observed=True).size().reset_index(name="n")
    found: dict[str, dict[str, int]] = {name: {} for name in (WHOLE, *TESTS)}
    rows = zip(*(kinds[name].tolist() for name in (*columns, "n")), strict=True)
    for device, quantity, flag, digits, number in rows:
        verdicts = zip(TESTS, map(int, digits), strict=True)
        objections = [(test, verdict) for test, verdict in verdicts if verdict in _OBJECTING]
        for test, verdict in ((WHOLE, flag), *objections):
            key = f"{device}|{quantity}|{test}|{verdict}"
            found[test][key] = found[test].get(key, 0) + number
    return {key: cells[key] for cells in found.values() for key in sorted(cells)}


@dataclass(frozen=True, slots=True)
class Judged:
    """What quality control made of one quantity of one device.

    Parameters
    ----------
    values : int
        Readings that were judged.
    flags : mapping of int to int
        Values by the flag that all tests came to.
    tests : mapping of str to (int, int)
        Values that a test calls suspect and failed; only tests that objected.
    """

    device: str
    quantity: str
    values: int
    flags: Mapping[int, int]
    tests: Mapping[str, tuple[int, int]] = field(default_factory=dict)


def judged(counts: Mapping[str, int]) -> list[Judged]:
    """Rows of the table from `counted`, summed over windows; by device and quantity.

    Examples
    --------
    >>> judged({"a|no2|flag|1": 5, "a|no2|flag|4": 1, "a|no2|spike|4": 1})[0].tests
    {'spike': (0, 1)}
    """
    cells: dict[tuple[str, str], dict[str, dict[int, int]]] = {}
    for name, number in counts.items():
        device, quantity, test, flag = name.split("|")
        cells.setdefault((device, quantity), {}).setdefault(test, {})[int(flag)] = number
    return [
        Judged(
            device=device,
            quantity=quantity,
            values=sum(tests.get(WHOLE, {}).values()),
            flags=dict(sorted(tests.get(WHOLE, {}).items())),
            tests={
                test: (tests[test].get(Flag.SUSPECT, 0), tests[test].get(Flag.FAIL, 0))
                for test in TESTS
                if test in tests
            },
        )
        for (device, quantity), tests in sorted(cells.items())
    ]
