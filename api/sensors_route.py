"""Sensors and series of a city: where they stand, what they declare, how their last day was."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response

from api.asking import require_zone, take_city, take_query
from api.database import Database
from api.endpoint import Endpoint
from api.listing import (
    CURSOR,
    Listing,
    answer_list,
    format_parameter,
    head_of,
    limit_parameter,
    take_page,
)
from api.parameters import (
    Parameter,
    make_key_cursor,
    parse_domain,
    parse_identifier,
    parse_text,
    parse_zone,
    read_key_cursor,
)
from api.schema_sensors import SENSORS_EXAMPLE, SERIES_LIST_EXAMPLE, Sensors, SeriesList
from cityvitals.catalogue.load import Catalogue
from cityvitals.domain.names import Domain, Kind, Stamp
from cityvitals.domain.times import BUCKET_US, US, bucket_of, from_us, iso, to_us
from cityvitals.store.listing import SensorQuery, SeriesQuery, list_sensors, list_series
from cityvitals.store.views import Row

MOST: Final = 500
_DAY_US: Final = 86_400 * US
_SILENT_US: Final = 900 * US
_STUCK: Final = 0.95
_STUCK_OF: Final = 20
"""Samples of a day, of which so many said again what the one before did."""
_LIMIT: Final = limit_parameter(MOST)
SENSOR_PARAMETERS: Final = (
    Parameter("zone", parse_zone, "Only in this zone; empty: only those in none."),
    Parameter(
        "domain", parse_domain, "Only of this domain.", {"type": "string", "enum": list(Domain)}
    ),
    Parameter("gateway", parse_identifier, "Only of this gateway."),
    Parameter("sensor", parse_identifier, "Only this one."),
    _LIMIT,
    CURSOR,
    format_parameter("csv", "geojson"),
)
SERIES_PARAMETERS: Final = (
    Parameter("sensor", parse_identifier, "Only of this sensor."),
    Parameter("quantity", parse_text, "Only of this quantity.", example="pm2_5"),
    _LIMIT,
    CURSOR,
    format_parameter("csv"),
)


class SensorsRoute:
    """Handlers of the routes.

    Args:
        database: where to read.
        catalogue: units of quantities.
    """

    def __init__(self, database: Database, catalogue: Catalogue) -> None:
        self._database = database
        self._catalogue = catalogue

    def endpoints(self) -> list[Endpoint]:
        """What is served."""
        city = "/v1/cities/{city}"
        return [
            Endpoint(
                f"{city}/sensors",
                self.sensors,
                Sensors,
                SENSORS_EXAMPLE,
                SENSOR_PARAMETERS,
                formats=("csv", "geojson"),
            ),
            Endpoint(
                f"{city}/series",
                self.series,
                SeriesList,
                SERIES_LIST_EXAMPLE,
                SERIES_PARAMETERS,
                formats=("csv",),
            ),
        ]

    async def sensors(self, request: Request) -> Response:
        """Sensors of a city by id, with their last day."""
        wanted = take_query(request, SENSOR_PARAMETERS)
        limit = wanted.get("limit", MOST)
        async with self._database.connection() as connection:
            city = await take_city(connection, request)
            await require_zone(connection, city["id"], wanted.get("zone"))
            question, now = f"sensors/{city['id']}", _clock(city)
            (after,) = _after(wanted, question, 1)
            filters = {key: wanted.get(key) for key in ("zone", "domain", "gateway", "sensor")}
            asked = SensorQuery(city["id"], now, limit + 1, **filters, after=after)
            rows, last = take_page(await list_sensors(connection, asked), limit)
            until = from_us(bucket_of(to_us(now)))
            names = [row["id"] for row in rows]
            of_these = SeriesQuery(city["id"], until, 2**31 - 1, names)
            series = await list_series(connection, of_these) if names else []
        by_sensor: dict[str, list[Row]] = {name: [] for name in names}
        for one in series:
            by_sensor[one["sensor"]].append(one)
        following = make_key_cursor([last["id"]], question) if last else None
        items = [_sensor(row, by_sensor[row["id"]], now) for row in rows]
        head = head_of(city) | {"statistics_until": iso(to_us(until))}
        return answer_list(request, Listing(items, following, head), wanted, "csv", "geojson")

    async def series(self, request: Request) -> Response:
        """Series of a city by sensor, quantity and channel."""
        wanted = take_query(request, SERIES_PARAMETERS)
        limit = wanted.get("limit", MOST)
        async with self._database.connection() as connection:
            city = await take_city(connection, request)
            question = f"series/{city['id']}"
            sensor, quantity, channel = _after(wanted, question, 3)
            until = from_us(bucket_of(to_us(_clock(city))))
            asked = SeriesQuery(
                city["id"],
                until,
                limit + 1,
                [wanted["sensor"]] if "sensor" in wanted else None,
                wanted.get("quantity"),
                (sensor, quantity, channel),
            )
            rows, last = take_page(await list_series(connection, asked), limit)
        key = [last[name] for name in ("sensor", "quantity", "channel")] if last else None
        following = make_key_cursor(key, question) if key else None
        head = head_of(city) | {"statistics_until": iso(to_us(until))}
        listing = Listing([self._series(row) for row in rows], following, head)
        return answer_list(request, listing, wanted, "csv")

    def _series(self, row: Row) -> dict[str, Any]:
        quantity = self._catalogue.quantities.get(row["quantity"])
        kind = Kind.GAUGE if row["kind"] is None else Kind(row["kind"])
        return {
            "sensor": row["sensor"],
            "quantity": row["quantity"],
            "channel": row["channel"],
            "unit": None if quantity is None else quantity.unit,
            "kind": kind.name.lower(),
            "source": row["source"],
            "period_seconds": row["period_s"] or 0.0,
            "stamp": Stamp(row["stamp"] or 0).name.lower(),
            "reporting_seconds": row["reporting_s"] or 0.0,
            "sent_in": row["unit"] or None,
            "reference_state": row["reference_state"] or "",
            "last_seen": _time(row["last_t"]),
            "coverage": row["covered"] / _DAY_US,
            "observed": row["observed"],
            "flagged": row["flagged"],
            "repeated": row["repeated"],
        }


def _after(wanted: Mapping[str, Any], question: str, parts: int) -> list[str]:
    if "cursor" not in wanted:
        return [""] * parts
    return read_key_cursor(wanted["cursor"], question, *[str] * parts)


def _clock(city: Row) -> datetime:
    """The city's own time: up to when its data is complete; now, before there is any."""
    found: datetime = city["complete_to"] or datetime.now(UTC)
    return found


