"""The database over TLS: `sslmode=verify-full` takes the right server and nobody else."""

import asyncio
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from pydantic import SecretStr

from cityvitals.errors import SettingsError, StoreUnavailable
from cityvitals.settings import BrokerSettings, DatabaseSettings
from cityvitals.store.pool import acquired, open_pool
from tests.servers import Background, PostgresServer
from tests.service import Service
from tests.tls_broker import Authority
from tests.tls_door import TlsDoor


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    if not shutil.which("openssl"):
        pytest.skip("no openssl here: apt-get install openssl")
    return Authority(tmp_path_factory.mktemp("ca"))


@pytest.fixture(scope="module")
def door(
    background: Background, postgres: PostgresServer, authority: Authority
) -> Iterator[TlsDoor]:
    """In front of the session's server, under the name `localhost`."""
    identity = authority.issue("server", "localhost", alternative="DNS:localhost")
    opened = TlsDoor(background, port_of(postgres), identity)
    yield opened
    opened.close()


def port_of(server: PostgresServer) -> int:
    return urlsplit(server.dsn("postgres")).port or 0


def dsn(database: DatabaseSettings, port: int, host: str = "localhost", **more: Any) -> str:
    good = urlsplit(database.dsn.get_secret_value())
    query = "&".join(f"{name}={value}" for name, value in more.items())
    return f"postgresql://{good.username}:{good.password}@{host}:{port}{good.path}?{query}"


def spoken(url: str) -> int:
    """Connect and ask for something."""

    async def ask() -> int:
        settings = DatabaseSettings(dsn=SecretStr(url), pool_size=1)
        async with open_pool(settings, "tests") as pool, acquired(pool) as one:
            return int(await one.fetchval("select count(*) from shard"))

    return asyncio.run(ask())


def refused(url: str) -> str:
    """Why it is; on one line, without the password."""
    with pytest.raises(SettingsError) as told:
        spoken(url)
    said = str(told.value)
    assert said.startswith("CITYVITALS_DATABASE__DSN: ")
    assert (urlsplit(url).password or "") not in said
    return said


def test_the_right_server_is_taken(
    database: DatabaseSettings, door: TlsDoor, authority: Authority
) -> None:
    before = door.encrypted
    url = dsn(database, door.port, sslmode="verify-full", sslrootcert=authority.file)
    assert spoken(url) == 64
    assert door.encrypted > before


def test_another_authority_is_refused(
    database: DatabaseSettings, door: TlsDoor, tmp_path: Path
) -> None:
    other = Authority(tmp_path, "other")
    said = refused(dsn(database, door.port, sslmode="verify-full", sslrootcert=other.file))
    assert f"localhost:{door.port}: the server's certificate is not trusted" in said
    assert f"sslrootcert, which is {other.file}, must be the PEM file of the authority" in said


def test_another_host_is_refused_by_verify_full_only(
    database: DatabaseSettings, door: TlsDoor, authority: Authority
) -> None:
    def by_address(mode: str) -> str:
        file = authority.file
        return dsn(database, door.port, host="127.0.0.1", sslmode=mode, sslrootcert=file)

    said = refused(by_address("verify-full"))
    assert "names another host" in said and "127.0.0.1" in said
    assert "give the server a certificate that names this one (sslmode=verify-full" in said
    assert spoken(by_address("verify-ca")) == 64


def test_a_server_without_tls_is_refused(
    postgres: PostgresServer, database: DatabaseSettings, authority: Authority
) -> None:
    url = dsn(database, port_of(postgres), sslmode="verify-full", sslrootcert=authority.file)
    said = refused(url)
    assert "does not speak TLS, but sslmode=verify-full asks for it: have it set ssl = on" in said


@pytest.mark.parametrize("name", ["sslrootcert", "sslcert", "sslkey"])
def test_a_missing_file_is_named(
    database: DatabaseSettings, door: TlsDoor, authority: Authority, name: str
) -> None:
    files: dict[str, Any] = {"sslrootcert": authority.file, name: "/nowhere/file.pem"}
    said = refused(dsn(database, door.port, sslmode="verify-full", **files))
    assert f"{name}: /nowhere/file.pem: No such file or directory" in said


def test_a_file_that_is_no_certificate_is_named(
    database: DatabaseSettings, door: TlsDoor, tmp_path: Path
) -> None:
    (tmp_path / "ca.pem").write_text("nothing of the kind")
    url = dsn(database, door.port, sslmode="verify-full", sslrootcert=tmp_path / "ca.pem")
    assert "no TLS connection: no certificate or crl found: are sslrootcert" in refused(url)


def test_a_client_certificate_is_shown_where_it_is_asked_for(
    background: Background,
    postgres: PostgresServer,
    database: DatabaseSettings,
    authority: Authority,
) -> None:
    door = TlsDoor(background, port_of(postgres), authority.issue("s", "localhost"), authority)
    certificate, key = authority.issue("client", "cityvitals")
    files: dict[str, Any] = {"sslrootcert": authority.file, "sslcert": certificate, "sslkey": key}
    try:
        assert spoken(dsn(database, door.port, sslmode="verify-full", **files)) == 64
        with pytest.raises((SettingsError, StoreUnavailable)):
            spoken(dsn(database, door.port, sslmode="verify-full", sslrootcert=authority.file))
        assert door.encrypted == 1
    finally:
        door.close()


def test_a_process_tells_and_ends(
    tmp_path: Path, database: DatabaseSettings, door: TlsDoor, authority: Authority
) -> None:
    service = Service(tmp_path, database, BrokerSettings())
    given: dict[str, Any] = {"sslmode": "verify-full", "sslrootcert": authority.file}
    good = service.run_as(dsn(database, door.port, **given), "migrate", "status")
    assert good.returncode == 0, good.stderr
    for process in ("ingest", "aggregate"):
        bad = service.run_as(dsn(database, door.port, host="127.0.0.1", **given), process)
        assert bad.returncode == 2
        assert "names another host" in bad.stderr
