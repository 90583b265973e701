"""What the Beijing file should give: means, indices, and days against limit values."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from tests.twins.fold import (
    HOUR,
    coverage,
    every,
    half_up,
    longer,
    quantile,
    running,
    running_share,
    steps_in,
    truncated,
    window_begins,
    window_mean,
)
from tests.twins.table import (
    breakpoints,
    constant,
    definition,
    enough,
    mapping,
    numbers,
    rows,
    table,
    within_limits,
)

_COLUMNS = {"PM2.5": "pm2_5", "PM10": "pm10", "SO2": "so2", "NO2": "no2", "CO": "co", "O3": "o3"}
_DAY_HOURS, _EIGHT = 24, 8
_ENOUGH_OF_A_DAY, _ENOUGH_OF_EIGHT = 18, 6
"""Hours that a day, and that eight hours need, in every standard here."""


@dataclass(frozen=True)
class Hours:
    """One pollutant: a column for each station, a row for every hour of the file's days.

    Attributes:
        kept: values that count; nan for none.
        said: whether the station says anything, be it out of limits.
    """

    kept: pd.DataFrame
    said: pd.DataFrame


def expected(path: Path) -> pd.DataFrame:
    """The indicators of a file of hourly means, each stamped with the begin of its hour."""
    frame = pd.read_csv(path, na_values=["NA"])
    when = pd.to_datetime(frame["ts_local"], format="%Y-%m-%d %H:%M")
    frame["begin"] = when.dt.tz_localize("Asia/Shanghai")
    hours = {quantity: _hours(frame, column) for column, quantity in _COLUMNS.items()}
    return table(
        [
            *(part for quantity, one in hours.items() for part in _means(quantity, one)),
            *_us_index(hours["pm2_5"]),
            *_european_index(hours["pm2_5"]),
            *_running_eight(hours["co"]),
            *_limit_values(hours),
            *_guidelines(hours["o3"]),
        ]
    )


def _hours(frame: Any, column: str) -> Hours:
    wide = frame.pivot_table(index="begin", columns="station", values=column, dropna=False)
    wide = every(wide.reindex(columns=sorted(frame["station"].unique())), HOUR)
    return Hours(within_limits(_COLUMNS[column], wide), wide.notna())


def _means(quantity: str, hours: Hours) -> Iterator[pd.DataFrame]:
    """Means over stations of their hours and days."""
    for length in ("hour", "day"):
        rule = f"air.{quantity}.{length}"
        known = numbers(rule)
        scale = {"ug/m3": 1.0, "mg/m3": 1e-3}[known.unit]
        mean, share = window_mean(hours.kept, length, 1), coverage(hours.kept, length, HOUR)
        valid = mean.where(share >= known.station_min) * scale
        yield from _places(rule, valid, share, _spoken(hours, length))


def _spoken(hours: Hours, length: str) -> Any:
    return hours.said.groupby(window_begins(hours.said.index, length)).any()


def _places(
    rule: str, values: Any, share: Any, spoken: Any, heard: Any = None
) -> Iterator[pd.DataFrame]:
    """Rows of zones and city of stations' values: their mean, or the worst.

    Args:
        rule: its id.
        values: of windows and stations; so are
        share: how much is covered of what is folded.
        spoken: whether a station says anything in the window: then its zones need a row.
        heard: whether any does in what is folded: else there is no row; as `spoken` if absent.
    """
    space = definition(rule)["space"]
    windows = values.index[spoken.any(axis=1) if heard is None else heard]
    for zone, stations in _stations(list(values.columns)).items():
        together = values.loc[windows, stations]
        value = together.max(axis=1) if space["zone"] == "max" else together.mean(axis=1)
        here = share.loc[windows, stations].mean(axis=1)
        value = enough(value, here, space["min_coverage"])
        yield rows(rule, zone, value, here, spoken.loc[windows, stations].any(axis=1))


def _stations(every_one: list[str]) -> dict[str, list[str]]:
    """Stations by zone, '' being the city."""
    zones = mapping("beijing")["station"]["zones"]
    found = {zone: [s for s in every_one if zones[s] == zone] for zone in zones.values()}
    return {"": every_one, **found}


def _us_index(hours: Hours) -> Iterator[pd.DataFrame]:
    """The index of the day of fine particles, of each station; the worst counts."""
    rule = "air.us_aqi_2012.pm2_5.day"
    daily = window_mean(hours.kept.clip(lower=0), "day", _ENOUGH_OF_A_DAY)
    index = half_up(truncated(daily, 1).map(lambda c: _on_lines(breakpoints("us12_pm2_5"), c)))
    yield from _places(rule, index, coverage(hours.kept, "day", HOUR), _spoken(hours, "day"))


def _on_lines(lines: Any, value: float) -> float:
    """What the last row that begins at or below a value gives for it; the last row goes on."""
    if np.isnan(value):
        return np.nan
    low, high, index_low, index_high = [row for row in lines["rows"] if row[0] <= value][-1]
    return float(index_low + (value - low) * (index_high - index_low) / (high - low))


def _european_index(hours: Hours) -> Iterator[pd.DataFrame]:
    """The class of each hour by the mean of the 24 hours that end with it; the worst counts."""
    rule = "air.eaqi_2017.pm2_5.hour"
    hours = _longer(hours, _DAY_HOURS - 1)
    mean = running(hours.kept, _DAY_HOURS, np.nanmean, _ENOUGH_OF_A_DAY)
    edges = breakpoints("eaqi_2017_pm2_5")["classes"]
    classes = 1.0 + np.searchsorted(edges, mean.to_numpy())
    found = pd.DataFrame(classes, mean.index, mean.columns).where(mean <= edges[-1])
    share = running_share(hours.kept.notna(), _DAY_HOURS)
    heard = running_share(hours.said, _DAY_HOURS) > 0
    yield from _places(rule, found, share, hours.said, heard.any(axis=1))


def _longer(hours: Hours, steps: int) -> Hours:
    return Hours(
        longer(hours.kept, steps, HOUR, np.nan), longer(hours.said, steps, HOUR, fill=False)
    )


def _running_eight(hours: Hours) -> Iterator[pd.DataFrame]:
    """Means of any eight hours on end, in mg/m3; the stations' mean counts."""
    rule = "air.who.co.8h"
    hours = _longer(hours, _EIGHT - 1)
    mean = running(hours.kept, _EIGHT, np.nanmean, _ENOUGH_OF_EIGHT) / 1000
    share = running_share(hours.kept.notna(), _EIGHT)
    spoken = running_share(hours.said, _EIGHT) > 0
    for frame in (mean, share, spoken):
        frame.index = frame.index - (_EIGHT - 1) * HOUR  # windows are named by their begin
    yield from _places(rule, mean, share, spoken)


