"""A client that is killed and comes back has seen every final and corrected revision once."""

import asyncio
import json
import random
import threading

from cityvitals.settings import DatabaseSettings
from cityvitals.store.pool import Pool
from tests.api_server import running_api, stream, with_pool
from tests.integration.aggregator_town import CITY, DAY, Row, Town, town
from tests.integration.test_aggregator_deep import month

KILLS = 100
LASTING = ("final", "corrected")


async def replay(
    database: DatabaseSettings, founded: threading.Event, done: threading.Event
) -> None:
    """Two days of a city, hour after hour, late and revised ones among them."""
    drawn = random.Random(6)  # noqa: S311 (a repeatable choice)
    rows = sorted((row for row in month() if -DAY < row.after < DAY), key=lambda row: row.after)
    try:
        async with town(database, provisional_every_seconds=0) as where:
            await where.remember()
            founded.set()
            await _tell(where, rows, drawn)
    finally:
        done.set()


async def _tell(where: Town, rows: list[Row], drawn: random.Random) -> None:
    told: list[Row] = []
    for at in range(0, len(rows), 12):
        part = rows[at : at + 12]
        late = [row._replace(value=row.value + 1) for row in drawn.sample(told, min(2, len(told)))]
        told += part
        await where.write([*part, *late])
        await where.run()
    await where.settle(400)
    again = [row._replace(value=row.value + 2) for row in drawn.sample(told, 10)]
    await where.write(again)
    await where.run()


def test_killed_a_hundred_times_it_has_seen_everything_that_lasts_once_and_in_order(
    database: DatabaseSettings,
) -> None:
    drawn = random.Random(7)  # noqa: S311
    founded, done = threading.Event(), threading.Event()
    seen: list[tuple[int, str]] = []
    last, kills = 0, 0
    with running_api(database, stream_queue=50) as base:
        replaying = threading.Thread(
            target=lambda: asyncio.run(replay(database, founded, done)), daemon=True
        )
        replaying.start()
        assert founded.wait(60)
        while not (done.is_set() and kills >= KILLS and last == _number(database)):
            last, some = _watch(base, last, drawn.randint(1, 30), more=not done.is_set())
            seen += some
            kills += 1
        replaying.join(10)
    assert kills >= KILLS
    numbers = [number for number, _ in seen]
    assert numbers == sorted(set(numbers)), "in order, and none twice"
    expected = with_pool(database, _changes)
    assert [one for one in seen if one[1] in LASTING] == [
        one for one in expected if one[1] in LASTING
    ]
    assert sum(1 for _, state in expected if state == "corrected") > 5


def _watch(base: str, last: int, most: int, *, more: bool) -> tuple[int, list[tuple[int, str]]]:
    """Take some events, then drop the connection: what is on its way is lost."""
    found = []
    with stream(base, CITY, seen=last) as events:
        for event in events:
            if event.number is not None and event.kind != "snapshot":
                found.append((event.number, event.data["state"]))
                last = event.number
            assert event.kind != "snapshot", "changes are kept: nothing may be passed over"
            if len(found) >= most or (event.comment.startswith("up to date") and not more):
                break
            if event.comment == "still here":
                break
    return last, found


def _number(database: DatabaseSettings) -> int:
    async def read(pool: Pool) -> int:
        return int(await pool.fetchval("select change_number from city where id = $1", CITY))

    return with_pool(database, read)


async def _changes(pool: Pool) -> list[tuple[int, str]]:
    rows = await pool.fetch("select number, body from change where city = $1 order by 1", CITY)
    return [(row["number"], json.loads(row["body"])["state"]) for row in rows]
