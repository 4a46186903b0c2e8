"""Bosch parking sensors: one byte on port 1 (change) and port 2 (heartbeat), bit 0 = occupied.

References
----------
.. [1] Bosch, "Parking Lot Sensor, communication interface".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from ingest.decoders.codecs import table

_STATE_PORTS: Final = frozenset((1, 2))


def decode(frame: bytes, port: int) -> Mapping[str, object]:
    """The state of the place; nothing on other ports.

    Raises
    ------
    DecodeError
        FORMAT for a state that is not one byte of 0 or 1.
    """
    if port not in _STATE_PORTS:
        return {}
    if frame not in (b"\x00", b"\x01"):
        raise table.undecodable(0, "a parking state is one byte, 0 or 1")
    return {"occupied": bool(frame[0])}
