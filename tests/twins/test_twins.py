"""Twins against numbers counted by hand in the files, and the comparison against planted faults."""

import gzip
import math
from pathlib import Path

import pandas as pd
import pytest

from tests.twins import beijing, ferrara, metr_la, minnesota, steel
from tests.twins.compare import differences, of_items
from tests.twins.table import ROOT

DATA = ROOT / "tests" / "data"
FERRARA = DATA / "ferrara" / "ferrara_clock_changes_2021-10_2022-03.csv.gz"
STEEL = DATA / "steel" / "steel_2018-12-18_2018-12-31.csv.gz"
MINNESOTA = DATA / "minnesota" / "minnesota_2015-09-09_2015-09-17.csv.gz"
BEIJING = DATA / "beijing" / "beijing_2016-08-30_2016-09-12.csv.gz"


def at(text: str) -> pd.Timestamp:
    return pd.Timestamp(text, tz="UTC")


def test_the_day_with_the_doubled_hour_holds_25() -> None:
    with gzip.open(FERRARA, "rt") as file:
        flows = [float(line.split(",")[1]) for line in file if line.startswith("31/10/2021")]
    assert len(flows) == 25
    day = ferrara.expected(FERRARA).loc["water.supplied.day", "dma1", at("2021-10-30 22:00")]
    assert day["value"] == pytest.approx(math.fsum(flows) * 3.6, rel=1e-12)
    assert day["coverage"] == 1.0


def test_per_capita_is_by_the_registry_s_inhabitants() -> None:
    key = ("water.supplied_per_capita.day", "dma1", at("2021-10-30 22:00"))
    assert ferrara.expected(FERRARA).loc[key, "value"] == pytest.approx(757_359 / 162, rel=1e-12)
    key = ("energy.electricity_per_capita.day", "", at("2018-12-23 15:00"))
    assert math.isnan(steel.expected(STEEL).loc[key, "value"])


def test_minimum_night_flow_mixes_quarters_of_two_hours_at_most() -> None:
    with gzip.open(FERRARA, "rt") as file:
        rows = [
            line.split(",") for line in file if line.startswith(("01/11/2021 02", "01/11/2021 03"))
        ]
    lowest = min(float(row[2]) for row in rows)
    key = ("water.night_flow.day", "dma2", at("2021-10-31 23:00"))
    assert ferrara.expected(FERRARA).loc[key, "value"] == pytest.approx(lowest, rel=1e-12)


def test_the_night_without_a_third_hour_has_one_hour() -> None:
    with gzip.open(FERRARA, "rt") as file:
        night = [line.split(",") for line in file if line.startswith("27/03/2022 03")]
    key = ("water.night_flow.day", "dma2", at("2022-03-26 23:00"))
    value = ferrara.expected(FERRARA).loc[key, "value"]
    assert value == pytest.approx(float(night[0][2]), rel=1e-12)


def test_load_factor_is_mean_hour_by_highest() -> None:
    with gzip.open(STEEL, "rt") as file:
        used = [float(line.split(",")[1]) for line in file if line.startswith("24-12-2018")]
    hours = [math.fsum(used[first : first + 4]) for first in range(0, 96, 4)]
    day = ("", at("2018-12-23 15:00"))
    table = steel.expected(STEEL)
    assert table.loc[("energy.electricity_peak.day", *day), "value"] == pytest.approx(max(hours))
    factor = math.fsum(hours) / 24 / max(hours)
    assert table.loc[("energy.load_factor.day", *day), "value"] == pytest.approx(factor, rel=1e-12)


def test_a_sample_holds_until_the_next_and_a_quarter_hour_at_most(tmp_path: Path) -> None:
    file = tmp_path / "samples.csv"
    said = {"12:00": 30, "12:10": 60, "12:15": 90, "12:25": 60}
    rows = [f"speed_6005,2015-09-09 {clock}:00,{mph}" for clock, mph in said.items()]
    corrected = "speed_6005,2015-09-09 12:15:00,30"
    rows += [corrected, "TravelTime_387,2015-09-09 12:00:00,100"]
    file.write_text("\n".join(["series,timestamp,value", *rows]) + "\n")
    hour = minnesota.expected(file).loc["traffic.speed.hour", "speed_6005", at("2015-09-09 17:00")]
    mean = (10 * 30 + 5 * 60 + 10 * 30 + 15 * 60) / 40
    assert hour["value"] == pytest.approx(mean * 1.609344, rel=1e-12)
    assert hour["coverage"] == pytest.approx(40 / 60)


