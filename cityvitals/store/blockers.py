"""Who holds a lock that another session waits for: looked at from beside, while it waits."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Final

import asyncpg

from cityvitals.store.pool import Connection
from cityvitals.store.sql import queries

_EVERY_S: Final = 0.1


@dataclass(slots=True)
class Seen:
    """The sessions that were last seen to block, in words; empty where none was."""

    blockers: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        return " and ".join(self.blockers) or "a session that was not seen"


@asynccontextmanager
async def watched(observer: Connection | None, pid: int) -> AsyncIterator[Seen]:
    """Watch who blocks session `pid` while the body runs.

    Args:
        observer: a connection of its own to look from; without one nothing is seen.
        pid: the server's process that may wait.
    """
    seen = Seen()
    if observer is None:
        yield seen
        return
    watching = asyncio.create_task(_watch(observer, pid, seen), name="blockers")
    try:
        yield seen
    finally:
        watching.cancel()
        await asyncio.wait({watching})


async def _watch(observer: Connection, pid: int, seen: Seen) -> None:
    """Look again and again; what stops us from looking is no reason to stop what we watch."""
    with suppress(asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
        while True:
            rows = await observer.fetch(queries("blockers")["blockers"], pid)
            if rows:
                seen.blockers = [_told(**dict(row)) for row in rows]
            await asyncio.sleep(_EVERY_S)


def _told(pid: int, application: str, role: str, state: str, seconds: float) -> str:
    """A session in words; never its statement, which may hold a password."""
    known = [application or "unnamed", f"user {role}" if role else "", state]
    if seconds:
        known.append(f"in a transaction for {seconds:.0f} s")
    return f"process {pid} ({', '.join(word for word in known if word)})"
