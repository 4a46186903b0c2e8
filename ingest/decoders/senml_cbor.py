"""SenML CBOR (RFC 8428, section 6): the same packs with numbers for labels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from ingest.decoders import senml
from ingest.decoders.base import Context
from ingest.decoders.cbor import parse_cbor
from livinglab.errors import DecodeError, Reason
from livinglab.model import Decoded, Message

_LABELS: Final[Mapping[object, str]] = {
    -1: "bver",
    -2: "bn",
    -3: "bt",
    -4: "bu",
    -5: "bv",
    -6: "bs",
    0: "n",
    1: "u",
    2: "v",
    3: "vs",
    4: "vb",
    5: "s",
    6: "t",
    7: "ut",
    8: "vd",
}


def decode(message: Message, context: Context) -> Decoded:
    """Readings of a pack, as `senml_json.decode` gives them.

    Raises
    ------
    DecodeError
        As `senml.decode_pack`, and for a payload that is no CBOR array of maps.
    """
    pack = parse_cbor(message.payload)
    if not isinstance(pack, list):
        raise DecodeError(Reason.SYNTAX, "a SenML pack is a CBOR array")
    return senml.decode_pack([_record(item) for item in pack], message, context)


def _record(item: object) -> dict[str, object]:
    if not isinstance(item, dict):
        raise DecodeError(Reason.SYNTAX, "a SenML record is a CBOR map")
    return {_LABELS.get(label, str(label)): value for label, value in item.items()}
