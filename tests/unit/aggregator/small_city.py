"""A small city as the aggregator sees it, made by hand."""

from collections.abc import Iterable, Sequence
from typing import Final

import numpy as np

from aggregator.plan import RulePlan, make_plan
from aggregator.series_table import SeriesTable
from cityvitals.domain.names import Clock, Kind, Stamp
from cityvitals.domain.series import Declaration, SeriesKey
from cityvitals.domain.times import BUCKET_US, EARLIEST_US
from cityvitals.store.model import CityRow, FactRow, GatewayRow, SeriesRow, ShardModel
from kpi_rules.load import load_rules
from kpi_rules.model import Rule

MINUTE: Final = 60_000_000
HOUR: Final = 60 * MINUTE
DAY: Final = 24 * HOUR
NOON: Final = 1_795_435_200_000_000
"""2026-11-23T12:00Z."""

GAUGE: Final = Declaration(Kind.GAUGE, reporting_s=60)
TOTAL: Final = Declaration(Kind.INTERVAL_TOTAL, period_s=900, stamp=Stamp.END)

Places = Sequence[tuple[int, str | None]]
NORTH: Final[Places] = ((EARLIEST_US, "north"),)
SOUTH: Final[Places] = ((EARLIEST_US, "south"),)

_DOMAINS: Final = {
    "pm2_5": "air",
    "pm10": "air",
    "electricity_energy": "energy",
    "water_flow": "water",
}


def rule(name: str) -> Rule:
    return next(one for one in load_rules() if one.id == name)


def series(
    number: int,
    quantity: str = "pm2_5",
    *declared: Declaration,
    places: Places = (),
    gateway: int = 1,
    sensor: str = "",
) -> SeriesRow:
    """A series of city `c`; its id is 100 + `number`."""
    return SeriesRow(
        id=100 + number,
        key=SeriesKey("c", sensor or f"s{number}", quantity),
        domain=_DOMAINS[quantity],
        gateway=gateway,
        sensor_id=number,
        declarations=declared or (GAUGE,),
        placements=tuple(places),
    )


def model(
    rows: Iterable[SeriesRow], facts: Iterable[FactRow] = (), clock: str = Clock.REPLAY
) -> ShardModel:
    return ShardModel(
        cities=(CityRow("c", "Europe/Rome", clock, 0, EARLIEST_US),),
        zones=(("c", "north"), ("c", "south")),
        gateways=tuple(GatewayRow(number, "c", f"gw-{number}", "online") for number in (1, 2)),
        series=tuple(rows),
        facts=tuple(facts),
    )


def table(rows: Sequence[SeriesRow]) -> SeriesTable:
    made = SeriesTable()
    made.update(rows)
    return made


def plan(name: str, *rows: SeriesRow) -> RulePlan:
    """One rule over some series."""
    (found,) = make_plan(model(rows), table(rows), [rule(name)]).rules
    return found


def instants(*us: int) -> "np.ndarray[tuple[int], np.dtype[np.int64]]":
    return np.array(us, np.int64)


def bucket(number: int) -> int:
    """Begin of the nth quarter hour after NOON."""
    return NOON + number * BUCKET_US
