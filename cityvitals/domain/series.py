"""Series, and what they declare about their readings."""

from dataclasses import dataclass
from typing import NamedTuple

from cityvitals.domain.names import Kind, Stamp
from cityvitals.domain.times import US


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
        period_s: length of the interval a reading stands for; 0 for gauges.
        stamp: which end of the interval `observed_at` names.
        reporting_s: a gauge reports every so many seconds, or is silent at most so long.
        unit: the unit token as sent; values are stored canonical.
        reference_state: temperature and pressure a gas concentration refers to, or "".
        since_us: holds for readings observed at or after this.
    """

    kind: Kind
    period_s: float = 0.0
    stamp: Stamp = Stamp.END
    reporting_s: float = 0.0
    unit: str = ""
    reference_state: str = ""
    since_us: int = -(2**62)

    @property
    def period_us(self) -> int:
        """Length of the interval a reading stands for, in microseconds."""
        return round(self.period_s * US)

    @property
    def hold_us(self) -> int:
        """How long a gauge sample holds at most: 1.5 reporting periods, in microseconds."""
        return round(self.reporting_s * 1.5 * US)

    def span(self, observed_us: int) -> tuple[int, int]:
        """The stretch [begin, end) that a reading may speak for, in microseconds."""
        if self.kind == Kind.GAUGE:
            return observed_us, observed_us + self.hold_us
        if self.stamp == Stamp.BEGIN:
            return observed_us, observed_us + self.period_us
        return observed_us - self.period_us, observed_us

    def end_us(self, observed_us: int) -> int:
        """When the reading was complete: what the watermark and limits on the future look at."""
        if self.kind != Kind.GAUGE and self.stamp == Stamp.BEGIN:
            return observed_us + self.period_us
        return observed_us
