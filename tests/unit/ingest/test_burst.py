import json
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from cityvitals.domain.times import iso
from ingest.burst import read_burst
from ingest.parts import read_parts
from ingest.routes import Routes
from tests.unit.ingest.city import CATALOGUE, NOW_US, TOPIC, arrival, device, line

TIMES = st.one_of(
    st.integers(-(10**9), 10**9).map(lambda us: iso(NOW_US + us)),
    st.integers(-(10**9), 10**9).map(lambda s: s),
    st.floats(0, 2e9, allow_nan=False),
    st.sampled_from(["2026-11-23T10:15:00+01:00", "2026-11-23 10:15", "", "2026-02-30T00:00:00Z"]),
)
ENTRIES = st.fixed_dictionaries(
    {"t": TIMES, "q": st.sampled_from(["no2", "pm10", "so2"]), "v": st.floats(-9, 9) | st.none()},
    optional={
        "u": st.sampled_from(["", "ug/m3", "mg/m3", "kWh"]),
        "seq": st.integers(0, 9),
        "rev": st.integers(0, 3),
    },
)
MESSAGES = st.lists(ENTRIES, max_size=4).map(lambda given: json.dumps(given).encode())
TOPICS = st.sampled_from([TOPIC, "city/v1/town/air/gw/other/obs", "city/v1/town/air/gw/status"])


def known() -> Routes:
    routes = Routes(CATALOGUE)
    found = line(routes, device())
    for name in (("no2", "", ""), ("no2", "", "ug/m3"), ("pm10", "", "mg/m3")):
        assert isinstance(routes.make(found, name), int)
    return routes


@given(st.lists(st.tuples(TOPICS, MESSAGES | st.binary(max_size=20)), max_size=6))
def test_reading_together_finds_what_reading_one_by_one_finds(given: list[Any]) -> None:
    routes = known()
    arrivals = [arrival(payload, topic) for topic, payload in given]
    burst = read_burst(arrivals, routes, 500)
    together = {place: burst.readings[burst.readings["message"] == place] for place in range(6)}
    for place, one in enumerate(arrivals):
        mine = together[place]
        if not len(mine):
            expected = burst.apart if one.topic.endswith("/obs") else burst.statements
            assert place in expected
            continue
        [part] = read_parts(one, 500)
        assert not part.rejected
        assert mine["t"].tolist() == part.pack.t_us
        assert mine["v"].tolist() == part.pack.v
        assert mine["rev"].tolist() == part.pack.rev
        assert mine["seq"].tolist() == [-1 if n is None else n for n in part.pack.seq]
        assert mine["index"].tolist() == part.pack.index
        assert mine["slot"].tolist() == [routes.lines[TOPIC].routes[n] for n in part.names()]
    assert sorted({*burst.apart, *burst.statements, *burst.readings["message"].tolist()}) == list(
        range(len(arrivals))
    )
    assert np.all(np.diff(burst.readings["message"]) >= 0)


def test_the_common_case_is_not_set_apart() -> None:
    payload = json.dumps([{"t": iso(NOW_US), "q": "no2", "v": 1.0}] * 3).encode()
    burst = read_burst([arrival(payload)] * 2, known(), 500)
    assert (len(burst.readings), burst.apart) == (6, [])


def test_one_message_with_a_bad_time_does_not_set_the_others_apart() -> None:
    good = json.dumps([{"t": iso(NOW_US), "q": "no2", "v": 1.0}]).encode()
    bad = json.dumps([{"t": "noon", "q": "no2", "v": 1.0}]).encode()
    burst = read_burst([arrival(good), arrival(bad), arrival(good)], known(), 500)
    assert (burst.readings["message"].tolist(), burst.apart) == ([0, 2], [1])
