"""JSON of untrusted bytes."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.decoders.base import MAX_DEPTH, MAX_DIGITS, MAX_PAYLOAD_BYTES
from ingest.decoders.json_guard import is_simple, parse, parse_object, require_base64
from livinglab.errors import DecodeError, Reason


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b"", Reason.SYNTAX),
        (b" \r\n\t ", Reason.SYNTAX),
        (b"\x1f\x8b\x08\x00", Reason.SYNTAX),
        ("{}".encode("utf-16"), Reason.SYNTAX),
        (b"<html></html>", Reason.SYNTAX),
        (b"{'a': 1}", Reason.SYNTAX),
        (b'{"a": 1,}', Reason.SYNTAX),
        (b"{a: 1}", Reason.SYNTAX),
        (b"// x\n{}", Reason.SYNTAX),
        (b'{"a": NaN}', Reason.SYNTAX),
        (b'{"a": -Infinity}', Reason.SYNTAX),
        (b'{"a": True}', Reason.SYNTAX),
        (b'{"a": 01}', Reason.SYNTAX),
        (b'{"a": "caf\xe9"}', Reason.SYNTAX),
        (b'{"a": 1}{"a": 2}', Reason.SYNTAX),
        (b'{"a": 1}\x00', Reason.SYNTAX),
        (b'{"a": "x', Reason.SYNTAX),
        (b'{"a": 1e400}', Reason.VALUE),
        (b'{"a": "\\ud800", "b": 1e400}', Reason.VALUE),
        (b'{"a": ' + b"9" * (MAX_DIGITS + 1) + b"}", Reason.VALUE),
        (b'{"a": ' + b"9" * 5000 + b"}", Reason.VALUE),
        (b"[" * (MAX_DEPTH + 1) + b"]" * (MAX_DEPTH + 1), Reason.TOO_DEEP),
        (b"[" * 100_000, Reason.TOO_DEEP),
        (b'"' + b"a" * MAX_PAYLOAD_BYTES + b'"', Reason.TOO_LARGE),
    ],
)
def test_parse_refuses(payload: bytes, reason: Reason) -> None:
    with pytest.raises(DecodeError) as caught:
        parse(payload)
    assert caught.value.reason is reason


@pytest.mark.parametrize(
    ("payload", "value"),
    [
        (b'\xef\xbb\xbf{"a": 1}', {"a": 1}),
        (b'{"a": 1, "a": 2}', {"a": 2}),
        (b'{"a\\ud83d": "\\ud83d!"}', {"a\ufffd": "\ufffd!"}),
        (b'{"a": "\\ud83c\\udf27"}', {"a": "🌧"}),
        (b"[" * MAX_DEPTH + b"]" * MAX_DEPTH, None),
        (b'["' + b"[" * 100 + b'"]', ["[" * 100]),
        (b'["' + b"9" * 100 + b'"]', ["9" * 100]),
        (b'["' + b'\\"9' * 100 + b'"]', ['"9' * 100]),
        (b"[0." + b"3" * 100 + b"]", [1 / 3]),
        (b"[" + b"9" * MAX_DIGITS + b"]", [int("9" * MAX_DIGITS)]),
        (b"[-0, 1E5, 1e-400]", [0, 1e5, 0.0]),
    ],
)
def test_parse_accepts(payload: bytes, value: object) -> None:
    assert value is None or parse(payload) == value


@given(st.binary(max_size=40) | st.text(max_size=40).map(str.encode))
def test_parse_raises_nothing_else(payload: bytes) -> None:
    try:
        value = parse(payload)
    except DecodeError:
        return
    assert value == json.loads(payload.removeprefix(b"\xef\xbb\xbf"))


@given(
    st.recursive(
        st.integers(0, 10**70) | st.floats(allow_nan=False) | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    )
)
def test_is_simple_never_promises_too_much(document: object) -> None:
    payload = json.dumps(document).replace("Infinity", "1e999").encode()
    if is_simple(payload):
        parse(payload)


@pytest.mark.parametrize("payload", [b'{"eui": "58A0CBFFFE8001AA"}', b'{"a": 1.5e3}'])
def test_is_simple_with_digits_in_identifiers(payload: bytes) -> None:
    assert is_simple(payload)


@pytest.mark.parametrize("payload", [b'{"a": 1e400}', b"[1E+999]", b"[" + b"1" * 65 + b"]"])
def test_is_simple_with_large_numbers(payload: bytes) -> None:
    assert not is_simple(payload)


def test_parse_object_names_what_it_got() -> None:
    with pytest.raises(DecodeError, match="not an array"):
        parse_object(b"[1]")


def test_require_base64_with_and_without_padding() -> None:
    assert require_base64("aGkgCg") == require_base64("aGkgCg==") == b"hi \n"
    with pytest.raises(DecodeError):
        require_base64("%%%")
