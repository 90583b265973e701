"""Facts in TOML and CSV say the same, and what is wrong is named by file, line and column."""

from datetime import UTC, datetime

import pytest

from cityvitals.catalogue.load import load_catalogue
from cityvitals.domain.facts import Quality
from cityvitals.domain.times import EARLIEST_US, to_us
from cityvitals.errors import BadRegistry
from cityvitals.store.fact_format import Fact, Place, read_fact_csv
from cityvitals.store.registry_format import read_registry

HEADER = "zone,name,value,unit,valid_from,source,quality"
WANTED = {"length_of_mains": {"km": "water.loss.day"}, "population": {"{inhabitant}": "a.b"}}
PLACE = Place("Europe/Helsinki", frozenset({"north", "south"}), "a zone of town", WANTED)


def read(*lines: str, header: str = HEADER) -> list[Fact]:
    return read_fact_csv("\n".join([header, *lines]) + "\n", "town.csv", PLACE)


def test_a_line_is_a_fact() -> None:
    assert read(
        'north,population,1200,inhabitants,2026-01-01,"Register, 2026",measured',
        ",length_of_mains,12.5,km,2025-12-31T22:00:00Z,GIS,estimated",
        ",households,3e3,1,,Register,",
        "south,population,withdrawn,,2026-01-01,,",
    ) == [
        Fact(
            "population",
            "north",
            to_us(datetime(2025, 12, 31, 22, tzinfo=UTC)),
            1200.0,
            "{inhabitant}",
            "Register, 2026",
            Quality.MEASURED,
        ),
        Fact(
            "length_of_mains",
            "",
            to_us(datetime(2025, 12, 31, 22, tzinfo=UTC)),
            12.5,
            "km",
            "GIS",
            Quality.ESTIMATED,
        ),
        Fact("households", "", EARLIEST_US, 3000.0, "1", "Register", Quality.UNKNOWN),
        Fact("population", "south", to_us(datetime(2025, 12, 31, 22, tzinfo=UTC)), None),
    ]


def test_columns_stand_in_any_order_and_some_may_be_left_out() -> None:
    header = "\ufeffquality , name,unit,source,value"
    (fact,) = read("surveyed,floor_area,ha,x,7", "", " , ,,,", header=header)
    assert fact == Fact("floor_area", "", EARLIEST_US, 7.0, "har", "x", Quality.SURVEYED)


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("west,population,1,{inhabitant},,x,", "town.csv:2: column zone: expected a zone of town"),
        (",,1,{inhabitant},,x,", "town.csv:2: column name: missing"),
        (",a b,1,1,,x,", "town.csv:2: column name: expected"),
        (",population,,{inhabitant},,x,", "town.csv:2: column value: missing"),
        (",population,1_000,{inhabitant},,x,", "value: expected a finite number, got '1_000'"),
        (",population,nan,{inhabitant},,x,", "value: expected a finite number, got 'nan'"),
        (",population,1e999,{inhabitant},,x,", "value: expected a finite number, got inf"),
        (",population,١٢,{inhabitant},,x,", "value: expected a finite number"),
        (',population,"1,5",{inhabitant},,x,', "value: expected a finite number, got '1,5'"),
        (",population,1,,,x,", "town.csv:2: column unit: missing"),
        (",population,1,souls,,x,", "unit: expected a unit of the catalogue, got 'souls'"),
        (
            ",length_of_mains,1,W,,x,",
            "unit: 'W' does not fit length_of_mains, which rule .* water.loss.day uses in 'km'",
        ),
        (",population,1,{inhabitant},1 May,x,", "valid_from: expected .* date"),
        (",population,1,{inhabitant},2026-02-30,x,", "valid_from: expected .* got '2026-02-30'"),
        (",population,1,{inhabitant},2026-02-03T10:00,x,", "valid_from: .* with its offset"),
        (",population,1,{inhabitant},,,", "town.csv:2: column source: missing"),
        (",population,1,{inhabitant},,x,good", 'quality: expected one of "measured", "surv'),
        (",population,1,{inhabitant},,x", "town.csv:2: expected 7 cells .*, got 6"),
        (",population,1,{inhabitant},,x,,", "town.csv:2: expected 7 cells .*, got 8"),
        (',population,1,{inhabitant},,"x"y,', "town.csv:2: not CSV"),
    ],
)
def test_what_is_wrong_in_a_line_is_named(line: str, why: str) -> None:
    with pytest.raises(BadRegistry, match=why.replace("{", r"\{")):
        read(line)


@pytest.mark.parametrize(
    ("header", "why"),
    [
        ("", "town.csv:1: expected the names of the columns"),
        ("zone;name;value", "town.csv:1: column 'zone;name;value': unknown; .* with commas"),
        ("name,name", "town.csv:1: column 'name': stands twice"),
        ("zone,name,value,unit,valid_from,source", "town.csv:1: column 'quality': missing"),
    ],
)
def test_what_is_wrong_in_the_header_is_named(header: str, why: str) -> None:
    with pytest.raises(BadRegistry, match=why):
        read(header=header)


def test_lines_are_those_of_the_file_also_after_one_that_spans_several() -> None:
    with pytest.raises(BadRegistry, match=r"town.csv:5: column value"):
        read(',households,1,1,,"two\nlines",', "", ",households,x,1,,y,")


def test_one_figure_for_a_place_and_date() -> None:
    line = ",population,1,{inhabitant},2026-01-01,x,measured"
    other = ",population,2,{inhabitant},2025-12-31T22:00:00Z,x,measured"
    with pytest.raises(BadRegistry, match=r"town.csv:4: column name: .* in line 2 already"):
        read(line, line.replace("2026", "2027"), other)


def test_toml_says_the_same() -> None:
    text = """
    [city]
    id = "town"
    time_zone = "Europe/Helsinki"
    [[fact]]
    name = "length_of_mains"
    value = 12.5
    unit = "KMT"
    valid_from = 2026-01-01
    source = "GIS"
    quality = "estimated"
    [[fact]]
    name = "length_of_mains"
    value = "withdrawn"
    valid_from = 2025-01-01
    """
    facts = read_registry(text, "town.toml", load_catalogue(), WANTED).facts
    assert facts == read(
        ",length_of_mains,12.5,km,2026-01-01,GIS,estimated",
        ",length_of_mains,withdrawn,,2025-01-01,,",
    )
    with pytest.raises(BadRegistry, match=r"town\.toml:8: fact\[0\]\.unit: 'm2' does not fit"):
        read_registry(text.replace("KMT", "m2"), "town.toml", load_catalogue(), WANTED)
