"""Registration, declarations and registry files against a real PostgreSQL."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from cityvitals.domain.logbody import decode_json
from cityvitals.domain.names import Clock, Domain, Kind, LogKind, shard_of
from cityvitals.domain.series import Declaration
from cityvitals.domain.times import BUCKET_US, EARLIEST_US
from cityvitals.errors import BadRegistry
from cityvitals.settings import DatabaseSettings
from cityvitals.store.declarations import (
    Declared,
    DeclaredCity,
    DeclaredDevice,
    DeclaredStatus,
    declare,
)
from cityvitals.store.lanes import Lane
from cityvitals.store.pool import Pool, open_pool
from cityvitals.store.registry import DeviceKey, find_devices, find_gateways, register_devices
from cityvitals.store.registry_file import apply_registry
from tests.integration.readings import BEGIN_US, CITY, opened, taken
from tests.unit.store.test_registry_format import WHOLE

KEY = DeviceKey(CITY, "gw", Domain.AIR, "dev")
GAUGE = Declaration(Kind.GAUGE, reporting_s=60, unit="ug/m3")
HOURLY = Declaration(Kind.INTERVAL_MEAN, period_s=3600, unit="ug/m3")


def device(
    declaration: Declaration, zone: str | None = None, at_us: int = BEGIN_US
) -> DeclaredDevice:
    name = ("no2", "")
    return DeclaredDevice(
        KEY, at_us, None, zone, 60.0, 25.0, {name: declaration}, {name: Declaration(Kind.GAUGE)}
    )


async def say(pool: Pool, lane: Lane, *declared: Declared) -> bool:
    async with pool.acquire() as connection, connection.transaction():
        return await declare(connection, lane, declared)


async def log_since(pool: Pool, seen: int) -> list[tuple[int, str, LogKind, dict[str, Any]]]:
    rows = await pool.fetch("select * from commit_log order by committed_at, shard, lane, seq")
    return [
        (row["shard"], row["lane"], LogKind(row["kind"]), decode_json(row["body"]))
        for row in rows[seen:]
    ]


def test_what_a_device_declares_is_kept_and_told_once(database: DatabaseSettings) -> None:
    async def main() -> None:
        async with opened(database) as pool:
            lane, shard = await taken(pool), shard_of(CITY)
            assert await say(pool, lane, device(GAUGE, "north"))
            series = await pool.fetchval("select id from series where quantity = 'no2'")
            sensor = await pool.fetchval("select id from sensor")
            assert await log_since(pool, 0) == [
                (shard, "ingest-0", LogKind.DECLARATIONS, {"series": series}),
                (shard, "ingest-0", LogKind.PLACEMENTS, {"sensor": sensor}),
            ]
            assert not await say(pool, lane, device(GAUGE, "north", BEGIN_US + 5))
            assert await say(pool, lane, device(HOURLY, "south", BEGIN_US + 5))
            assert len(await log_since(pool, 2)) == 2
            async with pool.acquire() as connection:
                found = (await find_devices(connection, [KEY]))[KEY]
            assert [(one.kind, one.since_us) for one in found.series["no2", ""].declarations] == [
                (Kind.GAUGE, EARLIEST_US),
                (Kind.INTERVAL_MEAN, BEGIN_US + 5),
            ]
            assert (found.latitude, found.longitude) == (60.0, 25.0)
            zones = await pool.fetch(
                "select zone, (extract(epoch from valid_from) * 1000000)::bigint as begin "
                "from placement order by valid_from"
            )
            assert [tuple(row) for row in zones] == [
                ("north", EARLIEST_US),
                ("south", BEGIN_US + BUCKET_US),
            ]

    asyncio.run(main())


def test_one_group_of_messages_is_taken_in_order(database: DatabaseSettings) -> None:
    async def main() -> None:
        async with opened(database) as pool:
            lane = await taken(pool)
            await say(pool, lane, device(GAUGE, "a"), device(HOURLY, "b", BEGIN_US + 1))
            assert (
                await pool.fetchval("select count(*) from series_declaration where source='meta'")
                == 2
            )
            assert await pool.fetchval("select count(*) from placement") == 2
            assert not await say(pool, lane, device(HOURLY, "b", BEGIN_US + 2))

    asyncio.run(main())


def test_a_gateway_that_comes_and_goes_is_told_when_it_changes(
    database: DatabaseSettings,
) -> None:
    async def main() -> None:
        async with opened(database) as pool:
            lane = await taken(pool)
            words = ["online", "online", "offline"]
            changed = [
                await say(pool, lane, DeclaredStatus(CITY, "other", word, BEGIN_US))
                for word in words
            ]
            assert changed == [True, False, True]
            gateway = await pool.fetchval("select id from gateway where name = 'other'")
            assert [entry[2:] for entry in await log_since(pool, 0)] == [
                (LogKind.SILENCE, {"gateway": gateway, "status": "online"}),
                (LogKind.SILENCE, {"gateway": gateway, "status": "offline"}),
            ]

    asyncio.run(main())


def test_a_city_describes_itself(database: DatabaseSettings) -> None:
    city = DeclaredCity(CITY, "Town", "Europe/Helsinki", Clock.REPLAY)

    async def main() -> None:
        async with opened(database) as pool:
            lane = await taken(pool)
            assert await say(pool, lane, city)
            assert not await say(pool, lane, city)
            assert [entry[2:] for entry in await log_since(pool, 0)] == [
                (LogKind.DECLARATIONS, {"city": CITY})
            ]
            async with pool.acquire() as connection:
                found = await find_devices(connection, [KEY])
            assert found[KEY].clock == Clock.REPLAY

    asyncio.run(main())


def test_a_device_that_moves_to_another_gateway_is_told(database: DatabaseSettings) -> None:
    moved = KEY._replace(gateway="new")

    async def main() -> None:
        async with opened(database) as pool, pool.acquire() as connection:
            assert await find_devices(connection, [moved]) == {}
            [entry] = await register_devices(connection, [moved])
            assert entry.kind == LogKind.PLACEMENTS
            assert await register_devices(connection, [moved]) == []
            assert set(await find_devices(connection, [KEY, moved])) == {moved}
            states = await find_gateways(connection, [(CITY, "new"), (CITY, "none"), ("x", "")])
            assert states[CITY, "new"] == (True, True)
            assert states[CITY, "none"] == (None, True)
            assert states["x", ""] == (None, False)

    asyncio.run(main())


def test_workers_register_the_same_devices_at_once(database: DatabaseSettings) -> None:
    keys = [KEY._replace(device=f"d{number}") for number in range(50)]

    async def register(pool: Pool) -> None:
        async with pool.acquire() as connection, connection.transaction():
            await register_devices(connection, keys)

    async def main() -> None:
        async with opened(database) as pool:
            async with asyncio.TaskGroup() as tasks:
                for _ in range(3):
                    tasks.create_task(register(pool))
            assert await pool.fetchval("select count(*) from sensor") == 51

    asyncio.run(main())


def test_applying_a_registry_twice_changes_nothing(
    database: DatabaseSettings, tmp_path: Path
) -> None:
    path = tmp_path / "town.toml"
    path.write_text(WHOLE)
    heard: list[str] = []

    def hear(*said: object) -> None:
        heard.append(str(said[-1]))

    async def main() -> None:
        async with open_pool(database, "tests") as pool, pool.acquire() as listening:
            await listening.add_listener("cityvitals_registry", hear)
            first = await apply_registry(pool, path)
            assert first.changes > 0
            entries = await log_since(pool, 0)
            assert {lane for _, lane, _, _ in entries} == {"admin"}
            assert {kind for _, _, kind, _ in entries} == {
                LogKind.DECLARATIONS,
                LogKind.PLACEMENTS,
                LogKind.FACTS,
            }
            assert (await apply_registry(pool, path)).changes == 0
            assert await log_since(pool, len(entries)) == []
            path.write_text(WHOLE.replace("5000", "5001").replace('"no2"', '"no2"\nchannel = "b"'))
            assert (await apply_registry(pool, path)).changes == 2
            kinds = [kind for _, _, kind, _ in await log_since(pool, len(entries))]
            assert kinds == [LogKind.DECLARATIONS, LogKind.FACTS]
            facts = await pool.fetch("select zone, name, value from fact order by zone")
            assert [tuple(row) for row in facts] == [
                ("", "population", 5001.0),
                ("north", "population", 1200.0),
            ]
            assert await pool.fetchval("select allowed from gateway where name = 'gw'") is False
            await listening.remove_listener("cityvitals_registry", hear)
        assert heard == ["admin", "admin"]

    asyncio.run(main())


def test_a_registry_that_fails_leaves_nothing(database: DatabaseSettings, tmp_path: Path) -> None:
    path = tmp_path / "town.toml"
    path.write_text(WHOLE.replace('sensor = "s1"', 'sensor = "s2"'))

    async def main() -> None:
        async with open_pool(database, "tests") as pool:
            with pytest.raises(BadRegistry, match=r"town.toml: \[\[series\]\] sensor 's2'"):
                await apply_registry(pool, path)
            assert await pool.fetchval("select count(*) from city") == 0
            with pytest.raises(BadRegistry, match="expected a readable"):
                await apply_registry(pool, tmp_path / "none.toml")

    asyncio.run(main())


def test_a_registry_declares_series_of_devices_that_registered_themselves(
    database: DatabaseSettings, tmp_path: Path
) -> None:
    path = tmp_path / "town.toml"
    path.write_text(
        f'[city]\nid = "{CITY}"\n[[series]]\nsensor = "dev"\nquantity = "no2"\n'
        'kind = "interval_mean"\nperiod_s = 3600\nstamp = "begin"\n'
    )

    async def main() -> None:
        async with opened(database) as pool:
            lane = await taken(pool)
            await say(pool, lane, device(GAUGE))
            await apply_registry(pool, path)
            async with pool.acquire() as connection:
                found = (await find_devices(connection, [KEY]))[KEY]
            # The registry comes before what the device says of itself.
            [one] = found.series["no2", ""].declarations
            assert one.kind == Kind.INTERVAL_MEAN

    asyncio.run(main())
