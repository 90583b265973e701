"""The live stream against a real database."""

import asyncio
import json
import socket
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import takewhile
from typing import Any

import httpx
import pytest

from cityvitals.settings import DatabaseSettings
from cityvitals.store.derived import IndicatorRow, prune_changes
from cityvitals.store.pool import Pool
from tests import plain
from tests.api_city import BODIES, CITY, indicator, make_cities, write
from tests.api_server import (
    QUICK,
    Told,
    eventually,
    next_of,
    running_api,
    stream,
    with_pool,
)

ROW = indicator("traffic.speed.hour", "barco")
FIRST = len(BODIES) * 4  # changes that `filled` has written


@pytest.fixture
def filled(database: DatabaseSettings) -> DatabaseSettings:
    with_pool(database, make_cities)
    return database


@pytest.fixture
def base(filled: DatabaseSettings) -> Iterator[str]:
    with running_api(filled) as base:
        yield base


def commit(
    database: DatabaseSettings, rows: Sequence[IndicatorRow], kind: str = "value"
) -> list[int]:
    async def act(pool: Pool) -> list[int]:
        async with pool.acquire() as connection:
            return await write(connection, rows, kind)

    return with_pool(database, act)


def prune(database: DatabaseSettings, upto: int) -> None:
    async def act(pool: Pool) -> None:
        async with pool.acquire() as connection:
            await prune_changes(connection, CITY, upto)

    with_pool(database, act)


def numbers(events: Iterator[Told], last: int) -> list[int | None]:
    """Numbers of the events up to `last`, comments left out."""
    found = [one.number for one in takewhile(lambda one: one.number != last, events) if one.kind]
    return [*found, last]


def test_stream_begins_with_all_latest_indicators(base: str) -> None:
    latest = plain.get(f"{base}/v1/cities/{CITY}/indicators").json()
    with stream(base, CITY) as events:
        first = next(events)
        assert (first.kind, first.number) == ("snapshot", FIRST)
        assert first.data == {"alerts": [], **latest}
        assert next(events).comment == f"up to date at {FIRST}"


def test_city_without_indicators_has_an_empty_snapshot(base: str) -> None:
    with stream(base, "bare") as events:
        first = next(events)
        assert (first.number, first.data["items"], first.data["next"]) == (0, [], None)


def test_change_comes_with_number_kind_and_body_as_written(
    base: str, filled: DatabaseSettings
) -> None:
    with stream(base, CITY) as events:
        next_of(events, "snapshot")
        commit(filled, [ROW._replace(value=12.5)])
        commit(filled, [ROW._replace(value=13.5, state="corrected", revision=3)], "correction")
        told = next_of(events, "value")
        assert (told.number, told.data["value"], told.data["zone"]) == (FIRST + 1, 12.5, "barco")
        told = next_of(events, "correction")
        assert (told.number, told.data["state"]) == (FIRST + 2, "corrected")


def test_change_comes_by_polling_where_notify_does_not(base: str, filled: DatabaseSettings) -> None:
    body = json.dumps({"rule": "x"})

    async def unannounced(pool: Pool) -> None:
        await pool.execute(
            "with c as (update city set change_number = change_number + 1 where id = $1"
            " returning id, change_number) insert into change"
            " select id, change_number, now(), 'value', $2 from c",
            CITY,
            body,
        )

    with stream(base, CITY) as events:
        next_of(events, "snapshot")
        with_pool(filled, unannounced)
        assert next_of(events, "value").data == {"rule": "x"}


def test_another_citys_change_is_not_told(base: str, filled: DatabaseSettings) -> None:
    with stream(base, "bare") as events:
        next_of(events, "snapshot")
        commit(filled, [ROW])
        commit(filled, [ROW._replace(city="bare", zone="")])
        told = next(event for event in events if event.kind)
        assert (told.number, told.data["zone"]) == (1, None)


@pytest.mark.parametrize("by", ["header", "query"])
def test_stream_resumes_after_the_last_event_seen(
    base: str, filled: DatabaseSettings, by: str
) -> None:
    last = commit(filled, [ROW._replace(value=float(n)) for n in range(5)])[-1]
    seen: dict[str, Any] = (
        {"seen": FIRST + 1} if by == "header" else {"last_event_id": str(FIRST + 1)}
    )
    with stream(base, CITY, **seen) as events:
        assert numbers(events, last) == list(range(FIRST + 2, last + 1))
        last = commit(filled, [ROW])[-1]
        assert next_of(events, "value").number == last


def test_what_a_browser_that_comes_back_has_seen_counts_before_its_url(base: str) -> None:
    with stream(base, CITY, seen=FIRST, last_event_id="3") as events:
        assert next(events).comment == f"up to date at {FIRST}"


def test_nothing_new_resumes_with_nothing(base: str) -> None:
    with stream(base, CITY, seen=FIRST) as events:
        assert next(events).comment == f"up to date at {FIRST}"


