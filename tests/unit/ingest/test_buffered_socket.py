import socket
from collections.abc import Iterator

import pytest

from ingest.buffered_socket import BufferedSocket


@pytest.fixture
def pair() -> Iterator[tuple[BufferedSocket, socket.socket]]:
    ours, theirs = socket.socketpair()
    ours.settimeout(0)
    with ours, theirs:
        yield BufferedSocket(ours), theirs


def test_reads_in_pieces_what_came_at_once(pair: tuple[BufferedSocket, socket.socket]) -> None:
    ours, theirs = pair
    with pytest.raises(BlockingIOError):
        ours.recv(1)
    theirs.sendall(b"abcdef")
    assert (ours.recv(1), ours.recv(2), ours.has_read_ahead) == (b"a", b"bc", True)
    assert (ours.recv(100), ours.has_read_ahead) == (b"def", False)
    theirs.close()
    assert ours.recv(1) == b""


def test_sends_at_once_what_was_written_in_pieces(
    pair: tuple[BufferedSocket, socket.socket],
) -> None:
    ours, theirs = pair
    assert ours.send(b"ab") == 2
    assert ours.send(bytearray(b"cd")) == 2
    assert ours.flush()
    assert theirs.recv(100) == b"abcd"


def test_keeps_what_the_network_does_not_take_yet(
    pair: tuple[BufferedSocket, socket.socket],
) -> None:
    ours, theirs = pair
    size = 10_000_000
    ours.send(b"x" * size)
    received = 0
    while not ours.flush():
        received += len(theirs.recv(1 << 20))
    while received < size:
        received += len(theirs.recv(1 << 20))
    assert received == size


def test_closing_sends_what_waits(pair: tuple[BufferedSocket, socket.socket]) -> None:
    ours, theirs = pair
    ours.send(b"bye")
    ours.close()
    assert theirs.recv(100) == b"bye"
