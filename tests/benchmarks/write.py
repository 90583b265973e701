"""The writer's transaction against a bare COPY of the same readings, one after the other."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from typing import Final, Protocol

import numpy as np

from cityvitals.domain.arrays import READING, Records
from cityvitals.domain.names import shard_of
from cityvitals.domain.outcome import Outcome
from cityvitals.domain.times import US
from cityvitals.store.batch import Batch, Sender
from cityvitals.store.lanes import Lane, take_lane
from cityvitals.store.layouts import READINGS
from cityvitals.store.pool import Connection, Pool
from cityvitals.store.writer import ReadingWriter
from tests.benchmarks.city import DEVICES, PER_DEVICE, STEP_US, city_id
from tests.benchmarks.result import Results, say
from tests.benchmarks.stack import Invalid

_PACKS: Final = 400
_STEPS: Final = 5
_READINGS: Final = _PACKS * PER_DEVICE * _STEPS
_WARM_UP: Final = 4
_PIECE: Final = 1 << 19
_SLOWEST_BARE: Final = 0.8 * 1.0e6 / 20.0e6
"""Bare COPY against encoding speed, of the machine the targets come from: less is no baseline."""


class Databases(Protocol):
    """Who has a database for us."""

    def database(self, name: str) -> AbstractAsyncContextManager[Pool]:
        """A pool of a migrated database without readings."""


async def measure(stack: Databases, results: Results, rounds: int) -> None:
    """`write_ratio`, and beside it what two workers reach at the same time."""
    say(f"  {rounds} batches of {_READINGS:,} by the writer and by bare COPY")
    async with stack.database("bench_write") as pool, pool.acquire() as connection:
        await connection.execute("create table bare (like reading)")
        await connection.execute("create table keyed (like reading)")
        await connection.execute("create unique index on keyed (observed_at, series_id)")
        lane = await take_lane(connection, "bench")
        writer = ReadingWriter(pool, lane)
        ours, bare, keyed, encoded = [], [], [], []
        base_us = _lately_us()
        for number in range(rounds + _WARM_UP):
            batch = _batch(base_us, number)
            # As ingest's, the writer's batch comes in order of arrival; COPY gets the same order.
            encoded.append(await _timed_encode(batch.readings))
            pair = await _pair(connection, writer, batch, ours_first=number % 2 == 0)
            ours.append(pair[0])
            bare.append(pair[1])
            # What the key costs by itself: rows sorted as ours, nothing else written.
            rows = batch.readings[np.lexsort((batch.readings["series"], batch.readings["t"]))]
            keyed.append(await _copy(connection, READINGS.encode(rows), "keyed"))
        both = await _two_workers(pool, connection, base_us, rounds + _WARM_UP)
        await _check(pool, (rounds + _WARM_UP) * _READINGS, 2 * len(both) * _READINGS)
    ours, bare, encoded = ours[_WARM_UP:], bare[_WARM_UP:], encoded[_WARM_UP:]
    results.ceilings["write_ratio_of_two_workers"] = float(np.median(both[1:]))
    results.ceilings["keyed_copy_rows_per_s"] = _READINGS / float(np.median(keyed[_WARM_UP:]))
    results.ceilings["write_ratio_of_the_key"] = float(
        np.median(bare) / np.median(keyed[_WARM_UP:])
    )
    _put(results, np.array(ours), np.array(bare), np.array(encoded))


async def _two_workers(pool: Pool, connection: Connection, base_us: int, done: int) -> list[float]:
    """Rounds of two workers with a batch each, against bare COPY of both one after the other."""
    async with pool.acquire() as other:
        writers = [ReadingWriter(pool, await take_lane(other, name)) for name in ("one", "two")]
    found = []
    for number in range(done, 2 * done, 2):
        batches = [_batch(base_us, number), _batch(base_us, number + 1)]
        begun_s = time.perf_counter()
        await asyncio.gather(
            *(_commit(one, batch) for one, batch in zip(writers, batches, strict=True))
        )
        ours_s = time.perf_counter() - begun_s
        bare_s = [await _copy(connection, READINGS.encode(one.readings)) for one in batches]
        found.append(sum(bare_s) / ours_s)
    return found


def _lately_us() -> int:
    """A step's begin, long enough ago for all that is measured, and as live readings are."""
    return time.time_ns() // 1000 // STEP_US * STEP_US - 3600 * US


async def measure_twice(stack: Databases, results: Results, rounds: int) -> None:
    """`write_twice_ratio`: readings stored a second where all are sent twice, against once."""
    say(f"  {rounds} batches of {_READINGS:,} sent once and sent twice")
    async with stack.database("bench_twice") as pool:
        writer = ReadingWriter(pool, await _lane(pool))
        once, twice = [], []
        base_us = _lately_us()
        for number in range(rounds + _WARM_UP):
            once.append(await _commit(writer, _batch(base_us, 2 * number)))
            again = _twice(_batch(base_us, 2 * number + 1))
            twice.append(await _commit(writer, again))
    ratios = np.array(once[_WARM_UP:]) / np.array(twice[_WARM_UP:])
    results.figures["write_twice_ratio"] = float(np.median(ratios))
    results.spread["write_twice_ratio"] = np.percentile(ratios, [25, 75]).tolist()


