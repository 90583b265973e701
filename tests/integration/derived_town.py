"""A town that was fed for two days and derived, for tests that read what became of it."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import httpx

from cityvitals.domain.names import Flag
from cityvitals.settings import DatabaseSettings
from kpi_rules.alerts.model import Zones
from kpi_rules.model import Rule
from tests.api_city import own_alert
from tests.api_server import running_api
from tests.integration.aggregator_town import CITY, DAY, HOUR, MINUTE, Row, samples, town
from tests.integration.deep_rules import deep_rules
from tests.integration.test_aggregator_deep import month, people

PATH = f"/v1/cities/{CITY}"
FAULT_AT = "2026-11-23T16:05:00Z"


@contextmanager
def derived_town(
    database: DatabaseSettings, more: tuple[Rule, ...] = deep_rules()
) -> Iterator[httpx.Client]:
    """The town, its indicators final, and a client of an API on it."""
    asyncio.run(_derive(database, more))
    with running_api(database) as base, httpx.Client(base_url=base, timeout=60) as client:
        yield client


async def _derive(database: DatabaseSettings, more: tuple[Rule, ...]) -> None:
    async with town(database, more=more) as where:
        where.alerts = (
            replace(own_alert("own.pm2_5", "air.pm2_5.hour", 12.0), clear=9.0),
            own_alert("own.pm2_5.city", "air.pm2_5.hour", 20.0, Zones.CITY),
        )
        await where.remember()
        await people(where)
        fault = [Row("a", 4 * HOUR + 5 * MINUTE, 999.0, flags=int(Flag.FAULT_CODE))]
        said = [row for row in month() if row.after > -8 * DAY]
        await where.write([*said, *fault])
        await where.write(samples("e", 0, 24 * HOUR, 30 * MINUTE))
        await where.write(samples("w", 0, 24 * HOUR, 20 * MINUTE))
        await where.settle(400)
