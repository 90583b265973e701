"""Dead letters in a real PostgreSQL: kept once, tried again, removed."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from cityvitals.domain.outcome import Outcome, Reason
from cityvitals.domain.times import US, to_us
from cityvitals.settings import DatabaseSettings, IngestSettings
from cityvitals.store import writer as module
from cityvitals.store.batch import Batch, Rejection
from cityvitals.store.dead_letters import Filter, letter_hash, purge, purge_older
from cityvitals.store.lanes import write_log
from cityvitals.store.migrate import applied, migrate, shipped
from cityvitals.store.pool import Pool, open_pool
from cityvitals.store.registry_file import apply_registry
from cityvitals.store.server import create_database, drop_database
from cityvitals.verify.main import verify
from cityvitals.wire.formats.own_json import encode
from cityvitals.wire.pack import Reading
from ingest.again import MOST_MESSAGES
from ingest.replaying import Replayed, replay
from ingest.retention import purge_hourly
from kpi_rules.load import load_rules
from tests.integration.readings import ledger, writer
from tests.integration.test_ingest import until
from tests.servers import PostgresServer

CITY = "town"
TOPIC = f"city/v1/{CITY}/air/gw/dev/obs"
CAME_US = 1_795_428_900_000_000
"""2026-11-23T10:15Z."""
SETTINGS = IngestSettings()


def rejection(
    index: int,
    payload: bytes,
    *,
    reason: Reason = Reason.NOT_ALLOWED,
    topic: str = TOPIC,
    at_us: int = CAME_US,
    whole: bool = False,
) -> Rejection:
    return Rejection(topic, payload, index, CITY, "gw", reason, "why", at_us, whole=whole)


def pack(*values: float, begin_us: int = CAME_US) -> bytes:
    """A reading each second before it came."""
    return encode(
        [Reading(begin_us - place * US, "no2", value) for place, value in enumerate(values, 1)]
    )


def registry(path: Path, *, allowed: bool) -> Path:
    text = (
        f'[city]\nid = "{CITY}"\n[[sensor]]\nid = "dev"\ndomain = "air"\ngateway = "gw"\n'
        '[[series]]\nsensor = "dev"\nquantity = "no2"\nkind = "gauge"\n'
        f'[[gateway]]\nid = "gw"\nallowed = {str(allowed).lower()}\n'
    )
    path.write_text(text)
    return path


async def letters(pool: Pool) -> list[tuple[Any, ...]]:
    rows = await pool.fetch("select index, reason, times from dead_letter order by hash, index")
    return [tuple(row) for row in rows]


async def no_letters(pool: Pool) -> bool:
    return not await letters(pool)


async def messages(pool: Pool) -> int:
    return int(await pool.fetchval("select count(*) from dead_message"))


def became(done: Replayed) -> tuple[int, ...]:
    """Stored, duplicate, revised, rejected."""
    return tuple(done.outcomes[outcome] for outcome in Outcome)


async def keep(pool: Pool, *rejected: Rejection) -> None:
    await (await writer(pool)).commit(Batch(rejected=list(rejected)))


def run(database: DatabaseSettings, story: Callable[[Pool], Awaitable[None]]) -> None:
    async def main() -> None:
        async with open_pool(database, "tests") as pool:
            await story(pool)

    asyncio.run(main())


def test_a_message_of_many_bad_readings_is_kept_once(database: DatabaseSettings) -> None:
    payload = b"x" * 65_536

    async def story(pool: Pool) -> None:
        begun = time.monotonic()
        await keep(pool, *(rejection(index, payload) for index in range(3000)))
        assert time.monotonic() - begun < 10
        assert len(await letters(pool)) == 3000
        assert await messages(pool) == 1
        size = await pool.fetchval(
            "select pg_total_relation_size('dead_letter') + pg_total_relation_size('dead_message')"
        )
        assert size < 3_000_000

    run(database, story)


def test_what_an_older_schema_kept_moves_over(postgres: PostgresServer) -> None:
    name = "test_older_letters"
    postgres.call(create_database(postgres.dsn("postgres"), name))
    before = shipped()[0]
    insert = (
        "insert into dead_letter (hash, index, topic, payload, city, gateway, reason, detail, "
        "first_at, last_at) values ($1, $2, $3, $4, $5, 'gw', $6, '', now(), now())"
    )

    async def story(pool: Pool) -> None:
        async with pool.acquire() as connection:
            await applied(connection)
            await connection.execute(before.sql)
            await connection.execute(
                "insert into schema_migration (version, name, digest) values ($1, $2, $3)",
                before.version,
                before.name,
                before.digest,
            )
            many = letter_hash(TOPIC, b"many")
            one = letter_hash(TOPIC, b"one")
            for key, index, payload in ((many, 0, b"many"), (many, 1, b"many"), (one, 0, b"one")):
                reason = "undecodable" if payload == b"one" else "bad_unit"
                await connection.execute(insert, key, index, TOPIC, payload, CITY, reason)
            await migrate(connection)
        assert await messages(pool) == 2
        rows = await pool.fetch(
            "select payload, index, whole from dead_letter join dead_message using (hash) "
            "order by 1, 2"
        )
        assert [tuple(row) for row in rows] == [
            (b"many", 0, False),
            (b"many", 1, False),
            (b"one", 0, True),
        ]

    run(DatabaseSettings(dsn=SecretStr(postgres.dsn(name))), story)
    postgres.call(drop_database(postgres.admin_dsn(), name))


def test_letters_become_readings_once_their_cause_is_fixed(
    database: DatabaseSettings, tmp_path: Path
) -> None:
    payload = pack(1.0, 2.0, 3.0)

    async def story(pool: Pool) -> None:
        await apply_registry(pool, registry(tmp_path / "city.toml", allowed=False))
        # The one in the middle was taken when it came; so it is none of the letters.
        await keep(pool, rejection(0, payload), rejection(2, payload))
        done = await replay(pool, SETTINGS, Filter())
        assert (done.letters, *became(done)) == (2, 0, 0, 0, 2)
        assert await letters(pool) == [(0, "not_allowed", 1), (2, "not_allowed", 1)]
        detail = await pool.fetchval("select detail from dead_letter limit 1")
        assert detail == "the device or its gateway may not send"

        await apply_registry(pool, registry(tmp_path / "city.toml", allowed=True))
        foreseen = await replay(pool, SETTINGS, Filter(), dry_run=True)
        assert (foreseen.letters, foreseen.readable) == (2, 2)
        assert len(await letters(pool)) == 2
        done = await replay(pool, SETTINGS, Filter(city=CITY, reason="not_allowed"))
        assert (done.letters, *became(done)) == (2, 2, 0, 0, 0)
        assert (await letters(pool), await messages(pool)) == ([], 0)
        rows = await pool.fetch("select value, received_at from reading order by value")
        assert [(row["value"], to_us(row["received_at"])) for row in rows] == [
            (1.0, CAME_US),
            (3.0, CAME_US),
        ]
        assert became(await replay(pool, SETTINGS, Filter())) == (0, 0, 0, 0)
        books = await pool.fetch(
            "select lane, gateway, received, stored, rejected from ledger order by lane"
        )
        assert [tuple(row) for row in books] == [
            ("ingest-0", "gw", 2, 0, 2),
            ("replay", "replay", 4, 2, 2),
        ]
        found = await verify(database, load_rules(None), CITY)
        assert not [one for one in found.differences if one.kind in {"ledger", "log"}]

    run(database, story)


def test_what_was_stored_meanwhile_is_a_duplicate(database: DatabaseSettings) -> None:
    payload = pack(1.0, 2.0)

    async def story(pool: Pool) -> None:
        await keep(pool, *(rejection(index, payload) for index in (0, 1)))
        await replay(pool, SETTINGS, Filter())
        await keep(pool, *(rejection(index, payload) for index in (0, 1)))
        assert became(await replay(pool, SETTINGS, Filter())) == (0, 2, 0, 0)
        assert await letters(pool) == []
        received, *outcomes = await ledger(pool)
        assert received == sum(outcomes) == 8

    run(database, story)


def test_poison_stays_with_its_new_reason_and_its_old_times(database: DatabaseSettings) -> None:
    future = pack(1.0, begin_us=CAME_US + 86_400 * US)

    async def story(pool: Pool) -> None:
        await keep(pool, *[rejection(0, b"nonsense", reason=Reason.TOO_LARGE, whole=True)] * 3)
        await keep(pool, rejection(0, future, at_us=CAME_US))
        await keep(pool, rejection(0, future, at_us=CAME_US + US))
        times = "select times, first_at, last_at from dead_letter order by times"
        before = await pool.fetch(times)
        for _ in range(2):
            done = await replay(pool, SETTINGS, Filter())
            assert became(done) == (0, 0, 0, 2)
            assert done.reasons == {Reason.UNDECODABLE: 1, Reason.FUTURE: 1}
        assert await pool.fetch(times) == before
        assert {row[1:] for row in await letters(pool)} == {("undecodable", 3), ("future", 2)}
        received, *outcomes = await ledger(pool)
        assert received == sum(outcomes) == 5 + 4

    run(database, story)


def test_of_a_message_turned_away_as_one_all_readings_are_tried(
    database: DatabaseSettings,
) -> None:
    words = [
        {"t": "2026-11-23T10:14:00Z", "q": "no2", "v": 1},
        {"t": "2026-11-23T10:14:01Z", "q": "no2", "v": 2},
        {"t": "2026-11-23T10:14:02Z", "q": "no2", "v": 2, "u": "kWh"},
    ]
    payload = json.dumps(words).encode()

    async def story(pool: Pool) -> None:
        await keep(pool, rejection(0, payload, reason=Reason.UNDECODABLE, whole=True))
        done = await replay(pool, SETTINGS, Filter())
        assert (done.letters, *became(done)) == (1, 2, 0, 0, 1)
        assert await letters(pool) == [(2, "bad_unit", 1)]
        assert became(await replay(pool, SETTINGS, Filter())) == (0, 0, 0, 1)

    run(database, story)


def test_what_came_last_wins_in_a_replay_too(database: DatabaseSettings) -> None:
    stamp = CAME_US - 60 * US
    payloads = [encode([Reading(stamp, "no2", float(value))]) for value in range(12)]

    async def story(pool: Pool) -> None:
        await keep(
            pool, *(rejection(0, one, at_us=CAME_US + at * US) for at, one in enumerate(payloads))
        )
        done = await replay(pool, SETTINGS.model_copy(update={"batch_readings": 5}), Filter())
        assert became(done) == (1, 0, 11, 0)
        assert await pool.fetchval("select value from reading") == 11.0

    run(database, story)


def test_more_messages_than_a_commit_takes(database: DatabaseSettings) -> None:
    count = MOST_MESSAGES + 7

    async def story(pool: Pool) -> None:
        await keep(
            pool,
            *(rejection(0, pack(1.0, begin_us=CAME_US - at * US)) for at in range(count)),
        )
        done = await replay(pool, SETTINGS, Filter())
        assert (done.letters, *became(done)) == (count, count, 0, 0, 0)
        assert await pool.fetchval("select count(*) from commit_log where lane = 'replay'") == 2

    run(database, story)


def test_declarations_are_refused_by_name(database: DatabaseSettings) -> None:
    said: list[str] = []

    async def story(pool: Pool) -> None:
        topic = f"city/v1/{CITY}/air/gw/dev/meta"
        await keep(pool, rejection(0, b"{}", topic=topic, reason=Reason.UNKNOWN_SCHEMA))
        done = await replay(pool, SETTINGS, Filter(), tell=said.append)
        assert (done.letters, done.refused) == (0, 1)
        assert len(await letters(pool)) == 1
        assert f"'{topic}' declares something" in said[0]

    run(database, story)


def test_only_letters_that_are_named_are_tried(database: DatabaseSettings) -> None:
    payload = pack(1.0, 2.0, 3.0)

    async def story(pool: Pool) -> None:
        await keep(pool, *(rejection(index, payload) for index in range(3)))
        done = await replay(pool, SETTINGS, Filter(), {(letter_hash(TOPIC, payload), 1)})
        assert became(done) == (1, 0, 0, 0)
        assert [row[0] for row in await letters(pool)] == [0, 2]

    run(database, story)


class _Crash(Exception):
    """The process ends here."""


def test_a_replay_that_dies_loses_and_doubles_nothing(
    database: DatabaseSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    payload = pack(*map(float, range(20)))
    left = [2]

    async def dies(*given: Any) -> dict[int, int]:
        left[0] -= 1
        if left[0] == 0:
            raise _Crash
        return await write_log(*given)

    async def story(pool: Pool) -> None:
        await keep(pool, *(rejection(index, payload) for index in range(20)))
        few = SETTINGS.model_copy(update={"batch_readings": 8})
        with monkeypatch.context() as patch:
            patch.setattr(module, "write_log", dies)
            with pytest.raises(_Crash):
                await replay(pool, few, Filter())
        stored = await pool.fetchval("select count(*) from reading")
        assert (stored, len(await letters(pool))) == (8, 12)
        assert became(await replay(pool, few, Filter())) == (12, 0, 0, 0)
        assert await ledger(pool) == (40, 20, 0, 0, 20)

    run(database, story)


def test_purging_removes_letters_and_messages_nobody_refers_to(
    database: DatabaseSettings,
) -> None:
    now_us = to_us(datetime.now(UTC))

    async def story(pool: Pool) -> None:
        old, both = now_us - 91 * 86_400 * US, b"both"
        await keep(pool, rejection(0, b"old", at_us=old), rejection(0, both, at_us=old))
        await keep(pool, rejection(1, both, at_us=now_us), rejection(0, b"new", at_us=now_us))
        assert await purge_older(pool, 90) == 2
        assert (len(await letters(pool)), await messages(pool)) == (2, 2)
        elsewhere = Filter(city="elsewhere")
        assert await purge(pool, elsewhere, datetime.now(UTC) + timedelta(hours=1)) == 0
        assert await purge(pool, Filter(), datetime.now(UTC) + timedelta(hours=1)) == 2
        assert (len(await letters(pool)), await messages(pool)) == (0, 0)

    run(database, story)


def test_old_letters_go_by_themselves(database: DatabaseSettings) -> None:
    async def story(pool: Pool) -> None:
        await keep(pool, rejection(0, b"old", at_us=CAME_US - 100 * 365 * 86_400 * US))
        await purge_hourly(pool, 0)
        assert len(await letters(pool)) == 1
        task = asyncio.create_task(purge_hourly(pool, 90, first_s=0, every_s=0.01))
        await until(lambda: no_letters(pool))
        task.cancel()

    run(database, story)


def test_letters_come_and_go_at_the_same_time(database: DatabaseSettings) -> None:
    """Poison that comes while it is purged leaves no letter without its message, and no error."""
    payloads = [b"poison %d" % number for number in range(40)]

    async def story(pool: Pool) -> None:
        writes = await writer(pool)
        coming = True

        async def come() -> None:
            nonlocal coming
            for _ in range(40):
                await writes.commit(Batch(rejected=[rejection(0, one) for one in payloads]))
            coming = False

        async def go() -> None:
            while coming:
                await purge(pool, Filter(), datetime.now(UTC) + timedelta(days=9999))

        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(come())
            tasks.create_task(go())
        assert (await ledger(pool))[4] == 40 * len(payloads)
        assert await messages(pool) == len(await letters(pool))

    run(database, story)
