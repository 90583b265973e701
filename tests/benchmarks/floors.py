"""What broker and disk take by themselves."""

import asyncio
import time
from typing import Final

import numpy as np

from cityvitals.settings import BrokerSettings
from cityvitals.store.pool import Connection, Pool
from simulator.load.packet import publish_packet
from simulator.load.publisher import Publisher
from tests.benchmarks.result import Results, say
from tests.benchmarks.stack import Stack

_ROUNDS: Final = 200
_TOPIC: Final = "floor/v1/reading"


async def measure_latency(stack: Stack, pool: Pool, results: Results) -> None:
    """`latency_floor_ms`: a message acknowledged by the broker, then one row committed.

    Nothing that stores before it tells can be faster; delivering, folding and telling are on top.
    """
    say(f"  broker and commit alone, {_ROUNDS} times")
    async with pool.acquire() as connection:
        await connection.execute("create table floor (said bigint)")
        taken = await _rounds(stack, connection)
        await connection.execute("drop table floor")
    results.ceilings["latency_floor_ms"] = round(float(np.median(taken)) * 1000, 3)
    results.ceilings["latency_floor_p99_ms"] = round(float(np.percentile(taken, 99)) * 1000, 3)


async def _rounds(stack: Stack, connection: Connection) -> list[float]:
    publisher, taken = Publisher(BrokerSettings(port=stack.broker_port), "bench-floor"), []
    for number in range(_ROUNDS):
        begun_s = time.perf_counter()
        publisher.send(publish_packet(_TOPIC, b"1", number + 1), 1)
        await asyncio.to_thread(publisher.drain, 10.0)
        await connection.execute("insert into floor values (1)")
        taken.append(time.perf_counter() - begun_s)
    publisher.close()
    return taken
