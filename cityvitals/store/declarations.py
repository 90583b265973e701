"""Taking what devices, gateways and cities declare: one transaction for a group of messages."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from cityvitals.domain.logbody import encode_json
from cityvitals.domain.names import Clock, LogKind, shard_of
from cityvitals.domain.series import Declaration, SeriesKey
from cityvitals.domain.times import from_us
from cityvitals.store.dated import Placed, new_declaration, new_placement
from cityvitals.store.failures import translated
from cityvitals.store.lanes import Lane, LogEntry, write_log
from cityvitals.store.pool import Connection
from cityvitals.store.registry import (
    Device,
    DeviceKey,
    declaration_columns,
    find_devices,
    register_devices,
    register_gateways,
    register_series,
)
from cityvitals.store.sql import queries


@dataclass(frozen=True, slots=True)
class DeclaredDevice:
    """A device's declaration.

    Attributes:
        at_us: arrival, microseconds since 1970 UTC.
        since_us: from when it holds, where it says so.
        zone: where the device stands; None: in no zone.
        series: what each (quantity, channel) declares, complete.
        defaults: what the same series would declare by their quantities.
        places: whether the zone is part of the declaration.
    """

    key: DeviceKey
    at_us: int
    since_us: int | None = None
    zone: str | None = None
    latitude: float | None = None
    longitude: float | None = None
    series: Mapping[tuple[str, str], Declaration] = field(default_factory=dict)
    defaults: Mapping[tuple[str, str], Declaration] = field(default_factory=dict)
    places: bool = True


@dataclass(frozen=True, slots=True)
class DeclaredStatus:
    """A gateway says whether it is there, at a time in microseconds since 1970 UTC."""

    city: str
    gateway: str
    status: str
    at_us: int


@dataclass(frozen=True, slots=True)
class DeclaredCity:
    """A city says what it is called and how its time runs."""

    city: str
    name: str
    time_zone: str
    clock: Clock


Declared = DeclaredDevice | DeclaredStatus | DeclaredCity


async def declare(connection: Connection, lane: Lane, declared: Sequence[Declared]) -> bool:
    """Take declarations in order, inside the caller's transaction; returns whether any was new.

    Raises:
        Fenced: another process has taken the lane.
        StoreConflict: another worker was in the way; do the transaction again.
        StoreUnavailable: the server is away.
    """
    with translated("taking declarations"):
        await connection.execute(queries("registry")["lock"])
        entries = await _cities(connection, [d for d in declared if isinstance(d, DeclaredCity)])
        entries += await _statuses(
            connection, [d for d in declared if isinstance(d, DeclaredStatus)]
        )
        entries += await declare_devices(
            connection, "meta", [d for d in declared if isinstance(d, DeclaredDevice)]
        )
        await write_log(connection, lane, entries)
        if entries:
            await connection.execute(queries("registry")["announce"], lane.name)
    return bool(entries)


async def describe_city(connection: Connection, city: DeclaredCity) -> list[LogEntry]:
    """Set what a city says of itself; the log entry, where that is new."""
    shard = shard_of(city.city)
    changed = await connection.fetchval(
        queries("registry")["describe_city"],
        city.city,
        city.name,
        city.time_zone,
        city.clock,
        shard,
    )
    body = encode_json({"city": city.city})
    return [LogEntry(shard, LogKind.DECLARATIONS, body)] if changed else []


async def _cities(connection: Connection, cities: Sequence[DeclaredCity]) -> list[LogEntry]:
    entries: list[LogEntry] = []
    for city in cities:
        entries += await describe_city(connection, city)
    return entries


async def _statuses(connection: Connection, statuses: Sequence[DeclaredStatus]) -> list[LogEntry]:
    await register_gateways(connection, ((one.city, one.gateway) for one in statuses))
    entries = []
    for one in statuses:
        changed = await connection.fetchval(
            queries("registry")["set_status"],
            one.city,
            one.gateway,
            one.status,
            from_us(one.at_us),
        )
        if changed is not None:
            body = encode_json({"gateway": changed, "status": one.status})
            entries.append(LogEntry(shard_of(one.city), LogKind.SILENCE, body))
    return entries


async def declare_devices(
    connection: Connection, source: str, declared: Sequence[DeclaredDevice]
) -> list[LogEntry]:
    """Take what devices declare, those unknown so far included; the log entries of what is new."""
    if not declared:
        return []
    moved = await register_devices(connection, (one.key for one in declared))
    await register_series(
        connection,
        {
            SeriesKey(one.key.city, one.key.device, *name): default
            for one in declared
            for name, default in one.defaults.items()
        },
    )
    devices = await find_devices(connection, (one.key for one in declared))
    # Two gateways may name the same device in one group: the one that moved it last has it.
    mine = [one for one in declared if one.key in devices]
    entries = moved + await _declare_series(connection, source, mine, devices)
    placing = [one for one in mine if one.places]
    entries += await _place(connection, source, placing, devices)
    await _locate(connection, mine, devices)
    return entries


async def _declare_series(
    connection: Connection,
    source: str,
    declared: Sequence[DeclaredDevice],
    devices: Mapping[DeviceKey, Device],
) -> list[LogEntry]:
    before: dict[int, list[Declaration]] = {}
    fresh: dict[tuple[int, int], Declaration] = {}
    shards: dict[int, int] = {}
    for one in declared:
        for name, stated in one.series.items():
            series = devices[one.key].series[name]
            known = before.setdefault(series.id, list(series.declared.get(source, ())))
            made = new_declaration(known, stated, one.since_us, one.at_us)
            if made is not None:
                known[:] = [old for old in known if old.since_us != made.since_us] + [made]
                known.sort(key=lambda old: old.since_us)
                fresh[series.id, made.since_us] = made
                shards[series.id] = devices[one.key].shard
    if not fresh:
        return []
    await connection.execute(
        queries("registry")["declare_series"],
        source,
        [series for series, _ in fresh],
        [since for _, since in fresh],
        *declaration_columns(list(fresh.values())),
    )
    return [
        LogEntry(shard, LogKind.DECLARATIONS, encode_json({"series": series}))
        for series, shard in shards.items()
    ]


async def _place(
    connection: Connection,
    source: str,
    declared: Sequence[DeclaredDevice],
    devices: Mapping[DeviceKey, Device],
) -> list[LogEntry]:
    before = await load_placements(connection, source, [d.id for d in devices.values()])
    fresh: dict[tuple[int, int], str | None] = {}
    shards: dict[int, int] = {}
    for one in declared:
        device = devices[one.key]
        known = before.setdefault(device.id, [])
        made = new_placement(known, one.zone, one.since_us, one.at_us)
        if made is not None:
            known[:] = [old for old in known if old.from_us != made.from_us] + [made]
            known.sort(key=lambda old: old.from_us)
            fresh[device.id, made.from_us] = made.zone
            shards[device.id] = device.shard
    if not fresh:
        return []
    named = sorted({(one.key.city, one.zone) for one in declared if one.zone is not None})
    await connection.execute(
        queries("registry")["add_zones"], [city for city, _ in named], [zone for _, zone in named]
    )
    await connection.execute(
        queries("registry")["place_sensors"],
        source,
        [sensor for sensor, _ in fresh],
        [begin for _, begin in fresh],
        list(fresh.values()),
    )
    return [
        LogEntry(shard, LogKind.PLACEMENTS, encode_json({"sensor": sensor}))
        for sensor, shard in shards.items()
    ]


async def load_placements(
    connection: Connection, source: str, sensors: list[int]
) -> dict[int, list[Placed]]:
    """Where a source placed sensors, oldest first."""
    rows = await connection.fetch(queries("registry")["placements_of"], sensors)
    found: dict[int, list[Placed]] = {}
    for row in rows:
        if row["source"] == source:
            found.setdefault(row["sensor"], []).append(Placed(row["zone"], row["from_us"]))
    return found


async def _locate(
    connection: Connection,
    declared: Sequence[DeclaredDevice],
    devices: Mapping[DeviceKey, Device],
) -> None:
    moved: dict[int, tuple[float, float]] = {}
    for one in declared:
        device = devices[one.key]
        if one.latitude is None or one.longitude is None:
            continue
        if (device.latitude, device.longitude) != (one.latitude, one.longitude):
            moved[device.id] = one.latitude, one.longitude
    if moved:
        await connection.execute(
            queries("registry")["locate_sensors"],
            list(moved),
            [latitude for latitude, _ in moved.values()],
            [longitude for _, longitude in moved.values()],
        )
