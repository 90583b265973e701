"""The rule files: read at start, looked at again while running; settled into what is in force."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import structlog

from aggregator.metrics import Metrics
from cityvitals.settings import AggregatorSettings
from cityvitals.store import alerts, derived
from cityvitals.store.pool import Pool, acquired
from cityvitals.telemetry import Health
from kpi_rules.alerts.in_force import StoredAlert, settle_alerts
from kpi_rules.alerts.load import FOLDER, LoadedAlerts, load_alerts
from kpi_rules.alerts.model import AlertRule
from kpi_rules.load import Loaded, load_all
from kpi_rules.model import Rule
from kpi_rules.rulebook import StoredRule, settle

Seen = tuple[tuple[str, int, int], ...]
"""Of each file: its path, when it changed (nanoseconds), and how long it is."""

_NO_FOLDER: Final[Seen] = ()


class RuleFiles:
    """The rules of a folder beside the shipped ones, which do not change while we run.

    Args:
        settings: which folder, and how often it is looked at.
        health: is told what is wrong.
        metrics: are told how many rules there are.

    Attributes:
        alerts: the alert rules in force, as of the last `read`.
    """

    def __init__(self, settings: AggregatorSettings, health: Health, metrics: Metrics) -> None:
        self._settings = settings
        self._health = health
        self._metrics = metrics
        self._seen: Seen = _NO_FOLDER
        self._next_us = 0
        self.alerts: tuple[AlertRule, ...] = ()

    async def read(self, pool: Pool) -> tuple[Rule, ...]:
        """The rules in force, by the files as they are now.

        Raises:
            StoreUnavailable: the server is away.
        """
        # Looked at before: what changes while they are read is read again.
        seen = await asyncio.to_thread(_look, self._settings.rules)
        loaded = await asyncio.to_thread(load_all, self._settings.rules)
        rules = await open_rulebook(pool, loaded, self._settings.only, self._health, self._metrics)
        found = await asyncio.to_thread(load_alerts, self._settings.rules, loaded.rules)
        self.alerts = await open_alerts(pool, found, self._health)
        self._seen = seen
        return rules

    async def changed(self, pool: Pool, now_us: int) -> tuple[Rule, ...] | None:
        """The rules in force, where it was time to look and a file is another; None otherwise.

        Raises:
            StoreUnavailable: the server is away.
        """
        if self._settings.rules is None or now_us < self._next_us:
            return None
        self._next_us = now_us + round(self._settings.rules_every_seconds * 1_000_000)
        if await asyncio.to_thread(_look, self._settings.rules) == self._seen:
            return None
        return await self.read(pool)


def _look(folder: Path | None) -> Seen:
    if folder is None or not folder.is_dir():
        return _NO_FOLDER
    found = []
    for path in sorted([*folder.glob("*.toml"), *folder.glob(f"{FOLDER}/*.toml")]):
        try:
            about = path.stat()
        except OSError:  # it went in between
            continue
        found.append((str(path), about.st_mtime_ns, about.st_size))
    return tuple(found)


async def open_rulebook(
    pool: Pool, loaded: Loaded, only: Sequence[str], health: Health, metrics: Metrics
) -> tuple[Rule, ...]:
    """The rules in force, their revisions stored; what is wrong or not run is named.

    Args:
        pool: of the database that remembers them.
        loaded: what the files say.
        only: ids of the rules that are wanted, with * and ?; empty for all.
        health: is told what is wrong.
        metrics: are told how many there are.

    Raises:
        StoreUnavailable: the server is away.
    """
    async with acquired(pool) as connection:
        stored = [StoredRule(*row) for row in await derived.read_stored_rules(connection)]
        book = settle(loaded, stored, only)
        await derived.remember_rules(
            connection,
            [(one.id, one.revision, one.digest, one.body(), one.definition) for one in book.rules],
        )
    log = structlog.get_logger()
    for complaint in book.complaints:
        log.error("rule is wrong", problem=complaint)
    if book.refused:
        log.warning(
            "rules are not run yet", rules={one.rule.id: one.reason for one in book.refused}
        )
    health.warn("rules", book.complaints)
    metrics.rules(len(book.rules), len(book.refused), len(book.complaints))
    return book.rules


async def open_alerts(pool: Pool, loaded: LoadedAlerts, health: Health) -> tuple[AlertRule, ...]:
    """The alert rules in force, their revisions stored; what is wrong is named.

    Args:
        pool: of the database that remembers them.
        loaded: what the files say.
        health: is told what is wrong.

    Raises:
        StoreUnavailable: the server is away.
    """
    async with acquired(pool) as connection:
        stored = [StoredAlert(*row) for row in await alerts.read_stored_alerts(connection)]
        book = settle_alerts(loaded, stored)
        await alerts.remember_alerts(
            connection,
            [(one.id, one.revision, one.digest, one.body(), one.file) for one in book.alerts],
        )
    for complaint in book.complaints:
        structlog.get_logger().error("alert rule is wrong", problem=complaint)
    health.warn("alert_rules", book.complaints)
    return book.alerts
