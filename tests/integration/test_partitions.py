"""The database's `create_partition` bounds a span as we do."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from cityvitals.domain.times import to_us
from cityvitals.settings import DatabaseSettings
from cityvitals.store.partitions import Span, create_partition, month_of, span_of
from tests.integration.bare import two

BOUNDS = """
select pg_get_expr(relpartbound, oid) from pg_class where relname = $1
"""
TIMES = ["1970-01-01", "1999-12-31", "2000-01-01", "2019-12-31", "2020-01-01", "2026-12-31T23:59"]
TIMES += ["2027-02-28", "2049-12-31", "2050-01-01", "2099-12-31T23:59", "2100-01-01", "9998-01-01"]


def worded(moment: datetime | None, without: str) -> str:
    return without if moment is None else f"'{moment:%Y-%m-%d %H:%M:%S}+00'"


@pytest.mark.parametrize("of", [span_of, month_of])
def test_bounds_are_the_spans(database: DatabaseSettings, of: Callable[[int], Span]) -> None:
    async def main() -> None:
        async with two(database) as (one, _):
            for text in TIMES:
                span = of(to_us(datetime.fromisoformat(text).replace(tzinfo=UTC)))
                await create_partition(one, "rollup", span)
                await create_partition(one, "rollup", span)
                said = await one.fetchval(BOUNDS, f"rollup_{span.name}")
                wanted = worded(span.begin, "MINVALUE"), worded(span.end, "MAXVALUE")
                assert said == f"FOR VALUES FROM ({wanted[0]}) TO ({wanted[1]})"

    asyncio.run(main())
