"""Messages whose shape was met before, read in one step by a parser made for that shape.

A *shape* is all of a message but its device, its time and its values: the keys of a plain JSON
message; the names and units of a SenML pack. The parser takes exactly that, with every value inside
its bounds, and fails on anything else; a message it takes means what `decode` makes of it.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from operator import attrgetter
from typing import Annotated, Any, Final, Literal

import msgspec

from ingest.decoders import plain_json, senml
from ingest.decoders.base import Context
from ingest.decoders.json_guard import LONGEST, TYPED_FAILURES
from ingest.decoders.times import WITHIN_HOUR, Hours
from livinglab.model import Message

#: What a `Known` may raise where a message is of another shape.
OTHER_SHAPE: Final = (*TYPED_FAILURES, LookupError)
Bounds = tuple[float, float]  # least and largest value as in the payload
#: Text that names the device, time in ns, values in order of the readings.
Known = Callable[[bytes], tuple[str, int, Sequence[float]]]
_MOST_RECORDS: Final = 64


def shape_of(decoder: str, message: Message, context: Context) -> Hashable:
    """The shape of a message that `decoder` could read; None where it has no parser of its own."""
    if context.device != "payload":
        return None
    try:
        if decoder == "plain_json":
            return plain_json.usual_keys(message, context)
        if decoder == "senml_json":
            return _labels(msgspec.json.decode(message.payload))
    except OTHER_SHAPE:
        pass
    return None


def known(decoder: str, shape: Any, bounds: Sequence[Bounds]) -> Known:
    """The parser of a shape, its values within `bounds`."""
    floats = [
        Annotated[float, msgspec.Meta(ge=max(low, -LONGEST / 2), le=min(high, LONGEST / 2))]
        for low, high in bounds
    ]
    return _known_json(shape, floats) if decoder == "plain_json" else _known_pack(shape, floats)


def _known_json(keys: tuple[str, ...], floats: Sequence[object]) -> Known:
    names = [f"v{place}" for place in range(len(keys))]
    values = msgspec.defstruct(
        "Values",
        list(zip(names, floats, strict=True)),
        rename=dict(zip(names, keys, strict=True)),
        forbid_unknown_fields=True,
        gc=False,
    )
    body = msgspec.defstruct(
        "Body",
        [("device", str), ("ts", str), ("values", values)],
        forbid_unknown_fields=True,
        gc=False,
    )
    parse, tuple_of = msgspec.json.Decoder(body).decode, msgspec.structs.astuple
    hours, within = Hours(), WITHIN_HOUR

    def read(payload: bytes) -> tuple[str, int, Sequence[float]]:
        found: Any = parse(payload)
        text = found.ts
        return found.device, within[text[14:]] + hours[text[:14]], tuple_of(found.values)

    return read


def _labels(pack: object) -> Hashable:
    """Each record's names and units; None unless all are as usual and of one time."""
    if not isinstance(pack, list) or not 0 < len(pack) <= _MOST_RECORDS:
        return None
    labels = []
    for place, record in enumerate(pack):
        if not isinstance(record, dict):
            return None
        own = {"bn", "bt", "v"} if place == 0 else {"v"}
        texts = {label: text for label, text in record.items() if label not in own}
        if not own <= record.keys() or not texts.keys() <= {"n", "u", "bu"}:
            return None
        if not all(isinstance(text, str) and text for text in texts.values()):
            return None
        labels.append(tuple(sorted(texts.items())))
    return tuple(labels)


def _known_pack(labels: tuple[tuple[tuple[str, str], ...], ...], floats: Sequence[object]) -> Known:
    records = []
    for place, (texts, value) in enumerate(zip(labels, floats, strict=True)):
        members: list[tuple[str, Any]] = [(label, Literal[text]) for label, text in texts]
        members.append(("v", value))
        if place == 0:
            moment = msgspec.Meta(ge=senml.RELATIVE_BELOW, lt=senml.LATEST_S)
            members += [("bn", str), ("bt", Annotated[float, moment])]
        records.append(msgspec.defstruct("Record", members, forbid_unknown_fields=True, gc=False))
    parse = msgspec.json.Decoder(tuple[tuple(records)]).decode  # type: ignore[misc]  # made here
    value_of = attrgetter("v")

    def read(payload: bytes) -> tuple[str, int, Sequence[float]]:
        pack: Any = parse(payload)
        first = pack[0]
        return first.bn, round(first.bt * 1e6) * 1_000, tuple(map(value_of, pack))

    return read
