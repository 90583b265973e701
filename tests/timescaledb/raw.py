"""A client that sends exactly the bytes it is told to: for what no driver would do."""

import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

SSL_REQUEST: Final = struct.pack(">ii", 8, 80877103)
CANCEL: Final = struct.pack(">iiii", 16, 80877102, 1, 0)
SYNC: Final = b"S" + struct.pack(">i", 4)


def message(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack(">i", len(body) + 4) + body


def query(sql: str) -> bytes:
    return message(b"Q", sql.encode() + b"\0")


def parse(sql: str, name: str = "") -> bytes:
    return message(b"P", name.encode() + b"\0" + sql.encode() + b"\0" + bytes(2))


def run(name: str = "") -> bytes:
    """Bind a statement without parameters, and execute it."""
    bind = message(b"B", b"\0" + name.encode() + b"\0" + bytes(6))
    return bind + message(b"E", b"\0" + bytes(4))


def startup(**parameters: str) -> bytes:
    body = b"".join(f"{name}\0{value}\0".encode() for name, value in parameters.items())
    return struct.pack(">ii", len(body) + 9, 196608) + body + b"\0"


class Raw:
    """One connection."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=30)
        self._stream = self._socket.makefile("rb")

    def send(self, data: bytes) -> None:
        self._socket.sendall(data)

    def byte(self) -> bytes:
        return self._stream.read(1)

    def message(self) -> tuple[str, bytes]:
        """The next message's type and body; two empty ones at the end."""
        head = self._stream.read(5)
        if not head:
            return "", b""
        return chr(head[0]), self._stream.read(int.from_bytes(head[1:]) - 4)

    def until_ready(self) -> list[tuple[str, bytes]]:
        """Messages up to the next ReadyForQuery, without it."""
        found = []
        while (one := self.message())[0] not in {"Z", ""}:
            found.append(one)
        return found

    def close(self) -> None:
        self._stream.close()
        self._socket.close()


@contextmanager
def connected(port: int, **parameters: str) -> Iterator[Raw]:
    """A connection that was let in."""
    raw = Raw(port)
    try:
        raw.send(startup(**({"user": "postgres", "database": "template1"} | parameters)))
        raw.until_ready()
        yield raw
    finally:
        raw.close()
