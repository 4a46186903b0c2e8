"""JSON of untrusted bytes: bounded before it is parsed, strict while it is parsed.

`parse` is the only way a decoder reads JSON. It refuses what RFC 8259 leaves open and what brings
parsers down: size, nesting and number length beyond the limits of `base`, NaN and Infinity, numbers
beyond a double, anything after the value, bytes that are not UTF-8. A byte order mark is dropped,
of a repeated name the last value counts (RFC 8259, section 4), and half of a surrogate pair
becomes U+FFFD, because it could not be written anywhere.
"""

from __future__ import annotations

import base64
import json
import math
import re
from typing import Final, Never

import msgspec

from ingest.decoders.base import MAX_DEPTH, MAX_DIGITS, MAX_PAYLOAD_BYTES
from livinglab.errors import DecodeError, Reason

_BOM: Final = b"\xef\xbb\xbf"
_BLANK: Final = b" \t\r\n"
_STRING: Final = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)
_LONG_NUMBER: Final = re.compile(rb"(?<![0-9.])[0-9]{%d}" % (MAX_DIGITS + 1))
# The same in the payload itself, where a number may begin: identifiers have such digits too.
_LONG_OR_LARGE: Final = re.compile(
    rb"[:,\[\s]-?(?:[0-9]{%d}|[0-9.]+[eE]\+?[0-9]{3})" % (MAX_DIGITS + 1)
)
_SURROGATE: Final = re.compile("[\ud800-\udfff]")
# Digits and "+" become "0", "E" becomes "e", "{" becomes "[": one pass that makes long numbers,
# three-digit exponents and nesting visible to byte searches.
_SHAPE: Final = bytes.maketrans(b"123456789+E{", b"0000000000e[")
_LONG: Final = b"0" * (MAX_DIGITS + 1)
_LARGE_EXPONENT: Final = b"0e000"
_FOREIGN: Final = (
    (b"\x1f\x8b", "the payload is gzip", "publish plain JSON, or decompress it in the bridge"),
    (b"\xff\xfe", "the payload is UTF-16", "publish UTF-8"),
    (b"\xfe\xff", "the payload is UTF-16", "publish UTF-8"),
    (b"<", "the payload is HTML or XML", "look at what the publisher fetched: an error page?"),
)
_HINT: Final = "publish one whole JSON document per message; is there a size limit on the way?"
#: Parsed numbers below this surely had no more than `MAX_DIGITS` digits before the point.
LONGEST: Final = 10.0**MAX_DIGITS
#: What a typed parse raises at a message that is unusual, or wrong.
TYPED_FAILURES: Final = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, DecodeError)
_any: Final = msgspec.json.Decoder()


def is_simple(payload: bytes) -> bool:
    """Whether a typed parse that skips unknown members needs no guard.

    True for ASCII without escapes, whose numbers and nesting are within the limits whatever the
    structure is. False says nothing: `parse` decides.
    """
    if not payload.isascii() or b"\\" in payload or len(payload) > MAX_PAYLOAD_BYTES:
        return False
    shape = payload.translate(_SHAPE)
    if shape.count(b"[") > MAX_DEPTH:
        return False
    if _LARGE_EXPONENT in shape or _LONG in shape:  # in a number, or in an identifier?
        return _LONG_OR_LARGE.search(b" " + payload) is None
    return True


def parse(payload: bytes) -> object:
    """Value of a JSON payload: dict, list, str, int, float, bool or None.

    Integers have at most `MAX_DIGITS` digits, floats are finite.

    Raises
    ------
    DecodeError
        TOO_LARGE, TOO_DEEP, VALUE (a number beyond the limits) or SYNTAX (anything else).
    """
    body = require_text(payload)
    _require_bounds(body)
    try:
        return _any.decode(body)
    except msgspec.ValidationError as error:
        raise DecodeError(Reason.VALUE, f"a number is out of range: {error}") from error
    except RecursionError as error:
        raise DecodeError(Reason.TOO_DEEP, "the JSON is nested too deeply") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        if rb"\u" in body:
            return _parse_escaped(body, error)
        raise DecodeError(Reason.SYNTAX, _explain(error, body), hint=_HINT) from error


