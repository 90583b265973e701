"""The newest observed time of each series that this process has committed."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

_NEVER: Final = np.iinfo(np.int64).min


class HighWater:
    """Tells readings that are surely new in their series from those that may be known.

    A guess that saves work, never a promise: other workers and earlier processes are not in it, so
    the table's unique key decides. Bounded: eight bytes for each series.
    """

    def __init__(self) -> None:
        self._newest = np.full(1024, _NEVER, np.int64)

    def is_newer(self, t_us: NDArray[np.int64], series: NDArray[np.int32]) -> NDArray[np.bool_]:
        """Per reading, whether it lies after all that was committed of its series."""
        self._grow(series)
        newer: NDArray[np.bool_] = t_us > self._newest[series]
        return newer

    def raise_to(self, t_us: NDArray[np.int64], series: NDArray[np.int32]) -> None:
        """Take note of committed readings."""
        self._grow(series)
        np.maximum.at(self._newest, series, t_us)

    def _grow(self, series: NDArray[np.int32]) -> None:
        top = int(series.max(initial=0))
        if top >= len(self._newest):
            grown = np.full(max(top + 1, 2 * len(self._newest)), _NEVER, np.int64)
            grown[: len(self._newest)] = self._newest
            self._newest = grown
