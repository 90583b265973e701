"""The load generator's clock, its counts of delays, and its MQTT."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cityvitals.domain.times import iso
from simulator.load import digits
from simulator.load.delays import Delays
from simulator.load.packet import (
    MQTT_3,
    Answer,
    Delivery,
    ProtocolError,
    connect_packet,
    packets,
    publish_packet,
    pubrel_packet,
    read_answer,
    read_connack,
)
from simulator.load.schedule import Schedule


@given(
    rate=st.floats(0.01, 1e6),
    moments=st.lists(st.floats(0, 100), min_size=1, max_size=20),
)
def test_whatever_the_pauses_what_is_due_is_all_sent(rate: float, moments: list[float]) -> None:
    schedule, sent = Schedule(1000.0, rate), 0
    for moment in sorted(moments):
        now_s = 1000.0 + moment
        allowed = schedule.allowed(now_s)
        assert allowed is not None
        assert allowed >= sent
        if allowed > sent:
            due = schedule.due(sent, 1, now_s)
            assert due[0] <= now_s + 1e-6
            assert due[0] == 1000.0 + sent / rate
        sent = allowed
        assert schedule.wait_s(sent, now_s) >= 0
    assert abs(sent - (max(moments) * rate + 1)) <= 1


def test_nothing_is_due_before_the_begin_and_without_a_rate_everything_is() -> None:
    assert Schedule(10.0, 5.0).allowed(9.0) == 0
    assert Schedule(10.0, 0.0).allowed(9.0) is None
    assert Schedule(10.0, 0.0).due(7, 2, 11.0).tolist() == [11.0, 11.0]


@given(st.lists(st.floats(1e-6, 10_000), min_size=1, max_size=200))
def test_quantiles_are_right_within_a_per_cent(seconds: list[float]) -> None:
    delays = Delays()
    delays.add(np.array(seconds))
    assert len(delays) == len(seconds)
    assert delays.largest == max(seconds)
    for share in (0.5, 0.99, 1.0):
        exact = float(np.quantile(seconds, share, method="inverted_cdf"))
        assert exact * 0.989 <= delays.quantile(share) <= exact * 1.011


def test_nothing_counted_took_no_time() -> None:
    delays = Delays()
    delays.add(np.empty(0))
    assert delays.quantile(0.5) == 0.0


@given(st.lists(st.integers(-62_000_000_000_000_000, 250_000_000_000_000_000), max_size=1))
def test_times_are_written_as_everywhere(t_us: list[int]) -> None:
    around = np.array([one + step for one in t_us for step in (0, 1, 60_000_000)], np.int64)
    for text, us in zip(digits.times(around) if len(around) else [], around.tolist(), strict=True):
        said = iso(us).removesuffix("Z")
        assert bytes(text).decode() == (said if "." in said else said + ".000000")


@given(st.integers(1_000_000, 9_999_999))
def test_values_are_written_to_their_last_digit(scaled: int) -> None:
    text = bytes(digits.values(np.array([scaled]))[0]).decode()
    assert text == f"{scaled // 100_000}.{scaled % 100_000:05d}"


@given(
    st.lists(st.tuples(st.integers(1, 65_535), st.integers(0, 255)), max_size=20),
    st.integers(0, 60),
)
def test_acknowledgements_are_read_however_they_are_cut(
    acknowledged: list[tuple[int, int]], cut: int
) -> None:
    forms = [
        b"\x40\x02" + mid.to_bytes(2)
        if reason == 0
        else b"\x40\x04" + mid.to_bytes(2) + bytes([reason, 0])
        for mid, reason in acknowledged
    ]
    stream = b"".join(forms)
    first = list(packets(stream[:cut]))
    rest = stream[sum(len(one) for one in first) :]
    found = [read_answer(one) for one in [*first, *packets(rest)]]
    assert [(one.mid, one.reason, one.again) for one in found] == [
        (mid, reason, False) for mid, reason in acknowledged
    ]


def test_receive_maximum_is_found_among_other_properties() -> None:
    other = b"\x22\x00\x0a" + b"\x12\x00\x03abc" + b"\x24\x01"
    given = other + b"\x21\x00\x14"
    assert read_connack(
        b"\x20" + bytes([3 + len(given)]) + b"\x00\x00" + bytes([len(given)]) + given
    ) == (0, 20)
    assert read_connack(b"\x20\x03\x00\x87\x00") == (0x87, 65_535)


def test_what_is_no_acknowledgement_is_named() -> None:
    with pytest.raises(ProtocolError, match="disconnects: 8b"):
        read_answer(b"\xe0\x01\x8b")
    with pytest.raises(ProtocolError, match="type 9"):
        read_answer(b"\x90\x02\x00\x01")
    with pytest.raises(ProtocolError, match="instead of CONNACK"):
        read_connack(b"\x40\x02\x00\x01")


def test_credentials_travel_in_connect_and_retain_in_publish() -> None:
    packet = connect_packet("id", "user", "word")
    assert packet[0] == 0x10
    assert packet.endswith(b"\x00\x02id\x00\x04user\x00\x04word")
    assert packet[9] == 0xC2
    assert publish_packet("t", b"p", 258, retain=True) == b"\x33\x07\x00\x01t\x01\x02\x00p"


def test_quality_of_service_and_version_stand_in_the_packets() -> None:
    assert publish_packet("t", b"p", 258, Delivery(0)) == b"\x30\x05\x00\x01t\x00p"
    assert publish_packet("t", b"p", 258, Delivery(2)) == b"\x34\x07\x00\x01t\x01\x02\x00p"
    assert publish_packet("t", b"p", 258, Delivery(1, MQTT_3)) == b"\x32\x06\x00\x01t\x01\x02p"
    assert publish_packet("t", b"p", 258, Delivery(0, MQTT_3)) == b"\x30\x04\x00\x01tp"
    hello = connect_packet("id", delivery=Delivery(1, MQTT_3))
    assert hello == b"\x10\x0e\x00\x04MQTT\x04\x02\x0e\x10\x00\x02id"


def test_an_older_broker_states_no_maximum() -> None:
    assert read_connack(b"\x20\x02\x00\x00", Delivery(1, MQTT_3)) == (0, 65_535)
    assert read_connack(b"\x20\x02\x00\x05", Delivery(1, MQTT_3)) == (5, 65_535)


def test_the_second_step_of_qos_2_is_asked_for() -> None:
    assert read_answer(b"\x50\x02\x01\x02") == Answer(258, 0, again=True)
    assert read_answer(b"\x50\x04\x01\x02\x10\x00") == Answer(258, 0x10, again=True)
    assert pubrel_packet(258) == b"\x62\x02\x01\x02"
    assert read_answer(b"\x70\x02\x01\x02") == Answer(258, 0)
