"""`cityvitals verify`: is everything derived what the stored readings say it should be?"""

import asyncio
import sys
import time
from collections.abc import Sequence
from typing import Final

from cityvitals.errors import CityVitalsError, NotFound
from cityvitals.settings import DatabaseSettings, Settings
from cityvitals.store import derived
from cityvitals.store.audit import Audit, AuditCity, open_audit
from cityvitals.store.drift import Drift
from cityvitals.store.migrate import require_migrated
from cityvitals.store.pool import ENDLESS, Pool, acquired, application, open_pool
from cityvitals.verify import books
from cityvitals.verify.city import verify_city
from cityvitals.verify.report import Findings
from kpi_rules.load import load_all
from kpi_rules.model import Rule
from kpi_rules.rulebook import StoredRule, settle

CLEAN: Final = 0
DIFFERENT: Final = 1
CANNOT: Final = 2
PATIENCE_S: Final = 20.0
"""So long it waits for a moment in which no window waits to be derived."""
_LOOK_S: Final = 0.1


def run(
    settings: Settings, city: str | None = None, *, as_json: bool = False, settled: bool = False
) -> int:
    """Verify a city, or all; prints what it found.

    Args:
        settings: database, and the folder of further rules.
        city: its id; None for every city.
        as_json: print JSON instead of a table.
        settled: also fail if the log has entries that the aggregator has not taken, or a window
            behind the watermark is still open.

    Returns:
        0 if clean, 1 if anything differs, 2 if it could not be found out.
    """
    try:
        found = asyncio.run(_run(settings, city, settled=settled))
    except CityVitalsError as error:
        sys.stderr.write(f"verify: {error}\n")
        return CANNOT
    sys.stdout.write(found.as_json() + "\n" if as_json else found.as_text())
    return CLEAN if found.clean else DIFFERENT


async def _run(settings: Settings, city: str | None, *, settled: bool) -> Findings:
    """Verify by the rules that are in force in this database."""
    async with open_pool(settings.database, "cityvitals-verify") as pool:
        await _drift(pool)
        async with acquired(pool) as connection:
            stored = [StoredRule(*row) for row in await derived.read_stored_rules(connection)]
    book = settle(load_all(settings.aggregator.rules), stored, settings.aggregator.only)
    for complaint in book.complaints:
        sys.stderr.write(f"verify: {complaint}\n")
    return await verify(settings.database, book.rules, city, settled=settled)


async def verify(
    database: DatabaseSettings, rules: Sequence[Rule], city: str | None, *, settled: bool = False
) -> Findings:
    """Everything that `run` prints.

    Raises:
        StoreUnavailable: the server cannot be reached, or went away.
        UnfitServer: the schema is of another version.
        NotFound: there is no such city.
    """
    async with open_pool(database, application("verify"), ENDLESS) as pool:
        drift = await _drift(pool)
        end_s = time.monotonic() + (0.0 if settled else PATIENCE_S)
        found = None
        while found is None:
            async with open_audit(pool) as audit:
                if time.monotonic() >= end_s or not await _is_busy(audit, city):
                    found = await verify_snapshot(audit, rules, city, settled=settled)
            if found is None:
                await asyncio.sleep(_LOOK_S)
    found.notes += [f"schema: {one}" for one in drift]
    return found


async def _is_busy(audit: Audit, city: str | None) -> bool:
    """Whether an aggregator is about to take, or derive, what the snapshot lacks."""
    log = await audit.log()
    shards = {one.shard for one in chosen(await audit.cities(), city)}
    return any(
        row.held and (row.waiting or books.waiting([row], row.shard))
        for row in log
        if row.shard in shards
    )


async def _drift(pool: Pool) -> tuple[Drift, ...]:
    """What was changed on the schema by hand; it stops nobody from looking."""
    async with acquired(pool) as connection:
        return await require_migrated(connection)


async def verify_snapshot(
    audit: Audit, rules: Sequence[Rule], city: str | None, *, settled: bool
) -> Findings:
    """The same of a snapshot, without a look at the schema.

    Raises:
        StoreUnavailable: the server went away.
        NotFound: there is no such city.
    """
    out = Findings()
    log = await audit.log()
    for row in log:
        books.check_log(row, out)
        if settled:
            key = f"shard {row.shard} lane {row.lane}"
            out.check(books.LOG, key, "entries not taken", books.waiting([row], row.shard), 0)
    for shard in sorted({row.shard for row in log if settled}):
        out.check(books.LOG, f"shard {shard}", "windows waiting", sum(books.busy(log, shard)), 0)
    for one in chosen(await audit.cities(), city):
        await verify_city(audit, one, rules, log, out, settled=settled)
    return out


def chosen(cities: Sequence[AuditCity], city: str | None) -> list[AuditCity]:
    """All cities, or the one of an id.

    Raises:
        NotFound: there is no such city.
    """
    found = [one for one in cities if city in {None, one.id}]
    if city is not None and not found:
        raise NotFound(f"there is no city {city!r} in this database")
    return found
