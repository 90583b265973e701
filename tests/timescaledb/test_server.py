"""The server that lets any client of PostgreSQL use the TimescaleDB of tests."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import asyncpg
import pytest

from tests.timescaledb import raw
from tests.timescaledb.process import TimescaleServer

TABLE = "create temp table t (a integer, b text)"


@pytest.fixture
def server(timescale: TimescaleServer) -> TimescaleServer:
    timescale.empty()
    return timescale


@pytest.fixture(scope="module")
def own_server(timescale: TimescaleServer) -> Iterator[TimescaleServer]:  # noqa: ARG001 (skips)
    """One to be stopped, whose clients wait for a tenth of a second."""
    server = TimescaleServer()
    server.start("0", "100")
    yield server
    server.stop()


def until(is_so: Callable[[], bool], within_seconds: float = 60.0) -> None:
    deadline = time.monotonic() + within_seconds
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def is_alive(pid: int) -> bool:
    state = Path(f"/proc/{pid}/stat")
    return state.exists() and state.read_text().rpartition(")")[2].split()[0] != "Z"


def error_of(answer: list[tuple[str, bytes]]) -> str:
    [body] = [body for kind, body in answer if kind == "E"]
    return body.decode().replace("\0", " ")


def test_a_message_of_megabytes_goes_both_ways(server: TimescaleServer) -> None:
    async def main() -> None:
        connection = await asyncpg.connect(server.dsn)
        text = "x" * 9_000_000
        assert await connection.fetchval("select $1::text || 'y'", text) == text + "y"
        await connection.close()

    asyncio.run(main())


def test_many_messages_in_one_write_are_answered_one_by_one(server: TimescaleServer) -> None:
    with raw.connected(server.port) as client:
        client.send(b"".join(raw.query(f"select {number}") for number in range(1000)))
        for number in range(1000):
            [_, (kind, row), _] = client.until_ready()
            assert (kind, row[6:]) == ("D", str(number).encode())


def test_a_message_may_come_in_any_pieces(server: TimescaleServer) -> None:
    with raw.connected(server.port) as client:
        for sql in ("select 'one'", "select 'other'"):
            for byte in raw.query(sql):
                client.send(bytes([byte]))
        rows = [client.until_ready()[1][1] for _ in range(2)]
        assert [row[6:] for row in rows] == [b"one", b"other"]
        whole = raw.query(f"select length('{'x' * 3_000_000}')")
        for start in range(0, len(whole), 7001):
            client.send(whole[start : start + 7001])
        assert client.until_ready()[1][1][6:] == b"3000000"


def test_after_an_error_the_rest_of_a_pipeline_is_left_out(server: TimescaleServer) -> None:
    with raw.connected(server.port) as client:
        client.send(raw.parse("select nope") + raw.run() + raw.run() + raw.SYNC)
        client.send(raw.parse("select 'fine'") + raw.run() + raw.run() + raw.SYNC)
        broken = client.until_ready()
        assert [kind for kind, _ in broken] == ["E"]
        assert 'column "nope" does not exist' in error_of(broken)
        assert [kind for kind, _ in client.until_ready()] == ["1", "2", "D", "C", "2", "D", "C"]


def test_statements_of_two_clients_may_have_one_name(server: TimescaleServer) -> None:
    with raw.connected(server.port) as one, raw.connected(server.port) as other:
        for name in ("s", ""):
            for client, word in ((one, "mine"), (other, "yours")):
                client.send(raw.parse(f"select '{word}'", name) + raw.SYNC)
                assert [kind for kind, _ in client.until_ready()] == ["1"]
            for client, word in ((one, "mine"), (other, "yours")):
                client.send(raw.run(name) + raw.SYNC)
                assert client.until_ready()[1][1][6:] == word.encode()


def test_encryption_is_declined_and_a_cancel_is_heard(server: TimescaleServer) -> None:
    with raw.connected(server.port) as holder:
        holder.send(raw.query("begin"))
        holder.until_ready()
        # Who cancels its own statement waits for this before it goes on.
        client = raw.Raw(server.port)
        client.send(raw.SSL_REQUEST)
        assert client.byte() == b"N"
        client.send(raw.CANCEL)
        assert client.message() == ("", b"")
        client.close()


def test_a_statement_that_was_cancelled_leaves_its_connection_usable(
    server: TimescaleServer,
) -> None:
    async def main() -> None:
        connection = await asyncpg.connect(server.dsn)
        transaction = connection.transaction()
        await transaction.start()
        with pytest.raises(TimeoutError):
            await connection.execute("select pg_sleep(0.3)", timeout=0.05)
        await transaction.rollback()
        assert await connection.fetchval("select 1") == 1
        await connection.close()

    asyncio.run(main())


@pytest.mark.parametrize("rubbish", [bytes(4), b"\0\0\0\4", b"GET / HTTP/1.1\r\n\r\n"])
def test_who_speaks_something_else_is_sent_away(server: TimescaleServer, rubbish: bytes) -> None:
    client = raw.Raw(server.port)
    client.send(rubbish)
    client.close()
    with raw.connected(server.port) as other:
        other.send(raw.query("select 1"))
        assert other.until_ready()[-1][0] == "C"


@pytest.mark.parametrize(
    ("parameters", "reason"),
    [
        ({"user": "nobody"}, 'role "nobody" is not permitted to log in'),
        ({"database": "other"}, 'database "other" does not exist'),
        ({"colour": "blue"}, 'unrecognized configuration parameter "colour"'),
    ],
)
def test_who_cannot_be_let_in_is_told(
    server: TimescaleServer, parameters: dict[str, str], reason: str
) -> None:
    client = raw.Raw(server.port)
    client.send(raw.startup(**({"user": "postgres", "database": "template1"} | parameters)))
    assert reason in error_of(client.until_ready())
    client.close()


def test_a_length_that_cannot_be_is_refused(server: TimescaleServer) -> None:
    with raw.connected(server.port) as client:
        client.send(b"Q" + bytes(4))
        assert "shorter than its own length" in error_of(client.until_ready())


def test_copy_goes_both_ways_and_fails_whole(server: TimescaleServer) -> None:
    rows = [(number, f"text {number}") for number in range(20_000)]

    async def main() -> None:
        connection = await asyncpg.connect(server.dsn)
        await connection.execute(TABLE)
        await connection.copy_records_to_table("t", records=rows, columns=["a", "b"])
        with pytest.raises(asyncpg.CharacterNotInRepertoireError):
            await connection.copy_records_to_table("t", records=[(1, "\0")])
        with pytest.raises(asyncpg.UndefinedTableError):
            await connection.copy_records_to_table("none", records=rows)
        assert await connection.fetchval("select count(*) from t") == len(rows)
        parts: list[bytes] = []

        async def take(part: bytes) -> None:
            parts.append(part)

        await connection.copy_from_query("select a from t order by a limit 3", output=take)
        assert b"".join(parts) == b"0\n1\n2\n"
        await connection.close()

    asyncio.run(main())


def test_a_copy_that_is_broken_off_leaves_nothing(server: TimescaleServer) -> None:
    with raw.connected(server.port) as watcher:
        watcher.send(raw.query(TABLE.replace("temp ", "")))
        watcher.until_ready()
        with raw.connected(server.port) as client:
            client.send(raw.query("copy t (a) from stdin"))
            assert client.message()[0] == "G"
            client.send(raw.message(b"d", b"7\n"))
        watcher.send(raw.query("select count(*) from t"))
        assert watcher.until_ready()[1][1][6:] == b"0"


def test_copy_by_the_extended_protocol_is_refused(server: TimescaleServer) -> None:
    with raw.connected(server.port) as client:
        client.send(raw.parse("copy t from stdin"))
        assert "simple query" in error_of(client.until_ready())


def test_transactions_of_two_clients_come_one_after_the_other(server: TimescaleServer) -> None:
    async def main() -> None:
        one, other = [await asyncpg.connect(server.dsn) for _ in range(2)]
        await one.execute(TABLE.replace("temp ", ""))
        async with one.transaction():
            await one.execute("insert into t values (1)")
            counting = asyncio.create_task(other.fetchval("select count(*) from t"))
            await one.execute("insert into t values (2)")
            assert not counting.done()
        assert await counting == 2
        for connection in (one, other):
            await connection.close()

    asyncio.run(main())


def test_what_a_client_leaves_open_is_undone(server: TimescaleServer) -> None:
    with raw.connected(server.port) as client:
        for sql in ("create table t ()", "begin", "create table u ()"):
            client.send(raw.query(sql))
            client.until_ready()
        client.send(raw.parse("select nope"))
    with raw.connected(server.port) as client:
        client.send(raw.query("select to_regclass('t') is not null, to_regclass('u') is not null"))
        assert client.until_ready()[1][1] == bytes([0, 2, 0, 0, 0, 1, 116, 0, 0, 0, 1, 102])


def test_settings_are_each_clients_own(server: TimescaleServer) -> None:
    async def main() -> None:
        zones = ["Europe/Helsinki", "UTC"]
        clients = [
            await asyncpg.connect(server.dsn, server_settings={"timezone": zone}) for zone in zones
        ]
        for _ in range(2):
            found = [await client.fetchval("show timezone") for client in clients]
            assert found == zones
        await clients[0].execute("set search_path to nowhere")
        assert await clients[0].fetchval("show search_path") == "nowhere"
        assert await clients[1].fetchval("show search_path") == '"$user", public'
        for client in clients:
            await client.close()

    asyncio.run(main())


def test_notifications_reach_who_listens(server: TimescaleServer) -> None:
    heard: asyncio.Queue[str] = asyncio.Queue()

    def hear(*said: object) -> None:
        heard.put_nowait(str(said[-1]))

    async def main() -> None:
        one, other, third = [await asyncpg.connect(server.dsn) for _ in range(3)]
        await one.add_listener("news", hear)
        await other.add_listener("news", hear)
        await other.remove_listener("news", hear)
        await third.execute("notify news, 'first'")
        async with asyncio.timeout(60):
            assert await heard.get() == "first"
        assert heard.empty()
        for connection in (one, other, third):
            await connection.close()

    asyncio.run(main())


def test_an_emptied_server_is_as_new(server: TimescaleServer) -> None:
    async def things() -> list[tuple[object, ...]]:
        connection = await asyncpg.connect(server.dsn)
        rows = await connection.fetch(
            "select relname::text from pg_class where relnamespace = 'public'::regnamespace or "
            "relnamespace = '_timescaledb_internal'::regnamespace union all "
            "select nspname::text from pg_namespace union all "
            "select proname::text from pg_proc where pronamespace = 'public'::regnamespace "
            "union all select typname::text from pg_type where typnamespace = "
            "'public'::regnamespace "
            "union all select hypertable_name::text from timescaledb_information.hypertables "
            "union all select application_name from timescaledb_information.jobs order by 1"
        )
        await connection.close()
        return [tuple(row) for row in rows]

    async def use() -> None:
        connection = await asyncpg.connect(server.dsn)
        await connection.execute("create table h (t timestamptz not null, s int, v float8)")
        await connection.execute("select create_hypertable('h', 't')")
        await connection.execute(
            "insert into h select now() - n * interval '1 day', n, n from generate_series(1, 40) n"
        )
        await connection.execute("alter table h set (timescaledb.compress_segmentby = 's')")
        assert await connection.fetchval("select count(compress_chunk(c)) from show_chunks('h') c")
        await connection.execute("select add_retention_policy('h', interval '1 year')")
        await connection.execute("create schema other; create table other.t (a int)")
        await connection.execute("create type colour as enum ('blue'); create type pair as (a int)")
        await connection.execute("create domain positive as int check (value > 0)")
        await connection.execute("create view v as select * from h; create sequence s")
        await connection.execute("create function f() returns int language sql as 'select 1'")
        await connection.execute("create procedure p(job int, config jsonb) language sql as ''")
        await connection.execute("select add_job('p', '1 hour')")
        await connection.execute("select pg_advisory_lock(1)")
        await connection.close()

    before = asyncio.run(things())
    asyncio.run(use())
    assert asyncio.run(things()) != before
    server.empty()
    assert asyncio.run(things()) == before


def test_who_waits_too_long_is_told_why(own_server: TimescaleServer) -> None:
    with raw.connected(own_server.port) as one, raw.connected(own_server.port) as other:
        one.send(raw.query("begin"))
        one.until_ready()
        other.send(raw.query("select 1"))
        assert "let the test end that transaction" in error_of(other.until_ready())
        one.send(raw.query("commit"))
        assert one.until_ready()[0][0] == "C"


def test_it_ends_when_told_to(own_server: TimescaleServer) -> None:
    with raw.connected(own_server.port):
        os.kill(own_server.pid, signal.SIGTERM)
        until(lambda: not own_server.is_running)
    assert own_server.stop() == 0


def test_it_ends_with_who_started_it(timescale: TimescaleServer) -> None:  # noqa: ARG001 (skips)
    program = (
        "import time; from tests.timescaledb.process import TimescaleServer\n"
        "server = TimescaleServer(); server.start(); print(server.pid, flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        assert is_alive(pid)
        parent.kill()
    until(lambda: not is_alive(pid))
