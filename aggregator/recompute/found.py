"""What recomputing a piece of history came to, and the report of all pieces. Pure."""

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import msgspec

from cityvitals.domain.times import iso


class Piece(msgspec.Struct, frozen=True, order=True):
    """A city's history in a month: what begins in [begin_us, end_us)."""

    city: str
    begin_us: int
    end_us: int

    @property
    def key(self) -> str:
        """Its name, for people and files."""
        return f"{self.city} {iso(self.begin_us)[:7]}"


class Change(msgspec.Struct, frozen=True):
    """A value that is another; zone '' is the city. None where there is no value."""

    zone: str
    begin_us: int
    before: float | None
    after: float | None

    @property
    def size(self) -> float:
        """How far apart the two are; 0 where one of them is none."""
        return 0.0 if self.before is None or self.after is None else abs(self.after - self.before)


class RuleFound(msgspec.Struct):
    """One rule in one piece: final windows, counted in every zone.

    Attributes:
        equal: those that are as they should be.
        changed: those that should be otherwise, in value, counts, coverage or rule revision.
        new: those that are lacking.
        largest: the largest change of a value.
    """

    equal: int = 0
    changed: int = 0
    new: int = 0
    largest: Change | None = None

    def take(self, change: Change) -> None:
        """Remember a change if none was larger."""
        if self.largest is None or change.size > self.largest.size:
            self.largest = change

    def add(self, other: "RuleFound") -> None:
        """Take in what was found elsewhere."""
        self.equal += other.equal
        self.changed += other.changed
        self.new += other.new
        if other.largest is not None:
            self.take(other.largest)


class PieceFound(msgspec.Struct):
    """What recomputing a piece came to.

    Attributes:
        rules: by id.
        buckets, wrong_buckets: closed quarter hours of series that were folded anew, and those that
            are stored otherwise.
        series: ids of series with wrong ones.
    """

    rules: dict[str, RuleFound] = msgspec.field(default_factory=dict)
    buckets: int = 0
    wrong_buckets: int = 0
    series: list[int] = msgspec.field(default_factory=list)

    @property
    def wrong(self) -> list[str]:
        """Rules with windows to be derived anew."""
        return [rule for rule, found in self.rules.items() if found.changed or found.new]

    @property
    def is_right(self) -> bool:
        """Whether all is stored as it should be."""
        return not self.wrong and not self.wrong_buckets


class Asked(NamedTuple):
    """What is to be recomputed.

    Attributes:
        city: its id; None for every city.
        rules: ids, with * and ?; empty for all.
        from_us, to_us: windows and buckets that begin in [from_us, to_us).
        buckets: whether quarter hours are folded anew from readings, too.
    """

    city: str | None
    rules: tuple[str, ...]
    from_us: int
    to_us: int
    buckets: bool


def report(found: Iterable[PieceFound]) -> Iterator[str]:
    """Lines for people."""
    rules: dict[str, RuleFound] = {}
    buckets = wrong = 0
    for piece in found:
        buckets += piece.buckets
        wrong += piece.wrong_buckets
        for rule, mine in piece.rules.items():
            rules.setdefault(rule, RuleFound()).add(mine)
    if buckets:
        yield f"{buckets} quarter hours folded anew from readings, {wrong} were stored otherwise"
    yield f"{'rule':44} {'equal':>9} {'changed':>9} {'new':>9}  largest change"
    for rule in sorted(rules):
        one = rules[rule]
        yield f"{rule:44} {one.equal:9} {one.changed:9} {one.new:9}  {_told(one.largest)}".rstrip()


def _told(largest: Change | None) -> str:
    if largest is None:
        return ""
    before, after = (
        "none" if each is None else f"{each:.6g}" for each in (largest.before, largest.after)
    )
    where = f"zone {largest.zone}" if largest.zone else "the city"
    return f"{before} becomes {after}: {where}, {iso(largest.begin_us)}"


def summed(found: Iterable[PieceFound]) -> dict[str, Any]:
    """The same, ready for JSON."""
    total = PieceFound()
    for piece in found:
        total.buckets += piece.buckets
        total.wrong_buckets += piece.wrong_buckets
        for rule, mine in piece.rules.items():
            total.rules.setdefault(rule, RuleFound()).add(mine)
    made: dict[str, Any] = msgspec.to_builtins(total)
    del made["series"]
    return made
