"""Rules of inputs of which a city has only some: what is not measured does not stop the rest."""

import asyncio
from typing import Final

import pytest

from cityvitals.settings import DatabaseSettings
from kpi_rules.load import read_rules
from tests.integration.aggregator_town import DAY, HOUR, MINUTE, NOON, samples, town

_RULES: Final = """
[[rule]]
id = "air.absent.{order}"
revision = 1
title = "Fine particles, and a gas that nobody measures"
domain = "air"
unit = "1"
digits = 0
window = {{ length = "hour", clock = "utc", fold = "buckets" }}
space = {{ zone = "max", city = "max", min_coverage = 0, order = "{order}" }}
expression = "places(gas) + first_known(level, 100) + count(known(pm)) / 10"
source = "made up for a test"
verified = "own"

[[rule.input]]
name = "pm"
quantity = "pm2_5"
levels = [{{ length = "quarter_hour", statistic = "mean", min_coverage = 0.5 }}]
statistic = "values"
min_coverage = 0

[[rule.input]]
name = "gas"
quantity = "o3"
levels = [{{ length = "quarter_hour", statistic = "mean", min_coverage = 0.5 }}]
statistic = "values"
min_coverage = 0
optional = true

[[rule.input]]
name = "level"
quantity = "no2"
unit = "ug/m3"
levels = [{{ length = "quarter_hour", statistic = "mean", min_coverage = 0.5 }}]
statistic = "count"
min_coverage = 0
optional = true
"""


@pytest.mark.parametrize("order", ["combine_first", "evaluate_first"])
def test_an_input_that_nobody_feeds_has_its_places_and_no_values(
    database: DatabaseSettings, order: str
) -> None:
    rules = read_rules(_RULES.format(order=order), "test")

    async def main() -> None:
        async with town(database, more=rules) as where:
            await where.write(samples("a", 0, HOUR, 5 * MINUTE))
            await where.settle()
            found = await where.pool.fetch(
                "select value from indicator where rule = $1 and zone = 'north' and closed"
                " and window_begin = to_timestamp($2::float8)",
                rules[0].id,
                NOON / 1e6,
            )
            assert [row["value"] for row in found] == [pytest.approx(4 + 100 + 0.4)]
            assert not (await where.verify()).differences

    assert NOON % DAY == 12 * HOUR
    asyncio.run(main())
