"""`python -m tests.catalogue` writes cityvitals/store/schema.txt: what the migrations make."""

from pathlib import Path
from typing import Final

from pydantic import SecretStr

import cityvitals.store
from cityvitals.settings import DatabaseSettings
from cityvitals.store.drift import as_text, read_facts
from cityvitals.store.migrate import migrate
from cityvitals.store.pool import open_pool
from cityvitals.store.server import create_database
from tests.servers import Background, PostgresServer

FILE: Final = Path(cityvitals.store.__file__).parent / "schema.txt"
_HEAD: Final = (
    "# What the migrations make, one fact a line: owner, kind, name, definition.\n"
    "# Written by `python -m tests.catalogue`, never by hand; drift.py compares databases to it.\n"
)


async def made(dsn: str) -> str:
    """The file's text, from a database to migrate."""
    async with (
        open_pool(DatabaseSettings(dsn=SecretStr(dsn)), "tests") as pool,
        pool.acquire() as one,
    ):
        await migrate(one)
        return _HEAD + as_text(await read_facts(one))


def main() -> None:
    background = Background()
    server = PostgresServer(background)
    server.start()
    try:
        server.call(create_database(server.dsn("postgres"), "catalogue"))
        FILE.write_text(server.call(made(server.dsn("catalogue"))), "utf-8")
    finally:
        server.discard()
        background.close()


if __name__ == "__main__":
    main()