async def _lane(pool: Pool) -> Lane:
    async with pool.acquire() as connection:
        return await take_lane(connection, "bench")


def _twice(batch: Batch) -> Batch:
    """The same with every pack right after itself again."""
    packs = np.arange(_READINGS).reshape(_PACKS, -1)
    rows = np.concatenate([packs, packs], axis=1).reshape(-1)
    return Batch(batch.readings[rows], batch.ends[rows], batch.sender[rows], batch.senders)


async def _pair(
    connection: Connection, writer: ReadingWriter, batch: Batch, *, ours_first: bool
) -> tuple[float, float]:
    """Seconds that the writer and a bare COPY take for one batch."""
    stream = READINGS.encode(batch.readings)
    if ours_first:
        ours = await _commit(writer, batch)
        return ours, await _copy(connection, stream)
    bare = await _copy(connection, stream)
    return await _commit(writer, batch), bare


async def _commit(writer: ReadingWriter, batch: Batch) -> float:
    begun_s = time.perf_counter()
    outcomes = await writer.commit(batch)
    taken_s = time.perf_counter() - begun_s
    if outcomes.counts[Outcome.STORED] != _READINGS:
        raise Invalid(f"the writer stored {outcomes.counts}")
    return taken_s


async def _copy(connection: Connection, stream: bytes, table: str = "bare") -> float:
    """One COPY, which is one transaction, of bytes that are encoded already."""
    begun_s = time.perf_counter()
    await connection.copy_to_table(
        table, source=_pieces(stream), columns=READINGS.names, format="binary"
    )
    return time.perf_counter() - begun_s


async def _pieces(stream: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(stream), _PIECE):
        yield stream[start : start + _PIECE]


async def _timed_encode(readings: Records) -> float:
    begun_s = time.perf_counter()
    READINGS.encode(readings)
    return time.perf_counter() - begun_s


def _batch(base_us: int, number: int) -> Batch:
    """Packs of 50 as they arrive: device after device, each series' five steps of ten seconds."""
    drawn = np.random.default_rng(number)
    first = number * _PACKS
    packs = np.arange(first, first + _PACKS)
    device, turn = packs % DEVICES, packs // DEVICES
    step = turn[:, None, None] * _STEPS + np.arange(_STEPS)[None, :, None]
    shape = (_PACKS, _STEPS, PER_DEVICE)
    readings = np.zeros(_READINGS, READING)
    jitter = drawn.integers(0, STEP_US, shape)
    readings["t"] = (base_us + step * STEP_US + jitter).reshape(-1)
    readings["received"] = time.time_ns() // 1000
    readings["v"] = drawn.uniform(10, 40, _READINGS)
    series = device[:, None, None] * PER_DEVICE + np.arange(PER_DEVICE) + 1
    readings["series"] = np.broadcast_to(series, shape).reshape(-1)
    gateways = 200
    sender = np.repeat(device % gateways, _STEPS * PER_DEVICE).astype(np.int32)
    taking, compact = np.unique(sender, return_inverse=True)
    senders = [
        Sender(city := city_id(one % 4), f"g{one}", one, shard_of(city), live=True)
        for one in taking.tolist()
    ]
    return Batch(readings, readings["t"].copy(), compact.astype(np.int32), tuple(senders))


async def _check(pool: Pool, once: int, by_two: int) -> None:
    expected = {"reading": once + by_two, "bare": once + by_two, "keyed": once}
    async with pool.acquire() as connection:
        for table, count in expected.items():
            stored = await connection.fetchval(f"select count(*) from {table}")  # noqa: S608
            if stored != count:
                raise Invalid(f"{table} holds {stored} rows instead of {count}")


def _put(
    results: Results,
    ours: "np.ndarray[tuple[int], np.dtype[np.float64]]",
    bare: "np.ndarray[tuple[int], np.dtype[np.float64]]",
    encoded: "np.ndarray[tuple[int], np.dtype[np.float64]]",
) -> None:
    results.figures["write_ratio"] = float(np.median(bare) / np.median(ours))
    results.spread["write_ratio"] = np.percentile(bare / ours, [25, 75]).tolist()
    results.ceilings["write_readings_per_s"] = _READINGS / float(np.median(ours))
    results.ceilings["bare_copy_rows_per_s"] = _READINGS / float(np.median(bare))
    results.ceilings["encoded_rows_per_s"] = _READINGS / float(np.median(encoded))
    against = float(np.median(encoded) / np.median(bare))
    if against < _SLOWEST_BARE:
        raise Invalid(f"bare COPY is {against:.3f} x as fast as encoding, below {_SLOWEST_BARE}")
