"""How much registers itself within an hour, against a real PostgreSQL and several workers."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

from cityvitals.catalogue.load import load_catalogue
from cityvitals.domain.outcome import Reason
from cityvitals.settings import DatabaseSettings
from cityvitals.store.newcomers import Quotas
from cityvitals.store.pool import Pool, open_pool
from cityvitals.wire.formats.own_json import encode
from cityvitals.wire.meta import (
    CityMeta,
    DeviceMeta,
    GatewayStatus,
    SeriesMeta,
    encode_city,
    encode_meta,
    encode_status,
)
from cityvitals.wire.pack import Reading
from ingest.arrival import Arrival
from ingest.declared import read_statement
from ingest.parts import Part, read_parts
from ingest.resolve import Resolver
from ingest.routes import Routes
from ingest.statements import Declarer
from tests.integration.readings import taken

NOW_US: Final = 1_795_428_900_000_000
CATALOGUE: Final = load_catalogue()
PLENTY: Final = Quotas(1000, 1000, 1000)


@dataclass
class Worker:
    """What ingest resolves and declares with, without its broker."""

    pool: Pool
    resolver: Resolver
    declarer: Declarer

    async def send(self, *devices: str, quantities: Sequence[str] = ("no2",)) -> list[Part]:
        """Messages of "city/gateway/device", resolved."""
        payload = encode([Reading(NOW_US, one, 1.0) for one in quantities])
        parts = []
        for device in devices:
            city, gateway, name = device.split("/")
            topic = f"city/v1/{city}/air/{gateway}/{name}/obs"
            arrival = Arrival(topic, payload, NOW_US, 1, 1, 1)
            parts += read_parts(arrival, 65536)
        await self.resolver.resolve(parts)
        return parts

    async def say(self, *messages: tuple[str, bytes]) -> list[tuple[str, Reason]]:
        """What of some declarations is refused, and why."""
        arrivals = [Arrival(topic, payload, NOW_US, 1, 1, 1) for topic, payload in messages]
        statements = [read_statement(one, CATALOGUE, 65536) for one in arrivals]
        rejected, _ = await self.declarer.commit(statements)
        return [(one.topic, one.reason) for one in rejected]


@asynccontextmanager
async def workers(
    database: DatabaseSettings, quotas: Quotas, count: int = 1
) -> AsyncIterator[list[Worker]]:
    async with open_pool(database, "tests") as pool:
        made = []
        for number in range(count):
            lane = await taken(pool, f"ingest-{number}")
            allow, told = True, print
            resolver = Resolver(pool, lane, CATALOGUE, Routes(CATALOGUE), allow, told, quotas)
            made.append(
                Worker(pool, resolver, Declarer(pool, lane, CATALOGUE, allow, told, quotas))
            )
        yield made


def refused(parts: Iterable[Part]) -> list[tuple[Reason, str]]:
    return [(reason, detail) for part in parts for _, reason, detail in part.rejected]


async def count(pool: Pool, table: str) -> int:
    return int(await pool.fetchval(f"select count(*) from {table}"))  # noqa: S608 - our own words


async def grow_old(pool: Pool) -> None:
    for table in ("city", "gateway", "sensor", "series"):
        await pool.execute(f"update {table} set created_at = now() - interval '61 minutes'")  # noqa: S608


def test_a_gateways_new_sensors_and_series_are_limited(database: DatabaseSettings) -> None:
    async def main() -> None:
        async with workers(database, PLENTY._replace(series=4), 2) as (one, other):
            assert refused(await one.send("t/gw/a", "t/gw/b")) == []
            parts = await one.send("t/gw/c", "t/gw/a", "t/next/a2")
            [(reason, detail)] = refused(parts)
            assert reason == Reason.OVER_LIMIT
            assert "gateway gw may have 4 new sensors and series" in detail
            assert "ingest.new_series_per_hour" in detail
            # A new series of a known sensor counts too; what is known goes on.
            [part] = await one.send("t/gw/a", quantities=("no2", "o3"))
            assert [why for _, why, _ in part.rejected] == [Reason.OVER_LIMIT]
            assert part.pack.q == ["no2"] and part.slots is not None
            # Another worker, or one that starts again, finds the same count.
            assert [why for why, _ in refused(await other.send("t/gw/d"))] == [Reason.OVER_LIMIT]
            assert refused(await other.send("t/gw/b")) == []
            await grow_old(one.pool)
            other.resolver.forget()
            assert refused(await other.send("t/gw/d")) == []
            # This one remembers its refusal, without asking.
            assert len(refused(await one.send("t/gw/c"))) == 1
            one.resolver.forget()
            assert refused(await one.send("t/gw/c")) == []

    asyncio.run(main())


def test_workers_that_register_at_once_do_not_overshoot(database: DatabaseSettings) -> None:
    async def main() -> None:
        async with workers(database, PLENTY._replace(series=20), 3) as made:
            names = [[f"t/gw/{n}-{k}" for k in range(15)] for n in range(3)]
            async with asyncio.TaskGroup() as tasks:
                for worker, mine in zip(made, names, strict=True):
                    tasks.create_task(worker.send(*mine))
            pool = made[0].pool
            assert await count(pool, "sensor") + await count(pool, "series") <= 20
            assert await count(pool, "sensor") >= 10

    asyncio.run(main())


def test_new_gateways_and_cities_are_limited(database: DatabaseSettings) -> None:
    async def main() -> None:
        async with workers(database, Quotas(100, 2, 1)) as [one]:
            names = [f"t/g{number}/d{number}" for number in range(4)]
            told = refused(await one.send(*names, "u/g/d"))
            assert [why for why, _ in told] == [Reason.OVER_LIMIT] * 3
            assert sum("ingest.new_gateways_per_hour" in detail for _, detail in told) == 2
            assert sum("ingest.new_cities_per_hour" in detail for _, detail in told) == 1
            assert (await count(one.pool, "gateway"), await count(one.pool, "city")) == (2, 1)

    asyncio.run(main())


def test_declarations_are_limited_alike(database: DatabaseSettings) -> None:
    series = tuple(SeriesMeta(q) for q in ("no2", "o3", "co"))
    status = encode_status(GatewayStatus.ONLINE)

    def meta(device: str, most: int = 3) -> tuple[str, bytes]:
        return f"city/v1/t/air/gw/{device}/meta", encode_meta(DeviceMeta(series=series[:most]))

    async def main() -> None:
        async with workers(database, Quotas(5, 1, 1)) as [one]:
            assert await one.say(meta("a"), ("city/v1/t/meta", encode_city(CityMeta("T")))) == []
            assert await one.say(meta("b")) == [(meta("b")[0], Reason.OVER_LIMIT)]
            # For a minute whatever the topic says is refused; others that fit are not.
            assert await one.say(meta("b", 0)) == [(meta("b")[0], Reason.OVER_LIMIT)]
            assert await one.say(meta("c", 0), meta("a", 1)) == []
            topics = ["city/v1/t/air/g2/status", "city/v1/u/air/gw/status"]
            over = [(topic, Reason.OVER_LIMIT) for topic in topics]
            assert await one.say(*[(topic, status) for topic in topics]) == over
            assert await one.say(("city/v1/u/meta", encode_city(CityMeta("U")))) == [
                ("city/v1/u/meta", Reason.OVER_LIMIT)
            ]
            assert await count(one.pool, "city") == 1

    asyncio.run(main())


def test_what_one_message_declares_twice_counts_once(database: DatabaseSettings) -> None:
    series = (SeriesMeta("no2"), SeriesMeta("o3"))
    said = [
        ("city/v1/t/air/gw/a/meta", encode_meta(DeviceMeta(series=series, zone=zone)))
        for zone in ("north", "south", "east")
    ]

    async def main() -> None:
        async with workers(database, Quotas(3, 1, 1)) as [one]:
            assert await one.say(*said) == []
            assert await count(one.pool, "series") == 2

    asyncio.run(main())


def test_a_known_device_cannot_declare_for_ever(database: DatabaseSettings) -> None:
    def meta(device: str, number: int) -> tuple[str, bytes]:
        declared = DeviceMeta(
            series=(SeriesMeta("no2", reporting_s=60.0 + number),),
            zone=f"z{number}",
            since_us=NOW_US + number * 900_000_000,
        )
        return f"city/v1/t/air/gw/{device}/meta", encode_meta(declared)

    async def main() -> None:
        async with workers(database, PLENTY._replace(declarations=10), 2) as (one, other):
            told = [(await one.say(meta("a", number))) for number in range(8)]
            over = [(meta("a", 0)[0], Reason.OVER_LIMIT)]
            assert told == [[]] * 5 + [over] * 3
            assert await count(one.pool, "zone") == 5
            # Another worker finds the same; what other gateways' devices say is taken.
            assert await other.say(meta("b", 9)) == [(meta("b", 9)[0], Reason.OVER_LIMIT)]
            elsewhere = "city/v1/t/air/g2/c/meta", meta("c", 9)[1]
            assert await other.say(elsewhere) == []

    asyncio.run(main())


def test_a_new_device_that_comes_by_two_gateways_at_once_is_taken_from_both(
    database: DatabaseSettings,
) -> None:
    async def main() -> None:
        async with workers(database, PLENTY) as [one]:
            parts = await one.send("t/g1/d", "t/g2/d", "t/g1/e")
            assert refused(parts) == []
            assert [part.slots is not None for part in parts] == [True] * 3
            assert await count(one.pool, "sensor") == 2

    asyncio.run(main())
