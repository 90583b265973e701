"""A broker as far as a publisher can tell: takes what is published, and acknowledges it or not."""

import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from typing import Self

_CONNECT, _PUBLISH = 1, 3
_RECEIVE_MAXIMUM = 0x21


class Sink:
    """Serves publishers on a port of its own, one thread each.

    Attributes:
        published: messages taken, acknowledged or not.
        payloads: topic and payload of each, where they are kept.
        reads: take what comes; while false, a publisher's socket fills until it is cut.
        withholds: keep acknowledgements back until it is false again and a message comes.
    """

    def __init__(self, receive_maximum: int | None = None, *, keeps: bool = False) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._receive_maximum = receive_maximum
        self._keeps = keeps
        self._connections: list[socket.socket] = []
        self._cut = threading.Event()
        self.published = 0
        self.connected = 0
        self.payloads: list[tuple[str, bytes]] = []
        self.mids: list[int] = []
        self.withholds = False
        self.reads = True

    def start(self) -> Self:
        """Serve, in threads that end with the process."""
        threading.Thread(target=self.serve, daemon=True).start()
        return self

    def serve(self) -> None:
        """Take connections until closed."""
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self._connections.append(connection)
            threading.Thread(target=self._take, args=(connection,), daemon=True).start()

    def cut(self) -> None:
        """Break every connection; new ones are taken, and read."""
        self.reads = True
        self._cut.set()
        for connection in self._connections:
            with suppress(OSError):  # closed already
                connection.shutdown(socket.SHUT_RDWR)
        self._connections.clear()

    def close(self) -> None:
        """Serve no more."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.cut()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.close()

    def _take(self, connection: socket.socket) -> None:
        pending = b""
        with connection:
            while True:
                try:
                    received = connection.recv(1 << 20)
                except OSError:
                    return
                if not received:
                    return
                data, taken, answers = pending + received, 0, []
                for kind, body, end in _packets(data):
                    if kind == _PUBLISH and not self.reads:
                        self._await_cut(connection)
                        return
                    taken = end
                    answers.append(self._answer(kind, data, body, end))
                pending = data[taken:]
                try:
                    connection.sendall(b"".join(answers))
                except OSError:
                    return

    def _await_cut(self, connection: socket.socket) -> None:
        self._cut.wait()
        connection.close()

    def _answer(self, kind: int, data: bytes, body: int, end: int) -> bytes:
        if kind == _CONNECT:
            self.connected += 1
            return self._connack()
        if kind != _PUBLISH:
            return b""
        self.published += 1
        at = body + 2 + int.from_bytes(data[body : body + 2])
        mid = data[at : at + 2]
        if self._keeps:
            self.payloads.append((data[body + 2 : at].decode(), data[at + 3 : end]))
            self.mids.append(int.from_bytes(mid))
        return b"" if self.withholds else b"\x40\x02" + mid

    def _connack(self) -> bytes:
        if self._receive_maximum is None:
            return b"\x20\x03\x00\x00\x00"
        limit = self._receive_maximum.to_bytes(2)
        return b"\x20\x06\x00\x00\x03" + bytes([_RECEIVE_MAXIMUM]) + limit


def _packets(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Type of each whole packet, where its body begins, and where it ends."""
    at = 0
    while at + 2 <= len(data):
        size, shift, body = 0, 0, at + 1
        while body < len(data):
            low = data[body]
            size |= (low & 0x7F) << shift
            shift += 7
            body += 1
            if low < 0x80:
                break
        else:
            return
        if body + size > len(data):
            return
        yield data[at] >> 4, body, body + size
        at = body + size


if __name__ == "__main__":
    sink = Sink()
    print(sink.port, flush=True)  # noqa: T201 (who started it waits for it)
    sink.serve()
