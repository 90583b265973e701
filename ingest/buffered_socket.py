"""A socket that reads and writes in large pieces, and gives paho one whole packet at a time.

paho reads each packet in three pieces and sends each acknowledgement by itself: four system calls
per message, more than all that decoding it takes. PUBLISH packets do not reach it at all.
"""

import socket
import ssl
import time
from contextlib import suppress
from typing import Final

from ingest.packets import Published, packet_end, read_publishes

_PIECE: Final = 1 << 17
_GOODBYE_S: Final = 2.0
_WOULD_BLOCK: Final = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)


class BufferedSocket:
    """Stands in for a connected, non-blocking socket in paho's client.

    Bounded: at most one piece is read beyond the packet that is not complete yet. What is written
    waits for `flush`: acknowledgements, at most Receive Maximum of four bytes each, and what paho
    sends.

    Args:
        sock: plain, or wrapped for TLS.
        properties: whether packets have properties, as in MQTT 5.
    """

    def __init__(self, sock: socket.socket, *, properties: bool = True) -> None:
        self._sock = sock
        self._properties = properties
        self._ahead = b""
        self._granted = memoryview(b"")
        self._behind = bytearray()
        self._is_over = False
        self._says_goodbye = False

    def fill(self) -> bool:
        """Read what has come; whether there was anything.

        Raises:
            OSError: the connection is lost.
        """
        try:
            piece = self._sock.recv(_PIECE)
        except _WOULD_BLOCK:
            return False
        self._is_over = not piece
        self._ahead = self._ahead + piece if self._ahead else piece
        return True

    def take_publishes(self) -> list[Published]:
        """The PUBLISH packets of QoS 0 and 1 that come next.

        Raises:
            MalformedPacket: what came is no MQTT.
        """
        found, end = read_publishes(self._ahead, properties=self._properties)
        if end:
            self._ahead = self._ahead[end:]
        return found

    def grant(self) -> bool:
        """Let `recv` have the next packet, or the connection's end; whether there is either.

        Raises:
            MalformedPacket: what came is no MQTT.
        """
        end = packet_end(self._ahead)
        if 0 <= end <= len(self._ahead):
            self._granted = memoryview(self._ahead)[:end]
            self._ahead = self._ahead[end:]
            return True
        return self._is_over

    def recv(self, size: int) -> bytes:
        """At most `size` bytes of what was granted; b"" at the connection's end.

        Raises:
            BlockingIOError: nothing is granted.
        """
        if not self._granted:
            if self._is_over:
                return b""
            raise BlockingIOError
        taken = bytes(self._granted[:size])
        self._granted = self._granted[size:]
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
            except _WOULD_BLOCK:
                return False
            del self._behind[:sent]
        return True

    @property
    def has_more(self) -> bool:
        """Whether there are bytes that no readable descriptor will tell of."""
        return isinstance(self._sock, ssl.SSLSocket) and self._sock.pending() > 0

    def fileno(self) -> int:
        """The descriptor that the event loop watches."""
        return self._sock.fileno()

    def setblocking(self, flag: bool) -> None:  # noqa: FBT001 - the socket's own signature
        """As the socket's."""
        self._sock.setblocking(flag)

    def say_goodbye(self) -> None:
        """Have `close` see to it that the other side reads all that was sent."""
        self._says_goodbye = True

    def close(self) -> None:
        """As the socket's, after a last attempt to send what waits."""
        with suppress(OSError):
            if self._says_goodbye:
                self._linger()
            else:
                self.flush()
        self._sock.close()

    def _linger(self) -> None:
        """Send all, then read to the other side's end, for so long at most.

        Closed with something unread, a connection is reset, and the last acknowledgements with it.
        """
        end = time.monotonic() + _GOODBYE_S
        self._sock.settimeout(_GOODBYE_S)
        self._sock.sendall(self._behind)
        self._behind.clear()
        self._sock.shutdown(socket.SHUT_WR)
        while self._sock.recv(_PIECE) and time.monotonic() < end:
            pass
