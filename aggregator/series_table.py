"""A shard's series as arrays: a series keeps its row for as long as the process lives."""

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from aggregator.columns import Declared
from aggregator.kernels import partial
from cityvitals.catalogue.load import load_catalogue
from cityvitals.domain.names import INTERVALS, Kind, Stamp
from cityvitals.domain.series import Declaration
from cityvitals.domain.times import US
from cityvitals.store.model import SeriesRow

Ints = NDArray[np.int64]
_USUAL_S: Final = 60.0
"""Between the readings of a series that does not say how often it reports."""

_CODES: Final = {
    Kind.GAUGE: partial.GAUGE,
    Kind.INTERVAL_MEAN: partial.MEAN,
    Kind.INTERVAL_TOTAL: partial.TOTAL,
    Kind.COUNTER: partial.COUNTER,
    Kind.EVENT: partial.EVENT,
    Kind.STATE: partial.GAUGE,
}
_LEVEL_CODES: Final = {
    Kind.GAUGE: partial.LEVEL,
    Kind.INTERVAL_MEAN: partial.LEVEL_MEAN,
}


class SeriesTable:
    """Rows of series, and the declaration that applies to each reading.

    Attributes:
        series: the series by row.
        ids: surrogate id by row [n].
        sensors: the rank of its sensor's name among all [n].
        declared: declaration tables; a series' declarations stand together, oldest first.
        several: whether there is more than one declaration [n].
        back: how long before a bucket a reading that reaches into it may be observed [n].
        ahead: how long after it [n].
    """

    def __init__(self) -> None:
        self.series: list[SeriesRow] = []
        self._row_of: dict[int, int] = {}
        self._arrange()

    def __len__(self) -> int:
        return len(self.series)

    def update(self, rows: Sequence[SeriesRow]) -> None:
        """Take over the model's series: known ones in their row, new ones behind."""
        for found in rows:
            row = self._row_of.setdefault(found.id, len(self.series))
            if row == len(self.series):
                self.series.append(found)
            else:
                self.series[row] = found
        self._arrange()

    def rows(self, ids: NDArray[np.int32]) -> Ints:
        """The row of each series id, -1 where it is not known."""
        known = ids < len(self._lookup)
        found = np.full(len(ids), -1, np.int64)
        found[known] = self._lookup[ids[known]]
        return found

    def declaration(self, rows: Ints, t: Ints) -> Ints:
        """Which row of the declaration tables applies to readings of `rows` observed at `t`."""
        found = self._newest[rows].copy()
        for i in np.flatnonzero(self.several[rows]):
            row = rows[i]
            first, last = self._first[row], self._newest[row]
            at = np.searchsorted(self._since[first : last + 1], t[i], side="right") - 1
            found[i] = first + max(at, 0)
        return found

    def rates(self) -> NDArray[np.float64]:
        """About how many readings of each series there are a microsecond [n]."""
        newest = [found.declarations[-1] for found in self.series]
        periods = [one.period_s or one.reporting_s or _USUAL_S for one in newest]
        return 1.0 / (np.array(periods, np.float64) * US)

    def _arrange(self) -> None:
        declared = [found.declarations for found in self.series]
        flat: list[Declaration] = [one for some in declared for one in some]
        counts = np.array([len(some) for some in declared], np.int64)
        self.ids = np.array([found.id for found in self.series], np.int32)
        names = np.array([found.key.sensor for found in self.series], np.str_)
        self.sensors: Ints = np.unique(names, return_inverse=True)[1].astype(np.int64)
        quantities = [found.key.quantity for found in self.series for _ in found.declarations]
        self.declared = _declared(flat, quantities)
        self._since = np.array([one.since_us for one in flat], np.int64)
        self._newest = np.cumsum(counts) - 1
        self._first = self._newest - counts + 1
        self.several = counts > 1
        self._lookup = np.full(int(self.ids.max(initial=0)) + 1, -1, np.int64)
        self._lookup[self.ids] = np.arange(len(self.ids))
        self.back = np.array([_reach_back(some) for some in declared], np.int64)
        self.ahead = np.array([_reach_ahead(some) for some in declared], np.int64)


def _declared(flat: Sequence[Declaration], quantities: Sequence[str]) -> Declared:
    """Declaration tables, of declarations and what their series watch."""
    fitting = [_fitting(one, quantity) for one, quantity in zip(flat, quantities, strict=True)]
    return Declared(
        codes=np.array([each.code for each in fitting], np.int8),
        stamps=np.array([one.stamp for one in flat], np.int8),
        periods=np.array([one.period_us for one in flat], np.int64),
        holds=np.array([one.hold_us for one in flat], np.int64),
        reaches=np.array([one.reach_us for one in flat], np.int64),
        moduli=np.array([one.modulus for one in flat], np.float64),
        steps=np.array([each.step for each in fitting], np.float64),
    )


class _Fitting(NamedTuple):
    """What a declaration means for a quantity: a code, and how far apart two samples may be."""

    code: int
    step: float


def _fitting(one: Declaration, quantity: str) -> _Fitting:
    known = load_catalogue().quantities.get(quantity)
    if one.kind == Kind.STATE:
        return _Fitting(partial.GAUGE, 0.0)  # every change is one
    step = np.inf if known is None or known.step is None else known.step
    if known is not None and known.is_level and one.kind in _LEVEL_CODES:
        return _Fitting(_LEVEL_CODES[one.kind], step)
    return _Fitting(_CODES[one.kind], step)


def _reach_back(declared: Sequence[Declaration]) -> int:
    """The longest that any of these readings speaks for after its stamp.

    Of a counter as long as the next one may come that tells how it went on.
    """
    return max(_after(one) for one in declared)


def _after(one: Declaration) -> int:
    if one.kind == Kind.COUNTER:
        return one.reach_us
    if one.kind in INTERVALS:
        return one.period_us * (one.stamp == Stamp.BEGIN)
    return one.hold_us


def _reach_ahead(declared: Sequence[Declaration]) -> int:
    """The longest that any of these readings speaks for before its stamp."""
    return max(_before(one) for one in declared)


def _before(one: Declaration) -> int:
    if one.kind == Kind.COUNTER:
        return one.reach_us
    return one.period_us * (one.kind in INTERVALS and one.stamp == Stamp.END)
