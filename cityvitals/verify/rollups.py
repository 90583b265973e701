"""Stored rollups against recomputed ones, series by series."""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from cityvitals.domain.arrays import Records
from cityvitals.domain.times import iso
from cityvitals.verify.report import SHOWN, Difference, Findings

KIND: Final = "rollup"

_EXACT: Final = (
    "count",
    "flagged",
    "min",
    "max",
    "first_t",
    "first_v",
    "last_t",
    "last_v",
    "covered",
    "repeated",
    "stepped",
    "estimated",
)
_CLOSE: Final = ("sum", "sumsq", "integral", "increase")
_UNTOLD: Final = ("repeated", "stepped", "estimated")
"""What rollups from before do not tell: -1."""
_RELATIVE: Final = 1e-12


def close(stored: Any, expected: Any, relative: float) -> NDArray[np.bool_]:
    """Where two arrays of numbers are equal to a relative error; nan equals nan."""
    # Equal first, since infinities are not close to each other by subtraction.
    with np.errstate(invalid="ignore"):
        near = np.abs(stored - expected) <= relative * np.maximum(np.abs(stored), np.abs(expected))
    both = np.isnan(stored) & np.isnan(expected)
    same: NDArray[np.bool_] = (stored == expected) | near | both
    return same


def compare(
    name: str, stored: Records, expected: Records, sealed_us: int, open_us: int, out: Findings
) -> None:
    """Compare one series' rollups (ROLLUP, in order of time).

    Args:
        name: the series' natural key, for people.
        stored: what the table has.
        expected: what the readings fold to.
        sealed_us: buckets that begin before this cannot be recomputed.
        open_us: from this bucket on rows may still be in the aggregator's memory.
        out: takes the findings.
    """
    tally = out.tally(KIND)
    tally.sealed += int((stored["bucket"] < sealed_us).sum())
    stored = stored[stored["bucket"] >= sealed_us]
    expected = expected[expected["bucket"] >= sealed_us]
    bucket, mine, theirs = np.intersect1d(stored["bucket"], expected["bucket"], return_indices=True)
    missing = np.setdiff1d(expected["bucket"], bucket)
    tally.open += int((missing >= open_us).sum())
    _alone(name, "missing", missing[missing < open_us], out)
    _alone(name, "superfluous", np.setdiff1d(stored["bucket"], bucket), out)
    _doubled(name, stored["bucket"], out)
    tally.checked += len(bucket)
    _fields(name, stored[mine], expected[theirs], out)


def _alone(name: str, what: str, buckets: NDArray[np.int64], out: Findings) -> None:
    """Rows that stand on one side only."""
    tally = out.tally(KIND)
    tally.checked += len(buckets)
    tally.different += len(buckets)
    pair = ("none", "a row") if what == "missing" else ("a row", "none")
    for bucket in buckets[:SHOWN].tolist():
        out.differ(Difference(KIND, f"{name} {iso(bucket)}", what, *pair))


def _doubled(name: str, buckets: NDArray[np.int64], out: Findings) -> None:
    again = buckets[1:][buckets[1:] == buckets[:-1]]
    out.tally(KIND).different += len(again)
    for bucket in again[:SHOWN].tolist():
        out.differ(Difference(KIND, f"{name} {iso(bucket)}", "rows", "several", 1))


def _fields(name: str, stored: Records, expected: Records, out: Findings) -> None:
    wrong = np.zeros(len(stored), np.bool_)
    for field in (*_EXACT, *_CLOSE):
        if field in _EXACT:
            bad = stored[field] != expected[field]
            if field in _UNTOLD:
                bad &= stored[field] != -1
        else:
            bad = ~close(stored[field], expected[field], _RELATIVE)
        wrong |= bad
        for at in np.flatnonzero(bad)[:SHOWN].tolist():
            key = f"{name} {iso(int(stored['bucket'][at]))}"
            pair = (stored[field][at].item(), expected[field][at].item())
            out.differ(Difference(KIND, key, field, *pair))
    out.tally(KIND).different += int(wrong.sum())
