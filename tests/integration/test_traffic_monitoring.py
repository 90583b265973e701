"""Traffic Monitoring by detectors: of readings in a real database, derived and verified."""

import asyncio
from typing import Any, Final

import pytest

from cityvitals.domain.names import Domain, Kind, Stamp
from cityvitals.domain.series import Declaration
from cityvitals.settings import DatabaseSettings
from kpi_rules.load import load_rules
from tests.integration import aggregator_town
from tests.integration.aggregator_town import CITY, DAY, HOUR, NOON, Row, Station, town

RULE: Final = "u4ssc.traffic_monitoring.year"
NEW_YEAR: Final = -327 * DAY + 12 * HOUR
"""2026-01-01T00:00Z after NOON, an hour into the year in Rome."""


def halves(unit: str) -> Declaration:
    """Means of half days."""
    return Declaration(Kind.INTERVAL_MEAN, period_s=43200, stamp=Stamp.BEGIN, unit=unit)


STATIONS: Final = {
    "u": Station("gw-1", Domain.TRAFFIC, "traffic_speed", halves("km/h"), "north"),
    "v": Station("gw-1", Domain.TRAFFIC, "traffic_flow", halves("{vehicle}/h"), "north"),
    "x": Station("gw-1", Domain.TRAFFIC, "traffic_speed", halves("km/h"), "south"),
}
HEARD: Final = {"u": 200, "v": 184, "x": 100}
"""Days of 365, from the first."""
FACTS: Final = """
insert into fact (city, zone, name, valid_from, value, unit, source, quality)
values ($1, '', 'street_per_detector', '2026-01-01Z', 1.5, 'km', 'Plan', 'estimated'),
       ($1, '', 'major_streets', '2026-01-01Z', 30, 'km', 'GIS', 'measured')
"""


def test_detectors_that_are_heard_on_half_of_the_days_stand_for_their_stretches(
    database: DatabaseSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, station in STATIONS.items():
        monkeypatch.setitem(aggregator_town.STATIONS, name, station)
    said = [
        Row(name, NEW_YEAR + half * 12 * HOUR, 40.0)
        for name, days in HEARD.items()
        for half in range(2 * days)
    ]
    late = [Row(name, 39 * DAY + half * 12 * HOUR, 40.0) for name in HEARD for half in range(4)]

    async def main() -> list[Any]:
        async with town(database) as where:
            where.rules = tuple(rule for rule in load_rules() if rule.id == RULE)
            where.now_us = NOON + 43 * DAY
            await where.found(stations=STATIONS)
            await where.pool.execute(FACTS, CITY)
            await where.write(sorted(said, key=lambda row: row.after))
            await where.write(late)
            await where.settle(400)
            verified = await where.verify()
            assert verified.clean, verified.as_text()
            return await where.pool.fetch(
                "select distinct on (zone) zone, value, station_count, reason from indicator"
                " where window_begin = '2025-12-31 23:00Z' order by zone, revision desc"
            )

    rows = asyncio.run(main())
    found = {row["zone"]: (row["value"], row["station_count"]) for row in rows}
    # Two of the three, 1.5 km each, of 30; in the south nobody is heard enough.
    assert found == {"": (10.0, 2), "north": (10.0, 2), "south": (None, 0)}, rows
