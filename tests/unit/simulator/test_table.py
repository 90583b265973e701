"""Rows by layouts, times and missing codes, and what is said about rows that do not fit."""

import gzip
from pathlib import Path

import pytest

from cityvitals.domain.times import iso
from cityvitals.errors import SettingsError
from simulator.feed import Device
from simulator.mapping_load import read_mapping
from simulator.replay import Replay

CITY = """
[city]
id = "town"
name = "Town"
time_zone = "Europe/Rome"
"""
LONG = """
[file]
layout = "long"
[time]
columns = ["day", "hour"]
format = "%Y-%m-%d %H:%M"
[station]
column = "where"
zone_column = "district"
[missing]
codes = ["NA", "-999"]
[[column]]
column = "dust"
quantity = "pm10"
"""
WIDE = """
[file]
layout = "wide"
[time]
columns = ["t"]
format = "%Y-%m-%d %H:%M"
[station]
zone = "centre"
[[column]]
column = "a"
station = "s1"
quantity = "water_flow"
"""
TIDY = """
[file]
layout = "long"
delimiter = ";"
decimal = ","
encoding = "latin-1"
quantity_column = "what"
value_column = "value"
[time]
columns = ["t"]
format = "%Y-%m-%dT%H:%M:%S%z"
[station]
column = "s"
[[column]]
column = "speed"
quantity = "traffic_speed"
unit = "mph"
[[column]]
column = "besetzt für"
quantity = "occupancy"
"""
CLOCKLESS = """
[file]
layout = "wide"
[time]
start = "2021-10-31T00:00"
step_s = 3600
[station]
zone = "loops"
[missing]
codes = ["0.0"]
[[column]]
column = "*"
station = "{column}"
quantity = "traffic_speed"
unit = "mph"
"""

Values = list[tuple[str, str, str, float]]


def read(folder: Path, mapping: str, text: str) -> tuple[tuple[Device, ...], Values]:
    path = folder / "file.csv"
    path.write_text(text, "latin-1")
    replay = Replay(path, read_mapping(CITY + mapping, "town.toml"))
    values = [
        (device.id, device.series[index].q, iso(us), value)
        for device, samples, _ in replay.packs()
        for us, index, value in samples
    ]
    return replay.devices, values


def test_a_long_file_names_station_and_zone_in_columns(tmp_path: Path) -> None:
    rows = "day,hour,where,district,dust\n2021-07-01,10:00,B,east,4\n2021-07-01,09:00,A,west,3\n"
    devices, values = read(tmp_path, LONG, rows)
    assert [(device.id, device.zone) for device in devices] == [("A", "west"), ("B", "east")]
    assert values == [
        ("A", "pm10", "2021-07-01T07:00:00Z", 3.0),
        ("B", "pm10", "2021-07-01T08:00:00Z", 4.0),
    ]


def test_missing_codes_and_empty_cells_are_no_readings(tmp_path: Path) -> None:
    rows = "day,hour,where,district,dust\n" + "".join(
        f"2021-07-01,0{hour}:00,A,west,{cell}\n"
        for hour, cell in enumerate(("1", "NA", "", "-999", " ", "2e1"))
    )
    _, values = read(tmp_path, LONG, rows)
    assert [value for *_, value in values] == [1.0, 20.0]


def test_one_value_a_row_names_its_quantity_and_only_those_delivered_are_declared(
    tmp_path: Path,
) -> None:
    rows = (
        "s;what;t;value\nx;speed;2021-07-01T10:00:00+02:00;31,5\n"
        "x;colour;2021-07-01T10:00:00Z;red\ny;besetzt für;2021-07-01T10:00:00Z;7\n"
    )
    devices, values = read(tmp_path, TIDY, rows)
    assert values == [
        ("x", "traffic_speed", "2021-07-01T08:00:00Z", 31.5),
        ("y", "occupancy", "2021-07-01T10:00:00Z", 7.0),
    ]
    assert [[series.q for series in device.series] for device in devices] == [
        ["traffic_speed"],
        ["occupancy"],
    ]


def test_a_file_without_a_clock_counts_steps_through_a_clock_change(tmp_path: Path) -> None:
    devices, values = read(tmp_path, CLOCKLESS, "l1,l2\n" + "60,50\n" * 3 + "0.0,40\n60,50\n")
    assert [device.id for device in devices] == ["l1", "l2"]
    assert [time for sensor, _, time, _ in values if sensor == "l2"] == [
        f"2021-10-3{day}T{hour}:00:00Z"
        for day, hour in ((0, 22), (0, 23), (1, "00"), (1, "01"), (1, "02"))
    ]
    assert len([sensor for sensor, *_ in values if sensor == "l1"]) == 4


def test_an_empty_line_of_a_file_without_a_clock_takes_its_step(tmp_path: Path) -> None:
    _, values = read(tmp_path, CLOCKLESS, "l1\n60\n\n61\n")
    assert [time for *_, time, _ in values] == ["2021-10-30T22:00:00Z", "2021-10-31T00:00:00Z"]


