"""Which shards are whose, where several aggregators are there. Pure."""

from collections.abc import Collection, Sequence
from collections.abc import Set as AbstractSet
from typing import NamedTuple

from cityvitals.domain.names import SHARDS


class Moves(NamedTuple):
    """What an aggregator is to do about its part.

    Attributes:
        take: free shards to claim.
        give: held ones that are another's.
    """

    take: set[int]
    give: set[int]


def share(
    owner: str,
    owners: Collection[str],
    populated: AbstractSet[int],
    held: AbstractSet[int],
    free: AbstractSet[int],
) -> Moves:
    """How an aggregator comes to its part: no shard moves that need not.

    Of shards with a city, as of all others, none is to have more than one more than another.

    Args:
        owner: one of `owners`.
        owners: who is there.
        populated: shards that have a city.
        held: the owner's.
        free: nobody's.
    """
    moves, others = Moves(set(), set()), set(range(SHARDS)) - populated
    # Who has one more of those has not one more of these, too.
    for group, ranked in ((populated, sorted(owners)), (others, sorted(owners, reverse=True))):
        part = len(range(ranked.index(owner), len(group), len(ranked)))
        mine = sorted(held & group)
        moves.give.update(mine[part:])
        moves.take.update(_first(free & group, ranked, owner)[: max(0, part - len(mine))])
    return moves


def _first(free: AbstractSet[int], ranked: Sequence[str], owner: str) -> list[int]:
    """Free ones, those first that no other looks at first."""
    order = sorted(free)
    rank, of = ranked.index(owner), len(ranked)
    return [shard for turn in range(of) for shard in order[(rank + turn) % of :: of]]
