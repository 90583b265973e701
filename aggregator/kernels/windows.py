"""Windows from buckets: each station's fold."""

from typing import Any

import numpy as np
from numba import njit

BLOCK = 16
"""So many members are folded side by side."""


@njit(cache=True, nogil=True)
def put_cells(cells: Any, rows: Any) -> None:
    """Store rollup rows in the ring of their series; a newer bucket pushes out an older one.

    Args:
        cells: CELL records [series, slots]; a bucket's slot is its number modulo slots.
        rows: ROLLUP records; `series` is the row of `cells`.
    """
    slots = cells.shape[1]
    for i in range(rows.shape[0]):
        row = rows[i]
        number = row.bucket // 900_000_000
        cell = cells[row.series, number % slots]
        if number < cell.tag:
            continue
        cell.tag = number
        cell.integral = row.integral
        cell.covered = row.covered
        cell.count = row.count
        cell.flagged = row.flagged


@njit(cache=True, nogil=True)
def fold_windows(
    cells: Any, series: Any, since: Any, until: Any, begins: Any, ends: Any, at: Any, out: Any
) -> None:
    """Fold each member's buckets, in time order, over each window.

    Args:
        cells: as in `put_cells`. series: row of `cells` per member [m].
        since, until: the buckets' numbers in which the member is placed [m]: [since, until),
            ascending where one has several stretches.
        begins, ends: windows as buckets' numbers [w]: [begin, end).
        at: where each member stands in `out` [m]; one that stands there several times is folded
            on, stretch by stretch.
        out: float64 [w, n, 4]: integral, covered microseconds, count, flagged.
    """
    slots = cells.shape[1]
    count_of = series.shape[0]
    # Some members at a time, so that what is written lies together and what is read stays at hand.
    for low in range(0, count_of, BLOCK):
        high = min(low + BLOCK, count_of)
        for w in range(begins.shape[0]):
            for m in range(low, high):
                row = cells[series[m]]
                integral = 0.0
                covered = np.int64(0)
                count = np.int64(0)
                flagged = np.int64(0)
                place = at[m]
                if m > 0 and at[m - 1] == place:
                    integral = out[w, place, 0]
                    covered = np.int64(out[w, place, 1])
                    count = np.int64(out[w, place, 2])
                    flagged = np.int64(out[w, place, 3])
                first = max(begins[w], since[m])
                slot = first % slots
                for number in range(first, min(ends[w], until[m])):
                    cell = row[slot]
                    slot += 1
                    if slot == slots:
                        slot = 0
                    if cell.tag == number:
                        integral += cell.integral
                        covered += cell.covered
                        count += cell.count
                        flagged += cell.flagged
                out[w, place, 0] = integral
                out[w, place, 1] = covered
                out[w, place, 2] = count
                out[w, place, 3] = flagged


@njit(cache=True, nogil=True)
def any_said(folded: Any, city: Any, out: Any) -> None:
    """Whether any member of the city's group has said anything in each window.

    Args:
        folded: what `fold_windows` gave [w, m, 4].
        city: which members are of that group [m].
        out: bool [w], written.
    """
    for w in range(folded.shape[0]):
        out[w] = False
        for m in range(folded.shape[1]):
            covered, count, flagged = folded[w, m, 1], folded[w, m, 2], folded[w, m, 3]
            if city[m] and (covered > 0.0 or count > 0.0 or flagged > 0.0):
                out[w] = True
                break


@njit(cache=True, nogil=True)
def buckets_fed(feeds: Any, rows: Any, at: Any, seen: Any) -> None:
    """Which buckets some series changed.

    Args:
        feeds: which rows of the shard they are [n].
        rows, at: row and bucket of each change [c], the latter as a place in `seen`.
        seen: bool [b], all unset; written.
    """
    left = seen.shape[0]
    for i in range(rows.shape[0]):
        if not seen[at[i]] and feeds[rows[i]]:
            seen[at[i]] = True
            left -= 1
            if left == 0:
                return
