"""How many values each test objected to, per device and quantity: the table of a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
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
    keys = (clean["device"] + "|" + clean["quantity"]).to_numpy(dtype=object)
    codes, names = pd.factorize(keys, sort=True)
    found = _of(WHOLE, codes, names, clean["flag"].to_numpy(dtype=np.int64), range(10))
    text = np.asarray(clean["tests"].tolist(), dtype=f"S{len(TESTS)}")
    digits = text.view(np.uint8).reshape(len(clean), len(TESTS)).astype(np.int64) - ord("0")
    for place, test in enumerate(TESTS):
        found |= _of(test, codes, names, digits[:, place], _OBJECTING)
    return found


def _of(test: str, codes: Any, names: Any, flags: Any, wanted: Sequence[int]) -> dict[str, int]:
    here = np.isin(flags, list(wanted))
    cells, numbers = np.unique(codes[here] * 10 + flags[here], return_counts=True)
    return {
        f"{names[cell // 10]}|{test}|{cell % 10}": int(number)
        for cell, number in zip(cells.tolist(), numbers.tolist(), strict=True)
    }


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
