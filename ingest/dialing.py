"""Opening a connection to the broker, plain or by TLS, without blocking the event loop."""

import asyncio
import socket
import ssl


async def open_socket(host: str, port: int, context: ssl.SSLContext | None = None) -> socket.socket:
    """A connected, non-blocking socket to the first address that answers.

    Args:
        host: name or address.
        port: TCP port.
        context: for TLS; None is plain TCP.

    Raises:
        OSError: nobody answers, or the TLS handshake fails (ssl.SSLError is one).
    """
    plain = await _connected(host, port)
    if context is None:
        return plain
    try:
        # Wrapping does not talk yet: the handshake waits for the loop as all else does.
        wrapped = context.wrap_socket(plain, do_handshake_on_connect=False, server_hostname=host)
    except (OSError, ValueError):
        plain.close()
        raise
    try:
        await _shake_hands(wrapped)
    except BaseException:
        wrapped.close()
        raise
    return wrapped


async def _connected(host: str, port: int) -> socket.socket:
    loop = asyncio.get_running_loop()
    last: OSError = ConnectionError(f"{host} has no address")
    for family, kind, protocol, _, address in await loop.getaddrinfo(
        host, port, type=socket.SOCK_STREAM
    ):
        made = socket.socket(family, kind, protocol)
        made.settimeout(0)  # the loop waits in its place
        try:
            await loop.sock_connect(made, address)
            # Acks are four bytes each: without this the kernel holds them back for company.
            made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except OSError as error:
            made.close()
            last = error
        except asyncio.CancelledError:
            made.close()
            raise
        else:
            return made
    raise last


async def _shake_hands(wrapped: ssl.SSLSocket) -> None:
    while True:
        try:
            return wrapped.do_handshake()
        except ssl.SSLWantReadError:
            await _ready(wrapped, writing=False)
        except ssl.SSLWantWriteError:
            await _ready(wrapped, writing=True)


async def _ready(sock: socket.socket, *, writing: bool) -> None:
    """Wait until the socket can be read, or written."""
    loop = asyncio.get_running_loop()
    ready: asyncio.Future[None] = loop.create_future()

    def tell() -> None:
        if not ready.done():
            ready.set_result(None)

    (loop.add_writer if writing else loop.add_reader)(sock.fileno(), tell)
    try:
        await ready
    finally:
        (loop.remove_writer if writing else loop.remove_reader)(sock.fileno())
