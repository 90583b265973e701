"""A city in a real database, written by ingest's writer and derived by a worker driven by hand."""

import time
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

import numpy as np

from aggregator.budget import Cycle
from aggregator.worker import ShardWorker
from cityvitals.domain.arrays import READING
from cityvitals.domain.names import Clock, Domain, Kind, Stamp, shard_of
from cityvitals.domain.series import Declaration
from cityvitals.errors import StoreUnavailable
from cityvitals.settings import AggregatorSettings, DatabaseSettings, RetentionSettings
from cityvitals.store import shards, tail
from cityvitals.store.alerts import remember_alerts
from cityvitals.store.batch import Batch, Outcomes, Sender
from cityvitals.store.declarations import (
    Declared,
    DeclaredCity,
    DeclaredDevice,
    DeclaredStatus,
    declare,
)
from cityvitals.store.derived import remember_rules
from cityvitals.store.lanes import Lane, take_lane
from cityvitals.store.pool import Pool, open_pool
from cityvitals.store.registry import DeviceKey
from cityvitals.store.writer import ReadingWriter
from cityvitals.verify.main import verify
from cityvitals.verify.report import Findings
from kpi_rules.alerts.model import AlertRule
from kpi_rules.load import load_rules
from kpi_rules.model import Rule

CITY: Final = "town"
SHARD: Final = shard_of(CITY)
MINUTE: Final = 60_000_000
HOUR: Final = 60 * MINUTE
DAY: Final = 24 * HOUR
NOON: Final = 1_795_435_200_000_000
"""2026-11-23T12:00Z, where the tests' readings begin."""

RULES: Final = frozenset(
    {
        "air.pm2_5.hour",
        "air.pm2_5.day",
        "energy.electricity.hour",
        "energy.electricity_per_capita.day",
        "water.supplied.day",
    }
)

GAUGE: Final = Declaration(Kind.GAUGE, reporting_s=600, unit="ug/m3")
HOURLY: Final = Declaration(Kind.INTERVAL_MEAN, period_s=3600, stamp=Stamp.END, unit="ug/m3")
TOTALS: Final = Declaration(Kind.INTERVAL_TOTAL, period_s=1800, stamp=Stamp.BEGIN, unit="kW.h")
FLOW: Final = Declaration(Kind.GAUGE, reporting_s=1200, unit="L/s")


class Station(NamedTuple):
    """One series, the only one of its device."""

    gateway: str
    domain: Domain
    quantity: str
    declaration: Declaration
    zone: str | None


STATIONS: Final = {
    "a": Station("gw-1", Domain.AIR, "pm2_5", GAUGE, "north"),
    "b": Station("gw-2", Domain.AIR, "pm2_5", HOURLY, "north"),
    "c": Station("gw-2", Domain.AIR, "pm2_5", GAUGE, "south"),
    "e": Station("gw-1", Domain.ENERGY, "electricity_energy", TOTALS, "north"),
    "w": Station("gw-2", Domain.WATER, "water_flow", FLOW, None),
}


_ASKED_FOR: Final = {"n": Station("gw-2", Domain.AIR, "no2", HOURLY, "north")}


def station_of(name: str) -> Station:
    """One of the town, or one that it has where a test says so."""
    return STATIONS[name] if name in STATIONS else _ASKED_FOR[name]


class Row(NamedTuple):
    """A reading: `after` is microseconds after NOON."""

    station: str
    after: int
    value: float
    rev: int = 0
    flags: int = 0


_WIPE: Final = """
truncate city, zone, gateway, sensor, placement, series, series_declaration, reading,
    reading_revision, lane, commit_log, checkpoint, rollup, indicator, indicator_latest, change,
    fact, "limit", rule, dead_letter, ledger, seal_neighbour, aggregator restart identity
    cascade;
update shard set owner = null, epoch = 0, expires_at = '-infinity', cursors = '{}', rebuild = false,
    waiting = 0, ended = 0;
"""


def rules(*, without: str = "") -> tuple[Rule, ...]:
    """The rules that concern this city."""
    return tuple(rule for rule in load_rules() if rule.id in RULES and rule.id != without)


