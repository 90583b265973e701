"""What some members of an input say and what others do, as one. Pure."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from aggregator.program import Floats, SeriesOf
from aggregator.series_table import Ints
from aggregator.stations import Said

_Kind = TypeVar("_Kind", bound=np.generic)


def together(parts: Sequence[tuple[Ints, Said]]) -> Said:
    """What some members say and what others do, as one.

    Args:
        parts: places of the members among all, and what they say; each place once.
    """
    order = np.argsort(np.concatenate([at for at, _ in parts]))
    found = [_spread(one) for _, one in parts]
    series = [one.values for one in found if isinstance(one.values, SeriesOf)]
    numbers = [one.values for one in found if not isinstance(one.values, SeriesOf)]
    values: Floats | SeriesOf
    if series:
        values = SeriesOf(
            _joined([one.values for one in series], order),
            _joined([one.lengths for one in series], order),
        )
    else:
        values = _joined(numbers, order)
    return Said(
        of=np.arange(len(order)),
        values=values,
        places=found[0].places,
        share=_joined([one.share for one in found], order),
        placed=_joined([one.placed for one in found], order),
        observed=_joined([one.observed for one in found], order),
        flagged=_joined([one.flagged for one in found], order),
        spoken=np.logical_or.reduce([one.spoken for one in found]),
        valid=_joined([one.valid for one in found], order),
    )


def _spread(found: Said) -> Said:
    """The same with a column for each member."""
    of, values = found.of, found.values
    if isinstance(values, SeriesOf):
        values = SeriesOf(values.values[:, of], values.lengths[:, of])
    else:
        values = values[:, of]
    return replace(
        found,
        of=np.arange(len(of)),
        values=values,
        observed=found.observed[:, of],
        flagged=found.flagged[:, of],
        valid=found.valid[:, of],
        joints={},
    )


def _joined(parts: Sequence[NDArray[_Kind]], order: NDArray[np.intp]) -> NDArray[_Kind]:
    """Arrays [w, m, …] of some members each, with all in their order."""
    return np.ascontiguousarray(np.concatenate(parts, axis=1)[:, order])
