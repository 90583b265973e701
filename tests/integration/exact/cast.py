"""Who speaks in the state machine: two cities in two shards, and what their stations measure."""

from typing import Final, NamedTuple

from cityvitals.domain.names import Clock, Domain, Kind, Stamp, shard_of
from cityvitals.domain.series import Declaration
from tests.integration.aggregator_town import FLOW, GAUGE, HOURLY, TOTALS, Station

CITIES: Final = {"town": Clock.REPLAY, "ville": Clock.LIVE}
ZONES: Final = {"town": "Europe/Rome", "ville": "Asia/Kathmandu"}
"""Time zones: one that changes its clocks, one that lies a quarter hour beside all others."""
SHARD: Final = {city: shard_of(city) for city in CITIES}
LANES: Final = ("ingest-0", "ingest-1")
PLACES: Final = ("north", "south", "east", None)

QUICK: Final = Declaration(Kind.GAUGE, reporting_s=60, unit="ug/m3")
SLOW: Final = Declaration(Kind.GAUGE, reporting_s=5400, unit="ug/m3")
THIRDS: Final = Declaration(Kind.INTERVAL_MEAN, period_s=1200, stamp=Stamp.BEGIN, unit="ug/m3")
HOURLY_TOTALS: Final = Declaration(Kind.INTERVAL_TOTAL, period_s=3600, stamp=Stamp.END, unit="kW.h")
METER: Final = Declaration(Kind.COUNTER, reporting_s=1800, unit="kW.h")
ROLLING: Final = Declaration(Kind.COUNTER, reporting_s=7200, unit="kW.h", modulus=50.0)
EVENTS: Final = Declaration(Kind.EVENT, reporting_s=1200)
STATE: Final = Declaration(Kind.STATE, reporting_s=1200)
DECLARATIONS: Final = (
    GAUGE, QUICK, SLOW, HOURLY, THIRDS, TOTALS, HOURLY_TOTALS, METER, ROLLING, EVENTS, STATE,
)  # fmt: skip
"""Every kind that is folded; a station may turn out to be of another than was thought."""


STATIONS: Final = {
    "a": Station("gw-1", Domain.AIR, "pm2_5", GAUGE, "north"),
    "b": Station("gw-2", Domain.AIR, "pm2_5", HOURLY, "north"),
    "c": Station("gw-2", Domain.AIR, "pm2_5", GAUGE, "south"),
    "d": Station("gw-3", Domain.AIR, "pm2_5", GAUGE, None),
    "e": Station("gw-1", Domain.ENERGY, "electricity_energy", TOTALS, "north"),
    "f": Station("gw-3", Domain.ENERGY, "electricity_energy", HOURLY_TOTALS, "east"),
    "m": Station("gw-2", Domain.ENERGY, "electricity_energy", METER, "south"),
    "w": Station("gw-2", Domain.WATER, "water_flow", FLOW, None),
}
LATECOMERS: Final = ("d", "f")
"""Stations that nobody has heard of at first."""
GATEWAYS: Final = ("gw-1", "gw-2", "gw-3")


class Row(NamedTuple):
    """A reading: `after` is microseconds after NOON."""

    city: str
    station: str
    after: int
    value: float
    rev: int = 0
    flags: int = 0
