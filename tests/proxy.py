"""A TCP proxy on the loopback that a test can cut, reset, half-close, stall and slow down."""

import asyncio
import socket
import struct
from contextlib import suppress
from typing import Final

from tests.servers import Background

_PIECE: Final = 1 << 16
_RESET: Final = struct.pack("ii", 1, 0)
"""SO_LINGER for 0 s: closing sends RST instead of FIN."""


class Proxy:
    """Stands between a client and a server on the loopback.

    Bounded: one piece of 64 KiB in each direction of a connection; a stalled one reads no further.

    Args:
        background: the event loop that carries the bytes.
        target: port of the server.
    """

    def __init__(self, background: Background, target: int) -> None:
        self._background = background
        self._target = target
        self._open: set[tuple[asyncio.StreamWriter, asyncio.StreamWriter]] = set()
        self._delay = 0.0
        self._is_refusing = False
        self._server, self._up, self._down, self.port = background.call(self._listen())

    def refuse(self) -> None:
        """Reset all connections, and every new one, until `accept`."""
        self._background.call(self._set_refusing(on=True))

    def accept(self) -> None:
        """Take connections again."""
        self._background.call(self._set_refusing(on=False))

    def cut(self) -> None:
        """End all connections in order: both sides see the end of the stream."""
        self._background.call(self._end(reset=False))

    def reset(self) -> None:
        """Reset all connections: what is under way is lost."""
        self._background.call(self._end(reset=True))

    def half_close(self) -> None:
        """Tell clients that the server says no more; what they say still goes through."""
        self._background.call(self._half_close())

    def stall(self) -> None:
        """Pass nothing on until `flow`, without closing anything."""
        self._background.call(self._hold(self._up, self._down))

    def stall_upward(self) -> None:
        """Pass on what the server says, but nothing that the client says, until `flow`."""
        self._background.call(self._hold(self._up))

    def stall_downward(self) -> None:
        """Pass on what the client says, but nothing that the server says, until `flow`."""
        self._background.call(self._hold(self._down))

    def flow(self) -> None:
        """Pass on what was stalled."""
        self._background.call(self._let_flow())

    def delay(self, seconds: float) -> None:
        """Hold each piece back for a while from now on."""
        self._delay = seconds

    def close(self) -> None:
        """End it all."""
        self._background.call(self._close())

    async def _listen(self) -> tuple[asyncio.Server, asyncio.Event, asyncio.Event, int]:
        server = await asyncio.start_server(self._carry, "127.0.0.1", 0)
        up, down = asyncio.Event(), asyncio.Event()
        up.set()
        down.set()
        return server, up, down, int(server.sockets[0].getsockname()[1])

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            if self._is_refusing:
                raise ConnectionError
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._target)
        except OSError:
            _abort(writer)
            return
        both = (writer, far_writer)
        self._open.add(both)
        try:
            await asyncio.gather(
                self._pass(reader, far_writer, self._up), self._pass(far_reader, writer, self._down)
            )
        finally:
            self._open.discard(both)
            for one in both:
                one.close()

    async def _pass(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, flowing: asyncio.Event
    ) -> None:
        """One direction, to its end; a reset is passed on, too."""
        try:
            while piece := await reader.read(_PIECE):
                await flowing.wait()
                if self._delay:
                    await asyncio.sleep(self._delay)
                writer.write(piece)
                await writer.drain()
            if writer.can_write_eof():
                writer.write_eof()
        except OSError:
            _abort(writer)
        except RuntimeError:  # we have said that no more will come, and it did
            return

    async def _set_refusing(self, *, on: bool) -> None:
        self._is_refusing = on
        if on:
            await self._end(reset=True)

    async def _hold(self, *directions: asyncio.Event) -> None:
        for flowing in directions:
            flowing.clear()

    async def _let_flow(self) -> None:
        self._up.set()
        self._down.set()

    async def _end(self, *, reset: bool) -> None:
        for both in list(self._open):
            for writer in both:
                if reset:
                    _abort(writer)
                else:
                    writer.close()

    async def _half_close(self) -> None:
        for near, _ in list(self._open):
            with suppress(OSError):
                near.write_eof()

    async def _close(self) -> None:
        await self._let_flow()
        self._server.close()
        await self._end(reset=True)


def _abort(writer: asyncio.StreamWriter) -> None:
    """Close with RST."""
    sock = writer.get_extra_info("socket")
    with suppress(OSError):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    writer.transport.abort()
