"""Ports of the loopback: free, or told plainly by whom they are taken and what changes them."""

import random
import socket
from typing import Final

import psutil

from cityvitals.errors import SettingsError

LOOPBACK: Final = "127.0.0.1"
_PORTS: Final = range(10_000, 32_000)
_untried = iter(random.sample(_PORTS, len(_PORTS)))


def share_ports(part: int, parts: int) -> None:
    """Have `free_port` keep to one of so many parts of all ports.

    For processes that look for ports at the same time and must not find the same ones.
    """
    global _untried  # noqa: PLW0603 - ports are the machine's, so there is one list of them
    mine = _PORTS[part::parts]
    _untried = iter(random.sample(mine, len(mine)))


def require_free(port: int, purpose: str, setting: str) -> None:
    """Make sure that a port of the loopback can be taken.

    Args:
        port: TCP port.
        purpose: what it is for, as the message says it.
        setting: what the user changes to take another one.

    Raises:
        SettingsError: it is taken; names the holder where the system tells.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError as error:
            raise SettingsError(
                f"port {port} for {purpose} is taken{_holder(port)} ({error.strerror}): "
                f"free it, or choose another one with {setting}"
            ) from None


def free_port() -> int:
    """A port that nobody listens on at the moment.

    None of those that systems lend to outgoing connections: one lent before it is bound would be
    taken then. Each port is tried once in a process, so that two servers never get the same one.
    """
    for port in _untried:
        with socket.socket() as probe:
            try:
                probe.bind((LOOPBACK, port))
            except OSError:
                continue
            return port
    raise SettingsError(f"no port from {_PORTS.start} to {_PORTS.stop - 1} is free")


def listens(port: int) -> bool:
    """Whether somebody accepts connections on a port of the loopback."""
    with socket.socket() as probe:
        probe.settimeout(1.0)
        return probe.connect_ex((LOOPBACK, port)) == 0


def _holder(port: int) -> str:
    try:
        for connection in psutil.net_connections("tcp"):
            if connection.laddr and connection.laddr.port == port and connection.pid:
                return f" by {psutil.Process(connection.pid).name()} (process {connection.pid})"
    except psutil.Error:
        return ""  # other users' connections are not always shown
    return ""
