"""Mappings: what is shipped loads, and what is wrong is named by file, key and expectation."""

from pathlib import Path

import pytest

from cityvitals.catalogue.load import load_catalogue
from cityvitals.domain.names import Kind, Stamp
from cityvitals.errors import SettingsError
from cityvitals.store.registry_format import read_registry
from simulator.mapping_load import SHIPPED, load_mapping, read_mapping, series_of

STEEL = (SHIPPED / "steel.toml").read_text("utf-8")
BEIJING = (SHIPPED / "beijing.toml").read_text("utf-8")


@pytest.mark.parametrize("name", sorted(path.stem for path in SHIPPED.glob("*.toml")))
def test_a_shipped_mapping_loads_by_its_name_and_has_a_registry_of_the_city(name: str) -> None:
    mapping = load_mapping(Path(name))
    file = SHIPPED.parent / "registries" / f"{name}.toml"
    registry = read_registry(file.read_text("utf-8"), file.name, load_catalogue())
    named = (registry.city.id, registry.city.time_zone, str(registry.city.clock))
    assert named == (mapping.city.id, mapping.city.time_zone, mapping.city.clock)
    zones = {zone.id for zone in registry.zones}
    assert set(mapping.station.zones.values()) <= zones


def test_an_unknown_mapping_names_the_shipped_ones() -> None:
    with pytest.raises(SettingsError, match="shipped mappings: beijing, ferrara, interstate_94"):
        load_mapping(Path("nowhere"))


def test_a_mapping_declares_its_series_in_full() -> None:
    energy = series_of(load_mapping(Path("steel")).column[0])
    assert (energy.kind, energy.period_s, energy.stamp) == (Kind.INTERVAL_TOTAL, 900.0, Stamp.END)
    assert (energy.unit, energy.reporting_s) == ("kW.h", 900.0)


def test_what_a_mapping_leaves_out_is_the_quantitys_default() -> None:
    text = STEEL.replace(
        'unit = "kW.h"\nkind = "interval_total"\nperiod_s = 900\nstamp = "end"', ""
    )
    assert series_of(read_mapping(text, "m.toml").column[0]) == series_of(
        load_mapping(Path("steel")).column[0]
    )


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("[city]", "[city", "m.toml: not TOML"),
        ('id = "gwangyang"', 'id = "a b"', "m.toml: city.id: expected str matching"),
        (
            'name = "Gwangyang steel plant"\n',
            "",
            "m.toml: city: object missing required field name",
        ),
        (
            'clock = "replay"',
            'clock = "live"',
            "m.toml: city.clock: invalid enum value 'live', expe",
        ),
        ('"Asia/Seoul"', '"Asia/Soul"', "m.toml: city.time_zone: expected an IANA time zone such"),
        ('"csv"', '"xlsx"', "m.toml: file.format: invalid enum value 'xlsx', expected one of csv"),
        ('layout = "wide"', 'layout = "tall"', "expected one of wide, long"),
        ('layout = "wide"', 'layout = "wide"\nencoding = "utf-9"', "file.encoding: expected the"),
        (
            'layout = "wide"',
            'layout = "wide"\nvalue_column = "v"',
            "file.value_column: expected it",
        ),
        ('columns = ["date"]', "", "m.toml: time.columns: expected either columns and format, or"),
        ('format = "%d-%m-%Y %H:%M"', "", "m.toml: time.format: expected a pattern such as"),
        ('midnight = "belongs_to_next_day"', 'midnight = "x"', "time.midnight: invalid enum value"),
        (
            'id = "plant"',
            'idd = "plant"',
            "m.toml: station: object contains unknown field idd, exp",
        ),
        ('id = "plant"', "", "m.toml: column[0].station: expected a station's id, or"),
        ('id = "plant"', 'id = "plant"\ncolumn = "x"', "station.column: expected it with layout"),
        (
            'zone = "works"',
            'zone = "works"\neach_a_zone = true',
            "station.zone: expected nothing, since each_a_zone, got 'works'",
        ),
        ('"electricity_energy"', '"joy"', "m.toml: column[0].quantity: expected one of pm2_5, "),
        ('"kW.h"', '"K"', "m.toml: column[0].unit: expected a unit that converts to kW.h, got 'K'"),
        (
            '"interval_total"',
            '"ratio"',
            "m.toml: column[0].kind: expected one of counter, event, gauge, interval",
        ),
        (
            'kind = "interval_total"',
            'kind = "gauge"',
            "column[0].period_s: expected it with an int",
        ),
        ("period_s = 900", "period_s = 0", "m.toml: column[0].period_s: expected float > 0"),
        (
            "period_s = 900",
            'period_s = "x"',
            "m.toml: column[0].period_s: expected float | null, got",
        ),
        ('"lagging"', '"a b"', "m.toml: column[1].channel: expected letters, digits"),
        (
            "[station]",
            '[gateway]\nby = "street"\n[station]',
            "gateway.by: invalid enum value 'street'",
        ),
        ("[station]", '[gateway]\nprefix = "a b"\n[station]', "gateway.prefix: expected letters"),
    ],
)
def test_a_wrong_key_is_named_with_what_was_expected(before: str, after: str, message: str) -> None:
    assert before in STEEL
    with pytest.raises(SettingsError) as caught:
        read_mapping(STEEL.replace(before, after, 1), "m.toml")
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ('column = "station"', "", "station.column: expected the column that names each row's"),
        ('quantity = "pm10"', 'quantity = "pm2_5"', "column[1].channel: expected one per column"),
        ('quantity = "pm10"', 'quantity = "pm10"\nstation = "x"', "column[1].station: expected it"),
        (
            'layout = "long"',
            'layout = "long"\nvalue_column = "v"',
            "file.value_column: expected it",
        ),
        (
            "columns = ",
            'start = "x"\ncolumns = ',
            "time.columns: expected either columns and format",
        ),
        ('columns = ["ts_local"]', 'start = "noon"', "time.step_s: expected seconds between rows"),
        ('columns = ["ts_local"]', 'start = "noon"\nstep_s = 60', "time.start: expected a local"),
    ],
)
def test_a_wrong_key_of_a_long_file_is_named(before: str, after: str, message: str) -> None:
    with pytest.raises(SettingsError) as caught:
        read_mapping(BEIJING.replace(before, after, 1), "m.toml")
    assert message in str(caught.value)
