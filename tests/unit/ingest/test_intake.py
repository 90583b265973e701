import asyncio

from prometheus_client import CollectorRegistry

from cityvitals.settings import IngestSettings
from cityvitals.wire.formats.own_json import encode
from cityvitals.wire.pack import Reading
from ingest.intake import Intake
from ingest.metrics import Metrics
from ingest.routes import Routes
from tests.unit.ingest.city import CATALOGUE, NOW_US, arrival, device, line, settle

PACK = encode([Reading(NOW_US, "no2", 1.0)] * 10)
STATUS = "city/v1/town/air/gw/status"


def intake(**settings: float) -> Intake:
    made = IngestSettings(flush_after_seconds=60, **settings)  # type: ignore[arg-type]
    return Intake(made, CATALOGUE, Routes(CATALOGUE), Metrics(CollectorRegistry()))


def test_a_batch_is_due_when_it_holds_enough_readings() -> None:
    async def main() -> None:
        held = intake(batch_readings=20)
        held.add(arrival(PACK))
        held.add(arrival(PACK))
        held.add(arrival(PACK))
        async with asyncio.timeout(5):
            await held.wait()
        taken = held.take()
        assert [part.arrival for part in taken.parts] == taken.arrivals
        assert len(taken.arrivals) == 2
        assert len(held) == 1

    asyncio.run(main())


def test_a_batch_is_due_when_no_more_can_come() -> None:
    async def main() -> None:
        held = intake(receive_maximum=3)
        for _ in range(3):
            held.add(arrival(b"[]"))
        async with asyncio.timeout(5):
            await held.wait()
        assert len(held.take().arrivals) == 3

    asyncio.run(main())


def test_a_batch_is_due_when_its_oldest_message_is_old_enough() -> None:
    async def main() -> None:
        held = Intake(
            IngestSettings(flush_after_seconds=0.001),
            CATALOGUE,
            Routes(CATALOGUE),
            Metrics(CollectorRegistry()),
        )
        held.add(arrival(PACK))
        async with asyncio.timeout(5):
            await held.wait()

    asyncio.run(main())


def test_it_is_full_at_twice_the_receive_maximum() -> None:
    async def main() -> None:
        held = intake(receive_maximum=2)
        for _ in range(3):
            held.add(arrival(b"[]", qos=0))
        assert not held.is_full
        held.add(arrival(b"[]", qos=0))
        assert held.is_full
        held.take()
        assert not held.is_full

    asyncio.run(main())


def test_what_a_resumed_session_delivers_again_is_dropped() -> None:
    async def main() -> None:
        held = intake()
        held.add(arrival(PACK, generation=1))
        held.add(arrival(PACK, generation=1, qos=0))
        held.add(arrival(b'{"status":"online"}', STATUS, generation=2))
        held.drop_redelivered("", 2)
        assert [(one.qos, one.generation) for one in held.take().arrivals] == [(0, 1), (1, 2)]

    asyncio.run(main())


def test_routes_are_found_again_after_the_registry_changed() -> None:
    async def main() -> None:
        routes = Routes(CATALOGUE)
        metrics = Metrics(CollectorRegistry())
        held = Intake(IngestSettings(), CATALOGUE, routes, metrics)
        line(routes, device())
        held.add(arrival(PACK))
        [part] = held.take().parts
        settle(part, routes)
        held.add(arrival(PACK))
        held.add(arrival(b"nonsense"))
        held.forget_routes()
        waiting, poison = held.take().parts
        assert waiting.slots is None
        assert poison.slots == []
        assert routes.lines == {}

    asyncio.run(main())
