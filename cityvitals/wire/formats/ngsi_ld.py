"""NGSI-LD entities of Smart Data Models: normalized, concise, key-values, or in a notification."""

from collections.abc import Iterable
from typing import Any, Final

import msgspec

from cityvitals.domain.times import iso
from cityvitals.wire import entities, json_text
from cityvitals.wire.format import Format
from cityvitals.wire.pack import Reading


def is_linked(entity: Any) -> bool:
    """Whether an entity is NGSI-LD's rather than NGSI-v2's."""
    return entities.is_entity(entity) and (
        "@context" in entity or entity["id"].startswith(("urn:ngsi-ld:", "http"))
    )


def claims(message: Any) -> bool:
    """Whether any entity is NGSI-LD's."""
    return any(map(is_linked, entities.entities_of(message)))


def encode(readings: Iterable[Reading]) -> bytes:
    """The entities that hold readings, one each, normalized."""
    return msgspec.json.encode([_entity(index, reading) for index, reading in enumerate(readings)])


def _entity(index: int, reading: Reading) -> dict[str, Any]:
    model, name, value = entities.attribute_of(reading)
    attribute = {"type": "Property", "value": value, "observedAt": iso(reading.t_us)}
    if reading.u:
        attribute["unitCode"] = reading.u
    entity = {"id": f"urn:ngsi-ld:{model}:{index}", "type": model, name: attribute}
    if reading.device:
        device = f"urn:ngsi-ld:Device:{reading.device}"
        entity["refDevice"] = {"type": "Relationship", "object": device}
    return entity


FORMAT: Final = Format("ngsi_ld", json_text.parse, claims, entities.read, encode, entities.SAMPLES)
