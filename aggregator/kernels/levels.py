"""Values of windows inside windows: an hour's mean from quarter hours, a day's highest from hours.

Everything is arithmetic in a fixed order, so that a recomputed value equals a live one bit for bit.
"""

import math
from typing import Any

import numpy as np
from numba import njit

from aggregator.kernels.numbers import rounded

MEAN, TOTAL, MIN, MAX, COUNT, FIRST, LAST, ENERGY_MEAN = range(8)
"""Statistics of `fold_level`, by number."""
INTEGRAL_OF, MEAN_OF, LEVEL_OF, COUNT_OF = range(4)
"""Of `lowest_values`: the integral, the time mean, the level of a mean power, how many readings."""


@njit(cache=True, nogil=True)
def lowest_values(
    folded: Any, at: Any, begins: Any, ends: Any, until: Any, minimum: Any, how: int, out: Any
) -> None:
    """What members' partials come to over the shortest windows.

    Args:
        folded: what `fold_windows` gave [n, f, 4]: integral, covered microseconds, …
        at: whose of them are each member's [m].
        begins, ends: the windows, microseconds [n].
        until: up to when windows count as begun for each member [m].
        minimum: share of what has passed of a window that must be covered, for each member [m].
        how: INTEGRAL_OF, MEAN_OF, LEVEL_OF or COUNT_OF.
        out: float64 [n, m]; nan where there is no value.
    """
    for n in range(begins.shape[0]):
        for m in range(at.shape[0]):
            f = at[m]
            due = min(ends[n], until[m]) - begins[n]
            out[n, m] = math.nan
            if _is_enough(folded[n, f, 1], due, minimum[m]):
                out[n, m] = _lowest(folded[n, f, 0], folded[n, f, 1], folded[n, f, 2], how)


@njit(cache=True, nogil=True)
def same_as_city(
    folded: Any, at: Any, begins: Any, ends: Any, until: Any, minimum: Any, group: Any, same: Any
) -> None:
    """Which members of zones come to the same numbers as they do for the city.

    Args:
        folded, begins, ends: as in `lowest_values`. at: whose partials are each member's [m].
        until, minimum: as there, but for each group [g], of which the city is the first.
        group: of each member [m].
        same: bool [m]; unset where they do not.
    """
    for m in range(at.shape[0]):
        f, g = at[m], group[m]
        for n in range(begins.shape[0]):
            due = min(ends[n], until[g]) - begins[n]
            of_city = min(ends[n], until[0]) - begins[n]
            if due == of_city and minimum[g] == minimum[0]:
                continue
            covered = folded[n, f, 1]
            if _is_enough(covered, due, minimum[g]) != _is_enough(covered, of_city, minimum[0]):
                same[m] = False
                break


@njit(cache=True, nogil=True)
def _is_enough(covered: float, due: int, minimum: float) -> bool:
    """Whether so much of a window of which so much has passed is enough for a value."""
    if covered <= 0.0 or due <= 0:
        return False
    return not min(1.0, covered / due) < minimum


@njit(cache=True, nogil=True)
def _lowest(integral: float, covered: float, count: float, how: int) -> float:
    """What one member's partials, which cover some time, come to over one window."""
    if how == INTEGRAL_OF:
        return integral
    if how == COUNT_OF:
        return count
    mean: float = integral / (covered * 1e-6)
    if how == MEAN_OF:
        return mean
    return 10.0 * math.log10(mean) if mean > 0.0 else math.nan


