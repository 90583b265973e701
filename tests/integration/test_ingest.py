"""Ingest as a whole: a real broker, a real PostgreSQL."""

import asyncio
import time
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from pydantic import SecretStr

from cityvitals.domain.names import Clock
from cityvitals.errors import Fenced
from cityvitals.settings import BrokerSettings, DatabaseSettings, IngestSettings, Settings
from cityvitals.store.migrate import migrate
from cityvitals.store.pool import Pool, open_pool
from cityvitals.store.registry_file import apply_registry
from cityvitals.wire.formats.own_json import encode
from cityvitals.wire.meta import (
    CityMeta,
    DeviceMeta,
    SeriesMeta,
    encode_city,
    encode_meta,
    encode_status,
)
from cityvitals.wire.pack import Reading
from deploy.local.ports import free_port
from ingest.main import serve
from tests.integration.readings import ledger
from tests.retained import forget_retained
from tests.servers import BrokerServer, PostgresServer

Message = tuple[str, bytes]
BEGIN_US = 1_700_000_000_000_000
DEADLINE_S = 60.0


@pytest.fixture
def broker(broker: BrokerSettings) -> BrokerSettings:
    """With nothing on it that cities of other tests have it keep: ingest would take it here."""
    forget_retained(broker.port)
    return broker


def configured(
    database: DatabaseSettings, broker: BrokerSettings, city: str, **ingest: object
) -> Settings:
    made = IngestSettings.model_validate(
        {"lane": f"lane-{city[-20:]}", "share": f"share-{city[-20:]}", "health_port": free_port()}
        | ingest
    )
    return Settings(database=database, broker=broker, ingest=made)


def pack(city: str, device: str, number: int, size: int = 10) -> Message:
    """The device's `number`-th pack of readings."""
    readings = [
        Reading(BEGIN_US + (number * size + step) * 1_000_000, "no2", float(step), "ug/m3")
        for step in range(size)
    ]
    return f"city/v1/{city}/air/gw/{device}/obs", encode(readings)


def publish(port: int, messages: Iterable[Message], *, qos: int = 1, retain: bool = False) -> None:
    """Publish and wait until the broker has taken all."""
    client = Client(CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv5)
    client.connect("127.0.0.1", port)
    client.loop_start()
    try:
        for topic, payload in messages:
            client.publish(topic, payload, qos, retain).wait_for_publish(DEADLINE_S)
    finally:
        client.disconnect()
        client.loop_stop()


async def published(
    settings: Settings, messages: Iterable[Message], *, qos: int = 1, retain: bool = False
) -> None:
    await asyncio.to_thread(publish, settings.broker.port, list(messages), qos=qos, retain=retain)


async def until(what: Callable[[], Awaitable[bool]]) -> None:
    """Wait for a condition."""
    deadline = time.monotonic() + DEADLINE_S
    while not await what():
        assert time.monotonic() < deadline, "the condition did not come true"
        await asyncio.sleep(0.02)


def is_ready(settings: Settings) -> bool:
    address = f"http://127.0.0.1:{settings.ingest.health_port}/readyz"
    with suppress(OSError, urllib.error.HTTPError):
        return bool(urllib.request.urlopen(address, timeout=30).status == 200)
    return False


def read_metrics(settings: Settings) -> str:
    address = f"http://127.0.0.1:{settings.ingest.health_port}/metrics"
    return str(urllib.request.urlopen(address, timeout=30).read().decode())


async def metric(settings: Settings, name: str) -> float:
    lines = (await asyncio.to_thread(read_metrics, settings)).splitlines()
    return sum(float(line.split()[-1]) for line in lines if line.startswith(name))


@asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[asyncio.Task[None]]:
    """Ingest, ready; stopped cleanly at the end unless it was killed or died before."""
    stop = asyncio.Event()
    task = asyncio.create_task(serve(settings, stop))
    try:
        await until(lambda: ready_or_dead(settings, task))
        yield task
    finally:
        stop.set()
        if not task.cancelled():
            await asyncio.wait([task], timeout=DEADLINE_S)
            assert task.done(), "ingest did not stop"
    if task.done() and not task.cancelled():
        task.result()


async def ready_or_dead(settings: Settings, task: "asyncio.Task[None]") -> bool:
    return task.done() or await asyncio.to_thread(is_ready, settings)


async def kill(task: "asyncio.Task[None]") -> None:
    """End ingest where it stands."""
    task.cancel()
    await asyncio.wait([task])


async def stored(pool: Pool) -> int:
    return int(await pool.fetchval("select count(*) from reading"))


def has_received(pool: Pool, count: int) -> Callable[[], Awaitable[bool]]:
    async def check() -> bool:
        return (await ledger(pool))[0] >= count

    return check


