"""Quarter hours and windows recomputed from the truth, one reading at a time; pure.

By the definitions of `docs/architecture.md` alone: shares nothing with the aggregator or verify.
Sums are exact (`math.fsum`): differences in the last bits are the service's order of addition.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from cityvitals.domain.names import Kind, Stamp
from cityvitals.domain.times import BUCKET_US, US
from simulator.truth import Said, SeriesTruth

_HELD: Final = 1.5
"""A gauge's reading holds so many reporting periods at most."""


@dataclass(slots=True)
class Quarter:
    """What a series said in a quarter hour, as terms to be summed.

    Attributes:
        values: of readings that begin here and count.
        lows: what enters the least and the greatest: (value or share).
        integrals: value by seconds (of levels in dB their power); of totals the share.
        covered: microseconds of which something is known.
    """

    values: list[float] = field(default_factory=list)
    shares: list[float] = field(default_factory=list)
    integrals: list[float] = field(default_factory=list)
    covered: int = 0
    flagged: int = 0
    first: tuple[int, float] | None = None
    last: tuple[int, float] | None = None

    @property
    def integral(self) -> float:
        """All of it together."""
        return math.fsum(self.integrals)


def quarters(one: SeriesTruth) -> dict[int, Quarter]:
    """A series' quarter hours by their begin, microseconds since 1970 UTC."""
    found: dict[int, Quarter] = {}
    for us, said, begin, end in _spans(one):
        anchor = found.setdefault(begin // BUCKET_US * BUCKET_US, Quarter())
        if said.flags:
            anchor.flagged += 1
            continue
        _count(anchor, one, us, said.value)
        for bucket, overlap in _cut(begin, end):
            _cover(found.setdefault(bucket, Quarter()), one, said.value, overlap)
    return found


def _spans(one: SeriesTruth) -> Iterator[tuple[int, Said, int, int]]:
    """Each reading in order of time, with the stretch that it speaks for.

    A gauge's reading holds until the next one that counts.
    """
    times = sorted(one.current)
    meta = one.meta
    period_us = round((meta.period_s or 0.0) * US)
    held_us = round((meta.reporting_s or 0.0) * _HELD * US)
    following = None
    spans = []
    for us in reversed(times):
        said = one.current[us]
        begin = us - period_us if meta.kind is not Kind.GAUGE and meta.stamp is Stamp.END else us
        end = begin + period_us
        if meta.kind is Kind.GAUGE:
            end = us + held_us if following is None else min(us + held_us, following)
            following = following if said.flags else us
        spans.append((us, said, begin, end))
    return reversed(spans)


def _cut(begin: int, end: int) -> Iterator[tuple[int, int]]:
    """The quarter hours of a stretch, with how much of it lies in each."""
    for bucket in range(begin // BUCKET_US * BUCKET_US, end, BUCKET_US):
        yield bucket, min(end, bucket + BUCKET_US) - max(begin, bucket)


def _count(quarter: Quarter, one: SeriesTruth, us: int, value: float) -> None:
    quarter.values.append(value)
    quarter.first = quarter.first or (us, value)
    quarter.last = (us, value)
    if one.meta.kind is Kind.GAUGE:
        quarter.shares.append(value)


def _cover(quarter: Quarter, one: SeriesTruth, value: float, overlap: int) -> None:
    quarter.covered += overlap
    if one.meta.kind is Kind.INTERVAL_TOTAL:
        share = value * overlap / ((one.meta.period_s or 0.0) * US)
        quarter.integrals.append(share)
        quarter.shares.append(share)
        return
    weighed = 10.0 ** (value / 10.0) if one.is_level else value
    quarter.integrals.append(weighed * overlap / US)
    if one.meta.kind is Kind.INTERVAL_MEAN:
        quarter.shares.append(value)


@dataclass(frozen=True, slots=True)
class Folded:
    """A station over a window: what its quarter hours come to."""

    integral: float
    covered: int

    @property
    def mean(self) -> float:
        """Mean over the covered time."""
        return self.integral / (self.covered / US)


def folded(own: Mapping[int, Quarter], begin: int, end: int) -> Folded:
    """A series over the window [begin, end)."""
    held = [own[at] for at in range(begin, end, BUCKET_US) if at in own]
    terms = [term for quarter in held for term in quarter.integrals]
    return Folded(math.fsum(terms), sum(quarter.covered for quarter in held))
