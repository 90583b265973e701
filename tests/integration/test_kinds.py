"""Counters, events, states and levels from readings to indicators, which verify recomputes."""

import asyncio
from typing import Any, Final

import pytest

from cityvitals.domain.names import Domain, Flag, Kind
from cityvitals.domain.series import Declaration
from cityvitals.settings import DatabaseSettings
from kpi_rules.load import read_rules
from kpi_rules.model import Rule
from tests.integration import aggregator_town
from tests.integration.aggregator_town import HOUR, MINUTE, NOON, Row, Station, Town, town

STATIONS: Final = {
    "meter": Station(
        "gw-1", Domain.WATER, "water_volume",
        Declaration(Kind.COUNTER, reporting_s=1200, unit="m3", modulus=1000.0), "north",
    ),
    "rain": Station(
        "gw-1", Domain.WEATHER, "precipitation",
        Declaration(Kind.EVENT, reporting_s=7200, unit="mm"), "north",
    ),
    "pump": Station(
        "gw-2", Domain.WATER, "water_flow", Declaration(Kind.STATE, reporting_s=1800), "north"
    ),
    "noise": Station(
        "gw-2", Domain.NOISE, "noise_laeq", Declaration(Kind.GAUGE, reporting_s=600, unit="dB"),
        "north",
    ),
}  # fmt: skip
_RULE: Final = """
[[rule]]
id = "test.{id}"
revision = 1
title = "A test"
domain = "{domain}"
unit = "{unit}"
digits = 1
expression = "x"
source = "made up"
verified = "own"
window = {{ length = "hour", clock = "utc", fold = "buckets" }}
space = {{ zone = "mean", city = "mean", min_coverage = 0 }}
input = [{{ name = "x", quantity = "{quantity}", statistic = "{statistic}", min_coverage = 0 }}]
"""


def rule(name: str, quantity: str, statistic: str, unit: str, domain: str) -> Rule:
    text = _RULE.format(id=name, quantity=quantity, statistic=statistic, unit=unit, domain=domain)
    (found,) = read_rules(text, "test.toml")
    return found


RULES: Final = (
    rule("total", "water_volume", "total", "m3", "water"),
    rule("increase", "water_volume", "increase", "m3", "water"),
    rule("rain", "precipitation", "total", "mm", "weather"),
    rule("tips", "precipitation", "count", "1", "weather"),
    rule("pump", "water_flow", "mean", "L/s", "water"),
    rule("noise", "noise_laeq", "energy_mean", "dB", "noise"),
)


@pytest.fixture(autouse=True)
def _stations(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, one in STATIONS.items():
        monkeypatch.setitem(aggregator_town.STATIONS, name, one)


async def hour_of(where: Town, rule_id: str, hour: int) -> Any:
    """Value and coverage of an hour after NOON, as the city has it."""
    row = await where.pool.fetchrow(
        "select value, coverage from indicator where rule = $1 and zone = ''"
        " and window_begin = to_timestamp($2) order by revision desc limit 1",
        f"test.{rule_id}",
        (NOON + hour * HOUR) / 1e6,
    )
    assert row is not None, f"{rule_id} has no hour {hour}"
    return row["value"], row["coverage"]


async def rising(where: Town) -> None:
    meter = [Row("meter", n * 20 * MINUTE, 990.0 + 3 * n) for n in range(4)]
    meter += [Row("meter", n * 20 * MINUTE, 3.0 * n - 10.0) for n in range(4, 8)]
    meter += [Row("meter", 5 * HOUR, 27.0), Row("meter", 5 * HOUR + 20 * MINUTE, 30.0)]
    await where.write(meter)


async def others(where: Town) -> None:
    await where.write([Row("rain", n * 10 * MINUTE, 0.2) for n in range(4)])
    await where.write([Row("rain", 110 * MINUTE, 0.2)])
    on = [(0, 1.0), (20, 0.0), (40, 0.0), (50, 1.0), (60, 1.0)]
    await where.write([Row("pump", at * MINUTE, value) for at, value in on])
    await where.write([Row("noise", n * 10 * MINUTE, 50.0 + 10.0 * (n % 2)) for n in range(7)])


def test_each_kind_has_its_indicator(database: DatabaseSettings) -> None:
    async def main() -> None:
        async with town(database, more=RULES) as where:
            await where.found(stations=STATIONS)
            await rising(where)
            await others(where)
            await where.settle()
            for name in ("total", "increase"):
                assert await hour_of(where, name, 0) == (pytest.approx(9.0), 1.0)
                assert await hour_of(where, name, 1) == (pytest.approx(9.0), pytest.approx(1.0))
            # Of the gap from 14:20 to 17:00 the hour between has a share, but nobody covers it.
            value, coverage = await hour_of(where, "total", 2)
            assert (value, coverage) == (pytest.approx(16 / 160 * 40 + 3.0), pytest.approx(1 / 3))
            assert await hour_of(where, "rain", 0) == (pytest.approx(0.8), 1.0)
            assert await hour_of(where, "tips", 0) == (4.0, 1.0)
            assert await hour_of(where, "tips", 1) == (1.0, 1.0)
            assert await hour_of(where, "tips", 3) == (0.0, 1.0)
            assert await hour_of(where, "pump", 0) == (pytest.approx(0.5), 1.0)
            value, _ = await hour_of(where, "noise", 0)
            assert value == pytest.approx(57.4036, abs=1e-4)  # 10 lg((1e5 + 1e6) / 2)
            found = await where.verify()
            assert found.clean, found.as_text()

    asyncio.run(main())


def test_a_late_and_a_revised_reading_change_both_sides(database: DatabaseSettings) -> None:
    async def main() -> None:
        async with town(database, more=RULES) as where:
            await where.found(stations=STATIONS)
            await rising(where)
            await where.run()
            await where.write([Row("meter", 3 * HOUR + 30 * MINUTE, 20.0)])
            await where.run()
            await where.write([Row("meter", HOUR, 4.0, rev=1)])
            await where.write([Row("meter", 2 * HOUR, 99.0, rev=1, flags=int(Flag.FAULT_CODE))])
            await where.settle()
            assert (await hour_of(where, "total", 0))[0] == pytest.approx(14.0)  # 1004 - 990
            found = await where.verify()
            assert found.clean, found.as_text()

    asyncio.run(main())
