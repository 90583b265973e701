"""A few hours of readings, each with something late or revised; told with and without accidents."""

from typing import Any

from tests.integration.aggregator_town import (
    DAY,
    HOUR,
    MINUTE,
    NOON,
    Row,
    Town,
    samples,
)

Derived = dict[str, list[tuple[Any, ...]]]


def hour(number: int) -> list[Row]:
    """All that the stations say in one hour."""
    begin, end = number * HOUR, (number + 1) * HOUR
    return [
        *samples("a", begin, end, value=number),
        *samples("c", begin, end, value=2 * number),
        *samples("b", end, end + 1, HOUR, value=3 * number),
        *samples("e", begin, end, 30 * MINUTE),
        *samples("w", begin, end, 20 * MINUTE),
    ]


STORY = [
    hour(0),
    [*hour(1), Row("a", 30 * MINUTE + 1, 90.0)],
    [*hour(2), Row("c", HOUR, -4.0), Row("e", 0, 70.0)],
    [*hour(3), Row("b", 3 * HOUR, 1.0, flags=8), Row("w", -2 * DAY, 1.0)],
]
"""Hours in order, each with something late or revised."""


async def tell(where: Town, *, upto: int = len(STORY)) -> None:
    """The story without accidents, a cycle after each part."""
    for part in STORY[:upto]:
        await where.write(part)
        await where.run()
        where.now_us += MINUTE


async def reference(where: Town) -> Derived:
    await where.run()
    await where.save()
    await tell(where)
    return await where.derived()


async def begin_again(where: Town) -> None:
    """The same city without a reading, at the time the first one began; a checkpoint is there."""
    where.now_us = NOON + DAY
    await where.found()
    await where.run()
    await where.save()


def assert_same(found: Derived, expected: Derived) -> None:
    for name, rows in expected.items():
        assert found[name] == rows, name
