import pytest
from hypothesis import given
from hypothesis import strategies as st
from paho.mqtt import _packet
from paho.mqtt.enums import MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from ingest.arrival import Topics
from ingest.packets import MalformedPacket, Published, packet_end, read_publishes

PINGRESP = b"\xd0\x00"


def length(size: int) -> bytes:
    made = bytearray()
    while True:
        size, low = divmod(size, 128)
        made.append(low | (128 if size else 0))
        if not size:
            return bytes(made)


def packet(message: Published, properties: bytes | None = b"") -> bytes:
    body = len(message.topic).to_bytes(2, "big") + message.topic
    body += message.mid.to_bytes(2, "big") if message.qos else b""
    body += b"" if properties is None else length(len(properties)) + properties
    body += message.payload
    return bytes([0x30 | message.qos << 1]) + length(len(body)) + body


MESSAGES = st.one_of(
    st.builds(
        Published,
        st.text(min_size=1, max_size=200).map(str.encode),
        st.binary(max_size=300),
        st.integers(1, 65_535),
        st.just(1),
    ),
    st.builds(
        Published,
        st.text(min_size=1, max_size=200).map(str.encode),
        st.binary(max_size=300),
        st.just(0),
        st.just(0),
    ),
)


@given(st.lists(MESSAGES, max_size=5), st.booleans(), st.data())
def test_what_was_sent_is_read_however_it_is_cut(
    messages: list[Published],
    mqtt5: bool,  # noqa: FBT001 (hypothesis hands it over)
    data: st.DataObject,
) -> None:
    stream = b"".join(packet(one, b"" if mqtt5 else None) for one in messages)
    cut = data.draw(st.integers(0, len(stream)))
    first, end = read_publishes(stream[:cut], properties=mqtt5)
    rest, last = read_publishes(stream[end:], properties=mqtt5)
    assert first + rest == messages
    assert end + last == len(stream)


@given(st.binary(max_size=60))
def test_any_bytes_are_packets_or_malformed(data: bytes) -> None:
    for mqtt5 in (True, False):
        try:
            found, end = read_publishes(b"\x32" + data, properties=mqtt5)
        except MalformedPacket:
            continue
        assert 0 <= end <= len(data) + 1
        assert all(one.mid or not one.qos for one in found)


@given(MESSAGES)
def test_paho_reads_the_same(message: Published) -> None:
    properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
    properties.ContentType = "application/json"
    properties.UserProperty = ("key", "x" * 200)
    packed = properties.pack()  # type: ignore[no-untyped-call]
    sent = packet(message, packed[2:])  # its length takes two bytes here
    [found], _ = read_publishes(sent, properties=True)
    body = sent[3:] if sent[1] & 128 else sent[2:]  # shorter than 16 KiB
    theirs = _packet.decode_publish(sent[0], bytearray(body), MQTTProtocolVersion.MQTTv5)
    assert found == message
    assert (theirs.topic, theirs.payload, theirs.mid or 0) == found[:3]


def test_other_packets_are_left_alone() -> None:
    message = Published(b"a", b"b", 1, 1)
    stream = packet(message) + PINGRESP + packet(message)
    found, end = read_publishes(stream, properties=True)
    assert (found, stream[end : end + 2]) == ([message], PINGRESP)
    assert packet_end(stream[end:]) == 2
    exactly_once = bytes([0x34]) + packet(message)[1:]
    assert read_publishes(exactly_once, properties=True) == ([], 0)


def test_a_head_that_is_not_all_there_has_no_end() -> None:
    assert packet_end(b"") == packet_end(b"\x30") == packet_end(b"\x30\x80") == -1
    with pytest.raises(MalformedPacket):
        packet_end(b"\x30\xff\xff\xff\xff\x01")


def test_a_property_length_that_is_cut_off_is_malformed() -> None:
    body = b"\x00\x01t\x00\x01\xff"
    with pytest.raises(MalformedPacket):
        read_publishes(bytes([0x32, len(body)]) + body, properties=True)


def test_topics_are_kept_unless_they_cannot_be_ours() -> None:
    topics = Topics()
    name = b"city/v1/town/air/gw/dev/obs"
    assert topics.text(name) is topics.text(name)
    long = b"x" * 60_000
    assert topics.text(long) is not topics.text(long)
    assert topics.text(b"a\x00\xff") == "a\ufffd\ufffd"
