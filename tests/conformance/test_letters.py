"""Dead letters, their replay and the ledger against a real server."""

import asyncio
import json

import numpy as np
import pytest

from cityvitals.domain.names import Domain
from cityvitals.domain.outcome import Outcome, Reason
from cityvitals.errors import Fenced, NotFound
from cityvitals.settings import DatabaseSettings, IngestSettings, Settings
from cityvitals.store.batch import Batch, Rejection
from cityvitals.store.dead_letters import MOST_LETTERS, letter_hash
from cityvitals.store.ledger_view import read_ledger
from cityvitals.store.letter_box import (
    Wanted,
    letter_id,
    list_letters,
    purge,
    purge_older,
    read_letter,
)
from cityvitals.store.migrate import shipped
from cityvitals.store.pool import Pool, open_pool
from cityvitals.wire import topic as topics
from ingest.replaying import DECLARATION, replay
from tests.integration.readings import BEGIN_US, CITY, batch, current, ledger, opened, writer

TOPIC = topics.format(topics.Obs(CITY, Domain.AIR, "gw", "dev"))
PACK = json.dumps(
    [{"t": BEGIN_US / 1e6 + step, "q": "no2", "v": float(step), "u": "ug/m3"} for step in range(4)]
).encode()


def rejection(
    index: int,
    topic: str = TOPIC,
    payload: bytes = PACK,
    reason: Reason = Reason.NOT_ALLOWED,
    *,
    whole: bool = False,
) -> Rejection:
    came_us = BEGIN_US + 9_000_000
    return Rejection(topic, payload, index, CITY, "gw", reason, "why", came_us, whole=whole)


async def keep(pool: Pool, *rejected: Rejection) -> None:
    await (await writer(pool)).commit(Batch(rejected=list(rejected)))


def configured(database: DatabaseSettings) -> Settings:
    return Settings(database=database, ingest=IngestSettings())


def test_a_message_is_kept_once_whatever_is_wrong_with_it(database: DatabaseSettings) -> None:
    async def main() -> None:
        async with opened(database) as pool:
            await keep(pool, *(rejection(index) for index in range(MOST_LETTERS)))
            assert await pool.fetchval("select count(*) from dead_letter") == MOST_LETTERS
            assert await pool.fetchval("select count(*) from dead_message") == 1

    asyncio.run(main())


def test_a_message_with_very_much_wrong_is_one_letter_and_replayed_whole(
    database: DatabaseSettings,
) -> None:
    async def main() -> None:
        async with opened(database) as pool:
            many = MOST_LETTERS + 50
            readings = [
                {"t": BEGIN_US / 1e6 + step, "q": "no2", "v": float(step)} for step in range(many)
            ]
            payload = json.dumps([*readings, {"t": 0, "q": "no2", "v": None}]).encode()
            wrong = [rejection(index, payload=payload) for index in range(1, many + 1)]
            for times in (1, 2):  # the same again raises the counter only
                await keep(pool, *wrong)
                [row] = await list_letters(pool, Wanted(), 10)
                assert (row["index"], row["times"]) == (0, times * many)
                assert row["detail"].startswith(f"{many} readings of this message are rejected")
            assert await ledger(pool) == (2 * many, 0, 0, 0, 2 * many)
            done = await replay(configured(database), Wanted())
            assert (done.counts[Outcome.STORED], done.counts[Outcome.REJECTED]) == (many, 1)
            [row] = await list_letters(pool, Wanted(), 10)
            assert (row["index"], row["reason"]) == (many, Reason.NO_NUMBER)

    asyncio.run(main())


def test_only_the_letters_of_a_message_are_replayed(database: DatabaseSettings) -> None:
    async def main() -> None:
        async with opened(database) as pool:
            await keep(pool, rejection(1), rejection(3))
            dry = await replay(configured(database), Wanted(), dry_run=True)
            assert (dry.letters, await current(pool)) == (2, [])
            done = await replay(configured(database), Wanted())
            assert done.counts[Outcome.STORED] == 2
            assert [row[2] for row in await current(pool)] == [1.0, 3.0]
            assert await pool.fetchval("select count(*) from dead_message") == 0
            assert await ledger(pool) == (4, 2, 0, 0, 2)
            booked = await pool.fetchval("select stored from ledger where gateway = 'replay'")
            assert booked == 2
            arrived = await pool.fetchval(
                "select distinct observed_at + lag_ms * interval '1 millisecond' from reading"
            )
            assert round(arrived.timestamp() * 1e6) == BEGIN_US + 9_000_000
            assert (await replay(configured(database), Wanted())).letters == 0

    asyncio.run(main())