async def everything_works(settings: Settings, city: str) -> None:
    meta = DeviceMeta(zone="north", series=(SeriesMeta("no2", reporting_s=1, unit="mg/m3"),))
    async with open_pool(settings.database, "tests") as pool:
        said = [
            (f"city/v1/{city}/meta", encode_city(CityMeta("Town", "Europe/Paris"))),
            (f"city/v1/{city}/air/gw/dev/meta", encode_meta(meta)),
            (f"city/v1/{city}/air/gw/status", encode_status("online")),
        ]
        await published(settings, said, retain=True)
        async with running(settings):
            # Retained messages come by themselves, to whoever subscribes later.
            await until(lambda: is_declared(pool))
            await published(settings, [pack(city, "dev", number) for number in range(20)])
            poison = [(f"city/v1/{city}/air/gw/dev/obs", b"nonsense")]
            await published(settings, poison * 2)
            await published(settings, [pack(city, "new", 0), pack(city, "dev", 0)], qos=0)
            await until(has_received(pool, 222))
            assert await ledger(pool) == (222, 210, 10, 0, 2)
            await until(lambda: has_counted(settings, 222))
            await published(settings, [(topic, b"") for topic, _ in said], retain=True)
            await until(lambda: all_acked(settings, 28))
        assert await pool.fetchval("select times from dead_letter") == 2
        assert await pool.fetchval("select value from reading where flags = 0 limit 1") >= 0
        flags = await pool.fetch("select flags, count(*) from reading group by 1 order by 1")
        assert [tuple(row) for row in flags] == [(0, 10), (1, 200)]
        assert await pool.fetchval("select status from gateway") == "online"
        assert await pool.fetchval("select name from city") == "Town"


async def all_acked(settings: Settings, count: int) -> bool:
    return await metric(settings, "cityvitals_ingest_messages_acked_total") >= count


async def has_counted(settings: Settings, count: int) -> bool:
    return await metric(settings, "cityvitals_ingest_readings_total") == count


async def is_declared(pool: Pool) -> bool:
    city = await pool.fetchval("select count(*) from city where time_zone = 'Europe/Paris'")
    meta = await pool.fetchval("select count(*) from series_declaration where source = 'meta'")
    status = await pool.fetchval("select count(*) from gateway where status = 'online'")
    return bool(city and meta and status)


def test_everything_on_mosquitto(
    database: DatabaseSettings, broker: BrokerSettings, city: str
) -> None:
    asyncio.run(everything_works(configured(database, broker, city), city))


def test_everything_on_the_broker_that_comes_with_the_project(
    database: DatabaseSettings, embedded_broker: BrokerSettings, city: str
) -> None:
    asyncio.run(everything_works(configured(database, embedded_broker, city), city))


def test_what_was_held_when_ingest_died_comes_again(
    database: DatabaseSettings, broker: BrokerSettings, city: str
) -> None:
    settings = configured(database, broker, city, batch_readings=50, receive_maximum=20)

    async def main() -> None:
        async with open_pool(database, "tests") as pool:
            async with running(settings) as task:
                sending = asyncio.create_task(
                    published(settings, [pack(city, "dev", number) for number in range(300)])
                )
                for part in (100, 500):
                    await until(has_received(pool, part))
                await kill(task)
            async with running(settings):
                await sending
                await until(lambda: has_stored(pool, 3000))
            received, *outcomes = await ledger(pool)
            assert received == sum(outcomes)
            assert await stored(pool) == 3000

    asyncio.run(main())


async def has_stored(pool: Pool, count: int) -> bool:
    return await stored(pool) >= count


def test_without_its_database_ingest_waits_and_loses_nothing(
    own_postgres: PostgresServer, broker: BrokerSettings, city: str
) -> None:
    database = DatabaseSettings(dsn=SecretStr(own_postgres.dsn("cityvitals")))
    settings = configured(database, broker, city)

    async def main() -> None:
        async with open_pool(database, "tests") as pool, pool.acquire() as connection:
            await migrate(connection)
        async with running(settings):
            await published(settings, [pack(city, "dev", 0)])
            await asyncio.to_thread(own_postgres.stop)
            await published(settings, [pack(city, "dev", number) for number in range(1, 30)])
            await until(lambda: asyncio.to_thread(lambda: not is_ready(settings)))
            assert await metric(settings, "cityvitals_ingest_messages_unacked") >= 0
            await asyncio.to_thread(own_postgres.start)
            async with open_pool(database, "tests") as pool:
                await until(lambda: has_stored(pool, 300))
                assert await stored(pool) == 300
            await until(lambda: asyncio.to_thread(is_ready, settings))

    asyncio.run(main())


def test_ingest_finds_its_broker_again(
    database: DatabaseSettings, own_broker: BrokerServer, city: str
) -> None:
    settings = configured(database, BrokerSettings(port=own_broker.port), city)

    async def main() -> None:
        async with open_pool(database, "tests") as pool, running(settings):
            await published(settings, [pack(city, "dev", 0)])
            await asyncio.to_thread(own_broker.stop)
            await until(lambda: asyncio.to_thread(lambda: not is_ready(settings)))
            await asyncio.to_thread(own_broker.start)
            await until(lambda: asyncio.to_thread(is_ready, settings))
            await published(settings, [pack(city, "dev", 1)])
            await until(lambda: has_stored(pool, 20))

    asyncio.run(main())


