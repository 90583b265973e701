"""The numpy dtypes that processes share: readings, log bodies, partials.

Times are int64 microseconds since 1970 UTC, values float64 in the canonical unit, series the
surrogate id of the `series` table.
"""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Records = NDArray[np.void]
"""A one-dimensional structured array; which dtype, the docstring beside it says."""

READING: Final = np.dtype(
    [
        ("t", "<i8"),
        ("received", "<i8"),
        ("v", "<f8"),
        ("rev", "<i8"),
        ("series", "<i4"),
        ("flags", "<i4"),
    ]
)
"""A reading as ingest holds it and the `reading` table keeps it."""

LOG_READING: Final = np.dtype([("t", "<i8"), ("v", "<f8"), ("series", "<i4"), ("flags", "<i4")])
"""A new reading in a commit-log body: what folding needs and no more."""

LOG_SEEN: Final = np.dtype(
    [("observed_to", "<i8"), ("received", "<i8"), ("gateway", "<i4"), ("count", "<i4")]
)
"""How far a gateway has come: newest end of a reading, newest arrival, readings of any outcome."""

LOG_REVISION: Final = np.dtype([("t", "<i8"), ("series", "<i4"), ("pad", "<i4")])
"""A key whose current value changed; the aggregator reads the value from the store."""

PARTIAL: Final = np.dtype(
    [
        ("estimated", "<i4"),
        ("count", "<i4"),
        ("flagged", "<i4"),
        ("repeated", "<i4"),
        ("stepped", "<i4"),
        ("sum", "<f8"),
        ("sumsq", "<f8"),
        ("min", "<f8"),
        ("max", "<f8"),
        ("first_t", "<i8"),
        ("first_v", "<f8"),
        ("last_t", "<i8"),
        ("last_v", "<f8"),
        ("integral", "<f8"),
        ("increase", "<f8"),
        ("covered", "<i8"),
    ]
)
"""The fold of one series over one bucket; `docs/architecture.md` says what each field holds.

Begins with a field of four bytes, so that behind a key of twelve all others are aligned."""

ROLLUP: Final = np.dtype([("bucket", "<i8"), ("series", "<i4"), *PARTIAL.descr])
"""A partial with its key, as the `rollup` table keeps it."""


def empty(dtype: np.dtype[Any]) -> Records:
    """No records of a dtype."""
    return np.empty(0, dtype)
