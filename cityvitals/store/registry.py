"""The registry: finding devices and what they declare, and registering unknown ones."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from cityvitals.domain.limits import Limit
from cityvitals.domain.logbody import encode_json
from cityvitals.domain.names import Clock, Domain, Kind, LogKind, Stamp, shard_of
from cityvitals.domain.series import Declaration, SeriesKey
from cityvitals.domain.times import EARLIEST_US, from_us
from cityvitals.store.failures import translated
from cityvitals.store.lanes import LogEntry
from cityvitals.store.pool import Connection
from cityvitals.store.sql import queries

SOURCES: Final = ("registry", "meta", "default")
"""Who declares, by precedence: only the first that says anything about a series counts."""

CHANGED_CHANNEL: Final = "cityvitals_registry"


class DeviceKey(NamedTuple):
    """A device as its topic names it."""

    city: str
    gateway: str
    domain: Domain
    device: str


@dataclass(frozen=True, slots=True)
class Series:
    """A registered series; declarations by source, oldest first."""

    id: int
    declared: Mapping[str, tuple[Declaration, ...]]

    @property
    def declarations(self) -> tuple[Declaration, ...]:
        """The declarations that count, oldest first."""
        return next((self.declared[source] for source in SOURCES if source in self.declared), ())


@dataclass(frozen=True, slots=True)
class Device:
    """A registered sensor with its gateway, city and series by (quantity, channel).

    Attributes:
        limits: by quantity, what the registry says instead of the catalogue's limits.
    """

    id: int
    gateway_id: int
    allowed: bool
    server_timed: bool
    clock: Clock
    shard: int
    sealed_us: int
    latitude: float | None
    longitude: float | None
    series: dict[tuple[str, str], Series] = field(default_factory=dict)
    limits: dict[str, Limit] = field(default_factory=dict)


class GatewayState(NamedTuple):
    """What is known of a gateway; `allowed` is None where it is not registered."""

    allowed: bool | None
    city_known: bool


async def find_devices(
    connection: Connection, keys: Iterable[DeviceKey]
) -> dict[DeviceKey, Device]:
    """Those of some devices that are registered as their topics say, with all their series.

    Raises:
        StoreUnavailable: the server is away.
    """
    wanted = sorted(set(keys))
    with translated(f"looking up {len(wanted)} devices"):
        rows = await connection.fetch(
            queries("registry")["find_devices"],
            [key.city for key in wanted],
            [key.device for key in wanted],
        )
        found: dict[DeviceKey, Device] = {}
        for row in rows:
            key = wanted[row["position"] - 1]
            if (row["gateway"], row["domain"]) == (key.gateway, key.domain):
                found[key] = _device(row)
        await _load_series(connection, {device.id: device for device in found.values()})
        await _load_limits(connection, found)
    return found


async def find_gateways(
    connection: Connection, keys: Iterable[tuple[str, str]]
) -> dict[tuple[str, str], GatewayState]:
    """What is known of gateways, by city and name.

    Raises:
        StoreUnavailable: the server is away.
    """
    wanted = sorted(set(keys))
    with translated(f"looking up {len(wanted)} gateways"):
        rows = await connection.fetch(
            queries("registry")["find_gateways"],
            [city for city, _ in wanted],
            [name for _, name in wanted],
        )
    return {
        wanted[row["position"] - 1]: GatewayState(row["allowed"], row["city_known"]) for row in rows
    }


async def register_devices(connection: Connection, keys: Iterable[DeviceKey]) -> list[LogEntry]:
    """Make devices known; the log entries of those that moved to another gateway or domain.

    Raises:
        StoreConflict: another worker was in the way; do the transaction again.
        StoreUnavailable: the server is away.
    """
    wanted = sorted(set(keys))
    await register_gateways(connection, ((key.city, key.gateway) for key in wanted))
    columns = [list(column) for column in zip(*wanted, strict=True)]
    if not columns:
        return []
    with translated(f"registering {len(wanted)} devices"):
        await connection.execute(queries("registry")["add_sensors"], *columns)
        moved = await connection.fetch(queries("registry")["move_sensors"], *columns)
    return [
        LogEntry(shard_of(row["city"]), LogKind.PLACEMENTS, encode_json({"sensor": row["id"]}))
        for row in moved
    ]


async def find_keys(
    connection: Connection, city: str, devices: Iterable[str]
) -> dict[str, DeviceKey]:
    """How sensors of a city are registered, by device.

    Raises:
        StoreUnavailable: the server is away.
    """
    wanted = sorted(set(devices))
    with translated(f"looking up {len(wanted)} sensors"):
        rows = await connection.fetch(
            queries("registry")["find_devices"], [city] * len(wanted), wanted
        )
    return {
        device: DeviceKey(city, row["gateway"], Domain(row["domain"]), device)
        for row in rows
        for device in [wanted[row["position"] - 1]]
    }


async def register_gateways(connection: Connection, keys: Iterable[tuple[str, str]]) -> None:
    """Make gateways and their cities known.

    Raises:
        StoreConflict: another worker was in the way; do the transaction again.
        StoreUnavailable: the server is away.
    """
    wanted = sorted(set(keys))
    if not wanted:
        return
    cities = sorted({city for city, _ in wanted})
    with translated(f"registering {len(wanted)} gateways"):
        await connection.execute(
            queries("registry")["add_cities"], cities, [shard_of(city) for city in cities]
        )
        await connection.execute(
            queries("registry")["add_gateways"],
            [city for city, _ in wanted],
            [name for _, name in wanted],
        )


async def register_series(
    connection: Connection, defaults: Mapping[SeriesKey, Declaration]
) -> None:
    """Make series of registered sensors known, each with its quantity's default declaration.

    Raises:
        StoreConflict: another worker was in the way; do the transaction again.
        StoreUnavailable: the server is away.
    """
    keys = sorted(defaults)
    declared = [defaults[key] for key in keys]
    with translated(f"registering {len(keys)} series"):
        await connection.execute(
            queries("registry")["add_series"],
            [key.city for key in keys],
            [key.sensor for key in keys],
            [key.quantity for key in keys],
            [key.channel for key in keys],
            *declaration_columns(declared)[:5],
            from_us(EARLIEST_US),
        )


def declaration_columns(declared: list[Declaration]) -> list[list[Any]]:
    """Kind, period, stamp, reporting, unit, reference state and modulus, as columns."""
    return [
        [int(one.kind) for one in declared],
        [one.period_s for one in declared],
        [int(one.stamp) for one in declared],
        [one.reporting_s for one in declared],
        [one.unit for one in declared],
        [one.reference_state for one in declared],
        [one.modulus for one in declared],
    ]


async def _load_series(connection: Connection, devices: Mapping[int, Device]) -> None:
    rows = await connection.fetch(queries("registry")["series_of"], list(devices))
    declared = await load_declarations(connection, [row["id"] for row in rows])
    for row in rows:
        one = Series(row["id"], declared.get(row["id"], {}))
        devices[row["sensor_id"]].series[row["quantity"], row["channel"]] = one


async def _load_limits(connection: Connection, devices: Mapping[DeviceKey, Device]) -> None:
    if not devices:
        return
    stated = await limits_of(
        connection,
        sorted({key.city for key in devices}),
        sorted({key.device for key in devices}),
    )
    for key, device in devices.items():
        for whose in ("", key.device):  # the sensor's own come last, and count
            device.limits.update(stated.get((key.city, whose), {}))


async def limits_of(
    connection: Connection, cities: list[str], sensors: list[str]
) -> dict[tuple[str, str], dict[str, Limit]]:
    """What is stated of cities (sensor "") and some sensors, by (city, sensor), then quantity.

    Raises:
        StoreUnavailable: the server is away.
    """
    with translated(f"reading the limits of {len(sensors)} sensors"):
        rows = await connection.fetch(queries("limits")["of"], cities, sensors)
    found: dict[tuple[str, str], dict[str, Limit]] = {}
    for row in rows:
        mine = found.setdefault((row["city"], row["sensor"]), {})
        mine[row["quantity"]] = Limit(row["low"], row["high"])
    return found


async def load_declarations(
    connection: Connection, series: list[int]
) -> dict[int, dict[str, tuple[Declaration, ...]]]:
    """What series declare, by source, oldest first.

    Raises:
        StoreUnavailable: the server is away.
    """
    with translated(f"reading the declarations of {len(series)} series"):
        rows = await connection.fetch(queries("registry")["declarations_of"], series)
    found: dict[int, dict[str, tuple[Declaration, ...]]] = {}
    for row in rows:
        sources = found.setdefault(row["series"], {})
        sources[row["source"]] = (*sources.get(row["source"], ()), _declaration(row))
    return found


def _device(row: Any) -> Device:
    return Device(
        row["id"],
        row["gateway_id"],
        row["allowed"],
        row["server_timed"],
        Clock(row["clock"]),
        row["shard"],
        row["sealed_us"],
        row["latitude"],
        row["longitude"],
    )


def _declaration(row: Any) -> Declaration:
    return Declaration(
        Kind(row["kind"]),
        row["period_s"],
        Stamp(row["stamp"]),
        row["reporting_s"],
        row["unit"],
        row["reference_state"],
        row["since_us"],
        row["modulus"],
    )
