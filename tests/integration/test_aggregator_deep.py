"""Rules with levels, long and running windows, live against recomputed: bit for bit."""

import asyncio
import random

from cityvitals.settings import DatabaseSettings
from tests.integration.aggregator_town import CITY, DAY, HOUR, MINUTE, Row, Town, town
from tests.integration.deep_rules import deep_rules


def month() -> list[Row]:
    """Two days of a gauge, and forty of hourly means that begin before them, with gaps."""
    drawn = random.Random(4)  # noqa: S311 (a repeatable choice)
    rows = [
        Row("a", number * 10 * MINUTE, drawn.uniform(-5, 60))
        for number in range(2 * 144)
        if number % 50 > 6
    ]
    rows += [
        Row("b", number * HOUR - 20 * DAY, drawn.uniform(0, 60))
        for number in range(40 * 24)
        if number % 31 > 2
    ]
    rows += [Row("c", number * 25 * MINUTE + 7, drawn.uniform(0, 60)) for number in range(200)]
    return rows


async def people(where: Town) -> None:
    for zone, count in (("north", 3000.0), ("south", 1000.0)):
        await where.pool.execute(
            "insert into fact (city, zone, name, valid_from, value, unit, source, quality)"
            " values ($1, $2, 'population', '2020-01-01Z', $3, '{inhabitant}',"
            " 'census', 'surveyed')",
            CITY,
            zone,
            count,
        )


async def derived(database: DatabaseSettings, batches: list[list[Row]]) -> dict[str, object]:
    async with town(database, more=deep_rules()) as where:
        await people(where)
        for number, rows in enumerate(batches):
            await where.write(rows, lane=f"ingest-{number % 2}")
            await where.cycle()
        await where.settle(400)
        found = await where.verify()
        assert not found.differences, "\n".join(str(one) for one in found.differences[:20])
        states = await where.pool.fetch(
            "select rule, count(value) from indicator where rule like 'air.deep.%' group by 1"
        )
        assert {row[0] for row in states} == {rule.id for rule in deep_rules()}
        assert all(row[1] for row in states), states
        newest = (await where.derived())["newest"]
    return {"newest": newest}


def test_levels_and_long_windows_are_what_verify_recomputes_in_whatever_order(
    database: DatabaseSettings,
) -> None:
    rows = month()
    in_order = sorted(rows, key=lambda row: row.after)
    shuffled = rows[:]
    random.Random(5).shuffle(shuffled)  # noqa: S311
    steps = len(rows) // 6 + 1

    async def main() -> None:
        first = await derived(database, [in_order])
        cut = [shuffled[at : at + steps] for at in range(0, len(rows), steps)]
        assert await derived(database, cut) == first

    asyncio.run(main())
