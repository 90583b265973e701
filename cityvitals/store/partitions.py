"""Native range partitions by calendar month (UTC), created before the first row needs them.

A partition is built beside its parent and attached, which lets readers and writers go on; an
advisory lock keeps two processes from building the same one.
"""

from datetime import UTC, datetime
from typing import Final

import numpy as np

from cityvitals.domain.times import from_us
from cityvitals.store.engine import Engine, engine_of
from cityvitals.store.failures import translated
from cityvitals.store.pool import Connection, Pool

_LOCK: Final = 0x43_56_50_41  # "CVPA"


class Partitions:
    """The partitions of one table that this process knows to exist.

    Bounded: one small tuple for each month of data.
    """

    def __init__(self, pool: Pool, table: str) -> None:
        self._pool = pool
        self._table = table
        self._known: set[tuple[int, int]] = set()

    async def ensure(self, times_us: "np.ndarray[tuple[int], np.dtype[np.int64]]") -> None:
        """Have a partition for every one of these instants.

        Raises:
            StoreUnavailable: the server is away.
        """
        if not len(times_us):
            return
        first, last = _month(int(times_us.min())), _month(int(times_us.max()))
        if first == last and first in self._known:
            return  # as nearly always
        needed = {_month(t) for t in np.unique(times_us // 86_400_000_000) * 86_400_000_000}
        for month in sorted(needed - self._known):
            with translated(f"creating a partition of {self._table}"):
                async with self._pool.acquire() as connection:
                    await create_partition(connection, self._table, month)
            self._known.add(month)


def _month(t_us: int) -> tuple[int, int]:
    moment = from_us(t_us)
    return moment.year, moment.month


async def create_partition(connection: Connection, table: str, month: tuple[int, int]) -> None:
    """Create and attach one month's partition unless it is there; a hypertable needs none.

    Raises:
        StoreUnavailable: the server is away.
    """
    if await engine_of(connection) is not Engine.POSTGRESQL:
        return
    year, number = month
    name = f"{table}_{year:04d}_{number:02d}"
    begin = datetime(year, number, 1, tzinfo=UTC).isoformat()
    end = datetime(year + number // 12, number % 12 + 1, 1, tzinfo=UTC).isoformat()
    with translated(f"creating partition {name}"):
        async with connection.transaction():
            await connection.execute("select pg_advisory_xact_lock($1)", _LOCK)
            if await connection.fetchval("select to_regclass($1) is not null", name):
                return
            await connection.execute(f"create table {name} (like {table} including all)")
            await connection.execute(
                f"alter table {table} attach partition {name} "
                f"for values from ('{begin}') to ('{end}')"
            )
