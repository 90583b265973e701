import pytest

from cityvitals.catalogue.load import load_catalogue
from cityvitals.domain.limits import Limit
from cityvitals.domain.names import Clock, Kind
from cityvitals.domain.times import EARLIEST_US
from cityvitals.errors import BadRegistry
from cityvitals.store.limits import StatedLimit
from cityvitals.store.registry_format import Registry, read_registry

WHOLE = """
[city]
id = "town"
name = "Town"
time_zone = "Europe/Helsinki"
clock = "replay"

[[zone]]
id = "north"
population = 1200

[[gateway]]
id = "gw"
allowed = false

[[sensor]]
id = "s1"
domain = "air"
gateway = "gw"
zone = "north"
lat = 60.1
lon = 24.9

[[series]]
sensor = "s1"
quantity = "no2"
kind = "interval_mean"
period_s = 3600
stamp = "begin"
unit = "mg/m3"
since = 2026-01-01

[[fact]]
name = "population"
value = 5000
unit = "{inhabitant}"
source = "register"
valid_from = 2025-12-31T22:00:00Z
"""

FACT = "[[fact]]"
LIMIT = "[[limit]]\nquantity = 'no2'\nsource = 'x'\n"


def read(text: str) -> Registry:
    return read_registry(text, "town.toml", load_catalogue())


def test_a_whole_registry_is_read() -> None:
    registry = read(WHOLE)
    assert registry.city.clock == Clock.REPLAY
    assert registry.zones[0].name == "north"
    assert not registry.gateways[0].allowed
    assert registry.sensors[0].zone == "north"
    series = registry.series[0]
    assert (series.declaration.kind, series.declaration.period_s) == (Kind.INTERVAL_MEAN, 3600)
    # A date begins at midnight in the city.
    assert series.since_us == registry.facts[1].valid_from_us
    zone, city = registry.facts
    assert (zone.zone, zone.value, zone.valid_from_us) == ("north", 1200, EARLIEST_US)
    assert (zone.source, city.source) == ("town.toml", "register")


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ('id = "town"', "", r"town\.toml:2: city\.id: missing"),
        ("Europe/Helsinki", "Mars/Olympus", r"city\.time_zone: expected an IANA"),
        ("replay", "sun", r"city\.clock: expected one of"),
        ('zone = "north"', 'zone = "south"', r"sensor\[0\]\.zone: expected the id"),
        ('"interval_mean"', '"dial"', r"series\[0\]\.kind: expected one of"),
        ('unit = "mg/m3"', "modulus = 1e6", "has 'modulus', which only a counter can have"),
        ('"no2"', '"noise_laeq"', "does not fit noise_laeq"),
        ("mg/m3", "kWh", r"series\[0\]\.quantity: unit 'kWh' does not fit no2"),
        ('"no2"', '"no3"', r"series\[0\]\.quantity: quantity 'no3' is not known"),
        ("allowed = false", "allowed = 1", r"gateway\[0\]\.allowed: expected true or false"),
        ("allowed = false", "server_timed = 1", "server_timed: expected true or false"),
        (
            'unit = "mg/m3"',
            'reference_state = "warm"',
            r"series\[0\]\.reference_state: expected temp",
        ),
        ("lat = 60.1", "lat = 160.1", r"sensor\[0\]\.lat: expected a number from -90"),
        ("since = 2026-01-01", 'since = "x"', "expected a TOML date"),
        ("T22:00:00Z", "T22:00:00", "with its offset"),
        ("population = 1200", "population = -1", r"zone\[0\]\.population"),
        ('source = "register"', "", r"town\.toml:33: fact\[0\]\.source: missing"),
        ('domain = "air"', 'domain = "kpi"', r"sensor\[0\]\.domain"),
        (FACT, LIMIT + FACT, r"limit\[0\]\.low: expected low, high or both"),
        (FACT, f"{LIMIT}low = 2\nhigh = 1\n{FACT}", r"limit\[0\]\.low: expected less than high"),
        (FACT, LIMIT.replace("no2", "no3") + FACT, r"limit\[0\]\.quantity: quantity 'no3' is not"),
        (FACT, f"{LIMIT}unit = 'ppb'\n{FACT}", r"limit\[0\]\.unit: unit 'ppb' does not fit"),
        (FACT, f"[[limit]]\nquantity = 'no2'\nhigh = 1\n{FACT}", r"limit\[0\]\.source: missing"),
        ("[[fact]]", '[[zone]]\nid = "north"\n[[fact]]', r"\[\[zone\]\] 'north' stands twice"),
        ("[[fact]]", "[[facts]]", "facts: unknown key"),
        ("[city]", "[city", "not TOML"),
        ('id = "s1"', 'id = "s 1"', r"sensor\[0\]\.id: expected"),
    ],
)
def test_errors_name_file_entry_and_key(old: str, new: str, why: str) -> None:
    with pytest.raises(BadRegistry, match=why):
        read(WHOLE.replace(old, new, 1))


def test_a_city_alone_is_enough() -> None:
    registry = read('[city]\nid = "town"\n')
    assert (registry.city.name, registry.city.time_zone) == ("town", "UTC")


def test_limits_are_canonical_and_server_timed_gateways_are_read() -> None:
    stated = f"{LIMIT}sensor = 's1'\nunit = 'mg/m3'\nlow = -1\nhigh = 2\n{LIMIT}high = 5\n{FACT}"
    registry = read(WHOLE.replace(FACT, stated).replace("allowed = false", "server_timed = true"))
    assert registry.limits == [
        StatedLimit("s1", "no2", Limit(-1000, 2000), "x"),
        StatedLimit("", "no2", Limit(None, 5), "x"),
    ]
    assert registry.gateways[0].server_timed
    with pytest.raises(BadRegistry, match=r"\[\[limit\]\] \('', 'no2'\) stands twice"):
        read(WHOLE + f"{LIMIT}high = 5\n" * 2)
