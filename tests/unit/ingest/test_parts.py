import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cityvitals.domain.outcome import Reason
from cityvitals.wire.formats.own_json import encode
from cityvitals.wire.pack import Pack, Reading
from ingest import parts
from ingest.parts import Part, read_parts
from ingest.routes import Refused, Routes
from tests.unit.ingest.city import CATALOGUE, KEY, NOW_US, TOPIC, arrival, device, line

GATEWAY = "city/v1/town/air/gw/obs"


def only(payload: bytes, topic: str = TOPIC, largest: int = 1000) -> Part:
    [part] = read_parts(arrival(payload, topic), largest)
    return part


@given(st.text(max_size=30) | st.sampled_from([TOPIC, GATEWAY]), st.binary(max_size=200))
def test_any_message_becomes_parts(topic: str, payload: bytes) -> None:
    for part in read_parts(arrival(payload, topic), 100):
        for rejection in part.rejections:
            assert rejection.payload == payload
        assert part.slots is None or not part.pack.t_us


@pytest.mark.parametrize(
    ("topic", "payload", "reason"),
    [
        ("city/v1/town/kpi/gw/dev/obs", b"[]", Reason.BAD_TOPIC),
        ("city/v1/town/meta", b"[]", Reason.BAD_TOPIC),
        (TOPIC, b"x" * 1001, Reason.TOO_LARGE),
        (GATEWAY, b"x" * 1001, Reason.TOO_LARGE),
        (TOPIC, b"nonsense", Reason.UNDECODABLE),
    ],
)
def test_a_message_that_cannot_be_taken_counts_as_one(
    topic: str, payload: bytes, reason: Reason
) -> None:
    part = only(payload, topic)
    assert [(one.index, one.reason) for one in part.rejections] == [(0, reason)]
    assert part.slots == []


def test_a_device_is_named_by_its_topic() -> None:
    part = only(encode([Reading(NOW_US, "no2", 1.0)]))
    assert (part.key, part.topic, part.city, part.gateway) == (KEY, TOPIC, "town", "gw")


def named(*devices: str) -> Pack:
    count = len(devices)
    return Pack(
        list(range(count)),
        ["no2"] * count,
        [1.0] * count,
        [""] * count,
        [0] * count,
        [None] * count,
        [""] * count,
        list(range(10, 10 + count)),
        device=list(devices),
    )


def test_a_payload_cannot_speak_for_another_device(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "decode", lambda _: named("dev", "other", ""))
    part = only(b"")
    assert part.pack.index == [10, 12]
    assert [(one.index, one.reason) for one in part.rejections] == [(11, Reason.MISMATCH)]
    assert "'other'" in next(part.rejections).detail


def test_a_gateways_topic_gives_a_part_for_each_device(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "decode", lambda _: named("b", "a", "b", "", "no id!"))
    unfit, b, a = read_parts(arrival(b"", GATEWAY), 1000)
    assert (b.topic, b.pack.index) == ("city/v1/town/air/gw/b/obs", [10, 12])
    assert (a.topic, a.pack.index) == ("city/v1/town/air/gw/a/obs", [11])
    assert [(one.index, one.reason) for one in unfit.rejections] == [
        (13, Reason.MISMATCH),
        (14, Reason.MISMATCH),
    ]
    assert {one.gateway for one in unfit.rejections} == {"gw"}


def test_rows_without_a_time_keep_their_mark(monkeypatch: pytest.MonkeyPatch) -> None:
    pack = named("a", "b", "a")
    pack.relative = [2]
    monkeypatch.setattr(parts, "decode", lambda _: pack)
    a, b = read_parts(arrival(b"", GATEWAY), 1000)
    assert (a.pack.relative, b.pack.relative) == ([1], [])


def test_what_can_never_be_routed_is_refused_by_name() -> None:
    routes = Routes(CATALOGUE)
    found = line(routes, device())
    unknown = routes.make(found, ("no3", "", ""))
    unfit = routes.make(found, ("no2", "", "kWh"))
    assert isinstance(unknown, Refused) and unknown.reason == Reason.UNKNOWN_QUANTITY
    assert isinstance(unfit, Refused) and unfit.reason == Reason.BAD_UNIT
    assert routes.make(found, ("so2", "", "")) is None


def test_what_is_turned_away_keeps_its_running_number() -> None:
    given = [
        {"t": "2026-11-23T10:15:00Z", "q": "no2", "v": None, "seq": 7},
        {"t": "2026-11-23T10:15:00Z", "q": "no2", "v": 1, "seq": 8},
        {"t": "2026-11-23T10:15:00Z", "q": "no2", "v": 1, "seq": -1},
        "nonsense",
    ]
    part = only(json.dumps(given).encode())
    assert [(one.index, one.seq) for one in part.rejections] == [(0, 7), (2, -1), (3, -1)]
    part.reject_readings(Reason.NOT_ALLOWED, "")
    assert [one.seq for one in part.rejections] == [7, -1, -1, 8]
