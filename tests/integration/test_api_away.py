"""The API while its database is away: it starts, says so, and goes on when it is back."""

from collections.abc import Iterator

import pytest
from pydantic import SecretStr

from api.schemas import Problem
from cityvitals.settings import DatabaseSettings
from cityvitals.store.migrate import migrate
from cityvitals.store.pool import Pool
from tests import plain
from tests.api_city import CITY, indicator, latest_rows, make_city, write
from tests.api_server import Door, eventually, next_of, running_api, status_of, stream, with_pool
from tests.servers import PostgresServer

LATEST = f"/v1/cities/{CITY}/indicators"
PATHS = (
    "/v1/cities",
    f"/v1/cities/{CITY}",
    f"/v1/cities/{CITY}/zones",
    LATEST,
    f"{LATEST}/air.co.day/history",
    f"/v1/stream?city={CITY}",
)


@pytest.fixture
def door(database: DatabaseSettings) -> Iterator[Door]:
    async def fill(pool: Pool) -> None:
        async with pool.acquire() as connection:
            await make_city(connection)
            await write(connection, latest_rows())

    with_pool(database, fill)
    with Door(database.dsn.get_secret_value()) as door:
        yield door


def through(door: Door, database: DatabaseSettings) -> DatabaseSettings:
    return database.model_copy(update={"dsn": SecretStr(door.dsn)})


def test_api_starts_without_its_database_and_finds_it(
    door: Door, database: DatabaseSettings
) -> None:
    door.shut()
    with running_api(through(door, database), ready=False) as base:
        assert status_of(f"{base}/healthz") == 200
        ready = plain.get(f"{base}/readyz")
        assert ready.status_code == 503 and ready.json()["reasons"][0].startswith("database: ")
        for path in PATHS:
            answer = plain.get(base + path)
            assert answer.status_code == 503, path
            assert answer.headers["content-type"] == "application/problem+json"
            assert answer.headers["retry-after"]
            assert "the database is away: " in Problem.model_validate(answer.json()).detail
        assert status_of(f"{base}/") == 200
        door.open()
        eventually(lambda: status_of(base + LATEST) == 200)


def test_api_outlives_its_database(door: Door, database: DatabaseSettings) -> None:
    with running_api(through(door, database)) as base:
        assert status_of(base + LATEST) == 200
        for _ in range(2):
            door.shut()
            eventually(lambda: status_of(base + LATEST) == 503)
            assert all(status_of(base + path) == 503 for path in PATHS)
            door.open()
            eventually(lambda: status_of(f"{base}/readyz") == 200)
            assert status_of(base + LATEST) == 200


def test_api_outlives_a_server_that_stops(own_postgres: PostgresServer) -> None:
    settings = DatabaseSettings(dsn=SecretStr(own_postgres.dsn("cityvitals")))

    async def fill(pool: Pool) -> None:
        async with pool.acquire() as connection:
            await migrate(connection)
            await make_city(connection)

    with_pool(settings, fill)
    with running_api(settings) as base, stream(base, CITY) as events:
        assert next_of(events, "snapshot").data["items"] == []
        own_postgres.stop()
        assert next_of(events, "status").data["database"] == "away"
        assert all(status_of(base + path) == 503 for path in PATHS)
        own_postgres.start()
        assert next_of(events, "status").data["database"] == "back"
        eventually(lambda: status_of(base + LATEST) == 200)


def test_reason_tells_no_password(door: Door, database: DatabaseSettings) -> None:
    secret = door.dsn.replace("@127.0.0.1", ":hunter2@127.0.0.1", 1)
    door.shut()
    settings = database.model_copy(update={"dsn": SecretStr(secret)})
    with running_api(settings, ready=False) as base:
        eventually(lambda: "reached yet" not in plain.get(f"{base}/readyz").text)
        assert "hunter2" not in plain.get(f"{base}/readyz").text + plain.get(base + LATEST).text


def test_schema_that_is_not_there_is_told_with_the_remedy(
    door: Door, database: DatabaseSettings
) -> None:
    async def forget(pool: Pool) -> None:
        await pool.execute("delete from schema_migration")

    with_pool(database, forget)
    with running_api(through(door, database), ready=False) as base:
        eventually(lambda: "cityvitals migrate" in plain.get(base + LATEST).text)
        assert status_of(base + LATEST) == 503


def test_live_client_keeps_its_stream_and_loses_nothing(
    door: Door, database: DatabaseSettings
) -> None:
    async def commit(pool: Pool) -> None:
        async with pool.acquire() as connection:
            await write(connection, [indicator("air.co.day", "centro")])

    with running_api(through(door, database)) as base, stream(base, CITY) as events:
        before = next_of(events, "snapshot").number
        assert before is not None
        door.shut()
        away = next_of(events, "status")
        assert away.number is None and away.data["database"] == "away" and away.data["reason"]
        with_pool(database, commit)  # the aggregator still reaches it
        door.open()
        told = [next(event for event in events if event.kind) for _ in range(2)]
        assert {event.kind for event in told} == {"status", "value"}
        assert {event.number for event in told} == {None, before + 1}
        assert [event.data for event in told if event.number is None] == [
            {"database": "back", "reason": ""}
        ]
