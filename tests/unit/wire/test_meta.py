import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cityvitals.domain.names import Clock, Kind, Stamp
from cityvitals.domain.times import EARLIEST_US, LATEST_US
from cityvitals.errors import MalformedPayload
from cityvitals.wire.meta import (
    CityMeta,
    DeviceMeta,
    GatewayStatus,
    SeriesMeta,
    decode_city,
    decode_meta,
    decode_status,
    encode_city,
    encode_meta,
    encode_status,
)

NAMES = st.from_regex(r"[a-z][a-z0-9_]{0,20}", fullmatch=True)
SECONDS = st.none() | st.floats(0, 86_400)
SERIES = st.builds(
    SeriesMeta,
    NAMES,
    st.just("") | NAMES,
    st.sampled_from(list(Kind)),
    SECONDS,
    st.none() | st.sampled_from(list(Stamp)),
    SECONDS,
    st.sampled_from(["", "ug/m3", "µg/m³"]),
    st.sampled_from(["", "293.15 K, 101.3 kPa"]),
    st.none() | st.floats(1, 1e12),
)
METAS = st.builds(
    DeviceMeta,
    st.none() | st.integers(EARLIEST_US, LATEST_US),
    st.none() | NAMES,
    st.none() | st.floats(-90, 90),
    st.none() | st.floats(-180, 180),
    st.lists(SERIES, max_size=4, unique_by=lambda one: (one.q, one.ch)).map(tuple),
)


@given(METAS)
def test_decode_undoes_encode(meta: DeviceMeta) -> None:
    assert decode_meta(encode_meta(meta)) == meta


@pytest.mark.parametrize("status", GatewayStatus)
def test_statuses_survive(status: GatewayStatus) -> None:
    assert decode_status(encode_status(status)) == status


def test_cities_survive() -> None:
    city = CityMeta("Örebro", "Europe/Stockholm", Clock.REPLAY)
    assert decode_city(encode_city(city)) == city


@given(st.binary() | st.recursive(st.none() | st.text(), st.lists).map(json.dumps))
def test_decoding_anything_is_total(payload: bytes | str) -> None:
    raw = payload if isinstance(payload, bytes) else payload.encode()
    for decode in (decode_meta, decode_city, decode_status):
        with pytest.raises(MalformedPayload):
            decode(raw)


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"kind": None}, r"series\[0\].kind"),
        ({"kind": "dial"}, "expected one of gauge, interval_mean, interval_total, counter, event"),
        ({"modulus": 0}, "above 0"),
        ({"modulus": "1e6"}, "above 0"),
        ({"kind": "average"}, "one of gauge"),
        ({"q": "a b"}, r"series\[0\].q"),
        ({"stamp": "middle"}, "'begin' or 'end'"),
        ({"period_s": -1}, "period_s"),
        ({"reporting_s": True}, "reporting_s"),
        ({"unit": "\x00"}, "unit"),
    ],
)
def test_bad_declarations_name_the_key(change: dict[str, Any], what: str) -> None:
    series = {"q": "no2", "kind": "gauge", **change}
    with pytest.raises(MalformedPayload, match=what):
        decode_meta(json.dumps({"series": [series]}).encode())


@pytest.mark.parametrize(
    ("given_city", "what"),
    [
        ({"tz": "UTC"}, "name"),
        ({"name": "A", "tz": "Mars/Olympus"}, "IANA"),
        ({"name": "A", "tz": "../../etc/passwd"}, "IANA"),
        ({"name": "A", "clock": "sun"}, "replay"),
    ],
)
def test_bad_cities_name_the_key(given_city: dict[str, Any], what: str) -> None:
    with pytest.raises(MalformedPayload, match=what):
        decode_city(json.dumps(given_city).encode())


def test_a_kind_is_required_and_never_assumed() -> None:
    meta = decode_meta(b'{"series":[{"q":"no2","kind":"interval_mean","period_s":3600}]}')
    assert meta.series == (SeriesMeta("no2", kind=Kind.INTERVAL_MEAN, period_s=3600.0),)
