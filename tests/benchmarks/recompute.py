"""Stored readings to final indicators: one city of the load is derived anew, on one core."""

import time
from dataclasses import replace
from typing import Final

from aggregator.warmup import warm_up
from aggregator.worker import ShardWorker
from cityvitals.domain.names import shard_of
from cityvitals.settings import AggregatorSettings
from cityvitals.store import shards, tail
from cityvitals.store.pool import Connection, open_pool
from kpi_rules.built import sift
from kpi_rules.load import load_rules
from tests.benchmarks.city import city_id
from tests.benchmarks.end_to_end import DATABASE
from tests.benchmarks.result import Results, say
from tests.benchmarks.stack import Invalid, Stack

_CITY: Final = city_id(1)
_LONGEST_S: Final = 60.0
_LATER_US: Final = 3600 * 1_000_000


async def measure(stack: Stack, results: Results) -> None:
    """`recompute_readings_per_s`; the load must have run before."""
    say("  recomputing a city from its stored readings")
    settings = stack.settings_of(DATABASE)
    async with open_pool(settings, "benchmark") as pool, pool.acquire() as connection:
        stored = await connection.fetchval(
            "select count(*) from reading r join series s on s.id = r.series_id where s.city = $1",
            _CITY,
        )
        if not stored:
            raise Invalid("nothing is stored: measure ingest in the same run")
        before = await _derived(connection)
        await _forget(connection)
        warm_up()
        claims = await shards.claim(connection, "benchmark", _LONGEST_S * 2)
        claim = next(one for one in claims if one.shard == shard_of(_CITY))
        rules, _ = sift(load_rules())
        worker = ShardWorker(replace(claim, rebuild=True), rules, AggregatorSettings())
        taken_s = await _recompute(connection, worker, claim.shard)
        if await _derived(connection) != before:
            raise Invalid("the recomputed rollups are not those of the live run")
    results.put("recompute_readings_per_s", [stored / taken_s])
    results.ceilings["recomputed_readings"] = stored


async def _recompute(connection: Connection, worker: ShardWorker, shard: int) -> float:
    begun_s = time.monotonic()
    now_us = time.time_ns() // 1000 + _LATER_US
    await worker.load(connection, now_us)
    more = True
    while more:
        heads = (await tail.read_heads(connection, [shard])).get(shard, {})
        more = (await worker.cycle(connection, heads, now_us)).more
        if time.monotonic() - begun_s > _LONGEST_S:
            raise Invalid(f"not done within {_LONGEST_S:.0f} s")
    return time.monotonic() - begun_s


async def _forget(connection: Connection) -> None:
    """Remove everything derived, and who derived it."""
    for table in ("rollup", "indicator", "indicator_latest", "change", "checkpoint"):
        await connection.execute(f"truncate {table}")
    await connection.execute("update shard set owner = null, expires_at = '-infinity'")


async def _derived(connection: Connection) -> tuple[int, int]:
    """Closed buckets of the city, and the readings in them."""
    rows = await connection.fetch(
        """
        select count(*) as buckets, coalesce(sum(count), 0)::bigint as readings
        from rollup r join series s on s.id = r.series_id where s.city = $1
        """,
        _CITY,
    )
    return rows[0]["buckets"], rows[0]["readings"]
