"""How many readings gateways may send: token buckets, a whole batch at once; pure, no clock."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from cityvitals.domain.times import US

BURST_S: Final = 10.0
"""So many seconds' worth may come at once."""


class Rates:
    """A bucket for each gateway of this worker, which fills at a steady rate.

    Bounded: two numbers for each gateway's id up to the highest seen.

    Args:
        per_s: readings a second, positive.
    """

    def __init__(self, per_s: float) -> None:
        self.per_s = per_s
        self._most = max(1.0, per_s * BURST_S)
        self._tokens = np.empty(0, np.float64)
        self._filled_us = np.empty(0, np.int64)

    def over(self, gateway: NDArray[np.int64], received_us: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Which readings of a batch are over their gateway's rate: the last ones of each.

        Args:
            gateway: of each reading its gateway's id, in order of arrival.
            received_us: when each came.
        """
        over = np.zeros(len(gateway), np.bool_)
        if not len(gateway):
            return over
        ids, of, sent = np.unique(gateway, return_inverse=True, return_counts=True)
        came_us = np.full(len(ids), np.iinfo(np.int64).min)
        np.maximum.at(came_us, of, received_us)
        tokens = self._fill(ids, came_us)
        may = np.minimum(sent, np.floor(tokens)).astype(np.int64)
        self._tokens[ids] = tokens - may
        over[:] = _place(of, sent) >= may[of]
        return over

    def _fill(self, ids: NDArray[np.int64], now_us: NDArray[np.int64]) -> NDArray[np.float64]:
        """The tokens of some gateways at a time, which is taken note of."""
        missing = int(ids[-1]) + 1 - len(self._tokens)
        if missing > 0:
            self._tokens = np.append(self._tokens, np.full(missing, self._most))
            self._filled_us = np.append(self._filled_us, np.zeros(missing, np.int64))
        # A clock that was set back fills nothing, and empties nothing either.
        passed_s = np.maximum(now_us - self._filled_us[ids], 0) / US
        self._filled_us[ids] = np.maximum(now_us, self._filled_us[ids])
        filled: NDArray[np.float64] = np.minimum(
            self._tokens[ids] + passed_s * self.per_s, self._most
        )
        return filled


def _place(of: NDArray[np.intp], sent: NDArray[np.int64]) -> NDArray[np.int64]:
    """How many readings of the same gateway came before each."""
    order = np.argsort(of, kind="stable")
    begins = np.cumsum(sent) - sent
    place = np.empty(len(of), np.int64)
    place[order] = np.arange(len(of)) - begins[of[order]]
    return place