@dataclass
class Town:
    """The city, its lanes, and the worker that derives it.

    Attributes:
        now_us: the worker's moment; it moves only when a test moves it.
        keeping: how long readings are kept; None for ever.
        seconds: the worker's clock for how long it may derive.
    """

    pool: Pool
    database: DatabaseSettings
    rules: tuple[Rule, ...]
    settings: AggregatorSettings
    clock: Clock = Clock.REPLAY
    now_us: int = NOON + DAY
    keeping: RetentionSettings | None = None
    lanes: dict[str, Lane] = field(default_factory=dict)
    writers: dict[str, ReadingWriter] = field(default_factory=dict)
    ids: dict[str, int] = field(default_factory=dict)
    gateways: dict[str, int] = field(default_factory=dict)
    worker: ShardWorker | None = None
    alerts: tuple[AlertRule, ...] = ()
    seconds: Callable[[], float] = time.monotonic

    async def found(self, *, stations: Iterable[str] = STATIONS) -> None:
        """Make the city anew: gateways online, stations declared and placed."""
        await self.pool.execute(_WIPE)
        self.lanes, self.writers, self.worker = {}, {}, None
        for name in ("ingest-0", "ingest-1"):
            async with self.pool.acquire() as connection:
                self.lanes[name] = await take_lane(connection, name)
            self.writers[name] = ReadingWriter(self.pool, self.lanes[name])
        await self.say(DeclaredCity(CITY, "Town", "Europe/Rome", self.clock))
        for name in stations:
            await self.say(device(name))
        for gateway in ("gw-1", "gw-2"):
            await self.say(DeclaredStatus(CITY, gateway, "online", NOON))

    async def say(self, *declared: Declared, lane: str = "ingest-0") -> None:
        """Have declarations taken as ingest takes them."""
        async with self.pool.acquire() as connection, connection.transaction():
            await declare(connection, self.lanes[lane], declared)
        rows = await self.pool.fetch("select sensor, id from series")
        self.ids = {row["sensor"]: row["id"] for row in rows}
        rows = await self.pool.fetch("select name, id from gateway")
        self.gateways = {row["name"]: row["id"] for row in rows}

    async def write(
        self, rows: Sequence[Row], lane: str = "ingest-0", seen: Declaration | None = None
    ) -> Outcomes:
        """Commit one batch of readings, which come as soon as they are complete."""
        return await self.writers[lane].commit(self.batch(rows, seen))

    async def write_late(self, rows: Sequence[Row], lane: str = "ingest-0") -> Outcomes:
        """Commit one batch of readings that come now."""
        batch = self.batch(rows, None)
        batch.readings["received"] = self.now_us
        return await self.writers[lane].commit(batch)

    def batch(self, rows: Sequence[Row], seen: Declaration | None = None) -> Batch:
        """Readings as the writer takes them."""
        readings = np.zeros(len(rows), READING)
        ends = np.zeros(len(rows), np.int64)
        names = sorted(self.gateways)
        by = [names.index(station_of(row.station).gateway) for row in rows]
        for place, row in enumerate(rows):
            t = NOON + row.after
            declared = seen or station_of(row.station).declaration
            ends[place] = declared.end_us(t)
            received = max(ends[place], t)
            readings[place] = (t, received, row.value, row.rev, self.ids[row.station], row.flags)
        live = self.clock == Clock.LIVE
        senders = tuple(Sender(CITY, name, self.gateways[name], SHARD, live=live) for name in names)
        return Batch(readings, ends, np.array(by, np.int32), senders)

    async def claim(self) -> shards.Claim:
        """Take the shard, whoever has it: the lease of a crashed owner has run out."""
        await self.pool.execute("update shard set expires_at = '-infinity'")
        async with self.pool.acquire() as connection:
            claims = await shards.claim(connection, "tests", 1000)
        return next(one for one in claims if one.shard == SHARD)

    async def start(self, breaks_after: int | None = None) -> ShardWorker:
        """A new worker, from the checkpoint; the one before is dropped as it stands."""
        worker = ShardWorker(
            await self.claim(),
            self.rules,
            self.settings,
            self.keeping,
            self.seconds,
            self.alerts,
        )
        async with self.pool.acquire() as connection:
            await worker.load(_perhaps_breaking(connection, breaks_after), self.now_us)
        self.worker = worker
        return worker

    async def heads(self) -> tail.Cursors:
        """How far the log reaches."""
        async with self.pool.acquire() as connection:
            return (await tail.read_heads(connection, [SHARD])).get(SHARD, {})

    async def cycle(self, breaks_after: int | None = None) -> Cycle:
        """One cycle of the worker, or as much of it as the connection lives."""
        worker = self.worker or await self.start()
        heads = await self.heads()
        async with self.pool.acquire() as connection:
            used = _perhaps_breaking(connection, breaks_after)
            try:
                return await worker.cycle(used, heads, self.now_us)
            except StoreUnavailable:
                self.worker = None
                raise

    async def save(self) -> None:
        """Save a checkpoint."""
        worker = self.worker or await self.start()
        async with self.pool.acquire() as connection:
            await worker.save(connection, self.now_us)

    async def run(self, most: int = 100) -> None:
        """Cycles until the log is taken and nothing waits."""
        for _ in range(most):
            if not (await self.cycle()).more:
                return
        raise AssertionError(f"still something to do after {most} cycles")

    async def settle(self, most: int = 100) -> None:
        """Let the city's day end: everything has been said, everything becomes final."""
        if self.clock == Clock.REPLAY:
            for gateway in self.gateways:
                await self.say(DeclaredStatus(CITY, gateway, "end", NOON + DAY))
        self.now_us += 7 * DAY
        await self.run(most)
        self.now_us += DAY
        await self.cycle()  # notices who fell silent, which in a live city says as much
        await self.run(most)
        assert self.worker is not None
        for _ in range(most):
            if not len(self.worker.shard.pending):
                return
            await self.cycle()
        raise AssertionError(f"{len(self.worker.shard.pending)} windows do not become final")

    async def remember(self) -> None:
        """Have the store remember rules and alert rules, as the process does when it starts."""
        bodies = [
            (rule.id, rule.revision, rule.digest, rule.body(), rule.definition)
            for rule in self.rules
        ]
        alerts = [(one.id, one.revision, one.digest, one.body(), one.file) for one in self.alerts]
        async with self.pool.acquire() as connection:
            await remember_rules(connection, bodies)
            await remember_alerts(connection, alerts)

    async def verify(self) -> Findings:
        """What verify finds, all windows expected closed."""
        return await verify(self.database, self.rules, None, settled=True)

    async def derived(self) -> dict[str, list[tuple[Any, ...]]]:
        """All that was derived, but not when."""
        tables = {
            "rollup": "select * from rollup order by series_id, bucket_begin",
            "indicator": f"select {_SHOWN} from indicator order by {_KEY}, revision",  # noqa: S608
            "latest": f"select {_SHOWN} from indicator_latest order by {_KEY}",  # noqa: S608
            "newest": f"select distinct on ({_KEY}) {_RESULT} from indicator"  # noqa: S608
            f" order by {_KEY}, revision desc",
            "change": "select number, kind, body::jsonb - 'computed_at' from change order by 1",
        }
        return {
            name: [tuple(row) for row in await self.pool.fetch(sql)] for name, sql in tables.items()
        }