def test_everything_works_over_mqtt_3_1_1(
    database: DatabaseSettings, broker: BrokerSettings, city: str
) -> None:
    older = broker.model_copy(update={"protocol": "3.1.1"})
    asyncio.run(everything_works(configured(database, older, city), city))


def test_unknown_devices_can_be_kept_out(
    database: DatabaseSettings, broker: BrokerSettings, city: str, tmp_path: Path
) -> None:
    settings = configured(database, broker, city, register_unknown=False)
    path = tmp_path / "city.toml"
    registry = (
        f'[city]\nid = "{city}"\n[[sensor]]\nid = "dev"\ndomain = "air"\ngateway = "gw"\n'
        '[[series]]\nsensor = "dev"\nquantity = "no2"\nkind = "gauge"\n'
    )

    async def main() -> None:
        async with open_pool(database, "tests") as pool, running(settings):
            statement = (f"city/v1/{city}/air/gw/dev/meta", encode_meta(DeviceMeta()))
            await published(settings, [pack(city, "dev", 0), statement])
            await until(has_received(pool, 11))
            assert await ledger(pool) == (11, 0, 0, 0, 11)
            reasons = await pool.fetch("select distinct reason from dead_letter")
            assert [row["reason"] for row in reasons] == ["not_allowed"]
            assert await pool.fetchval("select count(*) from city") == 0
            path.write_text(registry)
            await apply_registry(pool, path)
            await published(settings, [pack(city, "dev", 1), pack(city, "other", 1)])
            await until(has_received(pool, 31))
            assert await ledger(pool) == (31, 10, 0, 0, 21)
            # A gateway that is shut out is shut out at once.
            path.write_text(registry + '[[gateway]]\nid = "gw"\nallowed = false\n')
            await apply_registry(pool, path)
            await published(settings, [pack(city, "dev", 2)])
            await until(has_received(pool, 41))
            assert await ledger(pool) == (41, 10, 0, 0, 31)

    asyncio.run(main())


def test_a_second_process_of_the_lane_ends_the_first(
    database: DatabaseSettings, broker: BrokerSettings, city: str
) -> None:
    settings = configured(database, broker, city)
    other = settings.model_copy(
        update={"ingest": settings.ingest.model_copy(update={"health_port": free_port()})}
    )

    async def main() -> None:
        first = asyncio.create_task(serve(settings, asyncio.Event()))
        await until(lambda: ready_or_dead(settings, first))
        async with running(other):
            await asyncio.wait([first], timeout=DEADLINE_S)
            died = first.exception()
        assert isinstance(died, ExceptionGroup)
        assert died.subgroup(Fenced) is not None

    asyncio.run(main())


def test_a_replayed_city_knows_no_future(
    database: DatabaseSettings, broker: BrokerSettings, city: str
) -> None:
    settings = configured(database, broker, city)
    topic = f"city/v1/{city}/air/gw/dev/obs"
    future = (topic, encode([Reading(BEGIN_US * 2, "no2", 1.0)]))
    replay = (f"city/v1/{city}/meta", encode_city(CityMeta("Old", "UTC", Clock.REPLAY)))

    async def main() -> None:
        async with open_pool(database, "tests") as pool, running(settings):
            await published(settings, [future])
            await until(has_received(pool, 1))
            assert await pool.fetchval("select reason from dead_letter") == "future"
            await published(settings, [replay, future])
            await until(has_received(pool, 2))
            assert await ledger(pool) == (2, 1, 0, 0, 1)

    asyncio.run(main())


def test_a_limit_holds_for_what_is_stored_and_for_what_comes(
    database: DatabaseSettings, broker: BrokerSettings, city: str, tmp_path: Path
) -> None:
    settings = configured(database, broker, city)
    path = tmp_path / "city.toml"
    path.write_text(
        f'[city]\nid = "{city}"\n[[limit]]\nquantity = "no2"\nhigh = 6.5\nsource = "test"\n'
    )
    flagged = "select count(*) from reading where flags = 4"

    async def main() -> None:
        async with open_pool(database, "tests") as pool, running(settings):
            await published(settings, [pack(city, "dev", 0)])
            await until(lambda: has_stored(pool, 10))
            assert await pool.fetchval(flagged) == 0
            summary = await apply_registry(pool, path)
            assert (summary.changes > 0, summary.reflagged) == (True, 3)
            assert "3 stored readings flagged anew" in str(summary)
            await published(settings, [pack(city, "dev", 1)])
            await until(lambda: has_stored(pool, 20))
            assert await pool.fetchval(flagged) == 6

    asyncio.run(main())
