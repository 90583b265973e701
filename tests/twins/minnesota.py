"""What the Twin Cities file should give: speeds and travel times of samples at irregular steps."""

from pathlib import Path
from typing import Any

import pandas as pd

from tests.twins.fold import QUARTER, every
from tests.twins.roads import KMH_PER_MPH, Quarters, speed_rules, time_rules
from tests.twins.table import facts, mapping, table, within_limits

_HOLD = 1.5
"""Reporting steps that a sample holds at most, if no other comes."""


def expected(path: Path) -> pd.DataFrame:
    """The indicators of a file of samples, of which each holds until the next of its series."""
    frame = pd.read_csv(path)
    clock = mapping("minnesota")
    when = pd.to_datetime(frame["timestamp"], format=clock["time"]["format"])
    frame["begin"] = when.dt.tz_localize(clock["city"]["time_zone"])
    # Where two rows have one stamp, the later row corrects the earlier.
    frame = frame.drop_duplicates(["series", "begin"], keep="last")
    columns = {column["column"]: column for column in clock["column"]}

    def quarters(quantity: str, scale: float) -> Quarters:
        names = [name for name, column in columns.items() if column["quantity"] == quantity]
        parts = {
            name: _quarters(rows, columns[name], scale)
            for name, rows in frame[frame["series"].isin(names)].groupby("series")
        }
        whole = every(pd.concat(parts, axis=1, sort=True), QUARTER)
        share = whole.xs("covered", axis=1, level=1).fillna(0.0) / QUARTER.total_seconds()
        integral = whole.xs("integral", axis=1, level=1)
        return Quarters(integral / share / QUARTER.total_seconds(), share)

    speeds, times = quarters("traffic_speed", KMH_PER_MPH), quarters("travel_time", 1.0)
    free_flow = facts("minnesota", "free_flow_time")
    return table([*speed_rules(speeds), *time_rules(times, free_flow)])


def _quarters(samples: Any, column: Any, scale: float) -> pd.DataFrame:
    """Covered seconds of each quarter hour, and the integral over them, of one series."""
    samples = samples.sort_values("begin")
    value = within_limits(column["quantity"], samples["value"] * scale)
    begin = samples["begin"]
    hold = begin + pd.Timedelta(seconds=_HOLD * column["reporting_s"])
    end = begin.shift(-1).fillna(hold.iloc[-1]).clip(upper=hold)
    quarter = begin.dt.floor(QUARTER)
    edge = quarter + QUARTER
    assert value.notna().all()  # else the sample before would hold on
    assert (end <= edge + QUARTER).all()
    parts = pd.concat(
        [
            pd.DataFrame({"at": quarter, "covered": end.clip(upper=edge) - begin, "value": value}),
            pd.DataFrame({"at": edge, "covered": end - end.clip(upper=edge), "value": value}),
        ]
    )
    parts["covered"] = parts["covered"].dt.total_seconds()
    parts = parts[parts["covered"] > 0]
    parts["integral"] = parts["covered"] * parts["value"]
    return parts.groupby("at")[["covered", "integral"]].sum()