@njit(cache=True, nogil=True)
def fold_level(
    values: Any,
    first: Any,
    last: Any,
    due: Any,
    minimum: float,
    least: int,
    statistic: int,
    out: Any,
) -> None:
    """Fold values of shorter windows, in order of time, over longer ones.

    Args:
        values: of the shorter windows for each member [n, m]; nan where there is none.
        first, last: which of them each longer window holds [k]: [first, last).
        due: how many of the shorter windows have begun for each member [m]: the first ones.
        minimum: share of those in a window that must have a value.
        least: how many must have one.
        statistic: one of the numbers above.
        out: float64 [k, m]; nan where there is no value.
    """
    for k in range(first.shape[0]):
        for m in range(values.shape[1]):
            places = max(0, min(last[k], due[m]) - first[k])
            count = 0
            for n in range(first[k], first[k] + places):
                if not math.isnan(values[n, m]):
                    count += 1
            out[k, m] = math.nan
            if count > 0 and count >= least and count / places >= minimum:
                out[k, m] = _statistic(values, m, first[k], first[k] + places, count, statistic)


@njit(cache=True, nogil=True)
def _statistic(values: Any, m: int, first: int, last: int, count: int, statistic: int) -> float:
    """A statistic of the values that are there, of which there is at least one."""
    if statistic == COUNT:
        return float(count)
    total = 0.0
    low, high = math.inf, -math.inf
    oldest, newest = math.nan, math.nan
    for n in range(first, last):
        value = values[n, m]
        if math.isnan(value):
            continue
        total += 10.0 ** (value / 10.0) if statistic == ENERGY_MEAN else value
        low = min(low, value)
        high = max(high, value)
        if math.isnan(oldest):
            oldest = value
        newest = value
    if statistic == MEAN:
        return total / count
    if statistic == TOTAL:
        return total
    if statistic == MIN:
        return low
    if statistic == MAX:
        return high
    if statistic == FIRST:
        return oldest
    if statistic == LAST:
        return newest
    return 10.0 * math.log10(total / count)


@njit(cache=True, nogil=True)
def round_all(values: Any, code: int, digits: int, ten: float, out: Any) -> None:
    """Round numbers [n] as `kernels.numbers.rounded` does; what is missing stays so."""
    for n in range(values.shape[0]):
        out[n] = rounded(code, values[n], digits, ten)


@njit(cache=True, nogil=True)
def join_values(values: Any, of: Any, share: Any, placed: Any, groups: Any, out: Any) -> None:
    """What the stations of each group come to together, one number after the other.

    Args:
        values: of each column [w, c]; nan where it takes no part.
        of: the column of each member [m].
        share: how much of the window each member has [w, m].
        placed: whether it stands there at all during the window [w, m].
        groups: where each group's members begin [g + 1].
        out: float64 [w, g, 6]: sum, how many take part, mean share of those placed, lowest,
            highest, how many are placed.
    """
    for w in range(values.shape[0]):
        for g in range(groups.shape[0] - 1):
            total, used, shares, here = 0.0, 0, 0.0, 0
            low, high = math.inf, -math.inf
            for m in range(groups[g], groups[g + 1]):
                if not placed[w, m]:
                    continue
                here += 1
                shares += share[w, m]
                value = values[w, of[m]]
                if math.isnan(value):
                    continue
                used += 1
                total += value
                low = min(low, value)
                high = max(high, value)
            out[w, g, 0] = total
            out[w, g, 1] = used
            out[w, g, 2] = shares / here if here > 0 else 0.0
            out[w, g, 3] = low if used > 0 else np.nan
            out[w, g, 4] = high if used > 0 else np.nan
            out[w, g, 5] = here


@njit(cache=True, nogil=True)
def join_counts(observed: Any, flagged: Any, of: Any, placed: Any, groups: Any, out: Any) -> None:
    """How many readings, and how many with a flag, the stations placed in each group had.

    Args:
        observed, flagged: of each column [w, c].
        of, placed, groups: as in `join_values`.
        out: float64 [2, w, g], written.
    """
    for w in range(observed.shape[0]):
        for g in range(groups.shape[0] - 1):
            seen, bad = 0.0, 0.0
            for m in range(groups[g], groups[g + 1]):
                if placed[w, m]:
                    seen += observed[w, of[m]]
                    bad += flagged[w, of[m]]
            out[0, w, g] = seen
            out[1, w, g] = bad
