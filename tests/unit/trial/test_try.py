"""A rule over a file: what it gives must be what pandas, or a person with the standard, gets."""

import math
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cityvitals.errors import BadTrial
from cityvitals.trial.main import Options, Tried, try_rule
from kpi_rules.load import load_rules

RULES = {rule.id: rule for rule in load_rules()}
MONDAY = datetime(2026, 1, 5, tzinfo=UTC)


def write(
    path: Path, name: str, values: Sequence[float | None], begin: datetime, step: timedelta
) -> Path:
    """A file of one input, a value each step; None is an empty cell."""
    rows = [
        f"{(begin + i * step).isoformat()},{'' if value is None else repr(value)}"
        for i, value in enumerate(values)
    ]
    path.write_text("\n".join([f"time,{name}", *rows]) + "\n")
    return path


def tried(rule: str, path: Path, time_zone: str = "UTC", **facts: float) -> dict[str, Tried]:
    """What a rule gives, by the begin of its window."""
    found = try_rule(RULES[rule], path, Options(time_zone, facts))
    return {
        datetime.fromtimestamp(one.begin / 1e6, UTC).strftime("%Y-%m-%dT%H:%MZ"): one
        for one in found
    }


def hours(path: Path, name: str, values: Sequence[float | None], begin: datetime = MONDAY) -> Path:
    return write(path, name, values, begin, timedelta(hours=1))


def test_daily_means_are_those_of_pandas(tmp_path: Path) -> None:
    values = np.random.default_rng(1).gamma(2.0, 9.0, 24 * 10).round(1)
    path = hours(tmp_path / "pm.csv", "pm2_5", values.tolist())
    index = pd.date_range(MONDAY, periods=len(values), freq="h")
    expected = pd.Series(values, index).tz_convert("Europe/Rome").resample("D").mean()
    found = tried("air.pm2_5.day", path, "Europe/Rome")
    for begin, mean in list(expected.items())[1:-1]:
        key = pd.Timestamp(str(begin)).tz_convert("UTC").strftime("%Y-%m-%dT%H:%MZ")
        assert found[key].outcome.value == pytest.approx(mean, rel=1e-12)


def test_nowcast_is_what_its_definition_says_hour_by_hour(tmp_path: Path) -> None:
    drawn = np.random.default_rng(2).gamma(2.0, 15.0, 60).round(1).tolist()
    values: list[float | None] = [None if i % 7 == 3 else one for i, one in enumerate(drawn)]
    found = tried("air.us_aqi.pm2_5.nowcast", hours(tmp_path / "pm.csv", "pm2_5", values))
    for at in range(12, 59):
        newest_first = values[at - 11 : at + 1][::-1]
        key = (MONDAY + timedelta(hours=at)).strftime("%Y-%m-%dT%H:%MZ")
        part = found[key].outcome.parts["nowcast"]
        assert isinstance(part, float)
        assert part == pytest.approx(nowcast(newest_first), rel=1e-12, nan_ok=True)


def nowcast(newest_first: list[float | None]) -> float:
    """As EPA words it."""
    known = [(i, value) for i, value in enumerate(newest_first) if value is not None]
    if sum(1 for i, _ in known if i < 3) < 2:
        return math.nan
    values = [value for _, value in known]
    weight = max(0.5, min(values) / max(values))
    return sum(weight**i * value for i, value in known) / sum(weight**i for i, _ in known)


@pytest.mark.parametrize(
    ("missing", "expected"), [(0, True), (6, True), (7, False)], ids=["all", "18 of 24", "17 of 24"]
)
def test_a_day_of_the_epa_needs_18_hours(tmp_path: Path, missing: int, *, expected: bool) -> None:
    values = [None] * missing + [35.9] * (24 - missing)
    found = tried("air.us_aqi.pm2_5.day", hours(tmp_path / "pm.csv", "pm2_5", values))
    one = found["2026-01-05T00:00Z"]
    assert (one.reason == "") == expected
    if expected:
        assert one.outcome.value == 102.0
        assert one.outcome.unrounded == pytest.approx(101.98, abs=0.01)
    else:
        assert one.reason == "pm2_5: 71% of the window is there"


def test_an_8_hour_mean_of_the_eu_belongs_to_the_day_on_which_it_ends(tmp_path: Path) -> None:
    """The evening of a day before counts; the window from 17 to 01 is the day's first."""
    values = [10.0] * 24 * 3
    for hour in range(17, 25):  # 17:00 of the first day to 01:00 of the second
        values[hour] = 200.0
    path = hours(tmp_path / "o3.csv", "o3", values)
    year = tried("air.eu2008.o3.mda8", path)["2026-01-01T00:00Z"]
    # Three days are too few for a year; two of them lie above 120 all the same: the first has the
    # window from 16 to 24 with seven high hours.
    assert year.outcome.parts["exceedances"] == 2.0
    assert year.reason == "the expression has no finite value"


def test_8_hour_means_of_the_epa_begin_from_7_to_23_and_belong_to_that_day(tmp_path: Path) -> None:
    values = [0.030] * 24 * 3
    for hour in range(23, 31):  # 23:00 of the first day to 07:00 of the second
        values[hour] = 0.080
    path = hours(tmp_path / "o3.csv", "o3_8h", values)
    path.write_text(path.read_text().replace("time,o3_8h", "time,o3_8h,o3_1h"))
    found = tried("air.us_aqi.o3.day", path)
    assert found["2026-01-05T00:00Z"].outcome.value == 133.0  # 0.080 ppm
    # The next day's first window is 07 to 15.
    assert found["2026-01-06T00:00Z"].outcome.value == 28.0  # 0.030 ppm


