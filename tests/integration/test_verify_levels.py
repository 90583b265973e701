"""`verify` of rules that fold windows inside windows, on the tiny city of `verify_city`."""

import asyncio
from dataclasses import replace

import pytest

from cityvitals.settings import DatabaseSettings
from cityvitals.verify.main import verify
from cityvitals.verify.report import Findings
from kpi_rules.load import load_rules, read_rules
from tests.integration.verify_city import CITY, execute, plant

RULES = read_rules(
    """
[[rule]]
id = "test.highest_of_three"
revision = 1
title = "The highest of three hours, each hour"
domain = "air"
unit = "mg/m3"
digits = 3
expression = "pm2_5"
source = "made up"
verified = "own"
window = { length = "hour", clock = "local", fold = "buckets" }
space = { zone = "mean", city = "population_weighted", min_coverage = 0.3 }

[[rule.input]]
name = "pm2_5"
quantity = "pm2_5"
unit = "mg/m3"
window = "running_3h"
levels = [{ length = "hour", statistic = "mean", min_coverage = 0.75 }]
statistic = "max"
min_coverage = 0
""",
    "test.toml",
)
"""Station a says 10 and 20, b says 30 in the first hour only: 20, then 25 ug/m3, from a third and
from half of three hours."""

_ROWS = """
insert into {table} (city, rule, zone, window_begin, revision, window_end, rule_revision, state,
       closed, value, numerator, denominator, coverage, observed, flagged, stations, silent,
       watermark, computed_at, change_number, station_count)
select city, 'test.highest_of_three', i.zone, window_begin, revision, window_end, 1, state, closed,
       v.value, case when i.zone = '' then v.value else 2 * v.value end,
       case when i.zone = '' then null else 2.0 end, v.coverage, v.observed, 0, '{{1,2}}', silent,
       watermark, computed_at, 0, 2
from indicator i
join (values (timestamptz '2026-03-02 10:00Z', 0.020::float8, 1 / 3.0::float8, 2),
             (timestamptz '2026-03-02 11:00Z', 0.025, 0.5, 3))
     v (at, value, coverage, observed) on v.at = i.window_begin
where i.rule = 'air.pm2_5.hour' and window_begin >= '{since}'
"""
ROWS = (
    (
        "insert into fact (city, zone, name, valid_from, value, unit, source, quality) "
        "values ('probe', 'north', 'population', '-infinity', 1000, '{inhabitant}', "
        "'made up', 'measured')"
    ),
    _ROWS.format(table="indicator", since="2026-03-02 10:00Z"),
    _ROWS.format(table="indicator_latest", since="2026-03-02 11:00Z"),
)


@pytest.fixture
def planted(database: DatabaseSettings) -> DatabaseSettings:
    dsn = database.dsn.get_secret_value()
    asyncio.run(plant(dsn))
    asyncio.run(execute(dsn, *ROWS))
    return database


def findings(database: DatabaseSettings, *statements: str) -> Findings:
    asyncio.run(execute(database.dsn.get_secret_value(), *statements))
    shipped = [one for one in load_rules() if one.id.startswith("air.pm2_5.")]
    return asyncio.run(verify(database, [*shipped, *RULES], CITY, settled=True))


def test_a_right_city_is_clean(planted: DatabaseSettings) -> None:
    found = findings(planted)
    assert found.differences == []
    assert found.tallies["indicator"].checked == 8
    assert found.notes == []


FAULTS = {
    "the highest of one hour alone": (
        "update indicator set value = 0.020, numerator = 0.040 where {mine} and zone = 'north'",
        "value",
    ),
    "coverage of the rule's window": (
        "update indicator set coverage = 0.5 where {mine} and coverage < 0.5",
        "coverage",
    ),
    "a window too few": (
        "delete from indicator where {mine} and window_begin = '2026-03-02 10:00Z'",
        "missing",
    ),
    "a window that nobody speaks in": (
        (
            "update indicator set window_begin = window_begin - interval '1 day', "
            "window_end = window_end - interval '1 day' where {mine}"
        ),
        "superfluous",
    ),
    "nobody lives there": ("delete from fact", "state"),
    "a mean of stations where zones are weighted": (
        "update indicator set denominator = 2 where {mine} and zone = ''",
        "denominator",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_is_named(planted: DatabaseSettings, fault: str) -> None:
    statement, field = FAULTS[fault]
    found = findings(planted, statement.format(mine="rule = 'test.highest_of_three'"))
    assert field in {one.field for one in found.differences if one.kind == "indicator"}


def test_what_reaches_below_the_seal_is_not_checked(planted: DatabaseSettings) -> None:
    found = findings(
        planted,
        "update city set sealed_before = '2026-03-02 07:30Z'",
        "update indicator set value = 7 where rule = 'test.highest_of_three'"
        " and window_begin = '2026-03-02 10:00Z'",
    )
    assert found.differences == []
    assert found.tallies["indicator"].sealed == 2 + 2, "the hour from ten on, and the day"


def test_what_cannot_be_recomputed_is_noted(planted: DatabaseSettings) -> None:
    (one,) = RULES
    flagged = replace(one, inputs=(replace(one.inputs[0], flags=("frozen",)),))
    found = asyncio.run(verify(planted, [flagged], CITY))
    assert found.notes == [
        "probe: test.highest_of_three cannot be recomputed, not checked: input[0].flags",
        "probe: no such rules any more, not checked: air.pm2_5.day, air.pm2_5.hour",
    ]
    assert "indicator" not in found.tallies
