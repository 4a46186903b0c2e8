"""Digests: what a window was computed from and what came out, each as a short text.

Equal content gives equal text, whatever the order of reading, the machine or the version of a
library; only equality is ever asked.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from typing import Any, Final, NamedTuple

from livinglab.model import Point

#: Digest of an output without points: the same as that of a window nobody ever computed.
NOTHING: Final = ""


def digest(parts: Iterable[str]) -> str:
    """Digest of an ordered list of texts (80 bits as hex); empty for no parts.

    Examples
    --------
    >>> digest(["ab", "c"]) == digest(["a", "bc"]), digest([])
    (False, '')
    """
    text = "\x1f".join(parts)
    return hashlib.blake2b(text.encode(), digest_size=10).hexdigest() if text else NOTHING


def digest_of(value: Any) -> str:
    """Digest of JSON-like data, independent of the order of keys and the type of mappings."""
    options: dict[str, Any] = {"sort_keys": True, "ensure_ascii": False, "separators": (",", ":")}
    return digest([json.dumps(value, default=dict, **options)])


def output_digest(points: Sequence[Point]) -> str:
    """Digest of the points of one window, in any order; `NOTHING` for none.

    `repr` of a float is its shortest text that reads back the same, so equal digests mean equal
    bytes.
    """
    return digest(sorted(_point_text(point) for point in points))


def _point_text(point: Point) -> str:
    fields = ",".join(f"{name}={point.fields[name]!r}" for name in sorted(point.fields))
    series = point.series
    return f"{series.measurement}|{'|'.join(series.tags)}|{point.time_ns}|{fields}"


class Inputs(NamedTuple):
    """What a window is computed from, as far as it can change; compared for equality, part by part.

    Parameters
    ----------
    arrivals : str
        Digest of the arrival versions of every device and hour that is read.
    upstream : str
        Digest of the outputs of the windows that are read.
    config : str
        Digest of the rows of configuration that matter, clipped to the window.
    transform : str
        Declared version of the computation.
    """

    arrivals: str
    upstream: str
    config: str
    transform: str

    def text(self) -> str:
        """Form in the record.

        Examples
        --------
        >>> Inputs("a1", "", "c3", "clean/1").text()
        'arrivals=a1 upstream= config=c3 transform=clean/1'
        """
        return " ".join(f"{name}={value}" for name, value in self._asdict().items())

    @classmethod
    def parse(cls, text: str) -> Inputs | None:
        """Read the form in the record, None where it is not one of this version.

        Examples
        --------
        >>> Inputs.parse(Inputs("a1", "", "c3", "clean/1").text())
        Inputs(arrivals='a1', upstream='', config='c3', transform='clean/1')
        >>> Inputs.parse("") is None
        True
        """
        parts = dict(part.split("=", 1) for part in text.split(" ") if "=" in part)
        return cls(**parts) if set(parts) == set(cls._fields) else None
