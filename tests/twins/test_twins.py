"""Twins against numbers counted by hand in the files, and the comparison against planted faults."""

import gzip
import math

import pandas as pd
import pytest

from tests.twins import beijing, ferrara, steel
from tests.twins.compare import differences, of_items
from tests.twins.table import ROOT

DATA = ROOT / "tests" / "data"
FERRARA = DATA / "ferrara" / "ferrara_clock_changes_2021-10_2022-03.csv.gz"
STEEL = DATA / "steel" / "steel_2018-12-18_2018-12-31.csv.gz"
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


def test_per_capita_needs_people() -> None:
    key = ("water.supplied_per_capita.day", "dma1", at("2021-10-30 22:00"))
    table = ferrara.expected(FERRARA, {"dma1": 162.0})
    assert table.loc[key, "value"] == pytest.approx(757_359 / 162, rel=1e-12)
    assert math.isnan(table.loc[(key[0], "dma2", key[2]), "value"])


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
