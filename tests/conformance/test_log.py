"""The commit log is followed, cut off behind its readers, and its shards have one owner each."""

import asyncio

import pytest

from cityvitals.domain.logbody import decode_readings
from cityvitals.domain.names import LogKind
from cityvitals.errors import Fenced
from cityvitals.settings import DatabaseSettings
from cityvitals.store import shards
from cityvitals.store.tail import prune_log, read_entries, read_heads
from tests.integration.readings import SHARD, batch, opened, writer


def test_entries_are_read_on_lane_by_lane_and_pruned(database: DatabaseSettings) -> None:
    async def main() -> None:
        async with opened(database) as pool:
            lanes = [await writer(pool), await writer(pool, "ingest-1")]
            for step in range(4):
                for number, lane in enumerate(lanes, start=1):
                    await lane.commit(batch([(step, number, 1.0, 0)]))
            async with pool.acquire() as connection:
                heads = await read_heads(connection, [SHARD, SHARD + 1])
                assert heads == {SHARD: {"ingest-0": 4, "ingest-1": 4}}
                after = {"ingest-0": 1, "ingest-1": 3, "ingest-2": 0}
                found = await read_entries(connection, SHARD, after, 2, 1_000_000)
                assert [(one.lane, one.seq, one.kind) for one in found] == [
                    ("ingest-0", 2, LogKind.READINGS),
                    ("ingest-0", 3, LogKind.READINGS),
                    ("ingest-1", 4, LogKind.READINGS),
                ]
                series = [decode_readings(one.body).readings["series"].tolist() for one in found]
                assert series == [[1], [1], [2]]
                # One entry at least, however small the room is.
                assert len(await read_entries(connection, SHARD, after, 9, 1)) == 2
                await prune_log(connection, SHARD, {"ingest-0": 3, "ingest-1": 4})
                everything = {"ingest-0": 0, "ingest-1": 0}
                found = await read_entries(connection, SHARD, everything, 9, 1_000_000)
                assert [(one.lane, one.seq) for one in found] == [("ingest-0", 4)]

    asyncio.run(main())


def test_a_shard_has_one_owner_and_keeps_its_state(database: DatabaseSettings) -> None:
    async def main() -> None:
        async with opened(database) as pool, pool.acquire() as connection:
            mine = {one.shard: one for one in await shards.claim(connection, "one", 60)}
            assert len(mine) == 64
            assert await shards.claim(connection, "other", 60) == []
            epoch = mine[SHARD].epoch
            async with connection.transaction():
                await shards.hold(connection, SHARD, epoch)
                await shards.advance(connection, SHARD, {"ingest-0": 3}, shards.Undone())
                await shards.save_checkpoint(
                    connection, SHARD, epoch, {"ingest-0": 3}, b"\0\xffstate"
                )
            await shards.release(connection, "one", {SHARD: epoch})
            [taken] = await shards.claim(connection, "other", 60)
            assert (taken.shard, taken.epoch, taken.cursors) == (SHARD, epoch + 1, {"ingest-0": 3})
            assert await shards.load_checkpoint(connection, SHARD) == (
                {"ingest-0": 3},
                b"\0\xffstate",
            )
            assert SHARD not in await shards.renew(connection, "one", {SHARD: epoch}, 60)
            with pytest.raises(Fenced):
                await shards.hold(connection, SHARD, epoch)

    asyncio.run(main())
