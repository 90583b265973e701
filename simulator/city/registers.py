"""What counters show: all that ran through since they stood at 0, in whole steps of their digits.

Whole numbers add up to the same in any order, so what a meter shows is the same wherever a run
begins: it is counted from its first day on, and what was counted last is kept.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from cityvitals.domain.times import BUCKET_US
from simulator.signals import Numbers

Rises = Callable[[int, int], Numbers]
"""What ran through in each quarter hour that ends in [begin, end), from the first one on."""


@dataclass(slots=True)
class Register:
    """A counter that is read each quarter hour.

    Attributes:
        since_us: when it stood at 0; at a quarter hour.
        digits: decimals that it shows.
        modulus: where it begins anew at 0; None: never.
    """

    since_us: int
    digits: int
    modulus: float | None
    _end_us: int = field(init=False)
    _total: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        self._end_us = self.since_us + BUCKET_US

    def shown(self, begin_us: int, end_us: int, rises: Rises) -> list[float]:
        """What it shows at each quarter hour in [begin, end); `begin_us` is one, after `since_us`.

        Args:
            begin_us: microseconds since 1970 UTC.
            end_us: likewise.
            rises: rounded to `digits`, none below 0.
        """
        if begin_us < self._end_us:
            self._end_us, self._total = self.since_us + BUCKET_US, 0
        if begin_us > self._end_us:
            self._total += sum(self._steps(rises(self._end_us, begin_us)))
        found = []
        for step in self._steps(rises(begin_us, end_us)):
            self._total += step
            found.append(self._number())
        self._end_us = begin_us + len(found) * BUCKET_US
        return found

    def _steps(self, rises: Numbers) -> list[int]:
        return [round(one) for one in (rises * 10**self.digits).tolist()]

    def _number(self) -> float:
        scale: int = 10**self.digits
        total = self._total if self.modulus is None else self._total % round(self.modulus * scale)
        return total / scale
