"""When each message is due: by the clock alone, whatever became of those before."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Schedule:
    """Message k is due at begin + k / rate; one that is late is sent at once, none is left out.

    Attributes:
        begin_s: of the monotonic clock.
        rate: messages a second; 0: as many as are acknowledged.
    """

    begin_s: float
    rate: float

    def allowed(self, now_s: float) -> int | None:
        """How many are due by now; None: any number."""
        if not self.rate:
            return None
        return max(0, int((now_s - self.begin_s) * self.rate) + 1) if now_s >= self.begin_s else 0

    def due(self, first: int, count: int, now_s: float) -> NDArray[np.float64]:
        """When messages first, first + 1, … are due; without a rate now, when they can be sent."""
        if not self.rate:
            return np.full(count, now_s)
        return self.begin_s + np.arange(first, first + count) / self.rate

    def wait_s(self, sent: int, now_s: float) -> float:
        """How long until the next message is due."""
        return max(0.0, self.begin_s + sent / self.rate - now_s) if self.rate else 0.0
