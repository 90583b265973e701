import pytest
from hypothesis import given
from hypothesis import strategies as st

from cityvitals.domain.outcome import Reason
from cityvitals.wire.formats.own_json import encode
from cityvitals.wire.pack import Reading
from ingest.parts import read_part
from ingest.routes import Refused, Routes
from tests.unit.ingest.city import CATALOGUE, NOW_US, TOPIC, arrival, device, line, settle


@given(st.text(max_size=30) | st.just(TOPIC), st.binary(max_size=200))
def test_any_message_becomes_a_part(topic: str, payload: bytes) -> None:
    part = read_part(arrival(payload, topic), Routes(CATALOGUE), 100)
    assert part.slots is None or not part.pack.t_us
    for rejection in part.rejections:
        assert rejection.payload == payload


@pytest.mark.parametrize(
    ("topic", "payload", "reason"),
    [
        ("city/v1/town/kpi/gw/dev/obs", b"[]", Reason.BAD_TOPIC),
        (TOPIC, b"x" * 101, Reason.TOO_LARGE),
        (TOPIC, b"nonsense", Reason.UNDECODABLE),
    ],
)
def test_a_message_that_cannot_be_taken_counts_as_one(
    topic: str, payload: bytes, reason: Reason
) -> None:
    part = read_part(arrival(payload, topic), Routes(CATALOGUE), 100)
    assert [(one.index, one.reason) for one in part.rejections] == [(0, reason)]
    assert part.slots == []


def test_known_devices_are_resolved_at_once() -> None:
    routes = Routes(CATALOGUE)
    payload = encode([Reading(NOW_US, "no2", 1.0), Reading(NOW_US, "pm10", 1.0, "mg/m3")])
    assert read_part(arrival(payload), routes, 1000).slots is None
    line(routes, device())
    settle(read_part(arrival(payload), routes, 1000), routes)
    assert read_part(arrival(payload), routes, 1000).slots == [0, 1]


def test_what_can_never_be_routed_is_refused_by_name() -> None:
    routes = Routes(CATALOGUE)
    found = line(routes, device())
    unknown = routes.make(found, ("no3", "", ""))
    unfit = routes.make(found, ("no2", "", "kWh"))
    assert isinstance(unknown, Refused) and unknown.reason == Reason.UNKNOWN_QUANTITY
    assert isinstance(unfit, Refused) and unfit.reason == Reason.BAD_UNIT
    assert routes.make(found, ("so2", "", "")) is None
