"""The aggregator's own record types, struct of arrays and array of structs as the kernels want."""

from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from aggregator.kernels.partial import NONE, NOTHING
from cityvitals.domain.arrays import PARTIAL, Records

_SELDOM: Final = ("first_t", "first_v", "increase")
"""Fields of a partial that a gauge's next sample leaves alone: those behind two cache lines."""
STATE: Final = np.dtype(
    [
        ("bucket", "<i8"),
        ("last_seen", "<i8"),
        ("pend_t", "<i8"),
        ("pend_end", "<i8"),
        ("pend_v", "<f8"),
        ("broken", "<i2"),
        ("last_code", "<i2"),
        *[one for one in PARTIAL.descr if one[0] not in _SELDOM],
        *[one for one in PARTIAL.descr if one[0] in _SELDOM],
        ("oldest", "<i8"),
    ]
)
"""One series' open bucket: its begin, the partial so far without the pending gauge sample, that
sample, how far the series has come, and the code (`aggregator.kernels.partial`) of its newest
reading. Times in microseconds, NONE where there is none."""


class Declared(NamedTuple):
    """What declarations say, as kernels want it; durations in microseconds [d].

    Attributes:
        codes: what a reading means, a code of `aggregator.kernels.partial`.
        stamps: which end of its stretch a reading names.
        periods: how long that is.
        holds: how long a sample holds at most, and a counter's gap is covered.
        reaches: over how long a gap a counter's rise is apportioned.
        moduli: where a counter begins anew at 0; 0 for one that never does.
        steps: how far apart two samples in a row may be.
    """

    codes: NDArray[np.int8]
    stamps: NDArray[np.int8]
    periods: NDArray[np.int64]
    holds: NDArray[np.int64]
    reaches: NDArray[np.int64]
    moduli: NDArray[np.float64]
    steps: NDArray[np.float64]


CELL: Final = np.dtype(
    [
        ("integral", "<f8"),
        ("covered", "<i8"),
        ("count", "<i4"),
        ("flagged", "<i4"),
        ("tag", "<i4"),
        ("pad", "<i4"),
    ]
)
"""What windows need of a bucket, 32 bytes: covered in microseconds, tag the bucket's number."""


NO_TAG: Final = -(2**31)
"""The tag of a cell that holds nothing: a bucket before any that a reading can have."""


def no_cells(rows: int, slots: int) -> NDArray[Any]:
    """CELL records [rows, slots] that hold nothing."""
    cells = np.zeros((rows, slots), CELL)
    cells["tag"] = NO_TAG
    return cells


def fresh_state(count: int) -> Records:
    """State records of series that have said nothing yet."""
    state: np.ndarray[Any, Any] = np.zeros(count, STATE)
    for field in ("bucket", "oldest", "last_seen", "pend_t", "pend_end"):
        state[field] = NONE
    state["last_code"] = NOTHING
    state["min"] = np.inf
    state["max"] = -np.inf
    return state
