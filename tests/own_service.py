"""The whole service on servers of its own, for programs beside the tests."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pydantic import SecretStr

from cityvitals.settings import BrokerSettings, DatabaseSettings
from cityvitals.store.server import create_database
from tests.conftest import migrated
from tests.servers import Background, BrokerServer, PostgresServer
from tests.service import Service


@contextmanager
def own_service(name: str, **settings: str) -> Iterator[tuple[Service, str]]:
    """Not started yet; all gone afterwards.

    Args:
        name: of the database.
        settings: of the service, as variables of its environment without their prefix.

    Yields:
        The service and its database's DSN.
    """
    background = Background()
    postgres, broker = PostgresServer(background), BrokerServer(background)
    try:
        postgres.start()
        broker.start()
        background.call(create_database(postgres.dsn("postgres"), name))
        dsn = postgres.dsn(name)
        database = DatabaseSettings(dsn=SecretStr(dsn))
        background.call(migrated(database))
        with tempfile.TemporaryDirectory(prefix=f"cityvitals-{name}-") as folder:
            ports = BrokerSettings(port=broker.port)
            service = Service(Path(folder), database, ports, **settings)
            try:
                yield service, dsn
            finally:
                service.stop()
    finally:
        broker.discard()
        postgres.discard()
        background.close()
