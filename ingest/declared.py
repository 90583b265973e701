"""From messages of devices, gateways and cities to what the store takes as declared: pure."""

from dataclasses import dataclass, field

from cityvitals.catalogue.load import Catalogue
from cityvitals.domain.outcome import Reason
from cityvitals.errors import BadTopic, MalformedPayload
from cityvitals.store.batch import Rejection
from cityvitals.store.completion import Stated, complete, default_declaration
from cityvitals.store.declarations import (
    Declared,
    DeclaredCity,
    DeclaredDevice,
    DeclaredStatus,
)
from cityvitals.store.registry import DeviceKey
from cityvitals.wire import topic as topics
from cityvitals.wire.meta import DeviceMeta, SeriesMeta, decode_city, decode_meta, decode_status
from ingest.arrival import Arrival


@dataclass(slots=True)
class Statement:
    """A message that declares something.

    Attributes:
        city: "" where the topic names none; so is gateway.
        declared: what it declares, or None where nothing of it can be taken.
        rejected: what was turned away; series of a device by their index.
    """

    arrival: Arrival
    city: str = ""
    gateway: str = ""
    declared: Declared | None = None
    rejected: list[Rejection] = field(default_factory=list)

    def reject(self, index: int, reason: Reason, detail: str) -> None:
        """Turn a series of a device, or with index 0 the message, away."""
        sent = self.arrival
        self.rejected.append(
            Rejection(
                sent.topic,
                sent.payload,
                index,
                self.city,
                self.gateway,
                reason,
                detail,
                sent.received_us,
            )
        )


def read_statement(arrival: Arrival, catalogue: Catalogue, largest_bytes: int) -> Statement:
    """Decode a declaring message; total: whatever is wrong becomes a rejection."""
    statement = Statement(arrival)
    try:
        parsed = topics.parse(arrival.topic)
        if not isinstance(parsed, topics.Kpi | topics.Alert):
            statement.city = parsed.city
        if isinstance(parsed, topics.Meta | topics.Status):
            statement.gateway = parsed.gateway
        if not arrival.payload:
            return statement  # a retained message was cleared: nothing is declared
        if len(arrival.payload) > largest_bytes:
            statement.reject(0, Reason.TOO_LARGE, f"more than {largest_bytes} bytes")
        else:
            _read(statement, parsed, catalogue)
    except BadTopic as error:
        statement.reject(0, Reason.BAD_TOPIC, str(error))
    except MalformedPayload as error:
        statement.reject(0, Reason(error.reason), error.detail)
    return statement


def _read(statement: Statement, parsed: topics.Topic, catalogue: Catalogue) -> None:
    arrival = statement.arrival
    match parsed:
        case topics.CityMeta(city):
            said = decode_city(arrival.payload)
            statement.declared = DeclaredCity(city, said.name, said.time_zone, said.clock)
        case topics.Status(city, _, gateway):
            status = decode_status(arrival.payload)
            statement.declared = DeclaredStatus(city, gateway, status, arrival.received_us)
        case topics.Meta(city, domain, gateway, device):
            meta = decode_meta(arrival.payload)
            key = DeviceKey(city, gateway, domain, device)
            statement.declared = _device(statement, key, meta, catalogue)
        case _:
            raise BadTopic(f"topic {arrival.topic!a} declares nothing")


def _device(
    statement: Statement, key: DeviceKey, meta: DeviceMeta, catalogue: Catalogue
) -> DeclaredDevice:
    series, defaults = {}, {}
    for index, one in enumerate(meta.series):
        try:
            series[one.q, one.ch] = complete(_stated(one), catalogue)
        except MalformedPayload as error:
            statement.reject(index, Reason(error.reason), error.detail)
        else:
            defaults[one.q, one.ch] = default_declaration(catalogue, one.q)
    at_us = statement.arrival.received_us
    return DeclaredDevice(
        key, at_us, meta.since_us, meta.zone, meta.lat, meta.lon, series, defaults
    )


def _stated(one: SeriesMeta) -> Stated:
    return Stated(
        one.q,
        one.kind,
        one.period_s,
        one.stamp,
        one.reporting_s,
        one.unit,
        one.reference_state,
        one.modulus,
    )
