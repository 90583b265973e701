"""The load generator's process: as much as the board allows, or by the clock."""

import sys
import time
from pathlib import Path

import msgspec

from cityvitals.settings import BrokerSettings
from simulator.load.publisher import Publisher
from tests.benchmarks.board import Board, Slot
from tests.benchmarks.city import Messages

_PIECE = 50
"""Messages handed to the socket at once."""


class Load(msgspec.Struct, frozen=True):
    """What to send.

    Attributes:
        pack: readings a message.
        rate: messages a second by the clock; 0: as many as the board allows.
        first_step: event step of the first round.
    """

    port: int
    board: str
    pack: int
    base_us: int
    first_step: int
    rate: float = 0.0
    prefix: str = "city"


class Generator:
    """Sends rounds of messages, piece by piece."""

    def __init__(self, load: Load) -> None:
        self._load = load
        self._board = Board(Path(load.board))
        self._messages = Messages(load.pack, load.base_us, load.prefix)
        self._publisher = Publisher(
            BrokerSettings(port=load.port), f"bench-load-{load.prefix}-{load.pack}"
        )
        self._round = self._messages.first_round(load.first_step)
        self._rows = self._messages.round(self._round)
        self._at = 0
        self._begun_s = 0.0

    def run(self) -> None:
        """Send until told to stop; what is late is sent at once, and nothing is left out."""
        while not self._board[Slot.STOP]:
            room = min(self._allowed() - self._publisher.sent, self._publisher.room, _PIECE)
            if room > 0:
                self._send(room)
                self._publisher.collect(0.0)
            else:
                self._publisher.collect(0.001)
        self._publisher.drain()
        self._publisher.close()

    def _allowed(self) -> int:
        """Messages that may have been sent by now."""
        limit = self._board[Slot.LIMIT] // self._load.pack
        if not self._load.rate or not limit:
            return limit
        now_s = time.monotonic()
        self._begun_s = self._begun_s or now_s
        return min(limit, int((now_s - self._begun_s) * self._load.rate))

    def _send(self, room: int) -> None:
        if self._at == len(self._rows):
            self._round += 1
            self._rows, self._at = self._messages.round(self._round), 0
        if self._at == 0:
            self._board[Slot.STEP] = self._messages.step_after(self._round)
        piece = self._rows[self._at : self._at + room]
        self._publisher.send(piece.tobytes(), len(piece))
        self._at += len(piece)
        self._board[Slot.SENT] = self._publisher.sent * self._load.pack


if __name__ == "__main__":
    Generator(msgspec.json.decode(sys.argv[1], type=Load)).run()
