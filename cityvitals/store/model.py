"""What is known of a shard's cities: series, declarations, placements, gateways, facts."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from cityvitals.domain.names import Kind, Stamp
from cityvitals.domain.series import Declaration, SeriesKey
from cityvitals.domain.times import EARLIEST_US
from cityvitals.store.failures import translated
from cityvitals.store.pool import Connection
from cityvitals.store.sql import queries

_PRECEDENCE: Final = ("registry", "meta", "default")


@dataclass(frozen=True, slots=True)
class CityRow:
    """A city: its clock, and the last number given to a change.

    Attributes:
        sealed_us: readings before are refused.
        dropped_us: readings before are gone, but for what `seal_neighbour` keeps of them.
    """

    id: str
    time_zone: str
    clock: str
    change_number: int
    sealed_us: int
    dropped_us: int = EARLIEST_US


@dataclass(frozen=True, slots=True)
class GatewayRow:
    """A gateway and the last status it announced, if any."""

    id: int
    city: str
    name: str
    status: str | None


@dataclass(frozen=True, slots=True)
class SeriesRow:
    """A series with everything that folding needs.

    Attributes:
        declarations: the ones in force, oldest first; never empty.
        placements: (from microseconds, zone or None), the ones in force, oldest first.
    """

    id: int
    key: SeriesKey
    domain: str
    gateway: int
    sensor_id: int
    declarations: tuple[Declaration, ...]
    placements: tuple[tuple[int, str | None], ...]


@dataclass(frozen=True, slots=True)
class FactRow:
    """A dated figure of a city or zone ('' is the city), as it is stated now."""

    city: str
    zone: str
    name: str
    value: float
    unit: str
    from_us: int
    source: str
    quality: str
    id: int


@dataclass(frozen=True, slots=True)
class ShardModel:
    """The cities of one shard at one moment."""

    cities: tuple[CityRow, ...]
    zones: tuple[tuple[str, str], ...]
    gateways: tuple[GatewayRow, ...]
    series: tuple[SeriesRow, ...]
    facts: tuple[FactRow, ...]


async def load_model(connection: Connection, shard: int) -> ShardModel:
    """Read one shard's model.

    Raises:
        StoreUnavailable: the server is away.
    """
    sql = queries("model")
    with translated(f"reading the cities of shard {shard}"):
        rows = {name: await connection.fetch(sql[name], shard) for name in sql}
    declared = _by_precedence(rows["declarations"], "series")
    placed = _by_precedence(rows["placements"], "sensor")
    return ShardModel(
        cities=tuple(CityRow(**dict(row)) for row in rows["cities"]),
        zones=tuple((row["city"], row["id"]) for row in rows["zones"]),
        gateways=tuple(GatewayRow(**dict(row)) for row in rows["gateways"]),
        series=tuple(
            _series(row, declared[row["id"]], placed.get(row["sensor_id"], []))
            for row in rows["series"]
            if row["id"] in declared
        ),
        facts=tuple(FactRow(**dict(row)) for row in rows["facts"]),
    )


def _by_precedence(rows: Iterable[Any], key: str) -> dict[int, list[Any]]:
    """Rows by `key`, of the source with precedence alone."""
    found: dict[int, dict[str, list[Any]]] = defaultdict(lambda: defaultdict(list))
    for row in rows:
        found[row[key]][row["source"]].append(row)
    return {
        owner: next(sources[source] for source in _PRECEDENCE if source in sources)
        for owner, sources in found.items()
    }


def _series(row: Any, declared: list[Any], placed: list[Any]) -> SeriesRow:
    return SeriesRow(
        id=row["id"],
        key=SeriesKey(row["city"], row["sensor"], row["quantity"], row["channel"]),
        domain=row["domain"],
        gateway=row["gateway"],
        sensor_id=row["sensor_id"],
        declarations=tuple(_declaration(found) for found in declared),
        placements=tuple((found["from_us"], found["zone"]) for found in placed),
    )


def _declaration(row: Any) -> Declaration:
    return Declaration(
        kind=Kind(row["kind"]),
        period_s=row["period_s"],
        stamp=Stamp(row["stamp"]),
        reporting_s=row["reporting_s"],
        unit=row["unit"],
        reference_state=row["reference_state"],
        since_us=row["since_us"],
        modulus=row["modulus"],
    )
