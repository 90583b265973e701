"""A plan's messages, handed out as many at a time as may be sent."""

from typing import NamedTuple

from simulator.load.digits import Ints
from simulator.load.plan import Block, Plan
from simulator.load.template import Packets
from simulator.load.truth import Truth


class Piece(NamedTuple):
    """Messages to send together."""

    packets: Packets
    row: Ints


class Supply:
    """Where a plan has come to, and the truth about what was handed out."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._blocks = plan.blocks()
        # The first is made before the clock runs: what it costs is nobody's lateness.
        self._block: Block = next(self._blocks)
        self._at = 0
        self._truth = Truth()

    @property
    def taken(self) -> int:
        """Messages handed out so far."""
        return self._truth.messages + self._at

    @property
    def left(self) -> int:
        """Messages still to come."""
        return self._plan.messages - self.taken

    def take(self, most: int) -> Piece:
        """The next messages, at least one and at most so many."""
        if self._at == len(self._block):
            self._truth = self.truth()
            self._block, self._at = next(self._blocks), 0
        begin, self._at = self._at, min(self._at + most, len(self._block))
        return Piece(self._block.packets[begin : self._at], self._block.row[begin : self._at])

    def truth(self) -> Truth:
        """What must become of everything handed out."""
        return self._truth + self._plan.truth(self._block.stretch.part(0, self._at))
