"""Applying a registry file: one transaction that writes what is new, and tells who derives."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from cityvitals.catalogue.load import load_catalogue
from cityvitals.domain.logbody import encode_json
from cityvitals.domain.names import LogKind, shard_of
from cityvitals.domain.times import to_us
from cityvitals.errors import BadRegistry
from cityvitals.store.completion import default_declaration
from cityvitals.store.declarations import (
    DeclaredCity,
    DeclaredDevice,
    declare_devices,
    describe_city,
)
from cityvitals.store.fact_format import Wanted
from cityvitals.store.facts import state_facts
from cityvitals.store.failures import translated
from cityvitals.store.lanes import LogEntry
from cityvitals.store.limits import reflag, state_limits
from cityvitals.store.patience import persist
from cityvitals.store.pool import Connection, Pool
from cityvitals.store.registry import DeviceKey, find_keys
from cityvitals.store.registry_format import NOTHING_WANTED, Registry, read_registry
from cityvitals.store.sql import queries
from cityvitals.store.tail import append_entry
from cityvitals.store.target_format import Judge, judge_nothing
from cityvitals.store.targets import state_targets

ADMIN_LANE: Final = "admin"


@dataclass(frozen=True, slots=True)
class Summary:
    """What applying a registry file came to."""

    city: str
    stated: dict[str, int]
    changes: int
    reflagged: int = 0

    def __str__(self) -> str:
        """One line for the person at the keyboard."""
        parts = ", ".join(f"{count} {name}" for name, count in self.stated.items() if count)
        changed = f"{self.changes} changes" if self.changes else "nothing new"
        flags = f", {self.reflagged} stored readings flagged anew" if self.reflagged else ""
        return f"city {self.city}: {parts or 'itself alone'}: {changed}{flags}"


async def read_text(path: Path) -> str:
    """The content of a file.

    Raises:
        BadRegistry: it cannot be read.
    """
    try:
        return await asyncio.to_thread(path.read_text, "utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadRegistry(f"{path}: expected a readable UTF-8 file: {error}") from None


async def apply_registry(
    pool: Pool,
    path: Path,
    wanted: Wanted = NOTHING_WANTED,
    judge: Judge = judge_nothing,
    by: str = "",
) -> Summary:
    """Apply a registry file; doing it again changes nothing.

    What an earlier file stated and this one does not stays as it is.

    Args:
        pool: of the database.
        path: a TOML file.
        wanted: in which units rules use facts.
        judge: what is wrong with a target.
        by: who states facts and targets.

    Raises:
        BadRegistry: naming file, line, entry and key, and what was expected.
        StoreUnavailable: the server is away.
    """
    text = await read_text(path)
    registry = await asyncio.to_thread(
        read_registry, text, path.name, load_catalogue(), wanted, judge
    )

    async def attempt() -> Summary:
        with translated(f"applying {path.name}"):
            async with pool.acquire() as connection, connection.transaction():
                return await _apply(connection, registry, path.name, by)

    def wait(_: str) -> None:
        pass

    summary = await persist(attempt, wait)
    # After the change, since ingest flags by it from there on; also what an earlier run left.
    turned = await persist(
        lambda: reflag(pool, registry.city.id, load_catalogue(), ADMIN_LANE), wait
    )
    return replace(summary, reflagged=turned)


async def _apply(connection: Connection, registry: Registry, file: str, by: str) -> Summary:
    city = registry.city
    await connection.execute(queries("registry")["lock"])
    entries = await describe_city(
        connection, DeclaredCity(city.id, city.name, city.time_zone, city.clock)
    )
    changes = len(entries)
    zones = await _zones(connection, registry)
    allowed = await _gateways(connection, registry)
    if zones and not entries:
        entries.append(_entry(city.id, LogKind.DECLARATIONS, {"city": city.id}))
    declared = await declare_devices(
        connection, "registry", await _devices(connection, registry, file)
    )
    facts, fact_entries = await state_facts(connection, city.id, registry.facts, by)
    await _require_sensors(connection, registry, file)
    limits = await state_limits(connection, city.id, registry.limits)
    targets = await state_targets(connection, city.id, registry.targets, by)
    entries += [*declared, *fact_entries]
    changes += zones + allowed + len(declared) + facts + limits + targets
    await tell(connection, entries, changes)
    return Summary(city.id, _stated(registry), changes)


async def tell(connection: Connection, entries: Sequence[LogEntry], changes: int) -> None:
    """Log what a file changed, and wake those whom it concerns."""
    for one in entries:
        await append_entry(connection, one.shard, ADMIN_LANE, one.kind, one.body)
    if changes:
        await connection.execute(queries("lanes")["wake"])
        await connection.execute(queries("registry")["announce"], ADMIN_LANE)


async def _zones(connection: Connection, registry: Registry) -> int:
    changed = await connection.fetch(
        queries("registry")["describe_zones"],
        registry.city.id,
        [zone.id for zone in registry.zones],
        [zone.name for zone in registry.zones],
        [zone.geometry for zone in registry.zones],
    )
    return len(changed)


async def _gateways(connection: Connection, registry: Registry) -> int:
    changed = await connection.fetch(
        queries("registry")["allow_gateways"],
        registry.city.id,
        [gateway.id for gateway in registry.gateways],
        [gateway.allowed for gateway in registry.gateways],
        [gateway.server_timed for gateway in registry.gateways],
    )
    return len(changed)


async def _devices(
    connection: Connection, registry: Registry, file: str
) -> Sequence[DeclaredDevice]:
    """The file's sensors, then its series one by one, as declarations."""
    now_us = to_us(await connection.fetchval("select now()"))
    keys = {one.key.device: one.key for one in registry.sensors}
    others = [one.sensor for one in registry.series if one.sensor not in keys]
    keys |= await find_keys(connection, registry.city.id, others)
    sensors = [
        DeclaredDevice(one.key, now_us, None, one.zone, one.latitude, one.longitude)
        for one in registry.sensors
    ]
    catalogue = load_catalogue()
    series = [
        DeclaredDevice(
            _key(keys, one.sensor, file),
            now_us,
            one.since_us,
            series={(one.quantity, one.channel): one.declaration},
            defaults={(one.quantity, one.channel): default_declaration(catalogue, one.quantity)},
            places=False,
        )
        for one in registry.series
    ]
    return [*sensors, *series]


async def _require_sensors(connection: Connection, registry: Registry, file: str) -> None:
    """Refuse limits of sensors that nobody knows; those of the file are registered by now."""
    named = {one.sensor for one in registry.limits if one.sensor}
    known = await find_keys(connection, registry.city.id, named)
    for sensor in sorted(named - set(known)):
        raise BadRegistry(
            f"{file}: [[limit]] sensor {sensor!r}: expected a [[sensor]] of this file, "
            "or one that has registered itself"
        )


def _key(keys: dict[str, DeviceKey], sensor: str, file: str) -> DeviceKey:
    if sensor not in keys:
        raise BadRegistry(
            f"{file}: [[series]] sensor {sensor!r}: expected a [[sensor]] of this file, "
            "or one that has registered itself"
        )
    return keys[sensor]


def _entry(city: str, kind: LogKind, body: dict[str, object]) -> LogEntry:
    return LogEntry(shard_of(city), kind, encode_json(body))


def _stated(registry: Registry) -> dict[str, int]:
    return {
        "zones": len(registry.zones),
        "gateways": len(registry.gateways),
        "sensors": len(registry.sensors),
        "series": len(registry.series),
        "facts": len(registry.facts),
        "limits": len(registry.limits),
        "targets": len(registry.targets),
    }