def parse_object(payload: bytes) -> dict[str, object]:
    """`parse`, where the format says the payload is an object.

    Raises
    ------
    DecodeError
        As `parse`; SYNTAX for any other JSON value.
    """
    return require_object(parse(payload), "the payload")


def require_object(value: object, what: str) -> dict[str, object]:
    """`value` if it is a JSON object, else a DecodeError that names `what`."""
    if isinstance(value, dict):
        return value
    raise DecodeError(Reason.SYNTAX, f"{what} must be a JSON object, not {json_type(value)}")


def require_text(payload: bytes) -> bytes:
    """The payload without byte order mark, after the checks that need no parser.

    Raises
    ------
    DecodeError
        TOO_LARGE; SYNTAX for an empty payload, another encoding or another file type.
    """
    if len(payload) > MAX_PAYLOAD_BYTES:
        message = f"{len(payload)} bytes, more than the limit of {MAX_PAYLOAD_BYTES}"
        raise DecodeError(Reason.TOO_LARGE, message)
    for magic, message, hint in _FOREIGN:
        if payload.startswith(magic):
            raise DecodeError(Reason.SYNTAX, message, hint=hint)
    body = payload.removeprefix(_BOM)
    if not body.strip(_BLANK):
        hint = "look at the publisher; an empty retained message only clears the topic"
        raise DecodeError(Reason.SYNTAX, "the payload is empty", hint=hint)
    if not body.isascii():
        try:
            body.decode("utf-8")
        except UnicodeDecodeError as error:
            message = f"not UTF-8 at byte {error.start}"
            raise DecodeError(Reason.SYNTAX, message, hint="publish UTF-8") from error
    return body


def require_base64(text: str) -> bytes:
    """Bytes of a base64 text, with or without padding.

    Raises
    ------
    DecodeError
        FORMAT, if the text is no base64.
    """
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except ValueError as error:
        raise DecodeError(Reason.FORMAT, "the frame is no base64") from error


def json_type(value: object) -> str:
    """Name of a parsed value's JSON type, for messages."""
    if value is None:
        return "null"
    if value == "":
        return "an empty text"
    names = {dict: "an object", list: "an array", str: "a text", bool: "a boolean"}
    return names.get(type(value), "a number")


def _require_bounds(body: bytes) -> None:
    shape = body.translate(_SHAPE)
    if shape.count(b"[") <= MAX_DEPTH and _LONG not in shape:
        return
    bare = _STRING.sub(b'""', body)
    if _LONG_NUMBER.search(bare):
        raise DecodeError(Reason.VALUE, f"an integer has more than {MAX_DIGITS} digits")
    if bare.count(b"[") + bare.count(b"{") > MAX_DEPTH:
        _require_depth(bare)


def _require_depth(bare: bytes) -> None:
    depth = 0
    for byte in bare:
        if byte in b"[{":
            depth += 1
            if depth > MAX_DEPTH:
                message = f"the JSON is nested deeper than {MAX_DEPTH} levels"
                raise DecodeError(Reason.TOO_DEEP, message)
        elif byte in b"]}":
            depth -= 1


def _parse_escaped(body: bytes, first: Exception) -> object:
    """The slow parser, for lone surrogates only: it takes them, the fast one does not."""
    try:
        return _whole(json.loads(body, parse_constant=_refuse))
    except (ValueError, RecursionError) as error:
        raise DecodeError(Reason.SYNTAX, _explain(first, body), hint=_HINT) from error


def _refuse(token: str) -> Never:
    raise ValueError(f"{token} is not JSON")


def _whole(value: object) -> object:
    """`value` without halves of surrogate pairs and infinities; the depth is bounded already."""
    if isinstance(value, str):
        return _SURROGATE.sub("\ufffd", value)
    if isinstance(value, list):
        return [_whole(item) for item in value]
    if isinstance(value, dict):
        return {_SURROGATE.sub("\ufffd", key): _whole(item) for key, item in value.items()}
    if isinstance(value, float) and not math.isfinite(value):
        raise DecodeError(Reason.VALUE, "a number is out of range")
    return value


def _explain(error: Exception, body: bytes) -> str:
    if isinstance(error, msgspec.DecodeError) and "truncated" in str(error):
        return f"not JSON: cut off after {len(body)} bytes"
    if "trailing characters" in str(error):
        return "not JSON: something follows the value (several documents in one message?)"
    return f"not JSON: {error}"
