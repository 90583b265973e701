"""What the subscriber makes of brokers that refuse, stall or flood it."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

import pytest

from cityvitals.errors import Fenced, UnfitServer
from cityvitals.settings import BrokerSettings, IngestSettings
from ingest.arrival import Arrival
from ingest.subscriber import Subscriber

CONNACK = bytes([0x20, 3, 0, 0, 0])
RESUMED = bytes([0x20, 3, 1, 0, 0])
DEADLINE_S = 60.0


def suback(*reasons: int) -> bytes:
    return bytes([0x90, 3 + len(reasons), 0, 1, 0, *reasons])


def publish(mid: int, qos: int = 1) -> bytes:
    topic = b"city/v1/town/meta"
    body = len(topic).to_bytes(2, "big") + topic
    body += (mid.to_bytes(2, "big") if qos else b"") + b"\0" + b"{}"
    return bytes([0x30 | qos << 1, len(body)]) + body


class Held:
    """A sink that keeps what it gets."""

    def __init__(self, room: int = 1000) -> None:
        self.arrivals: list[Arrival] = []
        self.dropped: list[tuple[str, int]] = []
        self.room = room

    @property
    def is_full(self) -> bool:
        return len(self.arrivals) >= self.room

    def add(self, arrivals: Sequence[Arrival]) -> None:
        self.arrivals += arrivals

    def drop_redelivered(self, session: str, generation: int) -> None:
        self.dropped.append((session, generation))


class Broker:
    """Answers each connection with the next script: bytes to send after CONNECT, then SUBSCRIBE."""

    def __init__(self, *scripts: tuple[bytes, bytes]) -> None:
        self.scripts = list(scripts)
        self.heard: list[bytes] = []
        self.writers: list[asyncio.StreamWriter] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.writers.append(writer)
        script = self.scripts.pop(0) if self.scripts else (b"", b"")
        for answer in script:
            await packet(reader)
            if not answer:
                writer.close()
                return
            writer.write(answer)
        try:
            while True:
                self.heard.append(await packet(reader))
        except (asyncio.IncompleteReadError, OSError):
            writer.close()


async def packet(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readexactly(2)
    size, shift = head[1] & 127, 7
    while head[-1] & 128:
        head += await reader.readexactly(1)
        size |= (head[-1] & 127) << shift
        shift += 7
    return head + await reader.readexactly(size)


@asynccontextmanager
async def subscribed(
    broker: Broker, sink: Held, *, ours: bool = True
) -> AsyncIterator[tuple[Subscriber, "asyncio.Task[None]", list[str]]]:
    server = await asyncio.start_server(broker.serve, "127.0.0.1", 0)
    states: list[str] = []

    async def check() -> None:
        if not ours:
            raise Fenced("taken")

    port = server.sockets[0].getsockname()[1]
    subscriber = Subscriber(
        BrokerSettings(port=port), IngestSettings(), sink, lambda: 7, states.append, check
    )
    task = asyncio.create_task(subscriber.run())
    try:
        yield subscriber, task, states
    finally:
        await subscriber.close()
        await asyncio.wait([task], timeout=DEADLINE_S)
        task.cancel()
        for writer in broker.writers:
            writer.close()
        server.close()


async def until(what: Callable[[], bool]) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not what():
        assert time.monotonic() < deadline, "the condition did not come true"
        await asyncio.sleep(0.01)


@pytest.mark.parametrize(
    ("connack", "answer", "why"),
    [
        (bytes([0x20, 3, 0, 0x84, 0]), b"", "refuses the connection: Unsupported protocol"),
        (bytes([0x20, 3, 0, 0x87, 0]), b"", "refuses the connection: Not authorized"),
        (bytes([0x20, 5, 0, 0, 2, 0x2A, 0]), b"", "offers no shared subscriptions"),
        (
            CONNACK,
            suback(0x9E, 0x9E, 1, 1, 1),
            r"refuses the subscription \$share/ingest/city.*Shared subscription not supported",
        ),
    ],
)
def test_a_broker_that_cannot_do_is_refused_by_name(
    connack: bytes, answer: bytes, why: str
) -> None:
    async def main() -> None:
        async with subscribed(Broker((connack, answer)), Held()) as (_, task, _):
            with pytest.raises(UnfitServer, match=why):
                await asyncio.wait_for(task, DEADLINE_S)

    asyncio.run(main())


def test_a_broker_that_is_busy_is_asked_again() -> None:
    busy = (bytes([0x20, 3, 0, 0x89, 0]), b"")
    good = (CONNACK, suback(1, 1, 1, 1, 1))

    async def main() -> None:
        broker = Broker(busy, (b"", b""), good)
        async with subscribed(broker, Held()) as (_, _, states):
            await until(lambda: "" in states)
            assert "not ready: Server busy" in states[0]

    asyncio.run(main())


def test_a_broker_that_is_another_process_now_ends_us() -> None:
    async def main() -> None:
        async with subscribed(Broker((b"", b"")), Held(), ours=False) as (_, task, _):
            with pytest.raises(Fenced):
                await asyncio.wait_for(task, DEADLINE_S)

    asyncio.run(main())


def test_acks_go_out_in_order_and_never_to_another_connection() -> None:
    first = (CONNACK, suback(1, 1, 1, 1, 1) + publish(5) + publish(3) + publish(9, qos=0))
    second = (RESUMED, suback(1, 1, 1, 1, 1) + publish(5))

    async def main() -> None:
        broker, sink = Broker(first, second), Held()
        async with subscribed(broker, sink) as (subscriber, _, _):
            await until(lambda: len(sink.arrivals) == 3)
            assert subscriber.acknowledge(sink.arrivals[:2]) == 2
            await until(lambda: len(broker.heard) == 2)
            assert [heard[2:4] for heard in broker.heard] == [b"\0\5", b"\0\3"]
            broker.writers[0].close()
            await until(lambda: len(sink.arrivals) == 4)
            assert sink.dropped == [("cityvitals-ingest-0", sink.arrivals[-1].generation)]
            begun = sink.arrivals[0].generation
            assert [one.generation - begun for one in sink.arrivals] == [0, 0, 0, 1]
            assert subscriber.acknowledge(sink.arrivals) == 1
            await until(lambda: len(broker.heard) == 3)

    asyncio.run(main())


def test_a_full_sink_stops_the_reading_until_there_is_room() -> None:
    flood = b"".join(publish(0, qos=0) for _ in range(100_000))

    async def main() -> None:
        broker, sink = Broker((CONNACK, suback(1, 1, 1, 1, 1) + flood)), Held(room=10)
        async with subscribed(broker, sink) as (subscriber, _, states):
            await until(lambda: "" in states)
            held = len(sink.arrivals)
            assert 10 <= held < 10_000
            subscriber.resume()
            assert len(sink.arrivals) == held
            sink.room = 200_000
            subscriber.resume()
            await until(lambda: len(sink.arrivals) == 100_000)

    asyncio.run(main())
