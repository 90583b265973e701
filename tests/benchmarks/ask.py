"""Clients of the API in a process of their own: who asks for what is latest, and who watches.

Both on raw sockets, so that the clients take little of the machine that they measure.
"""

import re
import resource
import selectors
import socket
import sys
import time
from datetime import datetime
from pathlib import Path
from typing import Final

import msgspec

CONNECTIONS: Final = 16
_WARM_UP_S: Final = 1.0
_LENGTH: Final = re.compile(rb"content-length: (\d+)", re.IGNORECASE)
_COMPUTED: Final = re.compile(rb'"computed_at": ?"([^"]+)"')
_CAUGHT_UP: Final = b": up to date at"
_CATCH_UP_S: Final = 90.0
_DESCRIPTORS: Final = 4096


class Asking(msgspec.Struct, frozen=True):
    """What to do for how long: ask for a city's latest, or have so many watch what a query says."""

    port: int
    city: str
    seconds: float
    watchers: int
    result: str
    query: str = ""


class Asked(msgspec.Struct, frozen=True):
    """What came of it.

    Attributes:
        seconds: that each answer took.
        took: how long was asked, or watched.
        late: by watcher: the most seconds from when a value was computed to its arrival; -1 where
            nothing came.
        values: events that arrived, of all watchers.
    """

    seconds: list[float]
    took: float
    late: list[float]
    values: int


class Client:
    """One connection that asks again as soon as it is answered."""

    def __init__(self, asking: Asking) -> None:
        self.socket = socket.create_connection(("127.0.0.1", asking.port), 10)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        path = f"/v1/cities/{asking.city}/indicators"
        self._request = f"GET {path} HTTP/1.1\r\nHost: bench\r\n\r\n".encode()
        self._held = bytearray()
        self._end = 0
        self.asked_s = 0.0

    def ask(self) -> None:
        """Send the request."""
        self._held.clear()
        self._end = 0
        self.asked_s = time.perf_counter()
        self.socket.sendall(self._request)

    def is_answered(self) -> bool:
        """Take what has come; whether that is all of an answer."""
        self._held += self.socket.recv(1 << 20)
        if not self._end:
            head = self._held.find(b"\r\n\r\n")
            if head < 0:
                return False
            if not self._held.startswith(b"HTTP/1.1 200"):
                raise ConnectionError(f"the API answers {bytes(self._held[:300])!r}")
            found = _LENGTH.search(self._held[:head])
            if found is None:
                raise ConnectionError("an answer without its length")
            self._end = head + 4 + int(found[1])
        return len(self._held) >= self._end


def ask(asking: Asking) -> Asked:
    """Ask over several connections, each as fast as it is answered."""
    selector = selectors.DefaultSelector()
    for _ in range(CONNECTIONS):
        client = Client(asking)
        selector.register(client.socket, selectors.EVENT_READ, client)
        client.ask()
    taken: list[float] = []
    begin = time.perf_counter() + _WARM_UP_S
    while (now := time.perf_counter()) < begin + asking.seconds:
        for key, _ in selector.select(1.0):
            client = key.data
            if client.is_answered():
                now = time.perf_counter()
                if client.asked_s >= begin:
                    taken.append(now - client.asked_s)
                client.ask()
    return Asked(taken, now - begin, [], 0)


def watch(asking: Asking) -> Asked:
    """Have many watch a city; of each piece that arrives its oldest value counts."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(_DESCRIPTORS, hard), hard))
    selector = selectors.DefaultSelector()
    late, values = [-1.0] * asking.watchers, 0
    caught_up: set[int] = set()
    last: dict[int, bytes] = {}
    request = f"GET /v1/stream?{asking.query} HTTP/1.1\r\nHost: bench\r\n\r\n".encode()
    for number in range(asking.watchers):
        one = socket.create_connection(("127.0.0.1", asking.port), 30)
        one.sendall(request)
        one.setblocking(False)  # noqa: FBT003 (as the standard library has it)
        selector.register(one, selectors.EVENT_READ, number)
    begun, deadline = 0.0, time.perf_counter() + _CATCH_UP_S
    while not begun or time.perf_counter() < begun + asking.seconds:
        for key, _ in selector.select(1.0):
            piece = key.fileobj.recv(1 << 18)  # type: ignore[union-attr]
            if not piece:
                raise ConnectionError(f"the API closed a stream: {last.get(key.data, b'')!r}")
            last[key.data] = piece[-80:]
            if key.data not in caught_up:  # the snapshot is of whenever it was
                _, mark, piece = piece.partition(_CAUGHT_UP)
                if mark:
                    caught_up.add(key.data)
            found = _COMPUTED.search(piece)
            if found is not None and begun:
                values += piece.count(b"\ndata: ")
                since = time.time() - datetime.fromisoformat(found[1].decode()).timestamp()
                late[key.data] = max(late[key.data], since)
        if not begun and len(caught_up) == asking.watchers:
            begun = time.perf_counter() + _WARM_UP_S
            late, values = [-1.0] * asking.watchers, 0
        if not begun and time.perf_counter() > deadline:
            raise TimeoutError(f"{len(caught_up)} of {asking.watchers} streams began in time")
    return Asked([], time.perf_counter() - begun, late, values)


def main() -> None:
    """Do what the command line says, and write what came of it."""
    asking = msgspec.json.decode(sys.argv[1], type=Asking)
    found = watch(asking) if asking.watchers else ask(asking)
    Path(asking.result).write_bytes(msgspec.json.encode(found))


if __name__ == "__main__":
    main()
