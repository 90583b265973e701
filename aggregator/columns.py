"""The aggregator's own record types, struct of arrays and array of structs as the kernels want."""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from aggregator.kernels.fold import NONE
from cityvitals.domain.arrays import PARTIAL, Records

STATE: Final = np.dtype(
    [
        ("bucket", "<i8"),
        ("closed", "<i8"),
        ("oldest", "<i8"),
        ("last_seen", "<i8"),
        ("pend_t", "<i8"),
        ("pend_end", "<i8"),
        ("pend_v", "<f8"),
        ("broken", "<i8"),
        *PARTIAL.descr,
    ]
)
"""One series' open bucket: its begin, the partial so far without the pending gauge sample, that
sample, and how far the series has come. Times in microseconds, NONE where there is none."""

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
    for field in ("bucket", "closed", "oldest", "last_seen", "pend_t", "pend_end"):
        state[field] = NONE
    state["min"] = np.inf
    state["max"] = -np.inf
    return state