def test_a_day_has_23_hours_when_clocks_go_forward(tmp_path: Path) -> None:
    begin = datetime(2026, 3, 28, 23, tzinfo=UTC)  # midnight in Rome
    path = hours(tmp_path / "e.csv", "electricity", [1.0] * 48, begin)
    found = tried("energy.electricity.day", path, "Europe/Rome")
    assert found["2026-03-28T23:00Z"].outcome.value == 23.0
    assert found["2026-03-29T22:00Z"].outcome.value == 24.0


def test_night_flow_is_the_lowest_whole_hour_between_2_and_4(tmp_path: Path) -> None:
    quarters = [20.0] * 96
    quarters[7:17] = [1.0, 9.0, 8.0, 7.0, 6.0, 5.0, 7.0, 8.0, 9.0, 1.0]  # 01:45 to 04:15
    path = write(tmp_path / "q.csv", "flow", quarters, MONDAY, timedelta(minutes=15))
    found = tried("water.night_flow.day", path)["2026-01-05T00:00Z"]
    assert found.outcome.value == pytest.approx((7.0 + 6.0 + 5.0 + 7.0) / 4)


def test_travel_times_from_speeds_are_those_of_pandas(tmp_path: Path) -> None:
    speeds = np.random.default_rng(3).uniform(15.0, 70.0, 96).round(1)
    path = write(tmp_path / "v.csv", "speed", speeds.tolist(), MONDAY, timedelta(minutes=15))
    series = pd.Series(speeds, pd.date_range(MONDAY, periods=96, freq="15min"))
    hour = series.index.to_series().dt.hour
    free = series[(hour < 6) | (hour >= 22)].quantile(0.85)
    pace = 1 / series
    expected = {
        "travel_time_index": pace.mean() * free,
        "planning_time_index": pace.quantile(0.95) * free,
        "buffer_index": (pace.quantile(0.95) - pace.mean()) / pace.mean(),
    }
    for name, value in expected.items():
        found = tried(f"traffic.{name}.detectors.day", path)["2026-01-05T00:00Z"]
        assert found.outcome.value == pytest.approx(value, rel=1e-12)


def test_facts_are_asked_for(tmp_path: Path) -> None:
    path = hours(tmp_path / "s.csv", "supplied", [10.0] * 24)
    found = tried("water.supplied_per_capita.day", path, population=4000.0)
    assert found["2026-01-05T00:00Z"].outcome.value == pytest.approx(216.0)
    with pytest.raises(BadTrial, match=r"needs --fact population=… \(\{inhabitant\}\)"):
        tried("water.supplied_per_capita.day", path)
    with pytest.raises(BadTrial, match="uses no fact 'people'; it uses population"):
        tried("water.supplied_per_capita.day", path, people=1.0)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "lacking: time, pm2_5"),
        ("time,pm10\n", "lacking: pm2_5"),
        ("time,pm2_5\nnow,1\n", ":2: time: expected such as"),
        ("time,pm2_5\n2026-01-05,x\n", ":2: pm2_5: expected a number or nothing, got 'x'"),
        ("time,pm2_5\n2026-01-05,1\n2026-01-05T00:00Z,2\n", "pm2_5: two values for 2026-01-05"),
        ("time,pm2_5\n2026-01-05,\n", "no readings"),
    ],
)
def test_a_wrong_file_is_named_with_its_line(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "pm.csv"
    path.write_text(text)
    with pytest.raises(BadTrial, match=message):
        tried("air.pm2_5.day", path)


def test_instants_stand_under_another_name_where_an_input_is_called_time(tmp_path: Path) -> None:
    path = tmp_path / "trips.csv"
    rows = [f"2026-01-05T{n // 4:02d}:{n % 4 * 15:02d}Z,{60 + n % 2 * 30}" for n in range(96)]
    path.write_text("\n".join(["instant,time", *rows]) + "\n")
    found = tried("traffic.travel_time_index.day", path, free_flow_time=50.0)
    assert found["2026-01-05T00:00Z"].outcome.value == pytest.approx(1.5)
    path.write_text("time\n")
    with pytest.raises(BadTrial, match="expected the columns instant and time; lacking: instant"):
        tried("traffic.travel_time_index.day", path, free_flow_time=50.0)


def test_the_floor_lifts_hours_before_their_mean(tmp_path: Path) -> None:
    path = hours(tmp_path / "pm.csv", "pm10", [-4.0, 8.0] * 12)
    found = tried("air.us_aqi.pm10.day", path)["2026-01-05T00:00Z"].outcome
    assert found.value == 4.0  # of 4 ug/m3: 50 / 54 * 4 is 3.7


def test_a_file_that_is_not_there_or_no_text_is_named(tmp_path: Path) -> None:
    (tmp_path / "bytes.csv").write_bytes(b"time,pm2_5\n\xff,1\n")
    for name in ("none.csv", "bytes.csv"):
        with pytest.raises(BadTrial, match="cannot be read"):
            tried("air.pm2_5.day", tmp_path / name)