@pytest.mark.parametrize("seen", [3, FIRST + 1000])
def test_gap_or_number_never_given_becomes_a_snapshot(
    base: str, filled: DatabaseSettings, seen: int
) -> None:
    prune(filled, 10)
    with stream(base, CITY, seen=seen) as events:
        assert (first := next(events)).kind == "snapshot"
        assert first.number == FIRST


def test_foreign_last_event_id_becomes_a_snapshot(base: str) -> None:
    with (
        httpx.Client(timeout=60) as client,
        client.stream(
            "GET", f"{base}/v1/stream", params={"city": CITY}, headers={"Last-Event-ID": "abc"}
        ) as answer,
    ):
        assert "event: snapshot" in list(
            takewhile(lambda line: "data" not in line, answer.iter_lines())
        )


def test_silent_stream_has_a_heartbeat(base: str) -> None:
    with stream(base, CITY) as events:
        next_of(events, "snapshot")
        assert [next(events).comment for _ in range(3)][1:] == ["still here"] * 2


def test_many_clients_share_one_reader_and_all_hear_all(
    filled: DatabaseSettings,
) -> None:
    last = FIRST + 100
    ready = asyncio.Semaphore(0)

    async def watch(client: httpx.AsyncClient, url: str) -> int:
        heard = 0
        async with client.stream("GET", url) as answer:
            async for line in answer.aiter_lines():
                if line.startswith(": up to date"):
                    ready.release()
                heard += line == "event: value"
                if line == f"id: {last}":
                    return heard
        return heard

    async def main(url: str) -> list[int]:
        rows = [ROW._replace(value=float(n)) for n in range(100)]
        limits = httpx.Limits(max_connections=None)
        async with (
            httpx.AsyncClient(timeout=60, limits=limits) as client,
            asyncio.TaskGroup() as group,
        ):
            watching = [group.create_task(watch(client, url)) for _ in range(50)]
            for _ in watching:
                await ready.acquire()
            await asyncio.to_thread(commit, filled, rows)
        return [task.result() for task in watching]

    with running_api(filled) as base:
        heard = asyncio.run(main(f"{base}/v1/stream?city={CITY}"))
        assert len(heard) == 50 and set(heard) <= {99, 100}
        eventually(lambda: "stream_clients 0.0" in metrics(base))
        asked = with_pool(filled, _sessions)
        assert asked <= 6  # the pool, the listener, and this question; not one for each client


async def _sessions(pool: Pool) -> int:
    count: int = await pool.fetchval(
        "select count(*) from pg_stat_activity where application_name like 'cityvitals api%'"
        " and datname = current_database()"
    )
    return count


def test_client_that_takes_nothing_is_sent_away_and_the_others_do_not_wait(
    filled: DatabaseSettings,
) -> None:
    timing = replace(QUICK, heartbeat=15.0, send=0.5)
    rows = [ROW._replace(state="final", value=float(n)) for n in range(500)]
    with (
        running_api(filled, timing=timing, stream_queue=600) as base,
        socket.create_connection(("127.0.0.1", int(base.rpartition(":")[2]))) as stuck,
        stream(base, CITY) as events,
    ):
        stuck.sendall(f"GET /v1/stream?city={CITY} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        next_of(events, "snapshot")
        eventually(lambda: "stream_clients 2.0" in metrics(base))
        for _ in range(60):  # until the kernel's buffers are full too
            last = commit(filled, rows)[-1]
            assert numbers(events, last)[-1] == last
            if "stream_clients 1.0" in metrics(base):
                break
        eventually(lambda: "stream_clients 1.0" in metrics(base))
        assert "stream_disconnected_total{" in metrics(base)


def metrics(base: str) -> str:
    return plain.get(f"{base}/metrics", timeout=60).text


def test_server_stops_with_streams_open(filled: DatabaseSettings) -> None:
    with running_api(filled, timing=replace(QUICK, heartbeat=60.0)) as base:
        context = stream(base, CITY)
        events = context.__enter__()
        next_of(events, "snapshot")
        next(events)
    # running_api has asserted that the server is gone; this is what the client was told
    assert next(events).comment == "the API is stopping"
    context.__exit__(None, None, None)


def test_a_filtered_stream_tells_only_what_is_asked_for(base: str) -> None:
    with stream(base, CITY, rule="air.*", zone="centro,barco", event="value") as events:
        first = next_of(events, "snapshot")
        assert {one["zone"] for one in first.data["items"]} == {"centro", "barco"}
        assert {one["domain"] for one in first.data["items"]} == {"air"}
        assert first.data["city"] == CITY


def test_bad_filters_of_a_stream_are_named(base: str) -> None:
    for query in ({"rule": "a b"}, {"zone": "a b"}, {"domain": "fire"}, {"event": "snapshot"}):
        answer = plain.get(f"{base}/v1/stream", params={"city": CITY, **query})
        assert answer.status_code == 422 and next(iter(query)) in answer.text
