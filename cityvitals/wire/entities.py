"""Entities of Smart Data Models, in NGSI-LD's and NGSI-v2's wording alike, to readings and back.

A value's time is the attribute's own (`observedAt`, or v2's metadata `TimeInstant`), else the
entity's: `dateObservedTo`, `dateObserved` (of an interval its end) or `dateObservedFrom`; without
any it counts from arrival. `refDevice` names the device by its last `:` segment. An entity's id
names none: ids of these models often embed a time, so a device made of one would be new with every
message.
"""

from collections.abc import Iterator
from typing import Any, Final

from cityvitals.domain.outcome import Reason
from cityvitals.errors import MalformedPayload
from cityvitals.wire.instant import read_instant
from cityvitals.wire.pack import Pack, Reading
from cityvitals.wire.rows import LONGEST_TEXT, Rows, channel, number, refuse, short_text
from cityvitals.wire.smart_models import METADATA, MODELS, Measure

_DATES: Final = ("dateObservedTo", "dateObserved", "observedAt", "TimeInstant", "dateObservedFrom")
_OWN_DATES: Final = ("observedAt", "TimeInstant", "timestamp", "dateObserved")


def entities_of(message: Any) -> list[Any]:
    """The entities of a message: one, an array, or a notification's `data`; [] if it has none."""
    if isinstance(message, dict) and isinstance(message.get("data"), list):
        message = message["data"]
    entities = message if isinstance(message, list) else [message]
    return entities if any(map(is_entity, entities)) else []


def is_entity(entry: Any) -> bool:
    """Whether an object says what it is and of which type."""
    return (
        isinstance(entry, dict)
        and isinstance(entry.get("id"), str)
        and isinstance(entry.get("type"), str)
    )


def read(message: Any) -> Pack:
    """The readings of a claimed message; what is no entity counts as one bad reading."""
    rows = Rows()
    for entity in entities_of(message):
        try:
            if not is_entity(entity):
                raise MalformedPayload(Reason.UNKNOWN_SCHEMA, "no entity with id and type")  # noqa: TRY301
            model = _model(entity["type"])
            device, lane = _device(entity), _lane(entity)
        except MalformedPayload as error:
            rows.reject(error)
            continue
        for name, attribute in entity.items():
            if name not in METADATA:
                _add(
                    rows,
                    entity,
                    (name, attribute),
                    model,
                    Reading(0, "", 0, ch=lane, device=device),
                )
    return rows.done()


def attribute_of(reading: Reading) -> tuple[str, str, Any]:
    """Entity type, attribute and value that word a reading, in the unit that it has.

    Raises:
        ValueError: no model has an attribute for it.
    """
    refuse(reading, "NGSI")
    for model, attributes in MODELS.items():
        for name, measure in attributes.items():
            if measure.q == reading.q and (reading.u or not measure.u):
                return model, name, {reading.ch: reading.v} if reading.ch else reading.v
    msg = f"no Smart Data Model has an attribute for {reading}"
    raise ValueError(msg)


def _model(given: str) -> dict[str, Measure]:
    name = given.rpartition("/")[2].rpartition("#")[2]
    if name not in MODELS:
        raise MalformedPayload(
            Reason.UNKNOWN_SCHEMA, f"entity type {given[:40]!a} is none of {', '.join(MODELS)}"
        )
    return MODELS[name]


def _add(
    rows: Rows,
    entity: dict[str, Any],
    named: tuple[str, Any],
    model: dict[str, Measure],
    common: Reading,
) -> None:
    """Take the readings of one attribute."""
    name, attribute = named
    try:
        measure = _measure(name, model)
        t_us = _time(entity, attribute)
        unit = _unit(attribute, measure)
        values = list(_values(_plain(attribute), common.ch))
    except MalformedPayload as error:
        rows.reject(error)
        return
    common = common._replace(t_us=t_us or 0, q=measure.q, u=unit)
    for where, value in values:
        try:
            taken = number(value, f"attribute {name[:40]!a}")
            reading = common._replace(v=taken, ch=channel(where, f"phase of {name[:40]!a}"))
        except MalformedPayload as error:
            rows.reject(error)
        else:
            rows.add(reading, relative=t_us is None)


def _measure(name: str, model: dict[str, Measure]) -> Measure:
    measure = model.get(name)
    if measure is None:
        raise MalformedPayload(Reason.UNKNOWN_QUANTITY, f"attribute {name[:40]!a} is not known")
    if not measure.q:
        raise MalformedPayload(
            Reason.UNSUPPORTED,
            f"attribute {name!a}: {measure.kind}, which is not taken from entities",
        )
    return measure


def _plain(attribute: Any) -> Any:
    """An attribute's value, out of whatever it is wrapped in (JSON-LD's typed values twice)."""
    for _ in range(2):
        if not isinstance(attribute, dict):
            break
        for key in ("value", "@value", "object"):
            if key in attribute:
                attribute = attribute[key]
                break
    return attribute


def _values(value: Any, common: str) -> Iterator[tuple[str, Any]]:
    """Channel and value: of phases each, such as {"L1": 230.1, "L2": 229.8}."""
    if not isinstance(value, dict) or not value:
        yield common, value
        return
    yield from value.items()


def _said(attribute: Any, key: str) -> Any:
    """What an attribute says of itself beside its value: NGSI-LD beside it, v2 in its metadata."""
    if not isinstance(attribute, dict):
        return None
    metadata = attribute.get("metadata")
    found = attribute.get(key)
    if found is None and isinstance(metadata, dict):
        found = metadata.get(key)
    return _plain(found)


def _unit(attribute: Any, measure: Measure) -> str:
    given = _said(attribute, "unitCode")
    if given is None:
        return measure.u
    return short_text(given, "unitCode", Reason.BAD_UNIT)


def _time(entity: dict[str, Any], attribute: Any) -> int | None:
    """When an attribute was observed; None where nothing says it."""
    own = (_said(attribute, key) for key in _OWN_DATES)
    shared = (_plain(entity.get(key)) for key in _DATES)
    given = next((date for dates in (own, shared) for date in dates if date is not None), None)
    if given is None:
        return None
    if isinstance(given, str):
        return read_instant(given[: 2 * LONGEST_TEXT].rpartition("/")[2])
    raise MalformedPayload(Reason.NO_TIME, f"the time is {type(given).__name__}, not text")


def _device(entity: dict[str, Any]) -> str:
    given = _plain(entity.get("refDevice"))
    if isinstance(given, list):
        given = given[0] if given else None
    return "" if given is None else short_text(given, "refDevice").rpartition(":")[2]


def _lane(entity: dict[str, Any]) -> str:
    """The lane of a road, as a channel."""
    lane = _plain(entity.get("laneId"))
    return "" if lane is None else channel(f"lane{lane}", "laneId")


SAMPLES: Final = (
    Reading(1_795_428_900_000_000, "no2", 23.4, "GQ", device="roof-3"),
    Reading(1_795_428_900_123_456, "air_temperature", 4.1, "CEL"),
    Reading(1_795_428_960_000_000, "voltage", 230.5, "VLT", ch="L1", device="meter-1"),
)
