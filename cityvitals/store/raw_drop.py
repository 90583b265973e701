"""Dropping raw readings that count as gone for everybody: whole partitions, or chunks.

A partition is renamed (its comment keeps its bounds), detached while others go on, looked through
once more now that nobody can write to it, and dropped. What another process, or this one before a
crash, left half done is taken up first. On TimescaleDB a chunk is locked, looked through once more,
and dropped, in one transaction. Nobody waits for us longer than `_LOCK_S`.
"""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final

import numpy as np
import structlog

from cityvitals.domain.times import to_us
from cityvitals.store.engine import Engine, engine_of
from cityvitals.store.failures import translated
from cityvitals.store.hypertables import drop_chunks
from cityvitals.store.partitions import Partitions
from cityvitals.store.pool import UNHURRIED_S, Connection, Pool
from cityvitals.store.sql import queries

_LOCK_S: Final = 1.0
_PIECE: Final = 10_000
_GONE: Final = "reading_gone_"
_BOUNDS: Final = re.compile(r"FROM \((?P<low>[^)]*)\) TO \((?P<high>[^)]*)\)")
_EARLIEST: Final = datetime(1, 1, 1, tzinfo=UTC)
_LATEST: Final = datetime(9999, 12, 31, tzinfo=UTC)
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Partition:
    """A partition of `reading`, holding [begin, end).

    Attributes:
        bounds: as the server writes them.
        pending: its detachment was cut short.
        held_by: a city whose readings in it are not to go; None where it may go.
        due: whether every live city has let go of it.
    """

    name: str
    bounds: str
    begin: datetime
    end: datetime
    bytes: int = 0
    pending: bool = False
    due: bool = False
    held_by: str | None = None

    @property
    def may_go(self) -> bool:
        """Whether nobody's readings hold it."""
        return self.due and self.held_by is None


async def list_partitions(connection: Connection) -> list[Partition]:
    """All partitions of `reading`, and which of them may go.

    Raises:
        StoreUnavailable: the server is away.
    """
    sql = queries("raw_drop")
    with translated("listing partitions of readings"):
        last = await connection.fetchrow(queries("retention")["gone_before"])
        if await engine_of(connection) is Engine.TIMESCALEDB:
            found = [_chunk(row) for row in await connection.fetch(sql["chunks"])]
        else:
            found = [_partition(row) for row in await connection.fetch(sql["partitions"])]
        return [await _judged(connection, one, last) for one in found]


async def drop_raw(pool: Pool) -> list[str]:
    """Drop what may go; returns the names of partitions that are no more.

    One process at a time; another returns at once. Where somebody holds a lock for long, what is
    left is done the next time.

    Raises:
        StoreConflict: somebody held a lock for longer than we wait.
        StoreUnavailable: the server is away.
    """
    with translated("dropping readings"):
        async with pool.acquire() as connection, _alone(connection) as is_ours:
            if not is_ours:
                return []
            if await engine_of(connection) is Engine.TIMESCALEDB:
                return await _drop_chunks(connection)
            done = await _finish(connection)
            for one in await list_partitions(connection):
                if one.may_go and not one.pending:
                    await _detach(connection, one)
                    done += await _finish(connection)
    return done


async def _drop_chunks(connection: Connection) -> list[str]:
    """Drop the chunks that may go, each once nobody can write to it any more."""
    done = []
    for one in await list_partitions(connection):
        if not one.may_go:
            continue
        async with connection.transaction():
            await connection.execute(f"lock table {one.name} in access exclusive mode")
            if await _holder(connection, one) is not None:
                continue
            await _drop_revisions(connection, one, await _held(connection, one))
            await drop_chunks(connection, "reading", one.begin, one.end)
        _log.info("readings_dropped", begin=str(one.begin), end=str(one.end), table=one.name)
        done.append(one.name)
    return done


@asynccontextmanager
async def _alone(connection: Connection) -> AsyncIterator[bool]:
    """Whether this session is the one that drops, and waits for others only so long."""
    sql = queries("raw_drop")
    is_ours = bool(await connection.fetchval(sql["only_one"]))
    try:
        if is_ours:
            await connection.execute(f"set lock_timeout = '{_LOCK_S}s'; set statement_timeout = 0")
        yield is_ours
    finally:
        if is_ours and not connection.is_closed():
            await connection.execute("reset lock_timeout; reset statement_timeout")
            await connection.execute(sql["done"])


