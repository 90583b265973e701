"""Native range partitions by calendar month (UTC), created before the first row needs them.

The database's function `create_partition` builds it beside its parent and attaches it, which lets
readers and writers go on; an advisory lock keeps two processes from building the same one.
"""

import numpy as np

from cityvitals.domain.times import from_us
from cityvitals.store.failures import translated
from cityvitals.store.pool import Connection, Pool


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
    """Create and attach one month's partition unless it is there, on behalf of the schema's owner.

    Raises:
        StoreUnavailable: the server is away.
    """
    with translated(f"creating a partition of {table}"):
        await connection.execute("select create_partition($1, $2, $3)", table, *month)
