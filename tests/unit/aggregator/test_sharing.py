"""Several aggregators come to even parts, whoever comes, goes and moves at once."""

from hypothesis import given
from hypothesis import strategies as st

from aggregator.sharing import share
from cityvitals.domain.names import SHARDS

ALL = frozenset(range(SHARDS))
NAMES = st.sets(st.text("abcdef", min_size=1, max_size=3), min_size=1, max_size=6)
SHARES = st.sets(st.integers(0, SHARDS - 1))

Held = dict[str, set[int]]


def settle(held: Held, populated: set[int]) -> int:
    """All look at the same moment, then act one after the other, until nothing moves; how often."""
    for turn in range(20):
        free = ALL - set().union(*held.values())
        moves = {one: share(one, held.keys(), populated, held[one], free) for one in held}
        if not any(found.take or found.give for found in moves.values()):
            return turn
        for one, found in moves.items():
            taken = set().union(*held.values())
            held[one] = (held[one] - found.give) | (found.take - taken)
    raise AssertionError(f"never settles: {held}")


def assert_even(held: Held, populated: set[int]) -> None:
    assert sum(len(one) for one in held.values()) == SHARDS
    assert set().union(*held.values()) == ALL
    for group in (populated, ALL - populated):
        counts = [len(one & group) for one in held.values()]
        assert max(counts) - min(counts) <= 1


@given(NAMES, SHARES)
def test_all_that_come_at_once_have_even_parts(names: set[str], populated: set[int]) -> None:
    held: Held = {name: set() for name in names}
    assert settle(held, populated) <= 2
    assert_even(held, populated)


@given(NAMES, SHARES, st.text("abcdef", min_size=1, max_size=3))
def test_who_comes_is_given_no_more_than_its_part(
    names: set[str], populated: set[int], newcomer: str
) -> None:
    held: Held = {name: set() for name in names}
    settle(held, populated)
    before = {name: set(one) for name, one in held.items()}
    held.setdefault(newcomer, set())
    settle(held, populated)
    assert_even(held, populated)
    moved = sum(len(before[name] - held[name]) for name in before)
    # Whose part is one more depends on the order of names: so one of each kind may move besides.
    assert moved <= len(held[newcomer]) + 2 * len(names)


@given(NAMES, SHARES, st.data())
def test_what_one_that_is_gone_held_is_taken_at_once(
    names: set[str], populated: set[int], data: st.DataObject
) -> None:
    held: Held = {name: set() for name in names | {"stays"}}
    settle(held, populated)
    gone = data.draw(st.sampled_from(sorted(names)))
    if gone == "stays":
        return
    lost = held.pop(gone)
    free = set(lost)
    for one in held:
        free -= share(one, held.keys(), populated, held[one], lost).take
    assert len(free) <= len(held) + 1, "nearly all is taken by the first look"
    assert settle(held, populated) <= 5  # who has one more is another now: given first, then taken
    assert_even(held, populated)


def test_one_alone_has_all() -> None:
    assert share("a", ["a"], {3}, frozenset(), ALL) == (set(ALL), set())
    assert share("a", ["a"], {3}, ALL, frozenset()) == (set(), set())
