"""Which windows of rules scores are made of: the newest that ended, and the one that runs."""

from datetime import UTC, datetime
from typing import Final

import numpy as np
import pytest

from cityvitals.domain.names import shard_of
from cityvitals.domain.times import to_us
from cityvitals.errors import NotFound
from cityvitals.settings import DatabaseSettings
from cityvitals.store.derived import IndicatorRow, remember_rules
from cityvitals.store.partitions import Partitions
from cityvitals.store.pool import Pool
from cityvitals.store.scores import read_score_rows
from kpi_rules.load import load_rules
from kpi_rules.scorecard.load import load_scorecard
from kpi_rules.scorecard.rows import given_of, names_of, rules_of
from kpi_rules.scorecard.tree import score
from tests.api_server import with_pool
from tests.unit.kpi_rules.scorecard.build import of
from tests.written import write_indicators

YEAR: Final = "u4ssc.pm10.year"
RUNNING: Final = "u4ssc.pm10.12_months"
CITY: Final = "town"


def day(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def row(
    rule: str,
    begin: str,
    end: str,
    value: float,
    revision: int = 1,
    watermark: str = "",
    zone: str = "",
) -> IndicatorRow:
    known = day(watermark) if watermark else day(end)
    return IndicatorRow(
        city=CITY,
        rule=rule,
        zone=zone,
        window_begin=day(begin),
        revision=revision,
        window_end=day(end),
        rule_revision=1,
        state="provisional" if watermark else "final",
        closed=not watermark,
        value=value,
        numerator=value,
        denominator=1.0,
        coverage=0.9,
        observed=10,
        flagged=0,
        reason="",
        stations=[1],
        silent=[],
        watermark=known,
        computed_at=known,
        change_number=1,
        station_count=1,
    )


PAST: Final = [
    row(YEAR, "2023-01-01", "2024-01-01", 30.0),
    row(YEAR, "2024-01-01", "2025-01-01", 31.0),
    row(YEAR, "2024-01-01", "2025-01-01", 32.0, revision=2),
    row(YEAR, "2024-01-01", "2025-01-01", 99.0, revision=3, zone="north"),
    row(RUNNING, "2024-03-01", "2025-03-01", 33.0),
    row(RUNNING, "2024-04-01", "2025-04-01", 34.0),
    row(RUNNING, "2024-05-01", "2025-05-01", 35.0, watermark="2025-04-10"),
]
LATEST: Final = [row(YEAR, "2025-01-01", "2026-01-01", 36.0, revision=7, watermark="2025-04-10")]


async def fill(pool: Pool) -> None:
    rules = [one for one in load_rules() if one.id in {YEAR, RUNNING}]
    begins = np.array([to_us(one.window_begin) for one in PAST], np.int64)
    async with pool.acquire() as connection:
        await connection.execute(
            "insert into city (id, name, shard) values ($1, $1, $2)", CITY, shard_of(CITY)
        )
        await remember_rules(
            connection,
            [(one.id, one.revision, one.digest, one.body(), one.definition) for one in rules],
        )
        await Partitions("indicator").ensure(connection, begins)
        async with connection.transaction():
            await write_indicators(connection, PAST, LATEST)


Shown = list[tuple[str, float]]


async def shown(pool: Pool, at: str) -> Shown:
    """Period and value of all results of PM10 as of a day, the one that counts first."""
    card, moment = load_scorecard(), day(at)
    async with pool.acquire() as connection:
        rows = await read_score_rows(connection, CITY, moment, names_of(card), rules_of(card))
    given = given_of(card, moment, rows.time_zone, rows.facts, rows.targets, rows.windows)
    found = of(score(card, given), "en.en.aq.1c.pm10").results
    every = [*([found.chosen] if found.chosen else []), *found.others]
    return [(str(one.period), float(one.value)) for one in every]


def test_windows_are_those_of_the_moment_in_their_newest_revision(
    database: DatabaseSettings,
) -> None:
    async def main(pool: Pool) -> dict[str, Shown]:
        await fill(pool)
        days = ("2025-04-11", "2025-04-09", "2025-03-15", "2025-01-01", "2024-12-31", "2023-06-01")
        return {at: await shown(pool, at) for at in days}

    assert with_pool(database, main) == {
        "2025-04-11": [("calendar_year", 32), ("running_12_months", 34), ("year_to_date", 36)],
        "2025-04-09": [
            ("calendar_year", 32),
            ("running_12_months", 34),
        ],  # more was known than then
        "2025-03-15": [("calendar_year", 32), ("running_12_months", 33)],
        "2025-01-01": [("calendar_year", 32)],
        "2024-12-31": [("calendar_year", 30)],
        "2023-06-01": [],
    }


def test_no_such_city(database: DatabaseSettings) -> None:
    async def main(pool: Pool) -> None:
        with pytest.raises(NotFound, match="there is no city 'town'"):
            await shown(pool, "2025-01-01")

    with_pool(database, main)
