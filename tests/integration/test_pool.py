"""A database that cannot be reached as the settings say."""

import asyncio
from urllib.parse import urlsplit

import pytest
from pydantic import SecretStr

from cityvitals.errors import SettingsError, StoreUnavailable
from cityvitals.settings import DatabaseSettings
from cityvitals.store.pool import open_pool


def open_with(dsn: str) -> None:
    async def attempt() -> None:
        async with open_pool(DatabaseSettings(dsn=SecretStr(dsn)), "tests"):
            pass

    asyncio.run(attempt())


@pytest.mark.parametrize(
    ("place", "reason"),
    [
        ("cityvitals:secret@{host}/{database}", "password authentication failed"),
        ("nobody:secret@{host}/{database}", "password authentication failed"),
        ("{user}@{host}/nowhere", 'database "nowhere" does not exist'),
        ("cityvitals:secret@127.0.0.1:99999/x", "port must be 0-65535"),
        ("cityvitals:secret@{host}/x?sslmode=perhaps", "sslmode"),
    ],
)
def test_wrong_dsn_is_told_in_a_line_without_the_password(
    database: DatabaseSettings, place: str, reason: str
) -> None:
    good = urlsplit(database.dsn.get_secret_value())
    user, _, host = good.netloc.rpartition("@")
    dsn = "postgresql://" + place.format(user=user, host=host, database=good.path[1:])
    with pytest.raises(SettingsError, match=reason) as told:
        open_with(dsn)
    assert str(told.value).startswith("CITYVITALS_DATABASE__DSN: ")
    assert "secret" not in str(told.value)


def test_dsn_that_is_none_is_told() -> None:
    with pytest.raises(SettingsError, match="invalid DSN"):
        open_with("nonsense")


def test_server_that_is_away_is_no_wrong_setting() -> None:
    with pytest.raises(StoreUnavailable):
        open_with("postgresql://cityvitals:secret@127.0.0.1:1/x")


def test_a_server_notices_soon_that_our_machine_is_gone(database: DatabaseSettings) -> None:
    async def main() -> None:
        async with open_pool(database, "tests") as pool:
            names = ("tcp_keepalives_idle", "tcp_keepalives_interval", "tcp_keepalives_count")
            idle, interval, count = [int(await pool.fetchval(f"show {name}")) for name in names]
            assert 0 < idle + interval * count <= 30

    asyncio.run(main())
