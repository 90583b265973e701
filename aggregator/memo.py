"""What several rules ask of the same buckets, worked out once."""

from collections.abc import Callable
from typing import Final, Generic, Protocol, TypeVar

from aggregator.layers import Layers
from aggregator.members import Members

_BYTES: Final = 64 * 2**20


class _Sized(Protocol):
    @property
    def nbytes(self) -> int:
        """About how much memory it takes."""


_Held = TypeVar("_Held", bound=_Sized)


class Memo(Generic[_Held]):
    """What comes of some buckets, as long as the buckets stay as they are.

    Bounded by `_BYTES`; beyond that all are forgotten, and worked out again where asked for.
    """

    def __init__(self) -> None:
        self._held: dict[tuple[object, ...], tuple[Members, _Held]] = {}
        self._bytes = 0

    def get(self, key: tuple[object, ...], members: Members, make: Callable[[], _Held]) -> _Held:
        """What is known by a key, or is made now.

        Args:
            key: with the members, all that it depends on.
            members: told apart by where they are in memory, so they are kept.
            make: makes it.
        """
        whole = (id(members), *key)
        found = self._held.get(whole)
        if found is None:
            if self._bytes > _BYTES:
                self._held.clear()
                self._bytes = 0
            found = self._held[whole] = members, make()
            self._bytes += found[1].nbytes
        return found[1]


def windows_of(layers: Layers) -> tuple[object, ...]:
    """An input's windows and those inside them, to be told from others."""
    levels = [(one.begins, one.ends, one.first, one.last) for one in layers.levels]
    windows = [layers.begins, layers.ends, *(edge for level in levels for edge in level)]
    return (len(levels), *(one.tobytes() for one in windows))