def test_what_fails_again_stays_with_the_new_reason(database: DatabaseSettings) -> None:
    bad = json.dumps({"t": BEGIN_US / 1e6, "q": "phlogiston", "v": 1.0, "u": "1"}).encode()

    async def main() -> None:
        async with opened(database) as pool:
            await keep(pool, rejection(0, payload=bad), rejection(2))
            done = await replay(configured(database), Wanted())
            assert done.reasons == {Reason.UNKNOWN_QUANTITY: 1}
            (left,) = await list_letters(pool, Wanted(), 10)
            assert (left["reason"], left["times"]) == ("unknown_quantity", 1)
            assert left["replayed_at"] is not None
            async with pool.acquire() as connection:
                view = await read_ledger(connection, CITY)
            assert view.closes and view.total.received == 4

    asyncio.run(main())


def test_declarations_are_refused_by_name(database: DatabaseSettings) -> None:
    meta = topics.format(topics.Meta(CITY, Domain.AIR, "gw", "dev"))

    async def main() -> None:
        async with opened(database) as pool:
            await keep(pool, rejection(0, topic=meta, payload=b"{"))
            done = await replay(configured(database), Wanted())
            assert done.left == {DECLARATION: 1}
            assert await ledger(pool) == (1, 0, 0, 0, 1)

    asyncio.run(main())


def test_letters_are_found_and_purged(database: DatabaseSettings) -> None:
    async def main() -> None:
        async with opened(database) as pool:
            await keep(pool, rejection(0), rejection(1), rejection(0, payload=b"\xff"))
            rows = await list_letters(pool, Wanted(gateway="gw", reason="not_allowed"), 10)
            assert len(rows) == 3
            assert await list_letters(pool, Wanted(city="elsewhere"), 10) == []
            name = next(letter_id(row) for row in rows if row["index"] == 1)
            assert (await read_letter(pool, name))[1] == PACK
            with pytest.raises(NotFound):
                await read_letter(pool, "nonsense")
            gone = await purge(pool, Wanted(ids=(name,)))
            assert (gone.letters, gone.messages) == (1, 0)
            assert (await purge_older(pool, 0)).letters == 0
            await pool.execute("update dead_letter set last_at = now() - interval '91 days'")
            gone = await purge_older(pool, 90)
            assert (gone.letters, gone.messages, gone.payload_bytes) == (2, 2, len(PACK) + 1)

    asyncio.run(main())


def test_missing_numbers_are_counted_over_workers(database: DatabaseSettings) -> None:
    def numbered(*numbers: int) -> Batch:
        made = batch([(number, 1, 1.0, 0) for number in numbers])
        made.seq = np.array(numbers, np.int64)
        return made

    async def lost(pool: Pool) -> int:
        async with pool.acquire() as connection:
            return (await read_ledger(connection, CITY)).total.lost

    async def main() -> None:
        async with opened(database) as pool:
            one, other = await writer(pool), await writer(pool, "ingest-1")
            await one.commit(batch([(1000, 2, 1.0, 0)]))
            assert await pool.fetchval("select count(*) from gateway_seq") == 0
            await one.commit(numbered(1, 2, 5))
            assert await lost(pool) == 2
            await one.commit(numbered(1, 2, 5))
            await other.commit(numbered(3, 8))
            assert await lost(pool) == 3

    asyncio.run(main())


def test_who_lost_the_lane_removes_no_letter(database: DatabaseSettings) -> None:
    async def main() -> None:
        async with opened(database) as pool:
            await keep(pool, rejection(0))
            old, _ = await writer(pool, "replay"), await writer(pool, "replay")
            made = batch([(0, 1, 1.0, 0)])
            made.settled, made.book_as = [(letter_hash(TOPIC, PACK), 0)], "replay"
            with pytest.raises(Fenced):
                await old.commit(made)
            assert await current(pool) == []
            assert await pool.fetchval("select count(*) from dead_letter") == 1
            assert await ledger(pool) == (1, 0, 0, 0, 1)

    asyncio.run(main())


