"""The body of a journal row: the messages of one batch as MessagePack, compressed by zstd level 1.

A body is an array of ``[topic, payload, received_ns, packet_id, qos, dup, retain]``, so any
MessagePack reader opens it after `zstd -d`. The frame carries a checksum: a flipped bit is an
error, never another message. Measured with 228-byte payloads: 0.05 CPU-s to encode and 0.08 CPU-s
to decode 100 000 messages; a loop over `struct` costs 0.07 and 0.15.
"""

from __future__ import annotations

from typing import Final

import msgspec
import zstandard

from livinglab.errors import JournalError
from livinglab.model import Message

#: Written into every day file; another number is another body format.
FORMAT: Final = "1"

_LEVEL: Final = 1  # level 3 saves 6 % of the bytes for twice the time
_encoder: Final = msgspec.msgpack.Encoder()
_decoder: Final = msgspec.msgpack.Decoder(list[Message])


def encode(messages: list[Message]) -> tuple[bytes, int]:
    """The body of a batch and its size in bytes before compression.

    Compressor objects are not thread-safe and cost 20 us, so each call makes its own.
    """
    plain = _encoder.encode(messages)
    compressed = zstandard.ZstdCompressor(level=_LEVEL, write_checksum=True).compress(plain)
    return compressed, len(plain)


def decode(body: bytes) -> list[Message]:
    """The messages of a body.

    Raises
    ------
    JournalError
        If the body is damaged: checksum, length or structure do not fit.
    """
    try:
        return _decoder.decode(zstandard.ZstdDecompressor().decompress(body))
    except (zstandard.ZstdError, msgspec.MsgspecError, MemoryError) as error:
        raise JournalError(f"damaged body of {len(body)} bytes: {error}") from error
