"""A million readings with jittered stamps and what hangs on them, loaded in bulk, once a session.

Two kinds of data, as a city has them: ten thousand series that say something every minute, of
which the newest hour is there; and a few that go back half a year, so that there are partitions.
"""

import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import numpy as np

from cityvitals.domain.arrays import READING, ROLLUP, Records
from cityvitals.domain.names import LogKind, shard_of
from cityvitals.domain.times import BUCKET_US, US, from_us, to_us
from cityvitals.settings import DatabaseSettings
from cityvitals.store.copy import copy_in
from cityvitals.store.layouts import READINGS, ROLLUPS
from cityvitals.store.partitions import Partitions
from cityvitals.store.pool import Pool, open_pool
from tests.million_rows import (
    change_rows,
    indicator_rows,
    ledger_rows,
    letter_rows,
    log_rows,
    message_rows,
)

CITY: Final = "million"
SHARD: Final = shard_of(CITY)
END_US: Final = to_us(datetime(2026, 11, 23, 12, tzinfo=UTC))
"""Where the readings end."""
SERIES: Final = 10_000
RECENT: Final = 60
"""Readings of each series within the last hour."""
LONG_SERIES: Final = 80
"""Series that go back half a year: the first ones."""
LONG: Final = 5_000
"""Readings of each of these before the last hour: one in fifty minutes."""
LONG_STEP_US: Final = 3000 * US
MONTHS: Final = 6
"""Partitions that the half year lies in."""
LOG_LANES: Final = ("ingest-0", "ingest-1")
GATEWAYS: Final = 1_000
RULES: Final = ("air.pm2_5.hour", "air.no2.hour", "air.o3.hour")
WINDOWS: Final = 15_000
"""Quarter hours that each rule has a value for, from END_US back."""

_MINUTE_US: Final = 60 * US
_SEED: Final = 20261123

_MODEL: Final = """
insert into city (id, name, shard, change_number) values ('million', 'Million', SHARD, 100000);
insert into zone (city, id, name) values ('million', 'north', 'North');
insert into gateway (city, name) select 'million', 'gw-' || n from generate_series(1, 1000) n;
insert into sensor (city, name, domain, gateway)
select 'million', 'dev-' || n, 'air', 1 + n % 1000 from generate_series(1, 10000) n;
insert into series (city, sensor, quantity, sensor_id)
select city, name, 'pm2_5', id from sensor order by id;
insert into series_declaration
       (series, source, since, kind, period_s, stamp, reporting_s, unit)
select id, 'meta', '-infinity', 0, 0, 1, 60, 'ug/m3' from series;
insert into gateway_seq (gateway, ranges) select id, '{[1,1000)}' from gateway;
insert into rule (id, revision, digest, body)
select name, 1, '', '{"domain": "air"}' from unnest(RULES) name;
insert into lane (lane, shard, next_seq)
select name, s, case when s = SHARD then 5001 else 1 end
from unnest(array['ingest-0', 'ingest-1']) name, generate_series(0, 63) s
"""


@dataclass(frozen=True, slots=True)
class Million:
    """The loaded set.

    Attributes:
        database: where it is.
        readings: all of them (READING), by time.
        load_s: what loading took.
    """

    database: DatabaseSettings
    readings: Records
    load_s: float

    def of(self, series: int) -> Records:
        """The readings of a series, by time."""
        mine: Records = self.readings[self.readings["series"] == series]
        return mine


async def load_million(database: DatabaseSettings) -> Million:
    """Load the set into an empty, migrated database."""
    begun_s = time.monotonic()
    readings = make_readings()
    async with open_pool(database, "tests million") as pool:
        await fill(pool, readings)
    return Million(database, readings, time.monotonic() - begun_s)


def make_readings() -> Records:
    """A million readings by time: no two series share their stamps."""
    chance = np.random.default_rng(_SEED)
    recent = _stretch(chance, SERIES, RECENT, _MINUTE_US, END_US)
    long = _stretch(chance, LONG_SERIES, LONG, LONG_STEP_US, END_US - RECENT * _MINUTE_US)
    made = np.concatenate([long, recent])
    return made[np.lexsort((made["series"], made["t"]))]


def _stretch(
    chance: np.random.Generator, series: int, count: int, step_us: int, end_us: int
) -> Records:
    """`count` readings of each of the first `series`, up to `end_us`, each within its own step."""
    made = np.zeros(series * count, READING)
    steps = np.tile(np.arange(count), series) * step_us
    made["t"] = end_us - count * step_us + steps + chance.integers(0, step_us, len(made))
    made["received"] = made["t"] + US
    made["series"] = np.repeat(np.arange(1, series + 1), count)
    made["v"] = np.round(chance.normal(20, 6, len(made)), 2)
    return made


def rollups_of(readings: Records) -> Records:
    """Rollups with the statistics of the readings anchored in each bucket (no time weights)."""
    order = np.lexsort((readings["t"], readings["series"]))
    rows = readings[order]
    bucket = rows["t"] - rows["t"] % BUCKET_US
    first = np.flatnonzero(
        np.concatenate([[True], (np.diff(bucket) != 0) | (np.diff(rows["series"]) != 0)])
    )
    last = np.concatenate([first[1:], [len(rows)]]) - 1
    made = np.zeros(len(first), ROLLUP)
    made["bucket"], made["series"] = bucket[first], rows["series"][first]
    made["count"] = last - first + 1
    made["sum"] = np.add.reduceat(rows["v"], first)
    made["sumsq"] = np.add.reduceat(rows["v"] ** 2, first)
    made["min"] = np.minimum.reduceat(rows["v"], first)
    made["max"] = np.maximum.reduceat(rows["v"], first)
    made["first_t"], made["first_v"] = rows["t"][first], rows["v"][first]
    made["last_t"], made["last_v"] = rows["t"][last], rows["v"][last]
    made["covered"] = made["count"] * _MINUTE_US
    made["integral"] = made["sum"] * 60
    return made


async def fill(pool: Pool, readings: Records) -> None:
    """Load everything into an empty, migrated database."""
    names = ", ".join(f"'{name}'" for name in RULES)
    model = _MODEL.replace("SHARD", str(SHARD)).replace("RULES", f"array[{names}]")
    async with pool.acquire() as connection:
        await connection.execute(model)
        for table in ("reading", "rollup", "indicator"):
            await Partitions(table).ensure(connection, readings["t"])
        await copy_in(connection, READINGS, readings)
        await copy_in(connection, ROLLUPS, rollups_of(readings))
        for table, columns, rows in _bulk():
            await connection.copy_records_to_table(table, records=rows, columns=columns)
        await connection.execute("vacuum analyze", timeout=60)


def _bulk() -> Any:
    """What is not readings: table, columns, rows."""
    end = from_us(END_US)
    step = timedelta(minutes=15)
    yield "indicator", *indicator_rows(CITY, RULES, WINDOWS, end, step)
    yield "indicator_latest", *indicator_rows(CITY, RULES, 1, end + step, step)
    yield "change", *change_rows(CITY, 20_000, end)
    yield "ledger", *ledger_rows(CITY, GATEWAYS, LOG_LANES)
    yield "dead_message", *message_rows(20_000, end)
    yield "dead_letter", *letter_rows(CITY, 20_000, end)
    yield "commit_log", *log_rows(SHARD, LOG_LANES, 5_000, int(LogKind.READINGS))
