"""Gateways that fell silent, written into the log: the next cycle reads it there."""

from typing import Final

from aggregator.shard import Shard
from cityvitals.domain.logbody import encode_json
from cityvitals.domain.names import Clock, LogKind
from cityvitals.store import shards, tail
from cityvitals.store.pool import Connection

_LANE: Final = "aggregator"


async def note_silence(
    connection: Connection, shard: Shard, epoch: int, after_s: float, now_us: int
) -> None:
    """Log who has fallen silent in a shard's live cities.

    Args:
        connection: outside of a transaction.
        shard: knows when each gateway spoke.
        epoch: with which the shard is held.
        after_s: a gateway that has said nothing for so long is silent.
        now_us: the moment.

    Raises:
        Fenced: the shard has another owner now.
        StoreUnavailable: the server is away.
    """
    live = {city.id for city in shard.model.cities if city.clock == Clock.LIVE}
    mine = {row.id for row in shard.model.gateways if row.city in live}
    fallen = shard.gateways.fallen_silent(shard.plan.patience, after_s, now_us)
    for gateway in sorted(mine.intersection(fallen)):
        body = encode_json({"gateway": gateway, "silent": True})
        async with connection.transaction():
            await shards.hold(connection, shard.number, epoch)
            await tail.append_entry(connection, shard.number, _LANE, LogKind.SILENCE, body)
