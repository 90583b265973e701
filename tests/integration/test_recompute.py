"""`cityvitals recompute`: what is wrong in history is found, done anew by its owner, and told."""

import asyncio
import contextlib
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any, Final

from aggregator.loop import Loop
from aggregator.metrics import Metrics
from aggregator.rule_files import RuleFiles
from aggregator.warmup import warm_up
from cityvitals.domain.times import from_us
from cityvitals.settings import AggregatorSettings, DatabaseSettings, Settings
from cityvitals.telemetry import Health
from tests.integration.aggregator_town import DAY, HOUR, NOON, SHARD, Town, samples, town
from tests.integration.test_rules_change import until
from tests.integration.test_rules_in_force import OWN, own_rule
from tests.service import wait_for

_ONLY: Final = ("air.own_index.hour", "air.pm2_5.hour", "air.pm2_5.day")
_SPOIL: Final = """
update indicator set value = value + 1000
where rule = 'air.pm2_5.hour' and window_begin < $1 and closed and value < 1000
"""
_SPOIL_BUCKETS: Final = """
update rollup set integral = integral * 2, covered = covered - 1
where bucket_begin >= $1 and bucket_begin < $2
"""
_WRONG: Final = """
select count(*) from (
    select distinct on (zone, window_begin) value from indicator
    where rule = 'air.pm2_5.hour' and window_begin < $1 and closed
    order by zone, window_begin, revision desc
) as newest where value > 1000
"""
_SPOILT_WINDOWS: Final = 3 * 8 * 2
"""Eight hours in each of three months, of the city and its zone."""


def settings_of(database: DatabaseSettings, folder: Path) -> Settings:
    return Settings(
        data=folder / "data",
        database=database,
        aggregator=AggregatorSettings(
            final_after_seconds=0, rules=folder / "rules", rules_every_seconds=0.1, only=_ONLY
        ),
    )


@contextlib.asynccontextmanager
async def running(where: Town, settings: Settings) -> AsyncIterator[None]:
    """The aggregator beside the test."""
    await asyncio.to_thread(warm_up)
    health, metrics, stop = Health("store"), Metrics(), asyncio.Event()
    files = RuleFiles(settings.aggregator, health, metrics)
    where.rules = await files.read(where.pool)
    loop = Loop(
        where.pool, settings, where.rules, "one", health, metrics, lambda: where.now_us, files
    )
    async with asyncio.TaskGroup() as group:
        group.create_task(loop.run(stop))
        try:
            yield
        finally:
            stop.set()


@contextlib.asynccontextmanager
async def history(database: DatabaseSettings, folder: Path) -> AsyncIterator[tuple[Town, Settings]]:
    """Some days of each of four months, derived; the aggregator goes on running."""
    (folder / "rules").mkdir()
    own_rule(folder / "rules")
    settings = settings_of(database, folder)
    async with town(database) as where:
        await where.found(stations=["a"])
        async with running(where, settings):
            for month in (-93, -62, -31, 0):
                rows = samples("a", month * DAY, month * DAY + 8 * HOUR, value=20.0)
                await where.write(rows)
            await until(lambda: is_done(where, 4 * 16 - 2), "history is not derived")
            # A rule that is new is derived for all of history, and puts right what is spoilt there.
            await until(lambda: is_at_rest(where), "history is still being derived")
            yield where, settings


async def is_done(where: Town, windows: int) -> bool:
    """So many hours of zone and city are final: the last one waits for what comes."""
    found = await where.pool.fetchval(
        "select count(*) from (select distinct window_begin, zone from indicator"
        " where rule = 'air.pm2_5.hour' and closed and value is not null) as said"
    )
    return bool(found >= windows)


def start(settings: Settings, *arguments: str) -> subprocess.Popen[str]:
    chosen = settings.aggregator
    environment = os.environ | {
        "CITYVITALS_DATA": str(settings.data),
        "CITYVITALS_DATABASE__DSN": settings.database.dsn.get_secret_value(),
        "CITYVITALS_AGGREGATOR__RULES": str(chosen.rules),
        "CITYVITALS_AGGREGATOR__ONLY": json.dumps(chosen.only),
        "CITYVITALS_AGGREGATOR__FINAL_AFTER_SECONDS": "0",
    }
    command = [sys.executable, "-m", "cityvitals", "recompute", *arguments]
    return subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


async def told(settings: Settings, *arguments: str) -> dict[str, Any]:
    """The report of a run that goes well."""
    process = start(settings, "--json", *arguments)
    out, err = await asyncio.to_thread(process.communicate, None, 400)
    assert process.returncode == 0, err
    found: dict[str, Any] = json.loads(out)
    return found


