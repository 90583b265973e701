"""What the machine makes of a series: twin of `kpi_rules.folds`, bit for bit."""

import math
from typing import Any

import numpy as np
from numba import njit

from aggregator.kernels import codes


@njit(cache=True, nogil=True, error_model="numpy")
def fold(code: int, series: Any, percent: float) -> Any:
    """One number of a series [n]; missing places are left out."""
    if code == codes.COUNT:
        return _count(series)
    if code == codes.LONGEST_RUN:
        return _longest_run(series)
    if code == codes.PLACES:
        return float(series.shape[0])
    known = series[~np.isnan(series)]
    count = known.shape[0]
    if count == 0:
        return np.nan
    if code == codes.SUM:
        return _total(known)
    if code == codes.MEAN:
        return _total(known) / count
    if code == codes.SMALLEST or code == codes.LARGEST:
        return _extreme(code, known)
    if code == codes.FIRST:
        return known[0]
    if code == codes.LAST:
        return known[count - 1]
    if code == codes.DEVIATION:
        return _deviation(known, 1)
    if code == codes.DEVIATION_ALL:
        return _deviation(known, 0)
    if code == codes.MEDIAN:
        return _ranked(known, (count - 1) * (50.0 / 100.0))
    if code == codes.PERCENTILE:
        return _ranked(known, (count - 1) * (percent / 100.0))
    if code == codes.PERCENTILE_HAZEN:
        return _ranked(known, count * (percent / 100.0) - 0.5)
    return _ranked(known, (count + 1) * (percent / 100.0) - 1.0)  # PERCENTILE_WEIBULL


@njit(cache=True, nogil=True, error_model="numpy")
def _count(truths: Any) -> Any:
    found = 0
    for i in range(truths.shape[0]):
        if truths[i] == 1.0:
            found += 1
    return float(found)


@njit(cache=True, nogil=True, error_model="numpy")
def _longest_run(truths: Any) -> Any:
    longest = run = 0
    for i in range(truths.shape[0]):
        run = run + 1 if truths[i] == 1.0 else 0
        longest = max(longest, run)
    return float(longest)


@njit(cache=True, nogil=True, error_model="numpy")
def _total(known: Any) -> Any:
    found = 0.0
    for i in range(known.shape[0]):
        found += known[i]
    return found


@njit(cache=True, nogil=True, error_model="numpy")
def _extreme(code: int, known: Any) -> Any:
    found = known[0]
    for i in range(1, known.shape[0]):
        if known[i] < found if code == codes.SMALLEST else known[i] > found:
            found = known[i]
    return found


@njit(cache=True, nogil=True, error_model="numpy")
def _ranked(known: Any, rank: float) -> Any:
    # Zeros are made positive: sorting does not tell the two apart.
    found = np.sort(known + 0.0)
    last = found.shape[0] - 1
    rank = min(max(rank, 0.0), float(last))
    below = int(rank)
    low, high = found[below], found[min(below + 1, last)]
    if low == high:
        return low
    share, step = rank - below, high - low
    return high - step * (1.0 - share) if share >= 0.5 else low + step * share


@njit(cache=True, nogil=True, error_model="numpy")
def _deviation(known: Any, less: int) -> Any:
    count = known.shape[0]
    if count <= less:
        return np.nan
    middle = _total(known) / count
    squares, seen = 0.0, 0
    for i in range(count):
        apart = known[i] - middle
        if not np.isnan(apart):
            squares += apart * apart
            seen += 1
    if seen == 0:
        return np.nan
    return math.sqrt(squares / (count - less)) if squares >= 0.0 else np.nan


@njit(cache=True, nogil=True, error_model="numpy")
def reshape(code: int, series: Any, places: int, out: Any) -> Any:
    """Another series of a series [n], into `out` [>= n]; returns its length."""
    count = series.shape[0]
    if code == codes.NEWEST:
        start = max(0, count - places)
        for i in range(start, count):
            out[i - start] = series[i]
        return count - start
    for i in range(count):
        if code == codes.AGE:
            out[i] = np.nan if np.isnan(series[i]) else float(count - 1 - i)
        else:
            out[i] = _mean_of_last(series, i, places)
    return count


@njit(cache=True, nogil=True, error_model="numpy")
def _mean_of_last(series: Any, at: int, places: int) -> Any:
    if at + 1 < places:
        return np.nan
    found = 0.0
    for i in range(at + 1 - places, at + 1):
        if np.isnan(series[i]):
            return np.nan
        found += series[i]
    return found / places
