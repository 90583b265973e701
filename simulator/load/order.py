"""Which message comes when: new ones, repeats, revisions and spoilt ones, drawn by a seed."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray

from simulator.load.digits import Ints
from simulator.load.poison import KINDS

_REMEMBERED: Final = 4096
"""Messages among the newest that may be repeated or revised."""
_DELAY: Final = 20
"""A message out of order comes at most so many places late."""
_REVISIONS: Final = 5_000_000
"""Revisions of a value differ; their numbers begin again long after a message is forgotten."""
CLEAN: Final = -1


class Label(IntEnum):
    """What becomes of a message's readings."""

    STORED = 0
    DUPLICATE = 1
    REVISED = 2
    SPOILT = 3


@dataclass(frozen=True, slots=True)
class Shares:
    """Of the messages, how many are not simply new and in order; each in [0, 1]."""

    duplicates: float = 0.0
    revisions: float = 0.0
    poison: float = 0.0
    reorder: float = 0.0


@dataclass(frozen=True, slots=True)
class Stretch:
    """Messages in the order in which they are sent.

    Attributes:
        fresh: the new message that each is, repeats or revises, by its number.
        revision: 0 says the values of the new message; each other number says others.
        poison: index in `KINDS`, or `CLEAN`.
        label: what becomes of it, as `Label`.
    """

    fresh: Ints
    revision: Ints
    poison: Ints
    label: Ints

    def part(self, begin: int, end: int) -> "Stretch":
        """Some of them."""
        chosen = slice(begin, end)
        return Stretch(
            self.fresh[chosen], self.revision[chosen], self.poison[chosen], self.label[chosen]
        )


def stretches(shares: Shares, seed: int, size: int) -> Iterator[Stretch]:
    """Messages without end, `size` at a time; the same seed and size, the same messages."""
    generator = np.random.default_rng(seed)
    known = np.empty(0, np.int64)
    next_fresh, revised = 0, 0
    while True:
        kind, poison = _kinds(shares, generator, size, is_first=not len(known))
        new = (kind == Label.STORED) | (kind == Label.SPOILT)
        numbers = next_fresh + np.cumsum(new) - 1
        sound = kind == Label.STORED
        fresh, known = _targets(numbers, new, sound, known, generator)
        again = kind == Label.REVISED
        revision = np.where(again, (revised + np.cumsum(again)) % _REVISIONS + 1, 0)
        order = _order(shares.reorder, generator, size)
        fresh, revision, poison = fresh[order], revision[order], poison[order]
        yield Stretch(fresh, revision, poison, _labels(fresh, revision, poison, next_fresh))
        next_fresh += int(new.sum())
        revised += int(again.sum())


def _kinds(
    shares: Shares, generator: np.random.Generator, size: int, *, is_first: bool
) -> tuple[Ints, Ints]:
    """What each message is meant to be, and how it is spoilt; the very first is a new one."""
    edges = np.cumsum([shares.duplicates, shares.revisions, shares.poison])
    meant = np.array([Label.DUPLICATE, Label.REVISED, Label.SPOILT, Label.STORED], np.int64)
    kind = meant[np.searchsorted(edges, generator.random(size), side="right")]
    drawn = generator.integers(0, len(KINDS), size)
    if is_first:
        kind[0] = Label.STORED
    return kind, np.where(kind == Label.SPOILT, drawn, CLEAN)


def _targets(
    numbers: Ints,
    new: NDArray[np.bool_],
    sound: NDArray[np.bool_],
    known: Ints,
    generator: np.random.Generator,
) -> tuple[Ints, Ints]:
    """The new message that each is about, and those to be remembered: sound ones sent before it."""
    candidates = np.concatenate([known, numbers[sound]])
    before = len(known) + np.cumsum(sound) - sound
    drawn = (generator.random(len(numbers)) * before).astype(np.int64)
    fresh = np.where(new, numbers, candidates[drawn])
    return fresh, candidates[-_REMEMBERED:]


def _order(share: float, generator: np.random.Generator, size: int) -> NDArray[np.intp]:
    late = generator.random(size) < share
    delay = generator.integers(1, _DELAY + 1, size)
    return np.argsort(np.arange(size) + np.where(late, delay + 0.5, 0), kind="stable")


def _labels(fresh: Ints, revision: Ints, poison: Ints, next_fresh: int) -> Ints:
    """Promise 2: who says a key first is stored; who says a known value again, a duplicate.

    Messages before `next_fresh` came in earlier stretches, with their own values.
    """
    said = fresh * (_REVISIONS + 2) + revision
    label = np.where(
        _is_first(said) & ((revision > 0) | (fresh >= next_fresh)), Label.REVISED, Label.DUPLICATE
    )
    label[_is_first(fresh) & (fresh >= next_fresh)] = Label.STORED
    label[poison != CLEAN] = Label.SPOILT
    return label.astype(np.int64)


def _is_first(keys: Ints) -> NDArray[np.bool_]:
    """Whether each is the first of its like."""
    first = np.zeros(len(keys), np.bool_)
    first[np.unique(keys, return_index=True)[1]] = True
    return first
