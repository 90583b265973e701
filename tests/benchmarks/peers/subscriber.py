"""Subscribers that store readings, as people write them with paho and asyncpg.

row    one INSERT a reading, each its own transaction; acknowledged when received, as paho does
copy   many messages in one COPY, acknowledged when they are committed (`manual_ack`)
keyed  the same by way of a staging table into one with a unique key, ON CONFLICT DO NOTHING

All keep their session on the broker (client id, no clean session), and end when the database goes
away: whoever supervises them starts them again.
"""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any, Final

import asyncpg
import msgspec
from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion

_MESSAGES: Final = 400
"""In one batch, at most."""
_LINGER_S: Final = 0.05
"""How long a batch waits for more."""
_COLUMNS: Final = ("observed_at", "sensor_id", "value")
_INSERT: Final = "insert into reading (observed_at, sensor_id, value) values ($1, $2, $3)"
_MOVE: Final = """
insert into reading (observed_at, sensor_id, value)
select observed_at, sensor_id, value from staged on conflict do nothing
"""


class Reading(msgspec.Struct):
    """One of a message."""

    t: datetime
    q: str
    v: float
    ch: str = ""


Row = tuple[datetime, int, float]
Sensors = dict[tuple[str, str, str], int]
Write = Callable[["asyncpg.Connection[Any]", list[Row]], Awaitable[None]]
_decode = msgspec.json.Decoder(list[Reading]).decode


def rows_of(message: MQTTMessage, sensors: Sensors) -> list[Row]:
    """A message's readings as rows."""
    device = message.topic.split("/")[5]
    return [(one.t, sensors[device, one.q, one.ch], one.v) for one in _decode(message.payload)]


async def by_row(connection: "asyncpg.Connection[Any]", rows: list[Row]) -> None:
    """One after the other."""
    for row in rows:
        await connection.execute(_INSERT, *row)


async def by_copy(connection: "asyncpg.Connection[Any]", rows: list[Row]) -> None:
    """All at once."""
    await connection.copy_records_to_table("reading", records=rows, columns=_COLUMNS)


async def by_key(connection: "asyncpg.Connection[Any]", rows: list[Row]) -> None:
    """All at once, without those that are there already."""
    async with connection.transaction():
        await connection.execute("truncate staged")
        await connection.copy_records_to_table("staged", records=rows, columns=_COLUMNS)
        await connection.execute(_MOVE)


WRITES: Final[dict[str, Write]] = {"row": by_row, "copy": by_copy, "keyed": by_key}


async def run(kind: str, port: int, dsn: str) -> None:
    """Store what arrives until the database fails."""
    connection = await asyncpg.connect(dsn)
    found = await connection.fetch("select id, device, quantity, channel from sensor")
    sensors = {(row[1], row[2], row[3]): row[0] for row in found}
    if kind == "keyed":
        await connection.execute("create temporary table staged (like reading)")
    arrived: asyncio.Queue[MQTTMessage] = asyncio.Queue()
    client = _subscribed(kind, port, arrived)
    while True:
        messages = [await arrived.get()]
        if kind != "row":
            await _gather(arrived, messages)
        rows = [row for message in messages for row in rows_of(message, sensors)]
        await WRITES[kind](connection, rows)
        if kind != "row":
            for message in messages:
                client.ack(message.mid, message.qos)


async def _gather(arrived: asyncio.Queue[MQTTMessage], messages: list[MQTTMessage]) -> None:
    """Take more messages, as far as they come soon."""
    try:
        async with asyncio.timeout(_LINGER_S):
            while len(messages) < _MESSAGES:
                messages.append(await arrived.get())
    except TimeoutError:
        pass


def _subscribed(kind: str, port: int, arrived: asyncio.Queue[MQTTMessage]) -> Client:
    """A client with a thread of its own that hands over what arrives."""
    loop = asyncio.get_running_loop()
    client = Client(
        CallbackAPIVersion.VERSION2, f"peer-{kind}", clean_session=False, manual_ack=kind != "row"
    )

    def subscribe(client: Client, *_: Any) -> None:
        client.subscribe(f"{kind}/v1/+/+/+/+/obs", qos=1)

    def take(_client: Client, _data: Any, message: MQTTMessage) -> None:
        loop.call_soon_threadsafe(arrived.put_nowait, message)

    client.on_connect, client.on_message = subscribe, take
    client.connect("127.0.0.1", port)
    client.loop_start()
    return client


if __name__ == "__main__":
    asyncio.run(run(sys.argv[1], int(sys.argv[2]), sys.argv[3]))
