"""What the Los Angeles week should give: speeds and travel time indices of 207 detectors."""

from pathlib import Path

import pandas as pd

from tests.twins.fold import QUARTER
from tests.twins.roads import KMH_PER_MPH, Quarters, speed_rules
from tests.twins.table import mapping, table, within_limits


def expected(path: Path) -> pd.DataFrame:
    """The indicators of a file without a clock: a row for each step, a column for each detector."""
    clock = mapping("metr_la")
    step = pd.Timedelta(seconds=clock["time"]["step_s"])
    begin = pd.Timestamp(clock["time"]["start"], tz=clock["city"]["time_zone"])
    frame = pd.read_csv(path)
    frame.index = pd.date_range(begin, periods=len(frame), freq=step)
    speeds = within_limits("traffic_speed", frame * KMH_PER_MPH)
    quarters = speeds.groupby(speeds.index.floor(QUARTER))
    share = quarters.count() / (QUARTER / step)
    return table(speed_rules(Quarters(quarters.mean(), share)))
