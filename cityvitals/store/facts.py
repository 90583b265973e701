"""Stating facts, and telling the aggregator for which stretch of time they changed."""

from collections.abc import Sequence
from typing import Any

from cityvitals.domain.logbody import encode_json
from cityvitals.domain.names import LogKind, shard_of
from cityvitals.domain.times import EARLIEST_US, LATEST_US
from cityvitals.store.fact_format import Fact
from cityvitals.store.lanes import LogEntry
from cityvitals.store.pool import Connection
from cityvitals.store.sql import queries


async def state_facts(
    connection: Connection, city: str, facts: Sequence[Fact], by: str = ""
) -> tuple[int, list[LogEntry]]:
    """State facts of a city, inside the caller's transaction; how many are new, and what to log.

    An entry names a fact and for which windows it changed: those that end in (begin, end].

    Args:
        connection: in a transaction that holds the registry's lock.
        city: whose.
        facts: without a value they are withdrawn.
        by: who states them.
    """
    columns = [*_columns(facts), by]
    gone = await connection.fetch(queries("registry")["withdraw_facts"], city, *columns)
    come = await connection.fetch(queries("registry")["state_facts"], city, *columns)
    changed = sorted({(row["zone"], row["name"], row["from_us"]) for row in [*gone, *come]})
    spans = await connection.fetch(
        queries("registry")["facts_after"],
        city,
        [zone for zone, _, _ in changed],
        [name for _, name, _ in changed],
        [from_us for _, _, from_us in changed],
    )
    return len(changed), [_entry(city, name, span) for name, span in sorted(_spans(spans).items())]


def _columns(facts: Sequence[Fact]) -> list[Any]:
    return [
        [fact.zone for fact in facts],
        [fact.name for fact in facts],
        [fact.valid_from_us for fact in facts],
        [fact.value for fact in facts],
        [fact.unit for fact in facts],
        [fact.source for fact in facts],
        [fact.quality for fact in facts],
    ]


def _spans(rows: Sequence[Any]) -> dict[str, tuple[int, int]]:
    """From when until when each name's figures changed, over all places."""
    found: dict[str, tuple[int, int]] = {}
    for row in rows:
        until = LATEST_US if row["until_us"] is None else row["until_us"]
        begin, end = found.get(row["name"], (LATEST_US, EARLIEST_US))
        found[row["name"]] = min(begin, row["from_us"]), max(end, until)
    return found


def _entry(city: str, name: str, span: tuple[int, int]) -> LogEntry:
    body = encode_json({"city": city, "name": name, "begin": span[0], "end": span[1]})
    return LogEntry(shard_of(city), LogKind.FACTS, body)
