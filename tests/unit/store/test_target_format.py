"""Targets as CSV and TOML state them, and columns of files told apart."""

import pytest

from cityvitals.catalogue.load import load_catalogue
from cityvitals.domain.times import EARLIEST_US
from cityvitals.errors import BadRegistry
from cityvitals.store.csv_tables import columns_of
from cityvitals.store.registry_format import read_registry
from cityvitals.store.target_format import Target, read_target_csv
from kpi_rules.scorecard.load import load_scorecard
from kpi_rules.scorecard.stating import judge_of

HEAD = "point,value,start,unit,valid_from,source"
JUDGE = judge_of(load_scorecard())
PM10 = "u4ssc.en.en.aq.1c.pm10"


def read(*lines: str, head: str = HEAD) -> list[Target]:
    return read_target_csv("\n".join([head, *lines]) + "\n", "aims.csv", "Europe/Rome", JUDGE)


def test_a_line_is_a_target() -> None:
    assert read(
        f"{PM10},20,50,µg/m3,1970-01-02,Plan", "u4ssc.ec.p.in.2c,9,,/100000 inhabitants,,P"
    ) == [
        Target(PM10, 23 * 3_600_000_000, 20, 50, "ug/m3", "Plan"),
        Target("u4ssc.ec.p.in.2c", EARLIEST_US, 9, None, "/100000.{inhabitant}", "P"),
    ]


def test_a_target_is_taken_back() -> None:
    assert read(f"{PM10},withdrawn,,,,") == [Target(PM10, EARLIEST_US, None)]


def test_a_target_in_another_unit_is_judged_in_the_data_points() -> None:
    assert read(f"{PM10},0.02,0.05,mg/m3,,Plan")[0].unit == "mg/m3"
    with pytest.raises(BadRegistry, match="lower is better, but the target is above its start, 50"):
        read(f"{PM10},0.06,0.05,mg/m3,,Plan")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (f"{PM10},20,,ug/m3,,Plan", "aims.csv:2: column start: expected a start"),
        (f"{PM10},20,50,mile,,Plan", "aims.csv:2: column unit: expected a unit of the catalogue"),
        (f"{PM10},20,50,m3,,Plan", "aims.csv:2: column unit: 'm3' does not fit"),
        ("u4ssc.en.en.aq.1c,20,50,m3,,Plan", f"expected a data point such as .*{PM10}"),
        (f"{PM10},twenty,50,ug/m3,,Plan", "column value: expected a finite number"),
        (f"{PM10},20,fifty,ug/m3,,Plan", "column start: expected a finite number"),
        (f"{PM10},20,50,ug/m3,soon,Plan", "column valid_from: expected a TOML date"),
        (f"{PM10},20,50,ug/m3,,", "column source: missing"),
    ],
)
def test_what_is_wrong_is_named_by_line_and_column(line: str, said: str) -> None:
    with pytest.raises(BadRegistry, match=said):
        read(line)


def test_a_target_stands_once() -> None:
    line = f"{PM10},20,50,ug/m3,,Plan"
    with pytest.raises(BadRegistry, match=r"aims\.csv:3: column point: .* in line 2 already"):
        read(line, line)


def test_the_registry_states_targets_too() -> None:
    text = f"""[city]
id = "town"
[[target]]
point = "{PM10}"
value = 20
start = 50
unit = "ug/m3"
valid_from = 2026-01-01
source = "Plan"
"""
    (found,) = read_registry(text, "town.toml", load_catalogue(), judge=JUDGE).targets
    assert (found.value, found.start, found.source) == (20, 50, "Plan")
    twice = text + text.partition('id = "town"\n')[2]
    with pytest.raises(BadRegistry, match=r"\[\[target\]\] .* stands twice"):
        read_registry(twice, "town.toml", load_catalogue(), judge=JUDGE)
    wrong = text.replace("start = 50\n", "")
    with pytest.raises(BadRegistry, match=r"town.toml:\d+: target\[0\].start: expected a start"):
        read_registry(wrong, "town.toml", load_catalogue(), judge=JUDGE)
    assert read_registry(wrong, "town.toml", load_catalogue()).targets


def test_columns_tell_facts_from_targets() -> None:
    assert "point" in columns_of("\ufeff\n\nvalue, point ,unit\n")
    assert columns_of('"name","value"\n') == {"name", "value"}
    assert columns_of("\n , \n") == frozenset()
