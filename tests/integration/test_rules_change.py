"""Rule files change while the aggregator runs: they are picked up, or the last good ones stay."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from aggregator.loop import Loop
from aggregator.metrics import Metrics
from aggregator.rule_files import RuleFiles
from aggregator.warmup import warm_up
from cityvitals.settings import AggregatorSettings, DatabaseSettings, Settings
from cityvitals.store import derived
from cityvitals.telemetry import Health
from cityvitals.verify.main import verify
from kpi_rules.load import load_all
from kpi_rules.model import Rule
from kpi_rules.rulebook import StoredRule, settle
from tests.integration.aggregator_town import HOUR, Town, samples, town
from tests.integration.test_rules_in_force import OWN, own_rule

DEADLINE_S = 240.0


async def until(holds: Callable[[], Awaitable[bool]], what: str) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not await holds():
        assert time.monotonic() < deadline, what
        await asyncio.sleep(0.02)


async def values(where: Town, revision: int) -> list[float]:
    """What the newest revisions of hours that are final say, of those by this revision."""
    rows = await where.pool.fetch(
        "select distinct on (zone, window_begin) value, rule_revision, closed from indicator"
        " where rule = 'air.own_index.hour' order by zone, window_begin, revision desc"
    )
    return [one["value"] for one in rows if one["closed"] and one["rule_revision"] == revision]


def test_a_changed_rule_file_is_picked_up_while_readings_come(
    database: DatabaseSettings, tmp_path: Path
) -> None:
    asyncio.run(_picked_up(database, tmp_path))


async def _picked_up(database: DatabaseSettings, folder: Path) -> None:
    own_rule(folder)
    chosen = AggregatorSettings(
        final_after_seconds=0,
        rules=folder,
        rules_every_seconds=0.05,
        only=("air.own_index.hour", "air.pm2_5.hour"),
    )
    settings = Settings(database=database, aggregator=chosen)
    await asyncio.to_thread(warm_up)
    async with town(database) as where:
        await where.found(stations=["a"])
        health, metrics, stop = Health("store"), Metrics(), asyncio.Event()
        files = RuleFiles(chosen, health, metrics)
        rules = await files.read(where.pool)
        loop = Loop(
            where.pool, settings, rules, "one", health, metrics, lambda: where.now_us, files
        )
        async with asyncio.TaskGroup() as group:
            group.create_task(loop.run(stop))
            try:
                await _change(where, folder, health)
                await _watch(where, folder, health)
            finally:
                stop.set()
        where.rules = await _in_force(where, folder, chosen)
        await where.settle()
        found = await verify(database, where.rules, None, settled=True)
        assert found.clean, found.as_text()


async def _change(where: Town, folder: Path, health: Health) -> None:
    await where.write(samples("a", 0, 3 * HOUR, value=40.0))

    async def first() -> bool:
        return len(await values(where, 1)) == 4

    await until(first, "two hours of a zone and the city are not final")
    before = await values(where, 1)
    (folder / "own.toml").write_text(
        OWN.replace("revision = 1", "revision = 2").replace("+ 100", "+ 200")
    )
    await where.write(samples("a", 3 * HOUR, 5 * HOUR, value=40.0))

    async def second() -> bool:
        return len(await values(where, 2)) == 8

    await until(second, "the changed rule is not derived for all time")
    assert (await values(where, 2))[:2] == [one + 100 for one in before[:2]]
    (folder / "own.toml").write_text(OWN + "[[")

    async def complains() -> bool:
        return "not TOML" in str(health.report())

    await until(complains, "nobody says that the file is wrong")
    await where.write(samples("a", 5 * HOUR, 7 * HOUR, value=40.0))

    async def goes_on() -> bool:
        return len(await values(where, 2)) == 12

    await until(goes_on, "the last good revision does not stay in force")


ALERT = """
[[alert]]
id = "own.index"
revision = 1
title = "Our index"
rule = "air.own_index.hour"
above = 100
unit = "1"
severity = "notice"
source = "Ours."
"""


async def _watch(where: Town, folder: Path, health: Health) -> None:
    """An alert file comes, then is wrong, then goes."""
    (folder / "alerts").mkdir()
    path = folder / "alerts" / "own.toml"
    path.write_text(ALERT)

    async def states() -> list[str]:
        rows = await where.pool.fetch("select state from alert where alert = 'own.index'")
        return sorted(row["state"] for row in rows)

    async def raised() -> bool:
        return await states() == ["active", "active"]

    await until(raised, "stored windows are not judged by an alert rule that is new")
    path.write_text(ALERT.replace("100", "nan"))

    async def complains() -> bool:
        return "revision 1 stays in force" in str(health.report())

    await until(complains, "nobody says that the alert rule is wrong")
    assert await raised()
    path.unlink()

    async def withdrawn() -> bool:
        return await states() == ["withdrawn", "withdrawn"]

    await until(withdrawn, "what nobody watches lasts for ever")


async def _in_force(where: Town, folder: Path, chosen: AggregatorSettings) -> tuple[Rule, ...]:
    async with where.pool.acquire() as connection:
        stored = [StoredRule(*row) for row in await derived.read_stored_rules(connection)]
    return settle(load_all(folder), stored, chosen.only).rules