async def _detach(connection: Connection, one: Partition) -> None:
    """Take a partition out of the table while others read and write there."""
    gone = one.name
    if not gone.startswith(_GONE):
        gone = _GONE + one.name.removeprefix("reading_")
        async with connection.transaction():
            await connection.execute(f'alter table "{one.name}" rename to "{gone}"')
            await connection.execute(f"comment on table \"{gone}\" is '{_quoted(one.bounds)}'")
    await connection.execute(f'alter table reading detach partition "{gone}" concurrently')


async def _finish(connection: Connection) -> list[str]:
    """Take up what is half done: end detachments, drop what is detached."""
    sql = queries("raw_drop")
    for row in await connection.fetch(sql["partitions"]):
        if row["pending"]:
            name = row["name"]
            await connection.execute(f'alter table reading detach partition "{name}" finalize')
    done = []
    for row in await connection.fetch(sql["detached"]):
        one = _partition({**row, "pending": False, "bytes": 0})
        held = await _held(connection, one)
        await _give_back(connection, one, held)
        await _drop_revisions(connection, one, held)
        await connection.execute(f'drop table if exists "{one.name}"')
        _log.info("readings_dropped", begin=str(one.begin), end=str(one.end), table=one.name)
        done.append(one.name)
    return done


async def _give_back(connection: Connection, one: Partition, held: list[int]) -> None:
    """Give back readings that came between our last look and the detachment.

    Of a city that began to write there meanwhile: registered just now, or in a replay.
    """
    if not held:
        return
    days = await connection.fetch(_in(one, "times_there"), held, timeout=UNHURRIED_S)
    if not days:
        return
    times = np.array([to_us(row["day"]) for row in days], np.int64)
    await Partitions("reading").ensure(connection, times)
    given = await connection.execute(_in(one, "give_back"), held, timeout=UNHURRIED_S)
    _log.warning("readings_given_back", table=one.name, readings=given.rpartition(" ")[2])


def _in(one: Partition, query: str) -> str:
    """A query of a detached partition."""
    return queries("raw_drop")[query].replace("reading_gone_name", f'"{one.name}"')


async def _drop_revisions(connection: Connection, one: Partition, held: list[int]) -> None:
    """Earlier values of keys that are gone go too, some at a time."""
    query = queries("retention")["drop_revisions"]
    while await connection.execute(query, one.begin, one.end, held, _PIECE) != "DELETE 0":
        pass


async def _judged(connection: Connection, one: Partition, last: Any) -> Partition:
    """A partition, and who holds it: first of all the live city that is the last to let go."""
    if last is None:
        return one
    if one.end > last["at"]:
        return replace(one, held_by=str(last["id"]))
    return replace(one, due=True, held_by=await _holder(connection, one))


async def _holder(connection: Connection, one: Partition) -> str | None:
    """A city whose readings in a partition are not to go, if there is one.

    Its rollups tell most quickly; readings that have none yet are looked for in the partition.
    """
    rows = await connection.fetch(queries("retention")["holders"], one.end)
    cities = {row["id"]: str(row["city"]) for row in rows}
    if not cities:
        return None
    query = queries("retention")["with_rollups"]
    found = await connection.fetchval(query, list(cities), one.begin, one.end)
    if found is None:
        query = queries("raw_drop")["series_there"]
        found = await connection.fetchval(
            query, list(cities), one.begin, one.end, timeout=UNHURRIED_S
        )
    return None if found is None else cities[found]


async def _held(connection: Connection, one: Partition) -> list[int]:
    """Series whose readings in this stretch are not to go."""
    rows = await connection.fetch(queries("retention")["holders"], one.end)
    return [row["id"] for row in rows]


def _partition(row: Any) -> Partition:
    match = _BOUNDS.search(row["bounds"] or "")
    low, high = (match["low"], match["high"]) if match else ("MINVALUE", "MAXVALUE")
    begin, end = _moment(low, _EARLIEST), _moment(high, _LATEST)
    return Partition(row["name"], row["bounds"], begin, end, row["bytes"], row["pending"])


def _chunk(row: Any) -> Partition:
    return Partition(row["name"], "", row["begin"], row["end"], row["bytes"])


def _moment(text: str, otherwise: datetime) -> datetime:
    """A bound as the server writes it in UTC, such as '2026-11-01 00:00:00+00'."""
    if not text.startswith("'"):
        return otherwise
    return datetime.fromisoformat(text.strip("'"))


def _quoted(text: str) -> str:
    return text.replace("'", "''")
