"""The watermark waits for the slowest gateway that speaks."""

import numpy as np
import pytest

from aggregator.kernels.partial import NONE
from aggregator.progress import EVERYTHING, Gateways
from cityvitals.domain.arrays import LOG_SEEN
from cityvitals.domain.names import Clock
from cityvitals.domain.times import EARLIEST_US, US
from cityvitals.store.model import CityRow, GatewayRow

LIVE = CityRow("c", "UTC", Clock.LIVE, 0, EARLIEST_US)
REPLAY = CityRow("c", "UTC", Clock.REPLAY, 0, EARLIEST_US)
LATENESS = 2 * US


def gateways(**status: str | None) -> Gateways:
    """Gateways 1, 2, … with the status each has announced."""
    found = Gateways()
    found.update(GatewayRow(int(name[1:]), "c", name, said) for name, said in status.items())
    return found


def see(found: Gateways, gateway: int, observed_to: int, received: int = 0) -> None:
    seen = np.zeros(1, LOG_SEEN)
    seen["gateway"], seen["observed_to"], seen["received"] = gateway, observed_to, received
    found.see(seen)


@pytest.mark.parametrize("city", [LIVE, REPLAY])
def test_the_slowest_counts(city: CityRow) -> None:
    found = gateways(g1="online", g2="online")
    see(found, 1, 50 * US)
    see(found, 2, 30 * US)
    see(found, 2, 20 * US)
    assert found.watermark([1, 2], city, LATENESS) == 28 * US
    assert found.watermark([1], city, LATENESS) == 48 * US


def test_nobody_is_waited_for_who_has_not_spoken_yet_in_a_live_city() -> None:
    found = gateways(g1=None, g2=None)
    assert found.watermark([1, 2], LIVE, LATENESS) == EVERYTHING
    see(found, 1, 50 * US)
    assert found.watermark([1, 2], LIVE, LATENESS) == 48 * US


def test_who_is_online_is_waited_for_in_a_replayed_one() -> None:
    found = gateways(g1="online", g2="online")
    see(found, 1, 50 * US)
    assert found.watermark([1, 2], REPLAY, LATENESS) == NONE
    assert found.watermark([3], REPLAY, LATENESS) == EVERYTHING


@pytest.mark.parametrize("city", [LIVE, REPLAY])
def test_who_ended_is_left_out(city: CityRow) -> None:
    found = gateways(g1="online", g2="online")
    see(found, 1, 50 * US)
    see(found, 2, 30 * US)
    found.hear({"gateway": 2, "status": "end"})
    assert found.watermark([1, 2], city, LATENESS) == 48 * US
    found.hear({"gateway": 1, "status": "end"})
    assert found.watermark([1, 2], city, LATENESS) == EVERYTHING


def test_in_a_replayed_city_nobody_is_silent() -> None:
    found = gateways(g1="offline")
    see(found, 1, 30 * US)
    found.hear({"gateway": 1, "silent": True})
    assert found.watermark([1], REPLAY, LATENESS) == 28 * US


def test_who_is_silent_is_named_and_not_waited_for_until_it_speaks() -> None:
    found = gateways(g1=None, g2=None)
    see(found, 1, 50 * US)
    see(found, 2, 30 * US)
    found.hear({"gateway": 2, "silent": True})
    assert found.silent([1, 2]) == ["g2"]
    assert found.watermark([1, 2], LIVE, LATENESS) == 48 * US
    see(found, 2, 40 * US)
    assert found.silent([1, 2]) == []
    assert found.watermark([1, 2], LIVE, LATENESS) == 38 * US


def test_silence_is_longer_than_is_usual_for_a_gateway() -> None:
    found = gateways(g1=None, g2=None, g3=None)
    see(found, 1, 0, received=100 * US)
    see(found, 2, 0, received=100 * US)
    patience = {1: 3600.0}
    assert found.fallen_silent(patience, 900.0, 1000 * US) == []
    assert found.fallen_silent(patience, 900.0, 1000 * US + 1) == [2]
    assert found.fallen_silent(patience, 900.0, 3700 * US + 1) == [1, 2]
    found.hear({"gateway": 2, "silent": True})
    assert found.fallen_silent(patience, 900.0, 3700 * US + 1) == [1]


def test_a_gateway_that_nobody_knows_is_passed_over() -> None:
    found = gateways(g1=None)
    see(found, 9, 50 * US)
    found.hear({"gateway": 9, "silent": True})
    assert found.knows([1])
    assert not found.knows([1, 9])
    assert found.watermark([9], LIVE, LATENESS) == EVERYTHING


def test_it_is_restored_as_it_was() -> None:
    found = gateways(g1="online", g2="online")
    see(found, 1, 50 * US, 60 * US)
    found.hear({"gateway": 2, "silent": True})
    restored = gateways(g1="online", g2="online")
    restored.load([*found.dump(), [9, 1, 1, True]])
    assert restored.dump() == found.dump()
