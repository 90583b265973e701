"""A running API for tests, a door before its database that can be shut, a stream reader."""

import asyncio
import json
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, Self, TypeVar
from urllib.parse import urlsplit, urlunsplit

import httpx

from api.app import create_app
from api.feed import Timing
from api.main import bound, serve
from cityvitals.settings import BrokerSettings, DatabaseSettings, Settings
from cityvitals.store.pool import Pool, open_pool
from tests import plain

Result = TypeVar("Result")

QUICK = Timing(heartbeat=0.3, poll=0.5, retry=0.05, ping=1.0)


def with_pool(database: DatabaseSettings, act: Callable[[Pool], Awaitable[Result]]) -> Result:
    """Do something with the database, from a test that is not async."""

    async def main() -> Result:
        async with open_pool(database, "test") as pool:
            return await act(pool)

    return asyncio.run(main())


class Door:
    """A TCP proxy before the database: shut, it refuses and cuts, like a server that stopped.

    Args:
        dsn: where the database really is.
    """

    def __init__(self, dsn: str) -> None:
        self._parts = urlsplit(dsn)
        self._target = (self._parts.hostname or "127.0.0.1", self._parts.port or 5432)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._port = 0

    def __enter__(self) -> Self:
        self._thread.start()
        self.open()
        return self

    def __exit__(self, *_: object) -> None:
        self.shut()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    @property
    def dsn(self) -> str:
        """The way to the database through the door."""
        place = f"{self._parts.username}@127.0.0.1:{self._port}"
        if self._parts.password:
            place = f"{self._parts.username}:{self._parts.password}@127.0.0.1:{self._port}"
        return urlunsplit(self._parts._replace(netloc=place))

    def open(self) -> None:
        """Let connections through, on the same port as before."""
        self._run(self._open())

    def shut(self) -> None:
        """Cut what is connected and refuse what comes."""
        self._run(self._shut())

    def _run(self, work: Any) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    async def _open(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self._port)
        self._port = self._server.sockets[0].getsockname()[1]

    async def _shut(self) -> None:
        if self._server is not None:
            self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        far_reader, far_writer = await asyncio.open_connection(*self._target)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(_pump(reader, far_writer))
                group.create_task(_pump(far_reader, writer))
        except asyncio.CancelledError:
            pass  # shut: the server may end this task as it likes
        finally:
            for end in (writer, far_writer):
                end.transport.abort()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while piece := await reader.read(65536):
            writer.write(piece)
            await writer.drain()
    writer.close()


def eventually(found: Callable[[], bool], within_seconds: float = 60.0) -> None:
    """Wait for a condition, with a deadline."""
    deadline = time.monotonic() + within_seconds
    while not found():
        assert time.monotonic() < deadline, "it did not come to pass in time"
        time.sleep(0.02)


def status_of(url: str) -> int:
    """The status that a URL answers with."""
    return plain.get(url, timeout=60).status_code


@contextmanager
def running_api(
    database: DatabaseSettings,
    *,
    timing: Timing = QUICK,
    ready: bool = True,
    broker: BrokerSettings | None = None,
    **api: Any,
) -> Iterator[str]:
    """Run the API in a thread of its own; gives its base URL, where `ready` once it is that."""
    given = {"database": database.model_dump(), "api": api}
    if broker is not None:
        given["broker"] = broker.model_dump()
    settings = Settings.model_validate(given)
    stop = asyncio.Event()
    app = create_app(settings, stop=stop, timing=timing)
    loop = asyncio.new_event_loop()
    with bound("127.0.0.1", 0) as listener:
        thread = threading.Thread(
            target=loop.run_until_complete, args=(serve(app, listener, stop),), daemon=True
        )
        thread.start()
        try:
            base = f"http://127.0.0.1:{listener.getsockname()[1]}"
            eventually(lambda: not ready or status_of(f"{base}/readyz") == 200)
            yield base
        finally:
            loop.call_soon_threadsafe(stop.set)
            thread.join(10)
            assert not thread.is_alive(), "the API does not stop"
            loop.close()


@dataclass(frozen=True)
class Told:
    """One event or comment of a live stream."""

    kind: str
    number: int | None
    data: Any
    comment: str = ""


@contextmanager
def stream(
    base: str, city: str, *, seen: int | None = None, **query: str
) -> Iterator[Iterator[Told]]:
    """Watch a city; the iterator waits at most ten seconds for each next event."""
    headers = {} if seen is None else {"Last-Event-ID": str(seen)}
    with (
        httpx.Client(timeout=60) as client,
        client.stream(
            "GET", f"{base}/v1/stream", params={"city": city, **query}, headers=headers
        ) as answer,
    ):
        assert answer.status_code == 200, answer.read()
        assert answer.headers["content-type"].startswith("text/event-stream")
        yield _told(answer.iter_lines())


def _told(lines: Iterator[str]) -> Iterator[Told]:
    fields: dict[str, str] = {}
    for line in lines:
        if line:
            name, _, value = line.partition(":")
            fields[name] = value.removeprefix(" ")
        elif "data" in fields:
            number = int(fields["id"]) if "id" in fields else None
            yield Told(fields["event"], number, json.loads(fields["data"]))
            fields = {}
        else:
            if "" in fields:
                yield Told("", None, None, fields[""])
            fields = {}


def next_of(events: Iterator[Told], kind: str) -> Told:
    """The next event of a kind; comments and others are passed over."""
    return next(event for event in events if event.kind == kind)
