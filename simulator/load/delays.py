"""How long things took, in bounded memory: counts in buckets one per cent wide."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

_FINEST_S: Final = 1e-6
_STEP: Final = 1.01
_BUCKETS: Final = 2400
"""Up to 6 hours; anything longer falls into the last, and shows in `largest`."""


class Delays:
    """Seconds, counted; quantiles are right within one per cent, the largest is exact."""

    def __init__(self) -> None:
        self._counts = np.zeros(_BUCKETS, np.int64)
        self.largest = 0.0

    def __len__(self) -> int:
        return int(self._counts.sum())

    def add(self, seconds: NDArray[np.float64]) -> None:
        """Count each."""
        if not len(seconds):
            return
        self.largest = max(self.largest, float(seconds.max()))
        place = np.ceil(np.log(np.maximum(seconds, _FINEST_S) / _FINEST_S) / np.log(_STEP))
        bucket = np.clip(place, 0, _BUCKETS - 1).astype(np.int64)
        self._counts += np.bincount(bucket, minlength=_BUCKETS)

    def __add__(self, other: "Delays") -> "Delays":
        made = Delays()
        made._counts = self._counts + other._counts
        made.largest = max(self.largest, other.largest)
        return made

    def quantile(self, share: float) -> float:
        """So large a share took no longer, within one per cent; 0 where nothing was counted."""
        if not len(self):
            return 0.0
        reached = np.searchsorted(np.cumsum(self._counts), share * len(self))
        return min(self.largest, _FINEST_S * _STEP ** int(reached))