def test_stations_pass_a_repeated_hour_each_by_themselves(tmp_path: Path) -> None:
    rows = "day,hour,where,district,dust\n" + "".join(
        f"2021-10-31,{hour},{station},west,{number}\n"
        for station in "AB"
        for number, hour in enumerate(("01:30", "02:00", "02:30", "02:00", "02:30", "03:00"))
    )
    _, values = read(tmp_path, LONG, rows)
    for station in "AB":
        times = [(time, value) for sensor, _, time, value in values if sensor == station]
        assert times == [
            ("2021-10-30T23:30:00Z", 0.0),
            ("2021-10-31T00:00:00Z", 1.0),
            ("2021-10-31T00:30:00Z", 2.0),
            ("2021-10-31T01:00:00Z", 3.0),
            ("2021-10-31T01:30:00Z", 4.0),
            ("2021-10-31T02:00:00Z", 5.0),
        ]


@pytest.mark.parametrize(
    ("mapping", "text", "message"),
    [
        (WIDE, "", "line 0: no header"),
        (WIDE, "t,b\n", "line 1: no column 'a', which the mapping names; there are 't', 'b'"),
        (WIDE, "x,a\n", "line 1: no column 't', which the mapping's time.columns names"),
        (WIDE, "t,a\n2021-01-01 00:00,1\n2021-01-01 01:00,1,2\n", "line 3: 3 cells, where"),
        (WIDE, "t,a\n2021-01-01 00:00,x1\n", "line 2: column 'a': 'x1' is neither a number nor"),
        (WIDE, "t,a\n2021-01-01 00:00,nan\n", "line 2: column 'a': 'nan' is neither a number nor"),
        (WIDE, "t,a\n2021-01-01 00:00,1_0\n", "line 2: column 'a': '1_0' is neither"),
        (WIDE, "t,a\n01/01/2021,1\n", "line 2: time: time data '01/01/2021' does not match"),
        (WIDE, "t,a\n2022-03-27 01:00,1\n2022-03-27 02:30,1\n", "line 3: time '2022-03-27 02:30'"),
        (
            LONG,
            "day,hour,where,district,dust\n2021-01-01,00:00,a b,w,1\n",
            "line 2: column 'where'",
        ),
        (LONG, "day,hour,where,district,dust\n2021-01-01,00:00,ab,w w,1\n", "column 'district'"),
        (CLOCKLESS, "a b\n1\n", "line 1: column 'a b' cannot be a station's id"),
        (TIDY, "s;what;t\n", "line 1: no column 'value'"),
    ],
)
def test_a_row_that_does_not_fit_is_named(
    tmp_path: Path, mapping: str, text: str, message: str
) -> None:
    with pytest.raises(SettingsError) as caught:
        read(tmp_path, mapping, text)
    assert f"file.csv: {message}" in str(caught.value) or message in str(caught.value)


def test_each_station_may_be_a_zone(tmp_path: Path) -> None:
    mapping = LONG.replace('zone_column = "district"', "each_a_zone = true")
    text = "day,hour,where,district,dust\n2021-01-01,00:00,C,w,1\n2021-01-01,00:00,D,w,1\n"
    devices, _ = read(tmp_path, mapping, text)
    assert [(device.id, device.zone) for device in devices] == [("C", "C"), ("D", "D")]


def test_a_station_outside_the_table_of_zones_is_named(tmp_path: Path) -> None:
    mapping = LONG.replace('zone_column = "district"', 'zones = {A = "west"}')
    with pytest.raises(SettingsError, match="line 2: station 'C' is not in the mapping's"):
        read(tmp_path, mapping, "day,hour,where,district,dust\n2021-01-01,00:00,C,w,1\n")


def test_a_station_of_two_domains_needs_one_declared(tmp_path: Path) -> None:
    mapping = WIDE + '[[column]]\ncolumn = "b"\nstation = "s1"\nquantity = "pm10"\n'
    text = "t,a,b\n2021-01-01 00:00,1,2\n"
    with pytest.raises(SettingsError, match=r"station\.domain: .* 's1' has air, water"):
        read(tmp_path, mapping, text)
    devices, _ = read(tmp_path, mapping.replace("[station]", '[station]\ndomain = "water"'), text)
    assert len(devices) == 1


def test_two_columns_of_one_series_need_channels(tmp_path: Path) -> None:
    mapping = WIDE + '[[column]]\ncolumn = "b"\nstation = "s1"\nquantity = "water_flow"\n'
    with pytest.raises(SettingsError, match="columns 'a' and 'b' hold the same series"):
        read(tmp_path, mapping, "t,a,b\n2021-01-01 00:00,1,2\n")
    devices, _ = read(tmp_path, mapping + 'channel = "2"\n', "t,a,b\n2021-01-01 00:00,1,2\n")
    assert [series.ch for series in devices[0].series] == ["", "2"]


def test_a_file_cut_short_in_its_compression_is_told(tmp_path: Path) -> None:
    path = tmp_path / "cut.csv.gz"
    path.write_bytes(gzip.compress(b"t,a\n2021-01-01 00:00,1\n" * 99)[:-12])
    with pytest.raises(SettingsError, match=r"cut\.csv\.gz"):
        Replay(path, read_mapping(CITY + WIDE, "town.toml"))


def test_bytes_of_another_encoding_are_told(tmp_path: Path) -> None:
    path = tmp_path / "odd.csv"
    path.write_bytes(b"t,a\xff\n")
    with pytest.raises(SettingsError, match=r"odd\.csv: 'utf-8' codec"):
        Replay(path, read_mapping(CITY + WIDE, "town.toml"))