def _limit_values(hours: dict[str, Hours]) -> Iterator[pd.DataFrame]:
    """Days of the year above a limit, at the worst station."""
    dust = window_mean(hours["pm10"].kept, "day", _ENOUGH_OF_A_DAY)
    yield from _days_above("air.eu2008.pm10.day", dust, hours["pm10"])
    yield from _days_above("air.eu2008.o3.mda8", _highest_eight(hours["o3"].kept), hours["o3"])


def _highest_eight(kept: Any) -> Any:
    """The highest 8-hour mean of those that end in each day, where 18 of them count."""
    mean = running(kept, _EIGHT, np.nanmean, _ENOUGH_OF_EIGHT)
    days = mean.groupby(mean.index.normalize())
    return days.max().where(days.count() >= _ENOUGH_OF_A_DAY)


def _days_above(rule: str, daily: Any, hours: Hours) -> Iterator[pd.DataFrame]:
    years = half_up(daily).groupby(window_begins(daily.index, "year"))
    above = years.apply(lambda days: (days > constant(rule, "limit")).sum())
    capture = years.count().div(steps_in(above.index, "year", pd.Timedelta(days=1)), axis=0)
    least, allowed = _breach(rule)
    value = above.where((capture >= least) | (above > allowed)).astype(float)
    yield from _places(rule, value, coverage(hours.kept, "year", HOUR), _spoken(hours, "year"))


def _breach(rule: str) -> tuple[float, float]:
    """How much of a year must be there, and how many days make a breach however little is."""
    words = definition(rule)["expression"].split()
    return float(words[words.index(">=") + 1]), float(words[words.index(">") + 1])


def _guidelines(ozone: Hours) -> Iterator[pd.DataFrame]:
    """The 99th percentile of a year's days of ozone, each the mean of stations with enough days."""
    rule = "air.who.o3.8h"
    daily = _highest_eight(ozone.kept)
    share, spoken = coverage(ozone.kept, "year", HOUR), _spoken(ozone, "year")
    for zone, stations in _stations(list(daily.columns)).items():
        high = {begin: _high(rule, year) for begin, year in _by_year(daily[stations])}
        here = share[stations].mean(axis=1)
        yield rows(rule, zone, pd.Series(high), here, spoken[stations].any(axis=1))


def _by_year(daily: Any) -> Iterator[tuple[Any, Any]]:
    yield from daily.groupby(window_begins(daily.index, "year"))


def _high(rule: str, year: Any) -> float:
    days = (year.index[0].replace(month=12, day=31)).day_of_year
    known = year.count() / days >= definition(rule)["input"][0]["min_coverage"]
    return float(quantile(year.loc[:, known].mean(axis=1), 99))
