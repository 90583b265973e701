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


def test_gives_one_packet_at_a_time(pair: tuple[BufferedSocket, socket.socket]) -> None:
    ours, theirs = pair
    assert not ours.fill()
    assert not ours.grant()
    theirs.sendall(b"\xd0\x00\xd0\x00\x20\x03ab")
    assert ours.fill()
    for _ in range(2):
        assert ours.grant()
        assert (ours.recv(1), ours.recv(5)) == (b"\xd0", b"\x00")
        with pytest.raises(BlockingIOError):
            ours.recv(1)
    assert not ours.grant()
    theirs.sendall(b"c")
    assert ours.fill()
    assert ours.grant()
    assert ours.recv(100) == b"\x20\x03abc"


def test_takes_publishes_past_paho(pair: tuple[BufferedSocket, socket.socket]) -> None:
    ours, theirs = pair
    publish = b"\x32\x06\x00\x01t\x00\x07\x00"
    theirs.sendall(publish + publish[:4])
    assert ours.fill()
    assert [one.mid for one in ours.take_publishes()] == [7]
    assert not ours.grant()
    theirs.sendall(publish[4:])
    assert ours.fill()
    assert len(ours.take_publishes()) == 1


def test_tells_paho_of_the_end(pair: tuple[BufferedSocket, socket.socket]) -> None:
    ours, theirs = pair
    theirs.sendall(b"\x32")
    theirs.close()
    assert ours.fill()
    assert ours.fill()
    assert ours.grant()
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
