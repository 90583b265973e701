"""What a test asks of the database of a running service."""

import asyncio
from typing import Any, Final

import asyncpg

_TAKEN: Final = """
select coalesce(bool_and(
    coalesce((s.cursors ->> l.lane)::bigint, 0) >= l.next_seq - 1 and s.waiting = 0 and s.ended = 0
), false)
from lane l join shard s using (shard) where l.next_seq > 1
"""
_SETTLED: Final = f"""
select case when ({_TAKEN}) and exists (select from indicator where city = $1) then not exists (
    select from (
        select distinct on (rule, zone, window_begin) closed
        from indicator where city = $1 order by rule, zone, window_begin, revision desc
    ) newest where not closed
) else false end
"""  # noqa: S608 (both parts are ours)
_BOOKS: Final = """
select coalesce(sum(received), 0)::bigint as received,
       coalesce(sum(stored), 0)::bigint as stored,
       coalesce(sum(duplicate), 0)::bigint as duplicate,
       coalesce(sum(revised), 0)::bigint as revised,
       coalesce(sum(rejected), 0)::bigint as rejected
from ledger where city = $1
"""


def fetch(dsn: str, query: str, *arguments: Any) -> list[Any]:
    """Rows of a query."""

    async def ask() -> list[Any]:
        connection = await asyncpg.connect(dsn)
        try:
            return list(await connection.fetch(query, *arguments))
        finally:
            await connection.close()

    return asyncio.run(ask())


def run(dsn: str, script: str) -> None:
    """Run statements that return nothing; several are one transaction."""

    async def ask() -> None:
        connection = await asyncpg.connect(dsn)
        try:
            await connection.execute(script)
        finally:
            await connection.close()

    asyncio.run(ask())


def value(dsn: str, query: str, *arguments: Any) -> Any:
    """The only value of a query."""
    return fetch(dsn, query, *arguments)[0][0]


def readings(dsn: str) -> int:
    """How many readings are stored."""
    return int(value(dsn, "select count(*) from reading"))


def ledger(dsn: str, city: str) -> dict[str, int]:
    """A city's books, all lanes and gateways together."""
    return dict(fetch(dsn, _BOOKS, city)[0])


def is_taken(dsn: str) -> bool:
    """Whether the aggregator has taken every log entry, and derived what followed."""
    return bool(value(dsn, _TAKEN))


def is_settled(dsn: str, city: str) -> bool:
    """Whether every log entry is taken, and every window of the city has become final."""
    return bool(value(dsn, _SETTLED, city))
