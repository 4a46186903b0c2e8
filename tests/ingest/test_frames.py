"""Splitting MQTT frames: any cut of the stream gives the same messages."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from services.publisher import packet, publish_packet, text

from ingest.frames import FrameError, FrameSplitter, Inbox, puback
from livinglab.model import Message

PINGRESP = b"\xd0\x00"
SUBACK = b"\x90\x03\x00\x01\x01"

frame_contents = st.tuples(
    st.text(min_size=1, max_size=40),
    st.binary(max_size=400),
    st.integers(0, 65_535),
    st.booleans(),
    st.booleans(),
)


def frame(content: tuple[str, bytes, int, bool, bool]) -> bytes:
    topic, payload, packet_id, dup, retain = content
    return publish_packet(topic, payload, packet_id, dup=dup, retain=retain)


def feed_in_pieces(stream: bytes, sizes: list[int], keep_bytes: int) -> tuple[Inbox, list[bytes]]:
    inbox = Inbox(0, keep_bytes)
    splitter = FrameSplitter(inbox)
    others: list[bytes] = []
    position, turn = 0, 0
    while position < len(stream):
        size = sizes[turn % len(sizes)]
        others += splitter.feed(stream[position : position + size])
        position, turn = position + size, turn + 1
    return inbox, others


@given(
    st.lists(st.one_of(frame_contents, st.sampled_from([PINGRESP, SUBACK])), max_size=12),
    st.lists(st.integers(1, 300), min_size=1, max_size=5),
)
@settings(max_examples=300)
def test_feed_gives_the_same_messages_however_the_stream_is_cut(
    sent: list[tuple[str, bytes, int, bool, bool] | bytes], sizes: list[int]
) -> None:
    stream = b"".join(one if isinstance(one, bytes) else frame(one) for one in sent)
    inbox, others = feed_in_pieces(stream, sizes, 1_000)
    contents = [one for one in sent if not isinstance(one, bytes)]
    assert others == [one for one in sent if isinstance(one, bytes)]
    assert [(m.topic, m.payload, m.packet_id, m.dup, m.retain) for m in inbox.messages] == contents
    assert [m.qos for m in inbox.messages] == [1 if one[2] else 0 for one in contents]
    assert inbox.unacknowledged == [one[2].to_bytes(2, "big") for one in contents if one[2]]
    times = [0, *[m.received_ns for m in inbox.messages]]
    assert all(earlier < later for earlier, later in pairwise(times))


@pytest.mark.parametrize("size", [0, 1, 121, 122, 123, 16_376, 16_377, 16_378, 2_097_150])
def test_feed_reads_every_form_of_length(size: int) -> None:
    inbox, others = feed_in_pieces(publish_packet("a/b", b"x" * size, 7), [262_144], 4_000_000)
    assert [(m.payload, m.packet_id) for m in inbox.messages] == [(b"x" * size, 7)]
    assert others == []


@pytest.mark.parametrize("piece", [1_000, 70_000, 262_144])
@pytest.mark.parametrize("size", [1_000, 66_000, 70_000, 500_000])
def test_feed_cuts_an_oversized_payload_and_reads_on(size: int, piece: int) -> None:
    big = bytes(range(250)) * (size // 250)
    stream = b"".join(
        [
            publish_packet("before", b"1", 1),
            publish_packet("big", big, 2, retain=True),
            PINGRESP,
            publish_packet("after", b"3", 3),
        ]
    )
    inbox, others = feed_in_pieces(stream, [piece], 900)
    payloads = {m.topic: m.payload for m in inbox.messages}
    assert payloads == {"before": b"1", "big": big[:900], "after": b"3"}
    assert inbox.messages[1] == Message(
        "big", big[:900], inbox.messages[1].received_ns, 2, 1, retain=True
    )
    assert [m.packet_id for m in inbox.messages] == [1, 2, 3]
    assert inbox.unacknowledged == [b"\x00\x01", b"\x00\x02", b"\x00\x03"]
    assert (inbox.truncated, others) == (1, [PINGRESP])


def test_feed_gives_qos_2_back_to_the_client_library() -> None:
    qos_2 = packet(0x34, text("a") + b"\x00\x05" + b"payload")
    inbox, others = feed_in_pieces(qos_2 + publish_packet("b", b"1"), [1_000], 1_000)
    assert others == [qos_2]
    assert [m.topic for m in inbox.messages] == ["b"]


def test_feed_replaces_what_is_no_utf_8_in_a_topic() -> None:
    broken = packet(0x30, b"\x00\x02\xff\xfe" + b"payload")
    inbox, _ = feed_in_pieces(broken, [1_000], 1_000)
    assert [m.topic for m in inbox.messages] == ["\N{REPLACEMENT CHARACTER}" * 2]


@pytest.mark.parametrize(
    "broken",
    [
        packet(0x30, b"\x00\x09ab"),  # topic longer than its packet
        packet(0x32, b"\x00\x01a\x00"),  # half a packet id
        packet(0x32, b"\x00\x01a"),
        b"\x30\xff\xff\xff\xff\x01abcdef",  # length of five bytes
        b"\xd0\xff\xff\xff\xff\x01abcdef",
    ],
)
def test_feed_refuses_bytes_that_are_no_mqtt(broken: bytes) -> None:
    with pytest.raises(FrameError):
        FrameSplitter(Inbox(0, 1_000)).feed(broken + publish_packet("next", b"1"))
    with pytest.raises(FrameError):
        FrameSplitter(Inbox(0, 1_000)).feed(broken)


@given(st.binary(max_size=300))
def test_feed_survives_any_bytes(noise: bytes) -> None:
    inbox = Inbox(0, 100)
    splitter = FrameSplitter(inbox)
    try:
        for position in range(0, len(noise), 7):
            splitter.feed(noise[position : position + 7])
    except FrameError:
        return
    assert sum(len(m.payload) for m in inbox.messages) <= len(noise)


def test_puback_keeps_the_order() -> None:
    assert puback([b"\x00\x02", b"\xff\xff"]) == b"\x40\x02\x00\x02\x40\x02\xff\xff"
    assert puback([]) == b""