def test_letters_of_older_builds_are_moved(database: DatabaseSettings) -> None:
    sql = {one.version: one.sql for one in shipped()}
    first, second, fifth = sql[1], sql[2], sql[5]
    insert = (
        "insert into dead_letter (hash, index, topic, payload, city, gateway, reason, detail, "
        "first_at, last_at) select $1, i, 't', 'bytes', '', '', $2, '', now(), now() "
        "from generate_series(0, $3::integer) as i"
    )

    async def main() -> None:
        async with open_pool(database, "tests") as pool, pool.acquire() as connection:
            # In a schema of its own, since the database is of this build already.
            await connection.execute("create schema older; set search_path to older")
            await connection.execute(first)
            await connection.execute(insert, b"hash", "unknown_schema", 2)
            await connection.execute(insert, b"one", "undecodable", 0)
            await connection.execute(second)
            await connection.execute(fifth)
            rows = await connection.fetch(
                "select index, topic, payload, whole "
                "from dead_letter join dead_message using (hash) order by hash, index"
            )
            assert [tuple(row) for row in rows] == [
                *((index, "t", b"bytes", False) for index in range(3)),
                (0, "t", b"bytes", True),
            ]

    asyncio.run(main())


def test_what_came_last_wins_in_a_replay_too(database: DatabaseSettings) -> None:
    def said(value: int) -> Rejection:
        pack = json.dumps({"t": BEGIN_US / 1e6, "q": "no2", "v": float(value)}).encode()
        came_us = BEGIN_US + value * 1_000_000
        return Rejection(TOPIC, pack, 0, CITY, "gw", Reason.NOT_ALLOWED, "why", came_us)

    async def main() -> None:
        async with opened(database) as pool:
            await keep(pool, *map(said, range(120)))
            done = await replay(configured(database), Wanted())
            assert (done.counts[Outcome.STORED], done.counts[Outcome.REVISED]) == (1, 119)
            assert [row[2] for row in await current(pool)] == [119.0]

    asyncio.run(main())


def test_a_letter_that_fails_again_is_tried_once_a_replay(database: DatabaseSettings) -> None:
    """Of a message rejected as a whole, readings that fail are letters of their own."""
    bad = {"t": BEGIN_US / 1e6, "q": "phlogiston", "v": 1.0}
    mixed = json.dumps([json.loads(PACK)[0], bad, bad]).encode()

    async def main() -> None:
        async with opened(database) as pool:
            await keep(pool, rejection(0, payload=mixed, reason=Reason.UNSUPPORTED, whole=True))
            done = await replay(configured(database), Wanted())
            assert (done.letters, done.counts[Outcome.STORED]) == (1, 1)
            assert done.reasons == {Reason.UNKNOWN_QUANTITY: 2}
            assert await ledger(pool) == (4, 1, 0, 0, 3)
            assert [row["index"] for row in await list_letters(pool, Wanted(), 10)] == [1, 2]

    asyncio.run(main())


def test_of_a_message_that_was_read_the_first_reading_is_replayed_alone(
    database: DatabaseSettings,
) -> None:
    async def main() -> None:
        async with opened(database) as pool:
            await keep(pool, rejection(0, reason=Reason.UNKNOWN_SCHEMA))
            done = await replay(configured(database), Wanted())
            assert done.counts.total() == 1
            assert await ledger(pool) == (2, 1, 0, 0, 1)

    asyncio.run(main())


def test_letters_of_a_message_that_is_too_large_by_now_stay(database: DatabaseSettings) -> None:
    async def main() -> None:
        async with opened(database) as pool:
            await keep(pool, rejection(1), rejection(3))
            small = Settings(database=database, ingest=IngestSettings(payload_bytes=64))
            done = await replay(small, Wanted())
            assert done.reasons == {Reason.TOO_LARGE: 2}
            rows = await pool.fetch("select index, reason, whole from dead_letter order by 1")
            assert [tuple(row) for row in rows] == [
                (1, "too_large", False),
                (3, "too_large", False),
            ]
            assert (await replay(configured(database), Wanted())).counts[Outcome.STORED] == 2

    asyncio.run(main())
