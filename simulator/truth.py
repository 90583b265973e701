"""What was sent, and what must become of it: the ledger, and each series' current readings."""

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from cityvitals.catalogue.limits import limit_of
from cityvitals.catalogue.load import Conversion, Quantity, load_catalogue
from cityvitals.domain.names import Clock, Domain, Kind
from cityvitals.domain.series import Declaration
from cityvitals.domain.times import US
from cityvitals.wire.meta import SeriesMeta
from simulator.feed import Device, Feed, Pack

FUTURE_US: Final = 300 * US
"""What the service allows clocks to be ahead unless set otherwise (`ingest.future_seconds`)."""
_UNSURE_US: Final = 200 * US
"""Nearer to that than this, the sender cannot know what the receiver's clock says."""


class SeriesName(NamedTuple):
    """A series within its city."""

    sensor: str
    quantity: str
    channel: str


class Said(NamedTuple):
    """A reading as it must be current: canonical value, `rev`, and the flags that exclude it."""

    value: float
    rev: int
    flags: str


@dataclass(slots=True)
class SeriesTruth:
    """A series: what it declares, where it stands, and what must be current, by time.

    `is_level`: its values are levels in dB, which are averaged by their powers.
    """

    meta: SeriesMeta
    domain: Domain
    zone: str | None
    gateway: str
    conversion: Conversion
    low: float
    high: float
    faults: tuple[float, ...]
    is_level: bool
    current: dict[int, Said] = field(default_factory=dict)
    said: set[tuple[int, int, float]] = field(default_factory=set)

    def read(self, number: float, rev: int) -> Said:
        """A number as sent, as it is stored."""
        value = number * self.conversion.scale + self.conversion.offset
        flags = ["fault_code"] if number in self.faults else []
        if value < self.low or value > self.high:
            flags.append("out_of_range")
        return Said(value, rev, ",".join(flags))


class Truth:
    """The truth about one city; `take` is told of each message in the order of sending.

    Memory is about 300 B a reading: of what was ever said, not only of what is current.
    """

    def __init__(self, feed: Feed) -> None:
        self.city = feed.city
        self.time_zone = feed.meta.time_zone
        self.clock = feed.meta.clock
        self.series: dict[SeriesName, SeriesTruth] = {}
        self.books: defaultdict[str, Counter[str]] = defaultdict(Counter)
        self.unsure = 0
        """Readings of which only the receiver's clock decides whether they are in the future."""
        self._of: dict[Device, list[SeriesTruth]] = {}
        for device in feed.devices:
            own = [_series(device, meta) for meta in device.series]
            self._of[device] = own
            for meta, one in zip(device.series, own, strict=True):
                self.series[SeriesName(device.id, meta.q, meta.ch)] = one

    @property
    def readings(self) -> int:
        """How many readings must be stored."""
        return sum(len(one.current) for one in self.series.values())

    def take(self, pack: Pack, now_us: int) -> None:
        """Note what was sent at `now_us`, microseconds since 1970 UTC."""
        books, series = self.books[pack.device.gateway.id], self._of[pack.device]
        for us, index, number in pack.samples:
            books["received"] += 1
            books[self._outcome(series[index], us, number, pack.rev, now_us)] += 1

    def _outcome(self, one: SeriesTruth, us: int, number: float, rev: int, now_us: int) -> str:
        if self.clock is Clock.LIVE and self._is_future(us, now_us):
            return "rejected"
        found = one.read(number, rev)
        word = (us, rev, found.value)
        if word in one.said:
            return "duplicate"
        one.said.add(word)
        known = one.current.get(us)
        if known is None or rev >= known.rev:
            one.current[us] = found
        return "stored" if known is None else "revised"

    def _is_future(self, us: int, now_us: int) -> bool:
        """All of a live city's intervals are stamped at their end, so a time is an end."""
        ahead = us - now_us
        self.unsure += abs(ahead - FUTURE_US) < _UNSURE_US
        return ahead > FUTURE_US


def _series(device: Device, meta: SeriesMeta) -> SeriesTruth:
    catalogue = load_catalogue()
    quantity: Quantity = catalogue.quantities[meta.q]
    conversion = catalogue.conversion(meta.q, meta.unit) or Conversion(1.0, 0.0)
    declared = Declaration(meta.kind, meta.period_s or 0.0)
    low, high = limit_of(quantity, declared)
    return SeriesTruth(
        meta,
        quantity.domain,
        device.zone,
        device.gateway.id,
        conversion,
        low,
        high,
        quantity.fault_codes,
        quantity.is_level,
    )


def is_gauge(one: SeriesTruth) -> bool:
    """Whether a series' readings hold until the next."""
    return one.meta.kind is Kind.GAUGE
