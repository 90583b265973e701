"""How twins cut time and fold it: frames of a column for each station, a row for each step."""

from collections.abc import Callable
from typing import Any, Final

import numpy as np
import pandas as pd

HOUR: Final = pd.Timedelta(hours=1)
QUARTER: Final = pd.Timedelta(minutes=15)
_HAIR: Final = 1e-7
"""Of a step: what binary numbers miss of the decimals they stand for."""

_AFTER: Final = {
    "day": pd.DateOffset(days=1),
    "month": pd.DateOffset(months=1),
    "year": pd.DateOffset(years=1),
}


def window_begins(index: Any, length: str) -> Any:
    """The begin of the local hour, day, month or year that holds each instant of a local index."""
    if length == "day":
        return index.normalize()
    if length in {"month", "year"}:
        naive = index.tz_localize(None).to_period(length[0].upper()).to_timestamp()
        return naive.tz_localize(index.tz)
    # An hour that comes twice is two windows: its own offset goes with each.
    return index.tz_convert("UTC").floor("h").tz_convert(index.tz)


def steps_in(begins: Any, length: str, step: pd.Timedelta) -> Any:
    """How many steps each window holds: 23 to 25 hours in a day where the clocks change."""
    after = begins + _AFTER.get(length, HOUR)
    return pd.Series((after - begins) / step, index=begins)


def every(frame: Any, step: pd.Timedelta) -> Any:
    """The frame with a row for every step of its local days, empty ones too."""
    first, last = frame.index[0].normalize(), frame.index[-1].normalize() + _AFTER["day"]
    return frame.reindex(pd.date_range(first, last, freq=step, inclusive="left"))


def window_mean(values: Any, length: str, least: float) -> Any:
    """Means of what is known in each window that has at least so many values."""
    grouped = values.groupby(window_begins(values.index, length))
    return grouped.mean().where(grouped.count() >= least)


def coverage(values: Any, length: str, step: pd.Timedelta) -> Any:
    """The share of each window in which there is a value."""
    count = values.groupby(window_begins(values.index, length)).count()
    return count.div(steps_in(count.index, length, step), axis=0)


def running(values: Any, size: int, fold: Callable[..., Any], least: int) -> Any:
    """A fold of the last `size` rows at each row, the row's own among them.

    By windows cut out one by one: pandas' own running sums drift, and a class has a hard edge.
    """
    cut = _cut(values, size, np.nan)
    enough = (~np.isnan(cut)).sum(axis=2) >= max(least, 1)
    found = np.full(values.shape, np.nan)
    found[enough] = fold(cut[enough], axis=1)
    return pd.DataFrame(found, values.index, values.columns)


def running_share(there: Any, size: int) -> Any:
    """How many of the last `size` rows at each row are true, as a share."""
    return pd.DataFrame(_cut(there, size, 0.0).mean(axis=2), there.index, there.columns)


def longer(frame: Any, steps: int, step: pd.Timedelta, fill: object) -> Any:
    """The frame with so many rows more."""
    after = pd.date_range(frame.index[-1] + step, periods=steps, freq=step)
    return frame.reindex(frame.index.append(after), fill_value=fill)


def _cut(values: Any, size: int, before: float) -> Any:
    """The last `size` rows at each row [row, column, size]; `before` stands before the first."""
    padded = np.vstack([np.full((size - 1, values.shape[1]), before), values.to_numpy(float)])
    return np.lib.stride_tricks.sliding_window_view(padded, size, axis=0)


def half_up(values: Any, digits: int = 0) -> Any:
    """Rounded, from the middle upwards."""
    return np.floor(values * 10**digits + 0.5 + _HAIR) / 10**digits


def truncated(values: Any, digits: int) -> Any:
    """Cut after so many decimals; none of the values is negative."""
    return np.floor(values * 10**digits + _HAIR) / 10**digits


def quantile(values: Any, percent: float) -> Any:
    """A percentile of the known values of each column, linear between order statistics."""
    return values.quantile(percent / 100)
