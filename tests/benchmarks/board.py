"""Numbers that the benchmark's processes share without asking each other: a small mapped file."""

from enum import IntEnum
from pathlib import Path

import numpy as np


class Slot(IntEnum):
    """What each number means; readings unless said otherwise."""

    LIMIT = 0
    """The load generator sends no more than this in all."""
    SENT = 1
    STEP = 2
    """The first event step that has not been used."""
    RECEIVED = 3
    """Messages that the bare subscriber got."""
    STOP = 4
    """1: end. """


class Board:
    """One writer a slot; 64-bit loads and stores are whole on every machine that this runs on."""

    def __init__(self, path: Path) -> None:
        self.path = path
        if not path.exists():
            path.write_bytes(bytes(8 * len(Slot)))
        self._slots = np.memmap(path, np.int64, "r+", shape=(len(Slot),))

    def __getitem__(self, slot: Slot) -> int:
        return int(self._slots[slot])

    def __setitem__(self, slot: Slot, value: int) -> None:
        self._slots[slot] = value
