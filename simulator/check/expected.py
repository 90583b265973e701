"""Quarter hours and windows recomputed from the truth, one reading at a time; pure.

By the definitions of `docs/architecture.md` alone: shares nothing with the aggregator or verify.
Sums are exact (`math.fsum`): differences in the last bits are the service's order of addition.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final

from cityvitals.domain.names import Kind, Stamp
from cityvitals.domain.times import BUCKET_US, US
from simulator.truth import Said, SeriesTruth

_HELD: Final = 1.5
"""What is held, holds so many reporting periods at most; a counter's gap of so many is covered."""
_DAY_US: Final = 96 * BUCKET_US
_HOLDING: Final = frozenset({Kind.GAUGE, Kind.EVENT, Kind.STATE})
"""Kinds whose readings speak until the next that counts."""
_INTERVALS: Final = frozenset({Kind.INTERVAL_MEAN, Kind.INTERVAL_TOTAL})


@dataclass(slots=True)
class Quarter:
    """What a series said in a quarter hour, as terms to be summed.

    Attributes:
        values: of readings that begin here and count.
        lows: what enters the least and the greatest: (value or share).
        integrals: value by seconds (of levels in dB their power); of totals the share.
        rises: how far a counter went on.
        covered: microseconds of which something is known.
    """

    values: list[float] = field(default_factory=list)
    shares: list[float] = field(default_factory=list)
    integrals: list[float] = field(default_factory=list)
    rises: list[float] = field(default_factory=list)
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
    if one.meta.kind is Kind.COUNTER:
        _rise(found, one)
    return found


def _rise(found: dict[int, Quarter], one: SeriesTruth) -> None:
    """What lies between each two readings that count, evenly by time; longer than a day: nothing.

    A lower reading has rolled over where there is a modulus; else it has risen from 0.
    """
    hold_us = round((one.meta.reporting_s or 0.0) * _HELD * US)
    modulus = (one.meta.modulus or 0.0) * one.conversion.scale
    good = sorted((us, said.value) for us, said in one.current.items() if not said.flags)
    for (begin, before), (end, after) in pairwise(good):
        if end - begin > max(hold_us, _DAY_US):
            continue
        rise = after - before
        if rise < 0:
            rise = modulus - before + after if before < modulus else max(after, 0.0)
        for bucket, overlap in _cut(begin, end):
            quarter = found.setdefault(bucket, Quarter())
            quarter.rises.append(rise * overlap / (end - begin))
            quarter.integrals.append(quarter.rises[-1])
            quarter.covered += overlap if end - begin <= hold_us else 0


def _spans(one: SeriesTruth) -> Iterator[tuple[int, Said, int, int]]:
    """Each reading in order of time, with the stretch that it speaks for.

    A gauge's or state's reading and an event hold until the next that counts; a counter's is none.
    """
    times = sorted(one.current)
    meta = one.meta
    period_us = round((meta.period_s or 0.0) * US)
    held_us = round((meta.reporting_s or 0.0) * _HELD * US)
    following = None
    spans = []
    for us in reversed(times):
        said = one.current[us]
        begin = us - period_us if meta.kind in _INTERVALS and meta.stamp is Stamp.END else us
        end = begin + period_us if meta.kind in _INTERVALS else us
        if meta.kind in _HOLDING:
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
    if one.meta.kind is Kind.EVENT:
        quarter.integrals.append(value)
    if one.meta.kind not in _INTERVALS:
        quarter.shares.append(value)


def _cover(quarter: Quarter, one: SeriesTruth, value: float, overlap: int) -> None:
    quarter.covered += overlap
    if one.meta.kind is Kind.INTERVAL_TOTAL:
        share = value * overlap / ((one.meta.period_s or 0.0) * US)
        quarter.integrals.append(share)
        quarter.shares.append(share)
        return
    if one.meta.kind is Kind.EVENT:
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
