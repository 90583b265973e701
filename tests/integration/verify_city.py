"""A tiny city whose rollups and indicators are worked out by hand, for tests of verify.

Two stations of PM2.5 in one district, hourly means stamped with their begin: one says 10 and 20 for
two hours, the other 30 for the first. The day is still open, at a watermark of noon UTC.
"""

from datetime import UTC, datetime, timedelta
from typing import Any, Final

import asyncpg

from cityvitals.domain.names import shard_of
from cityvitals.domain.times import to_us
from cityvitals.store.partitions import create_partition, month_of

CITY: Final = "probe"
FIRST: Final = datetime(2026, 3, 2, 10, tzinfo=UTC)
HOUR: Final = timedelta(hours=1)
SECOND: Final = FIRST + HOUR
NOON: Final = FIRST + 2 * HOUR
DAY: Final = datetime(2026, 3, 1, 23, tzinfo=UTC)
"""Rome's midnight."""

_QUARTER: Final = timedelta(minutes=15)

_MODEL: Final = """
insert into city (id, name, time_zone, clock, shard, change_number)
values ('probe', 'Probe', 'Europe/Rome', 'replay', SHARD, 6);
insert into zone (city, id, name) values ('probe', 'north', 'North');
insert into gateway (city, name) values ('probe', 'gw');
insert into sensor (city, name, domain, gateway)
select 'probe', name, 'air', 1 from unnest(array['a', 'b']) name;
insert into placement (sensor, source, valid_from, zone)
select id, 'meta', '-infinity', 'north' from sensor;
insert into series (city, sensor, quantity, sensor_id)
select city, name, 'pm2_5', id from sensor order by id;
insert into series_declaration
       (series, source, since, kind, period_s, stamp, reporting_s, unit)
select id, 'meta', '-infinity', 1, 3600, 0, 0, 'ug/m3' from series;
insert into series_declaration
       (series, source, since, kind, period_s, stamp, reporting_s, unit)
select id, 'default', '-infinity', 0, 0, 1, 60, 'ug/m3' from series;
insert into lane (lane, shard, next_seq) values ('ingest-0', SHARD, 3);
insert into commit_log (shard, lane, seq, kind, body)
values (SHARD, 'ingest-0', 1, 1, ''), (SHARD, 'ingest-0', 2, 1, '');
update shard set cursors = '{"ingest-0": 2}' where shard = SHARD;
insert into ledger (lane, city, gateway, received, stored, duplicate, revised, rejected)
values ('ingest-0', 'probe', 'gw', 5, 3, 1, 0, 1);
insert into change (city, number, at, kind, body)
select 'probe', number, now(), 'value', '' from generate_series(1, 6) number;
"""

_INDICATOR: Final = """
insert into {table} (city, rule, zone, window_begin, revision, window_end, rule_revision, state,
       closed, value, numerator, denominator, coverage, observed, flagged, stations, silent,
       watermark, computed_at, change_number, station_count)
values ($1, $2, $3, $4, 1, $5, 1, $6, $7, $8, $9, $10, $11, $12, 0, $13, '{{}}', $14, now(), $15,
       cardinality($13::integer[]))
"""


async def plant(dsn: str) -> None:
    """Fill an empty, migrated database with the city."""
    connection = await asyncpg.connect(dsn)
    try:
        for table in ("reading", "rollup", "indicator"):
            await create_partition(connection, table, month_of(to_us(NOON)))
        await connection.execute(_MODEL.replace("SHARD", str(shard_of(CITY))))
        for series, hour, value in ((1, FIRST, 10.0), (1, SECOND, 20.0), (2, FIRST, 30.0)):
            await _plant_hour(connection, series, hour, value)
        # The newest bucket of each series is still in the aggregator's memory.
        await connection.execute(
            "delete from rollup where (series_id, bucket_begin) in ((1, $1), (2, $2))",
            NOON - _QUARTER,
            SECOND - _QUARTER,
        )
        await _plant_indicators(connection)
    finally:
        await connection.close()


async def _plant_hour(connection: Any, series: int, hour: datetime, value: float) -> None:
    await connection.execute(
        "insert into reading (observed_at, received_at, value, series_id) values ($1, $1, $2, $3)",
        hour,
        value,
        series,
    )
    for quarter in range(4):
        anchored = quarter == 0
        at = to_us(hour) if anchored else 0
        said = value if anchored else 0.0
        await connection.execute(
            """
            insert into rollup (bucket_begin, series_id, count, flagged, sum, sumsq, min, max,
                   first_t, first_v, last_t, last_v, integral, increase, covered)
            values ($1, $2, $3, 0, $4::float8, $4 * $4, $5::float8, $5, $6::bigint, $4, $6, $4,
                    $5 * 900, 0, 900000000)
            """,
            hour + quarter * _QUARTER,
            series,
            int(anchored),
            said,
            value,
            at,
        )


async def _plant_indicators(connection: Any) -> None:
    number = 0
    for zone in ("", "north"):
        first = (FIRST, FIRST + HOUR, "final", True, 20.0, 40.0, 2.0, 1.0, 2, [1, 2])
        second = (SECOND, SECOND + HOUR, "final", True, 20.0, 20.0, 1.0, 0.5, 1, [1])
        # Thirteen hours of the day have passed: two and one of them are covered.
        share = (2 / 13 + 1 / 13) / 2
        day: tuple[Any, ...] = (
            DAY,
            DAY + 24 * HOUR,
            "insufficient",
            False,
            None,
            None,
            None,
            share,
            3,
            [],
        )
        for rule, row in (("hour", first), ("hour", second), ("day", day)):
            number += 1
            for table in ("indicator", "indicator_latest"):
                if (table, row) == ("indicator_latest", first):
                    continue
                await connection.execute(
                    _INDICATOR.format(table=table),
                    CITY,
                    f"air.pm2_5.{rule}",
                    zone,
                    *row,
                    NOON,
                    number,
                )


async def execute(dsn: str, *statements: str) -> None:
    """Spoil it."""
    connection = await asyncpg.connect(dsn)
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()
