"""A piece of history, compared in a snapshot, handed to its owner, and right afterwards."""

import asyncio
from dataclasses import replace

from aggregator.recompute.found import Asked, Piece, PieceFound
from aggregator.recompute.handing import hand_over
from aggregator.recompute.piece import months, recompute
from cityvitals.domain.times import EARLIEST_US, LATEST_US, from_us, to_us
from cityvitals.settings import DatabaseSettings
from tests.integration.aggregator_town import CITY, DAY, HOUR, NOON, Row, Town, samples, town

_ALL = Asked(None, (), EARLIEST_US, LATEST_US, buckets=True)


async def compared(where: Town, asked: Asked = _ALL) -> dict[Piece, PieceFound]:
    """What each month comes to."""
    found = {}
    async with where.pool.acquire() as connection:
        for piece in months(CITY, NOON - 40 * DAY, NOON + 2 * DAY):
            found[piece] = await recompute(
                connection, piece, where.rules, asked, where.settings, where.now_us
            )
    return found


async def told(where: Town) -> None:
    rows = samples("a", -35 * DAY, -35 * DAY + 8 * HOUR) + samples("a", 0, 8 * HOUR)
    rows += samples("c", -35 * DAY, -35 * DAY + 8 * HOUR) + samples("e", 0, 8 * HOUR, HOUR // 2)
    await where.write(rows)
    await where.run()
    await where.write([Row("a", 20 * 60_000_000, 33.0), Row("c", 3 * HOUR, 1.0)], "ingest-1")


async def done_anew(where: Town, found: dict[Piece, PieceFound]) -> None:
    async with where.pool.acquire() as connection:
        for piece, one in found.items():
            if not one.is_right:
                await hand_over(connection, piece, one)
    await where.run()


def test_what_is_right_is_found_to_be(database: DatabaseSettings) -> None:
    async def main() -> None:
        async with town(database) as where:
            await told(where)
            await where.settle()
            found = await compared(where)
            assert not [
                (one.wrong, one.wrong_buckets) for one in found.values() if not one.is_right
            ]
            assert sum(one.buckets for one in found.values()) > 100
            assert sum(one.rules["air.pm2_5.hour"].equal for one in found.values()) > 30

    asyncio.run(main())


def test_what_is_wrong_is_done_anew_by_the_owner(database: DatabaseSettings) -> None:
    async def main() -> None:
        async with town(database) as where:
            await told(where)
            await where.settle()
            spoilt = await where.pool.execute(
                "update indicator set value = value + 7 where rule = 'air.pm2_5.hour'"
                " and window_begin < $1 and value is not null and closed",
                from_us(NOON - 30 * DAY),
            )
            await where.pool.execute(
                "update rollup set covered = covered - 1 where bucket_begin > $1",
                from_us(NOON + HOUR),
            )
            found = await compared(where)
            rule = [one.rules["air.pm2_5.hour"] for one in found.values()]
            assert sum(one.changed for one in rule) >= int(spoilt.split()[1]) > 10
            assert max(one.largest.size for one in rule if one.largest) == 7.0
            assert sum(one.wrong_buckets for one in found.values()) > 10
            await done_anew(where, found)
            assert all(one.is_right for one in (await compared(where)).values())
            await where.settle()
            checked = await where.verify()
            assert checked.clean, checked.as_text()

    asyncio.run(main())


def test_a_day_that_began_before_the_first_reading_is_of_the_first_piece(
    database: DatabaseSettings,
) -> None:
    async def main() -> None:
        async with town(database) as where:
            await told(where)
            await where.settle()
            first = await where.pool.fetchval("select min(bucket_begin) from rollup")
            spoilt = await where.pool.execute(
                "update indicator set observed = observed + 1 where rule = 'air.pm2_5.day'"
                " and window_begin < $1 and closed",
                first,
            )
            assert int(spoilt.split()[1]) >= 1
            piece = months(CITY, to_us(first), NOON)[0]
            async with where.pool.acquire() as connection:
                found = await recompute(
                    connection, piece, where.rules, _ALL, where.settings, where.now_us
                )
            assert found.wrong == ["air.pm2_5.day"]
            await done_anew(where, {piece: found})
            await where.settle()
            checked = await where.verify()
            assert checked.clean, checked.as_text()

    asyncio.run(main())


def test_another_revision_of_a_rule_is_told_of_before_its_owner_has_it(
    database: DatabaseSettings,
) -> None:
    async def main() -> None:
        async with town(database) as where:
            await told(where)
            await where.settle()
            old = where.rules
            where.rules = tuple(
                replace(one, revision=one.revision + 1) if one.id == "air.pm2_5.hour" else one
                for one in old
            )
            asked = _ALL._replace(rules=("air.*.hour",), buckets=False)
            found = await compared(where, asked)
            assert all(set(one.rules) == {"air.pm2_5.hour"} for one in found.values())
            assert all(not one.rules["air.pm2_5.hour"].equal for one in found.values())
            assert any(not one.is_right for one in found.values())
            where.worker = None  # begins with the new rules
            await where.run()
            assert all(one.is_right for one in (await compared(where, asked)).values())

    asyncio.run(main())
