"""Who stores the same readings: what each runs, into which table, and how its rows are counted."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Final

import asyncpg

from deploy.local.ports import free_port
from simulator.load.town import series_of
from tests.benchmarks.city import STEP_US, bench_town
from tests.benchmarks.stack import Stack

OURS: Final = "cityvitals"
NODE_RED: Final = "nodered"
PEERS: Final = ("row", "copy", "keyed", NODE_RED)
_FOLDER: Final = Path(__file__).parent / "nodered"
_TABLES: Final = """
create table sensor (
    id integer primary key, device text not null, quantity text not null, channel text not null,
    unique (device, quantity, channel)
);
create table reading (
    observed_at timestamptz not null, sensor_id integer not null, value float8
);
"""
_INDEX: Final = "create {unique} index on reading (observed_at, sensor_id)"


@dataclass(frozen=True, slots=True)
class Contender:
    """Somebody who stores readings.

    Attributes:
        what: in a few words, for tables.
        prefix: first level of the topics that it subscribes to.
        argv: its process; `environment`: what it gets besides ours.
        key: the columns that tell readings apart.
    """

    name: str
    what: str
    prefix: str
    argv: tuple[str, ...]
    environment: dict[str, str]
    dsn: str
    key: str

    async def count(self) -> int:
        """Rows committed so far."""
        return await self._ask("select count(*) from reading")

    async def count_known(self) -> int:
        """Rows that differ from each other."""
        return await self._ask(f"select count(*) from (select distinct {self.key} from reading) d")  # noqa: S608 (ours)

    async def empty(self) -> None:
        """Forget all readings."""
        connection = await asyncpg.connect(self.dsn)
        try:
            await connection.execute("truncate reading")
        finally:
            await connection.close()

    async def _ask(self, query: str) -> int:
        """By one core: more would be taken from whoever is measured."""
        connection = await asyncpg.connect(self.dsn)
        try:
            await connection.execute("set max_parallel_workers_per_gather = 0")
            return int(await connection.fetchval(query))
        finally:
            await connection.close()


_WHAT: Final = {
    "row": "paho + asyncpg, an INSERT a reading",
    "copy": "paho + asyncpg, COPY in batches, acknowledged after commit",
    "keyed": "the same with a unique key and ON CONFLICT",
    NODE_RED: "Node-RED, join and one INSERT of many rows",
}


def ours(stack: Stack, database: str) -> Contender:
    """Ingest alone, on a database that is migrated: it derives nothing here."""
    return Contender(
        OURS,
        "CityVitals, ingest alone",
        "city",
        (sys.executable, "-m", "cityvitals", "ingest"),
        stack.environment(database),
        stack.postgres.dsn(database),
        "observed_at, series_id",
    )


async def peer(stack: Stack, name: str) -> Contender:
    """One of the others, with a table in a database of its own.

    A narrow table of stamp, sensor and value, the sensors known beforehand. Each has the index that
    finding readings by time takes; it is unique where the contender needs that.
    """
    database, port = f"peer_{name}", str(stack.broker_port)
    connection = await asyncpg.connect(stack.postgres.dsn("postgres"))
    try:
        await connection.execute(f'create database "{database}"')
    finally:
        await connection.close()
    dsn = stack.postgres.dsn(database)
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(_TABLES)
        await connection.copy_records_to_table("sensor", records=_sensors())
        await connection.execute("analyze sensor")
        await connection.execute(_INDEX.format(unique="unique" if name == "keyed" else ""))
    finally:
        await connection.close()
    argv: tuple[str, ...] = (sys.executable, "-m", "tests.benchmarks.peers.subscriber", name)
    argv = (*argv, port, dsn)
    environment: dict[str, str] = {}
    if name == NODE_RED:
        argv, environment = _node_red(stack, dsn)
    key = "observed_at, sensor_id"
    return Contender(name, _WHAT[name], name, argv, environment, dsn, key)


def _sensors() -> Iterator[tuple[int, str, str, str]]:
    numbers = count(1)
    for sensor in bench_town().sensors:
        for series in series_of(sensor.domain, STEP_US):
            yield next(numbers), sensor.id, series.q, series.ch


def missing_node_red() -> str:
    """Why Node-RED cannot run here; empty where it can."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        return "no Node-RED: it needs node and npm"
    return ""


def node_red_versions() -> dict[str, str]:
    """Of Node-RED and of its client of PostgreSQL, as the lock has them."""
    lock = json.loads((_FOLDER / "package-lock.json").read_text("utf-8"))["packages"]
    return {name: lock[f"node_modules/{name}"]["version"] for name in ("node-red", "pg")}


def install_node_red() -> None:
    """What the lock names, by npm; seconds where it is there already.

    Raises:
        CalledProcessError: npm cannot.
    """
    if (_FOLDER / "node_modules" / ".package-lock.json").exists():
        return
    subprocess.run(
        ["npm", "ci", "--ignore-scripts", "--omit=optional"],
        cwd=_FOLDER,
        check=True,
        stdout=sys.stderr,
    )


def _node_red(stack: Stack, dsn: str) -> tuple[tuple[str, ...], dict[str, str]]:
    folder = stack.folder / "nodered"
    folder.mkdir(exist_ok=True)
    program = str(_FOLDER / "node_modules" / "node-red" / "red.js")
    environment = {
        "PEER_MQTT_PORT": str(stack.broker_port),
        "PEER_DSN": dsn,
        "PEER_UI_PORT": str(free_port()),
        "PEER_FOLDER": str(folder),
        "PATH": os.environ.get("PATH", os.defpath),
    }
    return ("node", program, "-s", str(_FOLDER / "settings.cjs")), environment
