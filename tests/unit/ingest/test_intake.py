import asyncio

from prometheus_client import CollectorRegistry

from cityvitals.settings import IngestSettings
from cityvitals.wire.formats.own_json import encode
from cityvitals.wire.pack import Reading
from ingest.intake import Intake
from ingest.metrics import Metrics
from ingest.routes import Routes
from tests.unit.ingest.city import CATALOGUE, NOW_US, arrival, device, known_burst, line

PACK = encode([Reading(NOW_US, "no2", 1.0)] * 10)
STATUS = "city/v1/town/air/gw/status"


def intake(routes: Routes | None = None, **settings: float) -> Intake:
    made = IngestSettings(**{"flush_after_seconds": 60, **settings})  # type: ignore[arg-type]
    return Intake(made, routes or Routes(CATALOGUE), Metrics(CollectorRegistry()))


def known() -> Routes:
    """Routes that know what PACK needs."""
    routes = Routes(CATALOGUE)
    line(routes, device())
    known_burst(routes, PACK)
    return routes


def test_a_batch_is_due_when_it_holds_enough_readings() -> None:
    async def main() -> None:
        held = intake(known(), batch_readings=20)
        for _ in range(3):
            held.add([arrival(PACK)])
        async with asyncio.timeout(5):
            await held.wait()
        taken = held.take()
        assert [len(burst.readings) for burst in taken.bursts] == [10, 10]
        assert len(taken.arrivals) == 2
        assert len(held) == 1

    asyncio.run(main())


def test_a_batch_is_due_when_enough_bytes_wait_to_be_read() -> None:
    async def main() -> None:
        held = intake(batch_readings=20)
        for _ in range(3):
            held.add([arrival(PACK)])
        async with asyncio.timeout(5):
            await held.wait()
        assert [place for place, _ in held.take().apart] == [0, 1, 2]

    asyncio.run(main())


def test_a_batch_is_due_when_no_more_can_come() -> None:
    async def main() -> None:
        held = intake(receive_maximum=3)
        held.add([arrival(b"[]")] * 3)
        async with asyncio.timeout(5):
            await held.wait()
        assert len(held.take().arrivals) == 3

    asyncio.run(main())


def test_a_batch_is_due_when_its_oldest_message_is_old_enough() -> None:
    async def main() -> None:
        held = intake(flush_after_seconds=0.001)
        held.add([arrival(PACK)])
        async with asyncio.timeout(5):
            await held.wait()

    asyncio.run(main())


def test_it_is_full_at_twice_the_receive_maximum() -> None:
    async def main() -> None:
        held = intake(receive_maximum=2)
        held.add([arrival(b"[]", qos=0)] * 3)
        assert not held.is_full
        held.add([arrival(b"[]", qos=0)])
        assert held.is_full
        held.take()
        assert not held.is_full

    asyncio.run(main())


def test_what_a_resumed_session_delivers_again_is_dropped() -> None:
    async def main() -> None:
        held = intake()
        held.add([arrival(PACK, generation=1), arrival(PACK, generation=1, qos=0)])
        held.add([arrival(PACK, generation=1)])
        held.add([arrival(b'{"status":"online"}', STATUS, generation=2)])
        held.drop_redelivered("another", 2)
        assert len(held) == 4
        held.drop_redelivered("", 2)
        taken = held.take()
        assert [(one.qos, one.generation) for one in taken.arrivals] == [(0, 1), (1, 2)]
        assert [one.topic for one in taken.statements] == [STATUS]

    asyncio.run(main())


def test_messages_are_read_again_after_the_registry_changed() -> None:
    async def main() -> None:
        routes = known()
        held = intake(routes)
        held.add([arrival(PACK), arrival(b"nonsense")])
        routes.clear()
        line(routes, device())
        [burst] = held.take().bursts
        assert (burst.version, len(burst.readings), burst.apart) == (routes.version, 0, [0, 1])

    asyncio.run(main())
