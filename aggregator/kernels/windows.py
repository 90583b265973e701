"""Windows from buckets: each station's fold, then the stations of a zone together."""

from typing import Any

import numpy as np
from numba import njit


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
    cells: Any, series: Any, since: Any, until: Any, begins: Any, ends: Any, out: Any
) -> None:
    """Fold each member's buckets, in time order, over each window.

    Args:
        cells: as in `put_cells`. series: row of `cells` per member [m].
        since, until: the buckets' numbers in which the member is placed [m]: [since, until).
        begins, ends: windows as buckets' numbers [w]: [begin, end).
        out: float64 [w, m, 4]: integral, covered microseconds, count, flagged.
    """
    slots = cells.shape[1]
    for m in range(series.shape[0]):
        row = cells[series[m]]
        for w in range(begins.shape[0]):
            integral = 0.0
            covered = np.int64(0)
            count = np.int64(0)
            flagged = np.int64(0)
            for number in range(max(begins[w], since[m]), min(ends[w], until[m])):
                cell = row[number % slots]
                if cell.tag == number:
                    integral += cell.integral
                    covered += cell.covered
                    count += cell.count
                    flagged += cell.flagged
            out[w, m, 0] = integral
            out[w, m, 1] = covered
            out[w, m, 2] = count
            out[w, m, 3] = flagged


@njit(cache=True, nogil=True)
def join_stations(
    folded: Any,
    groups: Any,
    elapsed: Any,
    placed: Any,
    minimum: float,
    mean: bool,
    total: bool,
    out: Any,
    valid: Any,
) -> None:
    """Fold the stations of each zone into one value per window.

    Args:
        folded: what `fold_windows` gave [w, m, 4], members ordered by group, then natural key.
        groups: offsets of the groups' members [g + 1].
        elapsed: microseconds of the window that have passed, per window and group [w, g].
        placed: whether the member is placed at all during the window [w, m].
        minimum: coverage that a station needs to be valid.
        mean: whether a station's value is its time mean (else its integral).
        total: whether the zone's value is the sum of its stations (else their mean).
        out: float64 [w, g, 6]: numerator, denominator, coverage, observed, flagged, stations;
            denominator is 0 where no station can be used.
        valid: bool [w, m], set where the member took part.
    """
    for w in range(folded.shape[0]):
        for g in range(groups.shape[0] - 1):
            numerator = 0.0
            used = 0
            coverage = 0.0
            observed = 0.0
            flagged = 0.0
            here = 0
            for m in range(groups[g], groups[g + 1]):
                valid[w, m] = False
                if not placed[w, m]:
                    continue
                here += 1
                covered = folded[w, m, 1]
                observed += folded[w, m, 2]
                flagged += folded[w, m, 3]
                share = min(1.0, covered / elapsed[w, g]) if elapsed[w, g] > 0 else 0.0
                coverage += share
                if covered == 0.0 or (not total and share < minimum):
                    continue
                valid[w, m] = True
                used += 1
                if mean:
                    numerator += folded[w, m, 0] / (covered * 1e-6)
                else:
                    numerator += folded[w, m, 0]
            out[w, g, 0] = numerator
            out[w, g, 1] = used
            out[w, g, 2] = coverage / here if here > 0 else 0.0
            out[w, g, 3] = observed
            out[w, g, 4] = flagged
            out[w, g, 5] = here