def _sensor(row: Row, series: Sequence[Row], now: datetime) -> dict[str, Any]:
    observed = sum(one["observed"] for one in series)
    flagged = sum(one["flagged"] for one in series)
    covered = sum(one["covered"] for one in series)
    seen = max((one["last_t"] for one in series if one["last_t"]), default=None)
    return {
        "id": row["id"],
        "domain": row["domain"],
        "gateway": row["gateway"],
        "gateway_status": row["gateway_status"],
        "zone": row["zone"],
        "latitude": row["latitude"],
        "longitude": row["longitude"],
        "status": _status(series, seen, to_us(now)),
        "last_seen": _time(seen),
        "coverage": covered / _DAY_US / len(series) if series else 0.0,
        "quality": observed / (observed + flagged) if observed + flagged else None,
        "observed": observed,
        "flagged": flagged,
        "stuck": sorted({one["quantity"] for one in series if _is_stuck(one)}),
        "quantities": sorted({one["quantity"] for one in series}),
    }


def _status(series: Sequence[Row], seen: int | None, now_us: int) -> str:
    if seen is None:
        return "new"
    reporting = max(max(one["reporting_s"] or 0, one["period_s"] or 0) for one in series)
    # Rollups are behind by the quarter hour that is open.
    patience = max(round(3 * reporting * US), _SILENT_US) + BUCKET_US
    return "active" if seen >= now_us - patience else "silent"


def _is_stuck(series: Row) -> bool:
    """Whether a gauge's day was all but one number: what is measured never stands still so long."""
    samples = series["observed"]
    is_gauge = series["kind"] in {None, Kind.GAUGE}
    return is_gauge and samples >= _STUCK_OF and series["repeated"] >= _STUCK * samples


def _time(moment_us: int | None) -> str | None:
    return None if moment_us is None else iso(moment_us)
