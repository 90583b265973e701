"""Stored readings to final indicators: a city as the load's, derived anew from what is stored."""

import time
from dataclasses import replace
from typing import Final

import numpy as np

from aggregator.tuning import tune
from aggregator.warmup import warm_up
from aggregator.worker import ShardWorker
from cityvitals.domain.arrays import READING, Records
from cityvitals.domain.names import Clock, Domain, Kind, Stamp, shard_of
from cityvitals.domain.series import Declaration
from cityvitals.domain.times import US
from cityvitals.settings import AggregatorSettings
from cityvitals.store import derived, shards, tail
from cityvitals.store.copy import copy_in
from cityvitals.store.declarations import (
    Declared,
    DeclaredCity,
    DeclaredDevice,
    DeclaredStatus,
    declare,
)
from cityvitals.store.lanes import take_lane
from cityvitals.store.layouts import READINGS
from cityvitals.store.partitions import Partitions
from cityvitals.store.pool import Connection
from cityvitals.store.registry import DeviceKey
from simulator.load.town import Sensor, Town, series_of
from tests.benchmarks.city import STEP_US
from tests.benchmarks.fold import fold_seconds
from tests.benchmarks.metropolis import live_rules
from tests.benchmarks.result import Results, say
from tests.benchmarks.stack import Invalid, Stack

DATABASE: Final = "recompute"
_CITY: Final = "recomputed"
_ZONES: Final = 12
_SENSORS: Final = 250
_STEPS: Final = 720
"""Two hours of readings ten seconds apart."""
_BEGIN_US: Final = 1_795_435_200 * US
_LONGEST_S: Final = 300.0
_HOUR_US: Final = 3600 * US


async def measure(stack: Stack, results: Results) -> None:
    """`recompute_readings_per_s`: by CPU time of the aggregator's process alone.

    From claiming the shard to the last window's final value, the city's gateways having said that
    nothing more comes, so that no window waits for a minute without input. The server's work goes
    on beside it; what a clock says is among the ceilings.
    """
    say("  recomputing a city from its stored readings")
    async with stack.database(DATABASE) as pool, pool.acquire() as connection:
        await _found(connection)
        stored = await _fill(connection)
        warm_up()
        tune()
        await connection.execute("update shard set owner = null, expires_at = '-infinity'")
        claims = await shards.claim(connection, "benchmark", _LONGEST_S * 2)
        claim = next(one for one in claims if one.shard == shard_of(_CITY))
        settings = AggregatorSettings(final_after_seconds=0)
        worker = ShardWorker(replace(claim, rebuild=True), live_rules(), settings)
        begun_s, begun_cpu_s = time.monotonic(), time.process_time()
        await _recompute(connection, worker, claim.shard)
        used_s, taken_s = time.process_time() - begun_cpu_s, time.monotonic() - begun_s
        await _check(connection, stored)
        least_s = await _read_and_fold(connection, stored)
        indicators = await connection.fetchval("select count(*) from indicator where closed")
    results.put("recompute_readings_per_s", [stored / used_s])
    results.ceilings["read_and_fold_readings_per_s"] = round(stored / least_s)
    results.ceilings["recomputed_readings"] = stored
    results.ceilings["recomputed_final_indicators"] = indicators
    results.ceilings["recompute_readings_per_s_by_the_clock"] = round(stored / taken_s)


def _town() -> Town:
    return Town((_CITY,), _ZONES, _SENSORS, STEP_US)


async def _found(connection: Connection) -> None:
    """The city, its sensors, and gateways that have said all."""
    lane = await take_lane(connection, "bench")
    sensors = _town().sensors
    gateways = sorted({one.gateway for one in sensors})
    declared: list[Declared] = [DeclaredCity(_CITY, _CITY, "Europe/Vienna", Clock.REPLAY)]
    declared += [_declared(one) for one in sensors]
    for status in ("online", "end"):
        declared += [DeclaredStatus(_CITY, one, status, _BEGIN_US) for one in gateways]
    async with connection.transaction():
        await declare(connection, lane, declared)


def _declared(sensor: Sensor) -> DeclaredDevice:
    period_s = STEP_US / US
    if sensor.domain is Domain.ENERGY:
        said = Declaration(Kind.INTERVAL_TOTAL, period_s=period_s, stamp=Stamp.END)
    else:
        said = Declaration(Kind.GAUGE, reporting_s=period_s)
    series = {
        (one.q, one.ch): replace(said, unit=one.unit) for one in series_of(sensor.domain, STEP_US)
    }
    key = DeviceKey(_CITY, sensor.gateway, sensor.domain, sensor.id)
    return DeclaredDevice(key, _BEGIN_US, zone=sensor.zone, series=series, defaults=series)


async def _fill(connection: Connection) -> int:
    """Store all readings; returns how many."""
    found = await connection.fetch("select id from series order by id")
    ids = np.array([row["id"] for row in found], np.int32)
    drawn, stored = np.random.default_rng(7), 0
    partitions = Partitions("reading")
    for first in range(0, _STEPS, 60):
        readings = _readings(ids, first, min(60, _STEPS - first), drawn)
        await partitions.ensure(connection, readings["t"])
        await copy_in(connection, READINGS, readings)
        stored += len(readings)
    await connection.execute("analyze reading")
    return stored


def _readings(
    ids: "np.ndarray[tuple[int], np.dtype[np.int32]]",
    first: int,
    steps: int,
    drawn: np.random.Generator,
) -> Records:
    shape = steps, len(ids)
    begins = _BEGIN_US + (first + np.arange(steps))[:, None] * STEP_US
    readings = np.zeros(steps * len(ids), READING)
    readings["t"] = (begins + drawn.integers(0, STEP_US, shape)).reshape(-1)
    readings["received"] = readings["t"]
    readings["v"] = drawn.uniform(10, 40, shape).reshape(-1)
    readings["series"] = np.broadcast_to(ids, shape).reshape(-1)
    return readings[np.lexsort((readings["series"], readings["t"]))]


async def _recompute(connection: Connection, worker: ShardWorker, shard: int) -> None:
    now_us = _BEGIN_US + 48 * _HOUR_US
    begun_s = time.monotonic()
    await worker.load(connection, now_us)
    while True:
        heads = (await tail.read_heads(connection, [shard])).get(shard, {})
        more = (await worker.cycle(connection, heads, now_us)).more
        if not more and not len(worker.shard.pending):
            return
        if time.monotonic() - begun_s > _LONGEST_S:
            raise Invalid(f"not done within {_LONGEST_S:.0f} s")


async def _read_and_fold(connection: Connection, stored: int) -> float:
    """CPU seconds of reading the same readings and folding as many, and nothing else."""
    ids = [row["id"] for row in await connection.fetch("select id from series")]
    begun_s = time.process_time()
    found = await derived.read_readings(connection, ids, _BEGIN_US, _BEGIN_US + 24 * _HOUR_US)
    read_s = time.process_time() - begun_s
    if len(found) != stored:
        raise Invalid(f"read {len(found):,} of {stored:,} readings")
    return read_s + fold_seconds(stored)


async def _check(connection: Connection, stored: int) -> None:
    """Every reading is in a rollup or an open bucket, and no latest value is open.

    Raises:
        Invalid: not so.
    """
    counted = await connection.fetchval("select sum(count)::bigint from rollup")
    if not 0.85 * stored < counted <= stored:
        raise Invalid(f"{counted:,} of {stored:,} readings are in closed quarter hours")
    if await connection.fetchval("select count(*) from indicator_latest where not closed"):
        raise Invalid("not every window is final")
