"""Promise 2, pure: what becomes of readings whose key the store may know already.

The identity of what was said about a key is (rev, value). Said before: duplicate. A higher
`rev`, or another value at the same one, wins and the old one moves beside; a lower `rev` is kept
beside and changes nothing. Without `rev` all are 0, so an earlier value never comes back.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from cityvitals.domain.arrays import READING, Records

Key = tuple[int, int]
"""Observed at (microseconds) and series."""
Said = set[tuple[int, float]]
"""(rev, value) of what was said about a key."""


class Became(IntEnum):
    """What a reading became, as a number for arrays."""

    STORED = 0
    DUPLICATE = 1
    REVISED = 2


@dataclass(frozen=True, slots=True)
class Resolution:
    """What to write for a batch of readings.

    Attributes:
        became: per reading, int8 of `Became`.
        new: READING rows of keys that the store did not have.
        changed: READING rows that are current now for keys that it had.
        beside: READING rows for `reading_revision`.
    """

    became: NDArray[np.int8]
    new: Records
    changed: Records
    beside: Records


class _Outcome(NamedTuple):
    """The end of one key: its current row, and what moved beside."""

    current: np.void
    beside: list[np.void]
    became: list[Became]


def key_order(readings: Records) -> NDArray[np.intp]:
    """The order that sorts readings by (t, series), arrivals of a key in order.

    Both are packed into one number where they fit, as they do for readings of an hour: sorting
    that is five times as fast as sorting by two.
    """
    t, series = readings["t"], readings["series"]
    if not len(readings):
        return np.empty(0, np.intp)
    bits = int(series.max()).bit_length()
    first, last = int(t.min()), int(t.max())
    if int(series.min()) < 0 or last - first >= 1 << (63 - bits):
        return np.lexsort((series, t))
    packed = (t - first) << bits | series
    order: NDArray[np.intp] = np.argsort(packed)
    ordered = packed.take(order)
    again = ordered[1:] == ordered[:-1]
    return _by_arrival(order, again) if again.any() else order


def _by_arrival(order: NDArray[np.intp], again: NDArray[np.bool_]) -> NDArray[np.intp]:
    """An order whose equal keys stand in any order, with each key's arrivals in theirs.

    Args:
        order: positions sorted by key.
        again: of each but the first, whether its key is that of the one before.
    """
    key = np.append(0, np.cumsum(~again))
    bits = len(order).bit_length()
    by_key_and_arrival: NDArray[np.intp] = np.sort(key << bits | order)
    return by_key_and_arrival & ((1 << bits) - 1)


def key_starts(ordered: Records) -> NDArray[np.intp]:
    """Where each key begins in readings sorted by (t, series)."""
    if not len(ordered):
        return np.empty(0, np.intp)
    t, series = ordered["t"], ordered["series"]
    fresh = np.ones(len(ordered), np.bool_)
    fresh[1:] = (t[1:] != t[:-1]) | (series[1:] != series[:-1])
    return np.flatnonzero(fresh)


def key_sizes(ordered: Records) -> NDArray[np.intp]:
    """How many readings each key has, in readings sorted by (t, series)."""
    return np.diff(np.append(key_starts(ordered), len(ordered)))


def undecided(ordered: Records, stored: Records, known: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Per key, whether earlier revisions must be looked at before it can be decided.

    Args:
        ordered: READING records sorted by (t, series), arrivals of a key in order.
        stored: per key, its current READING row.
        known: per key, whether the store has it.
    """
    starts = key_starts(ordered)
    sizes = key_sizes(ordered)
    open_keys: NDArray[np.bool_] = known & ~((sizes == 1) & _equal(ordered[starts], stored))
    return open_keys


def resolve(
    ordered: Records, stored: Records, known: NDArray[np.bool_], earlier: Mapping[Key, Said]
) -> Resolution:
    """What becomes of readings.

    Args:
        ordered: READING records sorted by (t, series), arrivals of a key in order.
        stored: per key, its current READING row; anything where there is none.
        known: per key, whether the store has it.
        earlier: what was said before and is not current, for the keys that are `undecided`.
    """
    starts = key_starts(ordered)
    sizes = key_sizes(ordered)
    single = sizes == 1
    became = np.full(len(ordered), Became.STORED, np.int8)
    plain_new = single & ~known
    plain_same = single & known & _equal(ordered[starts], stored)
    became[starts[plain_same]] = Became.DUPLICATE
    new, changed, beside = [], [], []
    for group in np.flatnonzero(~plain_new & ~plain_same):
        begin, end = starts[group], starts[group] + sizes[group]
        before = stored[group] if known[group] else None
        found = _decide(ordered[begin:end], before, earlier)
        became[begin:end] = found.became
        beside += found.beside
        if before is None:
            new.append(found.current)
        elif found.current is not before:
            changed.append(found.current)
    rows = np.concatenate([ordered[starts[plain_new]], _rows(new)])
    return Resolution(became, rows, _rows(changed), _rows(beside))


def _decide(arrivals: Records, before: np.void | None, earlier: Mapping[Key, Said]) -> _Outcome:
    """Take the arrivals of one key one after the other."""
    key = (int(arrivals[0]["t"]), int(arrivals[0]["series"]))
    current: np.void = arrivals[0] if before is None else before
    said = {_identity(current), *earlier.get(key, ())}
    became = [] if before is not None else [Became.STORED]
    beside: list[np.void] = []
    for arrival in arrivals[len(became) :]:
        if _identity(arrival) in said:
            became.append(Became.DUPLICATE)
            continue
        said.add(_identity(arrival))
        became.append(Became.REVISED)
        if arrival["rev"] >= current["rev"]:
            beside.append(current)
            current = arrival
        else:
            beside.append(arrival)
    return _Outcome(current, beside, became)


def _identity(row: np.void) -> tuple[int, float]:
    return int(row["rev"]), float(row["v"])


def _equal(one: Records, other: Records) -> NDArray[np.bool_]:
    same: NDArray[np.bool_] = (one["rev"] == other["rev"]) & (one["v"] == other["v"])
    return same


def _rows(rows: list[np.void]) -> Records:
    return np.array(rows, READING) if rows else np.empty(0, READING)