def test_travel_time_indices_of_speeds_that_are_all_one(tmp_path: Path) -> None:
    file = tmp_path / "one.csv"
    slow = [30.0] * 72 + [60.0] * 216  # from midnight to six, in which free flow is sought, too
    file.write_text("\n".join(["1", *map(str, slow)]) + "\n")
    table = metr_la.expected(file)
    key = ("1", at("2012-03-01 08:00"))
    rule = "traffic.{}.detectors.day".format
    # Mean inverse speed (72/30 + 216/60) / 288 per mph; free flow is the 85th percentile: 60.
    time_index = (72 / 30 + 216 / 60) / 288 * 60
    assert table.loc[(rule("travel_time_index"), *key), "value"] == pytest.approx(time_index)
    assert table.loc[(rule("planning_time_index"), *key), "value"] == pytest.approx(2.0)
    buffer = 2.0 / time_index - 1
    assert table.loc[(rule("buffer_index"), *key), "value"] == pytest.approx(buffer)


def test_the_us_index_of_a_day_counted_by_hand() -> None:
    with gzip.open(BEIJING, "rt") as file:
        rows = [line.split(",") for line in file if line.startswith("2016-09-01")]
    hours = [
        float(row[1]) for row in rows if row[-1].strip() == "Shunyi" and row[1] not in {"", "NA"}
    ]
    assert len(hours) >= 18
    mean = math.floor(math.fsum(hours) / len(hours) * 10) / 10
    low, high, begin, end = (0, 50, 0.0, 12.0) if mean <= 12 else (51, 100, 12.1, 35.4)
    assert mean <= 35.4
    index = math.floor(low + (high - low) * (mean - begin) / (end - begin) + 0.5)
    key = ("air.us_aqi_2012.pm2_5.day", "plain", at("2016-08-31 16:00"))
    assert beijing.expected(BEIJING).loc[key, "value"] == index


def test_midnight_rows_close_the_day_whose_date_they_carry() -> None:
    with gzip.open(STEEL, "rt") as file:
        used = [float(line.split(",")[1]) for line in file if line.startswith("24-12-2018")]
    assert len(used) == 96
    day = steel.expected(STEEL).loc["energy.electricity.day", "", at("2018-12-23 15:00")]
    assert day["value"] == pytest.approx(math.fsum(used), rel=1e-12)


def test_an_hour_in_which_one_station_of_four_is_missing() -> None:
    table = beijing.expected(BEIJING)
    inner = table.loc["air.pm2_5.hour", "inner"]
    (partial,) = {0.75} & set(inner["coverage"])
    assert inner[inner["coverage"] == partial]["value"].notna().all()
    assert inner[inner["coverage"] < 0.5]["value"].isna().all()


def items(table: pd.DataFrame) -> list[dict[str, object]]:
    return [
        {
            "rule": rule,
            "zone": zone or None,
            "window_begin": begin.isoformat().replace("+00:00", "Z"),
            "value": None if math.isnan(row["value"]) else row["value"],
            "coverage": row["coverage"],
            "state": "final",
            "revision": 1,
        }
        for (rule, zone, begin), row in table.iterrows()
    ]


class TestDifferences:
    def test_equal_tables_have_none(self) -> None:
        table = ferrara.expected(FERRARA)
        assert differences(table, of_items(items(table))) == ""

    @pytest.mark.parametrize(
        ("name", "value", "said"),
        [
            ("value", 1.0, "value 1.0"),
            ("value", None, "value nan"),
            ("coverage", 0.1, "coverage 0.1"),
            ("state", "provisional", "still open"),
            ("zone", "elsewhere", "a row too many"),
        ],
    )
    def test_a_fault_is_told(self, name: str, value: object, said: str) -> None:
        table = steel.expected(STEEL)
        found = items(table)
        found[0][name] = value
        assert said in differences(table, of_items(found))

    def test_the_newest_revision_counts(self) -> None:
        table = steel.expected(STEEL)
        found = items(table)
        old = found[0] | {"value": 7.0, "revision": 0}
        assert differences(table, of_items([*found, old])) == ""

    def test_a_missing_row_is_told(self) -> None:
        table = steel.expected(STEEL)
        assert "no row for" in differences(table, of_items(items(table)[1:]))
