"""A rule of one's own runs without code, and a wrong rule file takes nothing down."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from aggregator.metrics import Metrics
from aggregator.rule_files import open_rulebook
from cityvitals.settings import DatabaseSettings
from cityvitals.store import derived
from cityvitals.store.pool import open_pool
from cityvitals.telemetry import Health
from kpi_rules.evaluate import evaluate_rule
from kpi_rules.load import load_all
from kpi_rules.model import Rule
from tests.integration.aggregator_town import HOUR, Town, samples, town

OWN = """
[[bands]]
name = "feeling"
band = [
  { name = "fine", to = 50, colour = "#00E400" },
  { name = "bad", colour = "#FF0000" },
]

[[table]]
name = "points"
unit = "ug/m3"
points = [[0, 0], [10, 50], [60, 100]]
above = "extend"

[[rule]]
id = "air.own_index.hour"
revision = 1
title = "An index that nobody has thought of before"
domain = "air"
unit = "1"
digits = 0
bands = "feeling"
rounding = { mode = "half_up", digits = 0 }
window = { length = "hour", clock = "utc", fold = "buckets" }
space = { zone = "mean", city = "mean", min_coverage = 0.5 }
input = [{ name = "fine", quantity = "pm2_5", statistic = "mean", min_coverage = 0.75 }]
constant = [{ name = "limit", value = 25, unit = "ug/m3" }]
part = [{ name = "index", expression = "lookup(points, fine)" }]
expression = "index + 100 if fine > limit else index"
source = "made up"
verified = "own"
"""

LINE = next(at for at, line in enumerate(OWN.splitlines(), 1) if line.startswith("expression"))


def own_rule(folder: Path, text: str = OWN) -> Rule:
    (folder / "own.toml").write_text(text)
    return next(one for one in load_all(folder).rules if one.id == "air.own_index.hour")


async def index_of_noon(where: Town) -> tuple[float, float]:
    """The newest value of noon's hour for the north, and what it is before rounding."""
    row: Any = await where.pool.fetchrow(
        "select value, numerator / denominator as unrounded from indicator "
        "where rule = 'air.own_index.hour' and zone = 'north' "
        "and window_begin = '2026-11-23 12:00Z' order by revision desc limit 1"
    )
    return row["value"], row["unrounded"]


@pytest.mark.parametrize("level", [5.0, 40.0])
def test_a_kpi_of_a_new_standard_is_one_entry(
    database: DatabaseSettings, tmp_path: Path, level: float
) -> None:
    asyncio.run(_one_entry(database, tmp_path, level))


async def _one_entry(database: DatabaseSettings, tmp_path: Path, level: float) -> None:
    rule = own_rule(tmp_path)
    async with town(database) as where:
        where.rules = (*where.rules, rule)
        await where.write([*samples("a", 0, 2 * HOUR, value=level)])
        await where.settle()
        found = await where.verify()
        assert found.clean, found.as_text()
        # Six samples in the hour, each a little higher than the one before.
        expected = evaluate_rule(rule, {"fine": level + 2.5})
        value, unrounded = await index_of_noon(where)
        assert value == expected.value
        assert unrounded == pytest.approx(expected.unrounded, rel=1e-12)


def test_a_file_that_becomes_wrong_changes_nothing_but_is_named(
    database: DatabaseSettings, tmp_path: Path
) -> None:
    asyncio.run(_becomes_wrong(database, tmp_path))


async def _becomes_wrong(database: DatabaseSettings, tmp_path: Path) -> None:
    good = own_rule(tmp_path)
    async with town(database), open_pool(database, "tests") as pool:
        for text, complaint in (
            (OWN, ""),
            (
                OWN.replace("index + 100", "index + fine"),
                f"own.toml:{LINE}: rule 'air.own_index.hour'",
            ),
            (OWN + "[[", "own.toml: not TOML"),
            (OWN.replace("index + 100", "index + 200"), "its revision is still 1: raise"),
        ):
            (tmp_path / "own.toml").write_text(text)
            health, metrics = Health(), Metrics()
            rules = await open_rulebook(pool, load_all(tmp_path), (), health, metrics)
            assert good in rules
            assert complaint in str(health.report())
            wrong = metrics.registry.get_sample_value(
                "cityvitals_aggregator_rules", {"state": "wrong"}
            )
            assert wrong == (1.0 if complaint else 0.0)
            assert health.is_ready is False  # nothing was reported ready; rules are no part of it
        async with pool.acquire() as connection:
            stored = await derived.read_stored_rules(connection)
        assert [each[1:3] for each in stored if each[0] == good.id] == [(1, good.digest)]


def test_a_raised_revision_takes_over(database: DatabaseSettings, tmp_path: Path) -> None:
    asyncio.run(_raised(database, tmp_path))


async def _raised(database: DatabaseSettings, tmp_path: Path) -> None:
    own_rule(tmp_path)
    async with town(database), open_pool(database, "tests") as pool:
        await open_rulebook(pool, load_all(tmp_path), (), Health(), Metrics())
        changed = OWN.replace("revision = 1", "revision = 2").replace("+ 100", "+ 200")
        second = own_rule(tmp_path, changed)
        assert second in await open_rulebook(pool, load_all(tmp_path), (), Health(), Metrics())
        # The file does not even name its rules any more: those that stood there stay as they were.
        (tmp_path / "own.toml").write_bytes(b"\xff")
        health = Health()
        assert second in await open_rulebook(pool, load_all(tmp_path), (), health, Metrics())
        assert "own.toml: cannot be read" in str(health.report())
        (tmp_path / "own.toml").unlink()
        rules = await open_rulebook(pool, load_all(tmp_path), (), Health(), Metrics())
        assert second.id not in {rule.id for rule in rules}
