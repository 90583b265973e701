"""Members' partials over windows: of a series that a zone and the city both have, once. Pure."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from aggregator.kernels.windows import any_said, fold_windows
from aggregator.layers import Layers
from aggregator.members import Members
from aggregator.program import Floats
from aggregator.series_table import Ints
from cityvitals.domain.times import BUCKET_US


class Columns(NamedTuple):
    """Which members come to numbers of their own, and which to those of another.

    Attributes:
        own: the member that each column is of [c].
        of: the column of each member [m].
    """

    own: Ints
    of: Ints

    @property
    def others(self) -> Ints:
        """Members that have the column of the same series in the city."""
        return np.flatnonzero(self.own[self.of] != np.arange(len(self.of)))


@dataclass(frozen=True, slots=True)
class Folds:
    """An input's partials, as `kernels.windows.fold_windows` gives them.

    Attributes:
        whole: over its own windows [w, c, 4].
        lowest: over its shortest ones [n, c, 4]; where it has no levels, the same array.
        spoken: whether any station of the city has said anything that each window reaches [w].
        columns: whose they are.
    """

    whole: Floats
    lowest: Floats
    spoken: NDArray[np.bool_]
    columns: Columns

    @property
    def nbytes(self) -> int:
        """About how much memory it takes."""
        return self.whole.nbytes + self.lowest.nbytes


class Held(NamedTuple):
    """Buckets in memory.

    Attributes:
        cells: CELL records [series, slots].
        at: row of `cells` by row of the shard.
        span: numbers of the buckets [first, last) that can be there, where that is known.
    """

    cells: "NDArray[np.void]"
    at: Ints
    span: tuple[int, int] | None


def folds_of(held: Held, members: Members, layers: Layers) -> Folds:
    """Members' partials over an input's windows."""
    count = len(layers.begins)
    begins, ends = layers.begins, layers.ends
    if layers.levels:
        # Both in one go: what is read for a member's own windows is at hand for the shorter ones.
        shorter = layers.lowest
        begins, ends = np.concatenate([begins, shorter[0]]), np.concatenate([ends, shorter[1]])
    first, last = begins // BUCKET_US, ends // BUCKET_US
    columns = _columns(members, first, last)
    out = _fold(held, members, columns, (first, last))
    whole, lowest = out[:count], out[count:] if layers.levels else out
    return Folds(whole, lowest, _spoken(layers, whole, lowest, members, columns), columns)


def _columns(members: Members, first: Ints, last: Ints) -> Columns:
    """Who stood in a zone all the time comes to what it comes to for the city."""
    everybody = np.arange(len(members.rows))
    if not len(first) or not len(everybody):
        return Columns(everybody, everybody)
    begun, over = members.since <= first.min(), members.until >= last.max()
    alike = (begun & over)[members.starts[:-1]]
    alike &= (members.in_city >= 0) & (np.diff(members.starts) == 1)
    own = np.flatnonzero(~alike)
    of = np.empty(len(everybody), np.int64)
    of[own] = np.arange(len(own))
    of[alike] = of[members.in_city[alike]]
    return Columns(own, of)


def _fold(held: Held, members: Members, columns: Columns, windows: tuple[Ints, Ints]) -> Floats:
    """Partials of columns over windows, which are buckets' numbers [w, c, 4]."""
    first, last = windows
    out = np.empty((len(first), len(columns.own), 4))
    if held.span is not None:
        first, last = np.clip(first, *held.span), np.clip(last, *held.span)
    mine = np.flatnonzero(columns.own[columns.of[members.of]] == members.of)
    who = members.of[mine]
    fold_windows(
        held.cells, held.at[members.rows[who]], members.since[mine], members.until[mine],
        first, last, columns.of[who], out,
    )  # fmt: skip
    return out


def _spoken(
    layers: Layers, whole: Floats, lowest: Floats, members: Members, columns: Columns
) -> NDArray[np.bool_]:
    """Whether anybody said anything that each window or its shorter ones reach [w]."""
    city = members.group[columns.own] == 0
    found = np.empty(len(whole), np.bool_)
    any_said(whole, city, found)
    if not layers.levels:
        return found
    said = np.empty(len(lowest), np.bool_)
    any_said(lowest, city, said)
    for layer in layers.levels:
        upto = np.append(0, np.cumsum(said))
        said = upto[layer.last] > upto[layer.first]
    return found | said