_KEY: Final = "city, rule, zone, window_begin"
_RESULT: Final = f"""{_KEY}, window_end, rule_revision, closed, value, numerator, denominator,
    coverage, observed, flagged, reason, stations"""
_SHOWN: Final = f"""{_KEY}, revision, window_end, rule_revision, state, closed, value, numerator,
    denominator, coverage, observed, flagged, reason, stations, silent, watermark, change_number"""


def device(name: str, **otherwise: Any) -> DeclaredDevice:
    """What a station declares; of itself, what STATIONS says (`device_of` tells what else)."""
    return device_of(CITY, name, station_of(name), **otherwise)


def device_of(
    city: str,
    name: str,
    station: Station,
    *,
    declaration: Declaration | None = None,
    zone: str | None = "",
    since_us: int | None = None,
    at_us: int = NOON,
) -> DeclaredDevice:
    """What a station declares of itself, or another declaration or zone ("" is its own)."""
    declared = declaration or station.declaration
    return DeclaredDevice(
        DeviceKey(city, station.gateway, station.domain, name),
        at_us,
        since_us,
        station.zone if zone == "" else zone,
        series={(station.quantity, ""): declared},
        defaults={(station.quantity, ""): declared},
    )


class Breaking:
    """A connection that breaks before one of its statements, and stays so."""

    _STATEMENTS: Final = frozenset(
        {
            "execute",
            "executemany",
            "fetch",
            "fetchrow",
            "fetchval",
            "copy_to_table",
            "copy_from_query",
            "copy_records_to_table",
        }
    )

    def __init__(self, connection: Any, after: int) -> None:
        self._connection = connection
        self._left = after

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._connection, name)
        if name not in self._STATEMENTS:
            return found

        async def statement(*arguments: Any, **options: Any) -> Any:
            if self._left <= 0:
                raise ConnectionResetError("the connection broke")
            self._left -= 1
            return await found(*arguments, **options)

        return statement


def _perhaps_breaking(connection: Any, after: int | None) -> Any:
    return connection if after is None else Breaking(connection, after)


@asynccontextmanager
async def town(
    database: DatabaseSettings,
    *,
    clock: Clock = Clock.REPLAY,
    more: tuple[Rule, ...] = (),
    **settings: Any,
) -> AsyncIterator[Town]:
    """The city, founded; windows close as soon as the watermark has passed them.

    Args:
        database: empty, migrated.
        clock: of the city.
        more: rules beside those that every such city has.
        settings: of the aggregator.
    """
    options: dict[str, Any] = {
        "final_after_seconds": 0,
        "checkpoint_seconds": 1e9,
        "derive_days_every_seconds": 0,
        "derive_years_every_seconds": 0,
    } | settings
    async with open_pool(database, "tests") as pool:
        found = Town(pool, database, rules() + more, AggregatorSettings(**options), clock)
        await found.found()
        yield found


def samples(
    station: str, begin: int, end: int, step: int = 10 * MINUTE, value: float = 5.0
) -> list[Row]:
    """Readings of a station every `step` in [begin, end) after NOON, each a little higher."""
    return [
        Row(station, after, value + number) for number, after in enumerate(range(begin, end, step))
    ]
