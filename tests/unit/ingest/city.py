"""A registered device for ingest's unit tests, without a store."""

from cityvitals.catalogue.load import load_catalogue
from cityvitals.domain.names import Clock, Domain
from cityvitals.domain.series import Declaration
from cityvitals.store.completion import default_declaration
from cityvitals.store.registry import Device, DeviceKey, Series
from ingest.arrival import Arrival
from ingest.burst import Burst, read_burst
from ingest.parts import Part, read_parts
from ingest.routes import Line, Routes

CATALOGUE = load_catalogue()
KEY = DeviceKey("town", "gw", Domain.AIR, "dev")
TOPIC = "city/v1/town/air/gw/dev/obs"
NOW_US = 1_795_428_900_000_000
"""2026-11-23T10:15Z."""


def arrival(payload: bytes, topic: str = TOPIC, **fields: int) -> Arrival:
    sent = {"mid": 1, "qos": 1, "generation": 1, **fields}
    return Arrival(topic, payload, NOW_US, sent["mid"], sent["qos"], sent["generation"])


def device(
    clock: Clock = Clock.LIVE, sealed_us: int = -(2**60), **declared: list[Declaration]
) -> Device:
    series = {
        (quantity, ""): Series(number, {"meta": tuple(declared[quantity])})
        if quantity in declared
        else Series(number, {"default": (default_declaration(CATALOGUE, quantity),)})
        for number, quantity in enumerate(sorted({"no2", "pm10", *declared}), 1)
    }
    return Device(
        id=1,
        gateway_id=5,
        allowed=True,
        server_timed=False,
        clock=clock,
        shard=3,
        sealed_us=sealed_us,
        latitude=None,
        longitude=None,
        series=series,
    )


def line(routes: Routes, known: Device) -> Line:
    return routes.add_line(TOPIC, KEY, known)


def settle(part: Part, routes: Routes) -> Part:
    """Make the routes of a part whose series are all registered."""
    found = routes.lines[TOPIC]
    part.slots = []
    for name in part.names():
        slot = found.routes.get(name)
        made = routes.make(found, name) if slot is None else slot
        assert isinstance(made, int)
        part.slots.append(made)
    return part


def known_burst(routes: Routes, *payloads: bytes) -> Burst:
    """Messages of the device, every route of which is known."""
    arrivals = [arrival(payload) for payload in payloads]
    for one in arrivals:
        for part in read_parts(one, 65_536):
            settle(part, routes)
    return read_burst(arrivals, routes, 65_536)
