"""A socket that reads and writes in large pieces what paho asks for in small ones.

paho reads each packet in three pieces and sends each acknowledgement by itself: four system calls
per message, more than all that decoding it takes.
"""

import socket
from contextlib import suppress
from typing import Final

_PIECE: Final = 1 << 16


class BufferedSocket:
    """Stands in for a connected, non-blocking socket in paho's client.

    Bounded: at most one piece is read ahead. What is written waits for `flush`; paho queues an
    acknowledgement for each message held, so at most Receive Maximum of four bytes each.
    """

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._ahead = memoryview(b"")
        self._behind = bytearray()

    def recv(self, size: int) -> bytes:
        """At most `size` bytes; b"" at the end; BlockingIOError where none have come."""
        if not self._ahead:
            self._ahead = memoryview(self._sock.recv(_PIECE))
        taken = bytes(self._ahead[:size])
        self._ahead = self._ahead[size:]
        return taken

    def send(self, data: bytes | bytearray) -> int:
        """Take all of it; `flush` sends it."""
        self._behind += data
        return len(data)

    def flush(self) -> bool:
        """Send what waits; whether nothing is left.

        Raises:
            OSError: the connection is lost.
        """
        while self._behind:
            try:
                sent = self._sock.send(self._behind)
            except BlockingIOError:
                return False
            del self._behind[:sent]
        return True

    @property
    def has_read_ahead(self) -> bool:
        """Whether there are bytes that no readable socket will tell of."""
        return bool(self._ahead)

    def fileno(self) -> int:
        """The descriptor that the event loop watches."""
        return self._sock.fileno()

    def setblocking(self, flag: bool) -> None:  # noqa: FBT001 - the socket's own signature
        """As the socket's."""
        self._sock.setblocking(flag)

    def close(self) -> None:
        """As the socket's, after a last attempt to send what waits."""
        with suppress(OSError):
            self.flush()
        self._sock.close()
