"""Figures that are dated one by one: a rule sees all of its window, and is derived for each."""

import asyncio
from pathlib import Path
from typing import Final

import pytest

from cityvitals.settings import DatabaseSettings
from kpi_rules.load import read_rules
from tests.integration.aggregator_town import Town, town
from tests.integration.test_facts import clean, founded, newest, rules, state

OUTAGES: Final = "test.outages"
TEXT: Final = f"""
[[rule]]
id = "{OUTAGES}"
revision = 1
title = "Customers cut off within three hours"
domain = "energy"
unit = "1"
digits = 0
window = {{ length = "running_3h", clock = "utc", fold = "buckets" }}
space = {{ zone = "sum", city = "sum", min_coverage = 0 }}
fact = [{{ name = "customers", unit = "1", values = true }}]
expression = "sum(customers)"
source = "test"
verified = "own"
"""


async def said(where: Town) -> dict[int, float | None]:
    """The city's values by the hour after NOON in which their windows begin."""
    await clean(where)
    return {
        hour: one[0] for (zone, hour), one in (await newest(where, OUTAGES)).items() if not zone
    }


@pytest.mark.parametrize("restarted", [False, True])
def test_each_figure_enters_into_the_windows_that_hold_its_date(
    database: DatabaseSettings,
    tmp_path: Path,
    restarted: bool,  # noqa: FBT001 - a case's name
) -> None:
    async def main() -> None:
        async with town(database) as where:
            await founded(where, tmp_path)
            where.rules, where.worker = (*rules(), *read_rules(TEXT, "test.toml")), None

            async def then(line: str) -> dict[int, float | None]:
                assert await state(where, tmp_path, line) == 1
                if restarted:
                    where.worker = None
                return await said(where)

            first = ",customers,5,1,2026-11-23T13:30:00Z,operator,measured"
            assert await then(first) == {-1: 5, 0: 5, 1: 5}
            second = ",customers,2,1,2026-11-23T14:10:00Z,operator,measured"
            assert await then(second) == {-1: 5, 0: 7, 1: 7, 2: 2}
            assert await then(first.replace("5", "6", 1)) == {-1: 6, 0: 8, 1: 8, 2: 2}
            gone = ",customers,withdrawn,,2026-11-23T13:30:00Z,,"
            assert await then(gone) == {-1: None, 0: 2, 1: 2, 2: 2}
            reason = (await newest(where, OUTAGES))["", -1][1]
            assert reason == "no customers is declared for the city"

    asyncio.run(main())