async def is_at_rest(where: Town) -> bool:
    row = await where.pool.fetchrow("select cursors, waiting from shard where shard = $1", SHARD)
    return row is not None and (row["cursors"], row["waiting"]) == (await where.heads(), 0)


async def assert_right(where: Town) -> None:
    await until(lambda: is_at_rest(where), "the log is not taken")
    found = await where.verify()
    wrong = [one for one in found.differences if one.field != "open behind the watermark"]
    assert not wrong, found.as_text()


def test_what_is_spoilt_is_found_and_done_anew_beside_live_work(
    database: DatabaseSettings, tmp_path: Path
) -> None:
    """By a run that is cancelled, and one that is killed, and the third tells what all of them did.

    One story, since deriving some months takes longer than all else.
    """

    async def main() -> None:
        async with history(database, tmp_path) as (where, settings):
            spoilt = await spoil(where)
            begin = -62 * DAY
            await where.pool.execute(_SPOIL_BUCKETS, from_noon(begin), from_noon(begin + 7 * HOUR))
            out, err, code = await ended(settings, 1, signal.SIGINT)
            assert (out, code) == ("", 130), err
            assert re.search(r"cancelled: \d of 4 pieces are done; ask again to go on", err)
            out, err, code = await ended(settings, 2, signal.SIGKILL)
            assert (out, code) == ("", -signal.SIGKILL), err
            assert re.search(r"taking up where it was left: \d of 4 pieces", err)
            running = asyncio.create_task(told(settings, "--buckets", "--processes", "2"))
            await go_on(where, running)
            found = await running
            assert found["wrong_buckets"] > 10
            hours = found["rules"]["air.pm2_5.hour"]
            assert (hours["changed"], hours["new"]) == (spoilt, 0), "what was done before, too"
            assert abs(hours["largest"]["before"] - hours["largest"]["after"]) >= 1000
            assert not pieces_done(settings), "the next one begins anew"
            await assert_right(where)
            await a_changed_rule_is_told_before_and_after(where, settings)

    asyncio.run(main())


async def a_changed_rule_is_told_before_and_after(where: Town, settings: Settings) -> None:
    assert settings.aggregator.rules is not None
    text = OWN.replace("revision = 1", "revision = 2").replace("+ 100", "+ 200")
    (settings.aggregator.rules / "own.toml").write_text(text)
    found = await told(settings, "--rule", "air.own*", "--city", "town", "--processes", "1")
    assert set(found["rules"]) == {"air.own_index.hour"}
    own = found["rules"]["air.own_index.hour"]
    assert own["equal"] + own["changed"] >= 62 and own["new"] == 0
    where.rules = await RuleFiles(settings.aggregator, Health(), Metrics()).read(where.pool)
    await assert_right(where)


async def go_on(where: Town, running: "asyncio.Task[Any]") -> None:
    """Live work goes on until something is done."""
    begin = 8 * HOUR
    while not running.done():
        await where.write(samples("a", begin, begin + HOUR, value=20.0))
        await until(partial(is_live, where, begin), "live work stands still")
        begin += HOUR
        await asyncio.wait([running], timeout=0.5)


async def is_live(where: Town, begin: int) -> bool:
    found = await where.pool.fetchval(
        "select max(window_begin) from indicator_latest where rule = 'air.pm2_5.hour'"
    )
    return bool(found >= from_noon(begin - HOUR))


def from_noon(after: int) -> Any:
    return from_us(NOON + after)


async def spoil(where: Town) -> int:
    """Make final values of long ago wrong; how many windows.

    Again until it stays: windows that are derived for the last time put right what was spoilt.
    """
    before = from_noon(-20 * DAY)

    async def stays() -> bool:
        windows = int(await where.pool.fetchval(_WRONG, before))
        if windows < _SPOILT_WINDOWS:
            await where.pool.execute(_SPOIL, before)
        await asyncio.sleep(1)
        return windows == int(await where.pool.fetchval(_WRONG, before)) == _SPOILT_WINDOWS

    await until(stays, "what is spoilt is put right all the time")
    return _SPOILT_WINDOWS


async def ended(settings: Settings, after: int, how: signal.Signals) -> tuple[str, str, int]:
    """What a run says that is ended once so many pieces are done, and how it ends."""
    process = start(settings, "--buckets", "--processes", "1", "--json")

    # In a thread: while this one derives, the run might come to its end.
    def end() -> None:
        wait_for("a piece is done", lambda: pieces_done(settings) >= after, every=0.005)
        process.send_signal(how)

    await asyncio.to_thread(end)
    out, err = await asyncio.to_thread(process.communicate, None, 400)
    return out, err, process.returncode


def pieces_done(settings: Settings) -> int:
    """How far recomputing has come."""
    return sum(
        len(json.loads(path.read_text())["pieces"])
        for path in (settings.data / "recompute").glob("*.json")
    )
