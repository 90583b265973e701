"""The load's four cities: 50 zones, 1,000 devices, 10,000 series, and their messages' bytes."""

from collections.abc import Iterator
from functools import cache
from typing import Final

import numpy as np

from cityvitals.domain.names import Domain
from cityvitals.domain.times import US
from cityvitals.wire import topic
from cityvitals.wire.meta import DeviceMeta, encode_meta
from simulator.load import town
from simulator.load.digits import Bytes
from simulator.load.plan import Plan
from simulator.load.town import PER_SENSOR, Declaration, Town

CITIES: Final = 4
ZONES: Final = 50
DEVICES: Final = 1000
PER_DEVICE: Final = PER_SENSOR
SERIES: Final = DEVICES * PER_DEVICE
STEP_US: Final = 10 * US
"""Event time between two readings of a series."""


def city_id(number: int) -> str:
    """The id of a city; zones are dealt over cities in turn."""
    return f"bench-{number}"


PROBED_CITY: Final = city_id(0)
PROBED_ZONE: Final = "probe"
PROBED_RULE: Final = "traffic.speed.hour"
_PROBE: Final = (PROBED_CITY, Domain.TRAFFIC, "traffic-probe", "probe")


@cache
def bench_town() -> Town:
    """All devices, in the order in which they send."""
    return Town(tuple(city_id(number) for number in range(CITIES)), ZONES, DEVICES, STEP_US)


def declarations() -> Iterator[Declaration]:
    """Topic and payload of everything that is declared before the load begins."""
    yield from bench_town().declarations()
    series = (town.gauge("traffic_speed", "", STEP_US),)
    probe = DeviceMeta(zone=PROBED_ZONE, series=series)
    yield topic.format(topic.Meta(*_PROBE)), encode_meta(probe)


def probe_topic() -> str:
    """Topic of the reading whose indicator is waited for."""
    return topic.format(topic.Obs(*_PROBE))


class Messages:
    """Rounds of messages: in each, every device sends one.

    Args:
        pack: readings a message.
        base_us: when step 0 begins, a multiple of ten seconds.
        prefix: first level of all topics, instead of `city`.
    """

    def __init__(self, pack: int, base_us: int, prefix: str = "city") -> None:
        self._plan = Plan(bench_town(), pack, DEVICES, base_us, prefix=prefix)
        self._pack = pack

    def first_round(self, step: int) -> int:
        """The first round whose readings are all observed at or after an event step."""
        variants = self._plan.template.variants
        return -(-step * PER_DEVICE // self._pack // variants) * variants

    def step_after(self, number: int) -> int:
        """The first event step that no reading of a round, or of one before it, is observed in."""
        return -(-(number + 1) * self._pack // PER_DEVICE)

    def round(self, number: int) -> Bytes:
        """PUBLISH packets of a round [messages, width]."""
        packets, row = self._plan.fresh(np.arange(number * DEVICES, (number + 1) * DEVICES))
        self._plan.template.number(packets, row, np.arange(1, DEVICES + 1))
        return packets
