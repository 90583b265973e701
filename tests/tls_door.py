"""TLS in front of a PostgreSQL that was built without: the server's end of its handshake.

The embedded PostgreSQL has no TLS. What a client has to check, certificate and name, is in the
handshake before the first word of the protocol, and that is what this does, with real TLS; what
comes after goes to the real server as it is.
"""

import asyncio
import ssl
from contextlib import suppress
from pathlib import Path
from typing import Final

from tests.servers import Background
from tests.tls_broker import Authority

_SSL_REQUEST: Final = b"\x00\x00\x00\x08\x04\xd2\x16\x2f"
_CHUNK: Final = 65_536


class TlsDoor:
    """A port that speaks PostgreSQL over TLS for a server on the loopback.

    Args:
        background: loop to run on.
        target: the server's port.
        identity: certificate and key to show.
        authority: whose client certificates to ask for, if any.
    """

    def __init__(
        self,
        background: Background,
        target: int,
        identity: tuple[Path, Path],
        authority: Authority | None = None,
    ) -> None:
        self._background = background
        self._target = target
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(*identity)
        if authority is not None:
            self._context.load_verify_locations(authority.file)
            self._context.verify_mode = ssl.CERT_REQUIRED
        self.encrypted = 0
        self._server = background.call(asyncio.start_server(self._serve, "127.0.0.1", 0))
        self.port: int = self._server.sockets[0].getsockname()[1]

    def close(self) -> None:
        self._background.call(self._close())

    async def _close(self) -> None:
        self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError):
            if await reader.readexactly(len(_SSL_REQUEST)) == _SSL_REQUEST:
                writer.write(b"S")
                await writer.start_tls(self._context)
                self.encrypted += 1
                await self._relay(reader, writer)
        writer.close()

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        inner, outer = await asyncio.open_connection("127.0.0.1", self._target)
        try:
            await asyncio.wait(
                {
                    asyncio.create_task(_copy(reader, outer)),
                    asyncio.create_task(_copy(inner, writer)),
                },
                return_when=asyncio.FIRST_COMPLETED,
            )
        finally:
            outer.close()


async def _copy(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while piece := await source.read(_CHUNK):
            sink.write(piece)
            await sink.drain()
