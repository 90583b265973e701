"""What a server lacks for TimescaleDB is named, with what to do about it."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import asyncpg
import pytest

from cityvitals.errors import UnfitServer
from cityvitals.settings import StorageSettings
from cityvitals.store.engine import Engine, Offer, choose, require_engine
from cityvitals.store.hypertables import chunk_length, hypertables
from cityvitals.store.sql import queries

GOOD = Offer("2.29.2", "2.29.2", loaded=True, licence="timescale", in_use=False)
NONE = Offer(None, None, loaded=False, licence=None, in_use=False)
FRESH = replace(GOOD, installed=None, licence=None)
FLAWED = {
    "has no TimescaleDB: install its package": NONE,
    "does not preload its TimescaleDB: add timescaledb to shared_preload_libraries": replace(
        FRESH, loaded=False
    ),
    "under its Apache-2 licence": replace(GOOD, licence="apache"),
    "TimescaleDB 2.22.1 is older than 2.23": replace(GOOD, installed="2.22.1"),
    "TimescaleDB 2.9.0-dev is older": replace(FRESH, available="2.9.0-dev"),
}


class Server:
    """What a connection is asked by `engine`, answered one offer after the other."""

    def __init__(self, *offers: Offer, holds: bool = False, refuses: bool = False) -> None:
        self.offers = list(offers)
        self.holds = holds
        self.refuses = refuses
        self.executed: list[str] = []

    async def fetchrow(self, query: str) -> dict[str, Any]:
        assert query == queries("engine")["offer"]
        offer = self.offers.pop(0) if len(self.offers) > 1 else self.offers[0]
        return {name: getattr(offer, name) for name in Offer.__slots__}

    async def fetchval(self, query: str) -> bool:
        assert query == queries("engine")["holding"]
        return self.holds

    async def execute(self, query: str) -> None:
        if self.refuses:
            raise asyncpg.InsufficientPrivilegeError("permission denied")
        self.executed.append(query)


def chosen(server: Any, wanted: str = "auto") -> Engine:
    return asyncio.run(choose(server, wanted))


@pytest.mark.parametrize("flaw", FLAWED)
def test_a_server_that_cannot_is_named_and_plain_postgresql_taken(flaw: str) -> None:
    server = Server(FLAWED[flaw])
    assert chosen(server) is Engine.POSTGRESQL
    with pytest.raises(UnfitServer, match=flaw) as told:
        chosen(server, "timescaledb")
    assert "or set CITYVITALS_STORAGE__ENGINE=postgresql" in str(told.value)
    assert server.executed == []


@pytest.mark.parametrize("flaw", FLAWED)
def test_hypertables_without_what_they_need_are_refused(flaw: str) -> None:
    server: Any = Server(replace(FLAWED[flaw], in_use=True))
    for wanted in ("auto", "timescaledb", "postgresql"):
        with pytest.raises(UnfitServer, match=f"tables are hypertables, and .*{flaw}"):
            chosen(server, wanted)
    with pytest.raises(UnfitServer, match=flaw):
        asyncio.run(require_engine(server))


def test_an_extension_that_cannot_be_loaded_is_refused_whoever_uses_it() -> None:
    server: Any = Server(replace(GOOD, loaded=False, licence=None))
    for wanted in ("auto", "timescaledb", "postgresql"):
        with pytest.raises(UnfitServer, match=r"has the extension in it, and .* not preload"):
            chosen(server, wanted)


def test_the_extension_is_installed_where_it_can_be_and_is_wanted() -> None:
    server = Server(FRESH, FRESH, GOOD)
    assert chosen(server) is Engine.TIMESCALEDB
    assert server.executed == [queries("engine")["install"]]
    server = Server(FRESH)
    assert chosen(server, "postgresql") is Engine.POSTGRESQL
    assert server.executed == []


def test_a_licence_that_shows_only_once_installed_is_named() -> None:
    server = Server(FRESH, FRESH, replace(GOOD, licence="apache"))
    with pytest.raises(UnfitServer, match="Apache-2"):
        chosen(server, "timescaledb")


def test_a_user_who_may_not_install_is_told_who_may() -> None:
    with pytest.raises(UnfitServer, match="as a superuser"):
        chosen(Server(FRESH, refuses=True), "timescaledb")


def test_readings_in_native_partitions_stay_there() -> None:
    assert chosen(Server(GOOD, holds=True)) is Engine.POSTGRESQL
    with pytest.raises(UnfitServer, match="holds readings"):
        chosen(Server(GOOD, holds=True), "timescaledb")


def test_hypertables_stay_hypertables() -> None:
    server = Server(replace(GOOD, in_use=True))
    assert chosen(server) is Engine.TIMESCALEDB
    with pytest.raises(UnfitServer, match="ENGINE is postgresql, but"):
        chosen(server, "postgresql")


@pytest.mark.parametrize(
    ("per_day", "hours"),
    [(1, 168), (10_000_000, 48), (25_000_000, 24), (86_400_000, 6), (10**9, 1), (10**12, 1)],
)
def test_chunks_are_as_long_as_their_volume_allows(per_day: int, hours: int) -> None:
    assert chunk_length(per_day) == timedelta(hours=hours)


def test_rollups_are_compressed_after_the_readings_they_are_of() -> None:
    reading, rollup, indicator = hypertables(StorageSettings(compress_after_hours=30))
    assert reading.compress_after == timedelta(hours=30)
    assert reading.compress_after < rollup.compress_after < indicator.compress_after
