"""Series, and what they declare about their readings."""

from dataclasses import dataclass
from typing import Final, NamedTuple

from cityvitals.domain.names import INTERVALS, Kind, Stamp
from cityvitals.domain.times import US

APPORTIONED_S: Final = 86_400.0
"""A counter's rise is apportioned over a gap of so many seconds, or of 1.5 reporting periods where
that is more. Over a longer one nobody can say when it rose: it counts on from there."""


class SeriesKey(NamedTuple):
    """The natural key of a series. Whatever is ordered or compared sorts by this text."""

    city: str
    sensor: str
    quantity: str
    channel: str = ""


@dataclass(frozen=True, slots=True)
class Declaration:
    """What a series declares, from `since_us` on.

    Attributes:
        kind: what a reading's number means over time.
        period_s: length of the interval a reading stands for; 0 for what is no interval.
        stamp: which end of the interval `observed_at` names.
        reporting_s: what is no interval reports every so many seconds, or is silent at most so
            long.
        unit: the unit token as sent; values are stored canonical.
        reference_state: temperature and pressure a gas concentration refers to, or "".
        since_us: holds for readings observed at or after this.
        modulus: of a counter that rolls over, the value at which it begins anew, canonical; else 0.
    """

    kind: Kind
    period_s: float = 0.0
    stamp: Stamp = Stamp.END
    reporting_s: float = 0.0
    unit: str = ""
    reference_state: str = ""
    since_us: int = -(2**62)
    modulus: float = 0.0

    @property
    def period_us(self) -> int:
        """Length of the interval a reading stands for, in microseconds."""
        return round(self.period_s * US)

    @property
    def hold_us(self) -> int:
        """How long a sample holds at most: 1.5 reporting periods, in microseconds.

        Of a counter: how long a gap between two readings counts as covered.
        """
        return round(self.reporting_s * 1.5 * US)

    @property
    def reach_us(self) -> int:
        """Over how long a gap a counter's rise is apportioned at most, in microseconds."""
        return max(self.hold_us, round(APPORTIONED_S * US))

    def span(self, observed_us: int) -> tuple[int, int]:
        """The stretch [begin, end) that a reading may speak for, in microseconds."""
        if self.kind == Kind.COUNTER:
            return observed_us - self.reach_us, observed_us
        if self.kind not in INTERVALS:
            return observed_us, observed_us + self.hold_us
        if self.stamp == Stamp.BEGIN:
            return observed_us, observed_us + self.period_us
        return observed_us - self.period_us, observed_us

    def end_us(self, observed_us: int) -> int:
        """When the reading was complete: what the watermark and limits on the future look at."""
        if self.kind in INTERVALS and self.stamp == Stamp.BEGIN:
            return observed_us + self.period_us
        return observed_us
