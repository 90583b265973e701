"""A server that answers every request with the same bytes: what the API's rate may be at most.

It reads nothing of a request but that it ends, and makes nothing of an answer.
"""

import asyncio
import sys
from pathlib import Path
from typing import Final

_END: Final = b"\r\n\r\n"


class Bare(asyncio.Protocol):
    """A connection on which every request is answered alike."""

    def __init__(self, answer: bytes) -> None:
        self._answer = answer
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep where to answer."""
        if isinstance(transport, asyncio.Transport):
            self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Answer a request, which comes in one piece."""
        if data.endswith(_END) and self._transport is not None:
            self._transport.write(self._answer)


async def serve(port: int, body: bytes) -> None:
    """Answer on a port until ended."""
    answer = b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(body) + body
    server = await asyncio.get_running_loop().create_server(lambda: Bare(answer), "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), Path(sys.argv[2]).read_bytes()))
