"""Which engine keeps the tables: plain PostgreSQL, or TimescaleDB with its community licence.

What is in place decides, not what the server could do: a database that was set up on one stays on
it. Which one it is set up on is decided by `choose`, once, while it is empty.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import asyncpg

from cityvitals.errors import UnfitServer
from cityvitals.store.failures import translated
from cityvitals.store.pool import Connection
from cityvitals.store.sql import queries

OLDEST: Final = (2, 23)
"""The first TimescaleDB with PostgreSQL 18; tests run on the newest."""
_AS_PLAIN: Final = "or set CITYVITALS_STORAGE__ENGINE=postgresql"


class Engine(StrEnum):
    """What keeps the big tables."""

    POSTGRESQL = "postgresql"
    TIMESCALEDB = "timescaledb"


@dataclass(frozen=True, slots=True)
class Offer:
    """What a server has of TimescaleDB.

    Attributes:
        available: version that could be installed in a database; None where there is none.
        installed: version in this database, or None.
        loaded: its library is, by `shared_preload_libraries`.
        licence: `timescale` (community) or `apache`; None while it is not installed.
        in_use: the tables are hypertables.
    """

    available: str | None
    installed: str | None
    loaded: bool
    licence: str | None
    in_use: bool

    def flaw(self) -> str:
        """Why it cannot be used, and the remedy; empty where it can."""
        version = self.installed or self.available
        if version is None:
            return "the server has no TimescaleDB: install its package on the server"
        if _numbers(version) < OLDEST:
            least = ".".join(map(str, OLDEST))
            return (
                f"TimescaleDB {version} is older than {least}: upgrade its package, then "
                "`alter extension timescaledb update` in this database"
            )
        if not self.loaded:
            return (
                "the server does not preload its TimescaleDB: add timescaledb to "
                "shared_preload_libraries in postgresql.conf and restart the server"
            )
        if self.licence == "apache":
            return (
                "TimescaleDB is under its Apache-2 licence, without compression and policies: "
                "install the community build, and set timescaledb.license = 'timescale'"
            )
        return ""


async def look(connection: Connection) -> Offer:
    """What the server has.

    Raises:
        StoreUnavailable: the server is away.
    """
    with translated("asking the database what it is"):
        row = await connection.fetchrow(queries("engine")["offer"])
    if row is None:
        raise AssertionError("a select without from has one row")
    return Offer(**{**row, "in_use": bool(row["in_use"])})


async def engine_of(connection: Connection) -> Engine:
    """The engine that keeps this database's tables.

    Raises:
        StoreUnavailable: the server is away.
    """
    offer = await look(connection)
    return Engine.TIMESCALEDB if offer.in_use else Engine.POSTGRESQL


async def require_engine(connection: Connection) -> Engine:
    """The engine in place; refused where the server lost what it needs.

    Raises:
        UnfitServer: the tables are hypertables, and the server cannot work with them (any more); or
            any change of the schema would end the session, since the extension cannot be loaded.
        StoreUnavailable: the server is away.
    """
    offer = await look(connection)
    if offer.in_use and (flaw := offer.flaw()):
        raise UnfitServer(f"the database's tables are hypertables, and {flaw}")
    if offer.installed is not None and not offer.loaded:
        raise UnfitServer(f"the database has the extension in it, and {offer.flaw()}")
    return Engine.TIMESCALEDB if offer.in_use else Engine.POSTGRESQL


async def choose(connection: Connection, wanted: str) -> Engine:
    """The engine for this database, its extension installed where it has one.

    Args:
        connection: of the database's owner.
        wanted: `auto`, `timescaledb` or `postgresql`, of the settings.

    Raises:
        UnfitServer: what is wanted, or in place already, cannot be had; names the remedy.
        StoreUnavailable: the server is away.
    """
    if await require_engine(connection) is Engine.TIMESCALEDB:
        if wanted == Engine.POSTGRESQL:
            raise UnfitServer(
                "CITYVITALS_STORAGE__ENGINE is postgresql, but the tables are hypertables: set it "
                "to timescaledb or auto, or use another database"
            )
        return Engine.TIMESCALEDB
    if wanted == Engine.POSTGRESQL:
        return Engine.POSTGRESQL
    flaw = await _obstacle(connection)
    if not flaw:
        return Engine.TIMESCALEDB
    if wanted == Engine.TIMESCALEDB:
        raise UnfitServer(f"CITYVITALS_STORAGE__ENGINE is timescaledb, but {flaw}, {_AS_PLAIN}")
    return Engine.POSTGRESQL  # `cityvitals db size` says why


async def _obstacle(connection: Connection) -> str:
    """What stands between this database and TimescaleDB once its extension was asked for."""
    offer = await look(connection)
    if flaw := offer.flaw():
        return flaw
    with translated("looking for readings"):
        if await connection.fetchval(queries("engine")["holding"]):
            return (
                "this database holds readings in native partitions: bring them over into a new "
                "database, as docs/operations.md says"
            )
    if offer.installed is None:
        with translated("installing TimescaleDB"):
            try:
                await connection.execute(queries("engine")["install"])
            except asyncpg.InsufficientPrivilegeError:
                return "this user may not install it: `create extension timescaledb` as a superuser"
        return (await look(connection)).flaw()
    return ""


async def plan_by_values(connection: Connection) -> None:
    """Have the statements of this transaction planned for their very values.

    For an UPDATE or DELETE by values of many rows: a plan that does not know them decompresses
    every chunk (TimescaleDB before 2.29), where one that does picks the batches they are in.

    Raises:
        StoreUnavailable: the server is away.
    """
    with translated("preparing to change what may be compressed"):
        await connection.execute(queries("engine")["plan_by_values"])


def _numbers(version: str) -> tuple[int, ...]:
    """Major and minor number."""
    return tuple(int(part) for part in version.split("-", maxsplit=1)[0].split(".")[:2])
